"""Which device a microphone or a loudspeaker uses now: the chosen one while it is there, else the default."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from app.media.audio import portaudio
from app.media.audio.choice import Direction, Target, choose, look, missing
from app.media.audio.portaudio import AudioMissing
from app.media.audio.stream import LATENCIES_S, Stream
from app.media.teller import Teller

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_GAPS = 4
_GONE = {
    "input": "The microphone {name} was unplugged or gives no sound.",
    "output": "The loudspeaker {name} was unplugged.",
}


class Route:
    """Runs streams on one thread, one after another. `stop` and `reconsider` may be called on any other."""

    def __init__(self, direction: Direction, which: str, teller: Teller) -> None:
        self._direction, self._which, self._teller = direction, which, teller
        self._name = which
        self._latency = 0  # a place in LATENCIES_S; it only grows
        self._stopped = threading.Event()
        self._wake = threading.Event()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        self._stopped.set()
        self._wake.set()

    def reconsider(self) -> None:
        """Devices came or went: the right one may be another now."""
        self._wake.set()

    def wait(self, seconds: float) -> bool:
        """Until that time is over (False), or until there is something to reconsider or the end has come (True)."""
        if not self._wake.wait(max(0.0, seconds)):
            return False
        if not self.stopped:
            self._wake.clear()
        return True

    def run(self, open_stream: Callable[[Target, float], Stream]) -> None:
        """One stream's life: until the end, or until another device or a longer queue is the right one.

        `open_stream(target, latency_s)`. Raises AudioUnavailable when it cannot be opened or goes silent.
        """
        target = self._target()
        stream = open_stream(target, LATENCIES_S[self._latency])
        self._teller.ready(target.name)
        try:
            while not self.stopped and not portaudio.is_stale():
                if self.wait(_LOOK_S) and not self.stopped:
                    again = self._target()
                    if (again.id, again.pulse) != (target.id, target.pulse):
                        return
                    if again.name != target.name:  # the server moved the stream along with its default
                        target = again
                        self._teller.ready(target.name)
                if stream.gaps >= _GAPS and self._latency + 1 < len(LATENCIES_S):
                    self._latency += 1
                    log.info(
                        "%d gaps: the queue of %s grows to %g s", stream.gaps, target.name, LATENCIES_S[self._latency]
                    )
                    return
                if not stream.alive:
                    if target.listed:
                        portaudio.mark_stale()
                    raise AudioMissing(_GONE[self._direction].format(name=target.name))
        finally:
            stream.close()

    def _target(self) -> Target:
        """Raises AudioUnavailable where there is nothing to open; a chosen device that is not there is told."""
        devices = look()
        if devices.default(self._direction) is None:
            portaudio.rescan()
            devices = look()
        target = choose(devices, self._which, self._direction)
        if target is not None:
            self._name = target.name
            return target
        instead = devices.default(self._direction)
        if instead is None:
            raise missing(self._direction)
        if self._which:
            self._teller.fail("missing", f"{self._name} is not there; {instead.name} is used", name=self._name)
        return instead
