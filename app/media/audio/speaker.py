"""Where sound goes: a loudspeaker, or a clock that takes sound at the same pace where there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.media.audio.playout import Playout
from app.media.audio.portaudio import CHUNK, RATE, AudioMissing, AudioUnavailable, open_stream
from app.media.teller import Teller

RETRY_S = 2.0
_STALLED_S = 1.5


class Speaker:
    """Pulls from `playout` all the time. Kinds `none` and `synthetic`, and a missing device, play into the void.

    `played(t, samples)`: t is the Unix time at which the last of the samples is due; called on the speaker's thread.
    """

    def __init__(
        self,
        kind: str,
        which: str,
        playout: Playout,
        *,
        report: Callable[[str, str], None],
        played: Callable[[float, NDArray[np.int16]], None],
        retry_s: float = RETRY_S,
    ) -> None:
        self._kind, self._which, self._playout = kind, which, playout
        self._played, self._retry_s = played, retry_s
        self._stop = threading.Event()
        self._teller = Teller(report)
        self._pulled_at = 0.0
        self.seconds = 0.0
        """Seconds of sound given out so far, silence included."""
        self._thread = threading.Thread(target=self._run, name="speaker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        self._stop.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._kind != "device":
                self._by_clock(None)
                continue
            try:
                self._by_device()
            except AudioUnavailable as exc:
                self._teller.fail(exc.state, exc)
                self._by_clock(self._retry_s)

    def _by_clock(self, seconds: float | None) -> None:
        start, count = time.time(), 0
        while seconds is None or time.time() - start < seconds:
            count += 1
            due = start + count * CHUNK / RATE
            if self._stop.wait(max(0.0, due - time.time())):
                return
            self._take(CHUNK, due)

    def _by_device(self) -> None:
        def callback(out: Any, frames: int, _time: Any, _status: Any) -> None:
            self._pulled_at = time.monotonic()
            out[:] = self._take(frames, time.time() + frames / RATE).tobytes()

        self._pulled_at = time.monotonic()
        stream, name = open_stream("output", self._which, callback)
        self._teller.ready(name)
        try:
            while not self._stop.wait(0.2):
                if not stream.active or time.monotonic() - self._pulled_at > _STALLED_S:
                    raise AudioMissing(f"The loudspeaker {name} was unplugged.")
        finally:
            stream.close(ignore_errors=True)

    def _take(self, count: int, due: float) -> NDArray[np.int16]:
        samples = self._playout.pull(count)
        self.seconds += count / RATE
        self._played(due, samples)
        return samples
