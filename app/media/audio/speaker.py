"""Where sound goes: a loudspeaker, or a clock that takes sound at the same pace where there is none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.media.audio.choice import Target
from app.media.audio.portaudio import FRAME, RATE, AudioUnavailable
from app.media.audio.processing import Processing
from app.media.audio.route import Route
from app.media.audio.stream import Stream, open_output
from app.media.levels import Levels
from app.media.teller import Teller

RETRY_S = 2.0
_FADE_S = 0.05
_DRAIN_S = 0.3

Samples = NDArray[np.int16]


class SpeechSource(Protocol):
    """What is played: a Playout, or a recording."""

    def pull(self, count: int, now: float) -> Samples:
        """The next `count` samples; `now` is the monotonic time at which they are due at the loudspeaker's queue."""


class Speaker:
    """Pulls from `source` all the time, 10 ms at once. Kinds `none` and `synthetic`, and a missing device, play into
    the void.

    `played(t, samples)`: t is the Unix time at which the last of the samples is due; called on the speaker's thread.
    `processing` gets what a real device is given. A speaker that is `held` opens its device and is silent, without
    pulling, until :meth:`release`; :meth:`fade_out` is the other end: two speakers exchange places without a click.
    """

    def __init__(
        self,
        kind: str,
        which: str,
        source: SpeechSource,
        *,
        report: Callable[[str, str], None],
        played: Callable[[float, Samples], None],
        retry_s: float = RETRY_S,
        processing: Processing | None = None,
        levels: Levels | None = None,
        held: bool = False,
    ) -> None:
        self._kind, self._source, self._played, self._retry_s = kind, source, played, retry_s
        self._processing, self._levels = processing, levels
        self._teller = Teller(report)
        self._route = Route("output", which, self._teller)
        self._sounding = threading.Event()
        if not held:
            self._sounding.set()
        self._was_sounding = not held
        self._faded = threading.Event()
        self.settled = threading.Event()
        """Set when the device takes sound, or when it is clear that it takes none for now."""
        self._stream: Stream | None = None
        self.seconds = 0.0
        """Seconds of sound given out so far, silence included."""
        self._thread = threading.Thread(target=self._run, name="speaker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Fades out and lets the device play what it was given, then frees it."""
        if self._stream is not None:
            self.fade_out(_FADE_S)
            time.sleep(min(self.delay_s, _DRAIN_S))
        self._route.stop()
        self._thread.join(timeout)

    def reconsider(self) -> None:
        """Devices came or went, or one is free now."""
        self._route.reconsider()

    def release(self) -> None:
        self._sounding.set()

    def fade_out(self, timeout: float = 0.2) -> None:
        """Ends the sound within 10 ms without a click, and pulls no more. Waits for it."""
        self._sounding.clear()
        self._faded.wait(timeout)

    @property
    def delay_s(self) -> float:
        """Between the pull of a sample and its sound in the air, as the device last told; 0 without a device."""
        stream = self._stream
        return 0.0 if stream is None else stream.delay_s

    def _run(self) -> None:
        if self._kind != "device":
            self.settled.set()
        while not self._route.stopped:
            if self._kind != "device":
                self._by_clock(None)
                continue
            try:
                self._by_device()
            except AudioUnavailable as exc:
                self._teller.fail(exc.state, exc)
                self.settled.set()
                self._by_clock(self._retry_s)

    def _by_clock(self, seconds: float | None) -> None:
        start, count = time.monotonic(), 0
        while seconds is None or time.monotonic() - start < seconds:
            count += 1
            due = start + count * FRAME / RATE
            woken = self._route.wait(due - time.monotonic())
            if self._route.stopped or (woken and seconds is not None):
                return
            self._take(due)

    def _by_device(self) -> None:
        if self._processing is not None:
            self._processing.prepare()

        def give(lead_s: float) -> Samples:
            self.settled.set()
            frame = self._take(time.monotonic())
            if self._processing is not None:
                self._processing.render(frame, lead_s)
            return frame

        def open_it(target: Target, latency_s: float) -> Stream:
            self._stream = open_output(target, give, latency_s)
            return self._stream

        try:
            self._route.run(open_it)
        finally:
            self._stream = None

    def _take(self, due: float) -> Samples:
        samples = self._next(due)
        self.seconds += FRAME / RATE
        if self._levels is not None and self._was_sounding:
            self._levels.put("speaker", samples)
        self._played(time.time() + due - time.monotonic() + FRAME / RATE, samples)
        return samples

    def _next(self, due: float) -> Samples:
        """The source's next frame, or silence while held; the change between them is a ramp over the frame."""
        sounding, before = self._sounding.is_set(), self._was_sounding
        self._was_sounding = sounding
        if not sounding and not before:
            self._faded.set()
            return np.zeros(FRAME, np.int16)
        samples = self._source.pull(FRAME, due)
        if sounding is before:
            return samples
        ramp = np.linspace(0.0, 1.0, FRAME) if sounding else np.linspace(1.0, 0.0, FRAME)
        return np.asarray(samples * ramp, np.int16)
