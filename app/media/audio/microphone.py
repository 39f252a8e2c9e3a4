"""Where speech comes from: a microphone, a file in its place, or silence. Chunks of 20 ms, mono, 48 kHz, int16."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from app.media.audio.choice import Target
from app.media.audio.portaudio import CHUNK, RATE, AudioMissing, AudioUnavailable
from app.media.audio.processing import Processing
from app.media.audio.route import Route
from app.media.audio.stream import Stream, open_input
from app.media.levels import Levels
from app.media.teller import Teller

RETRY_S = 2.0

_STALE_S = 0.2  # older speech is left out, not sent late in a burst

Deliver = Callable[[int, NDArray[np.int16]], None]
"""(place of the first sample since `origin`, samples); called on the microphone's thread."""


class Microphone:
    """Delivers chunks for as long as it runs, silence when the device is missing: time goes on for the far side.

    `report(state, name)` as for a camera. `kind`, `which` are those of a DeviceSpec. `processing` cleans what a real
    device takes (not files). `origin` is the monotonic time at which place 0 is due: by default that of the start.
    """

    def __init__(
        self,
        kind: str,
        which: str,
        *,
        deliver: Deliver,
        report: Callable[[str, str], None],
        retry_s: float = RETRY_S,
        processing: Processing | None = None,
        levels: Levels | None = None,
        origin: float | None = None,
    ) -> None:
        self._kind, self._which, self._sink, self._retry_s = kind, which, deliver, retry_s
        self._processing, self._levels, self._origin = processing, levels, origin
        self._teller = Teller(report, Path(which).name if kind == "file" else "")
        self._route = Route("input", which, self._teller)
        self._place = 0
        self._start = 0.0
        self._half: list[NDArray[np.int16]] = []
        self._fresh = False
        self.settled = threading.Event()
        """Set when sound comes, or when it is clear that the device gives none for now."""
        self._thread = threading.Thread(target=self._run, name="microphone", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        self._route.stop()
        self._thread.join(timeout)

    def reconsider(self) -> None:
        """Devices came or went, or one is free now."""
        self._route.reconsider()

    def _run(self) -> None:
        self._start = time.monotonic() if self._origin is None else self._origin
        if self._kind != "device":
            self.settled.set()
        while not self._route.stopped:
            try:
                if self._kind == "file":
                    self._play(_file_chunks(self._which), Path(self._which).name)
                elif self._kind == "device":
                    self._record()
                else:
                    self._play(_silence(), "")
            except AudioUnavailable as exc:
                self._teller.fail(exc.state, exc)
                self.settled.set()
                self._play(_silence(), "", self._retry_s)

    def _play(self, chunks: Iterator[NDArray[np.int16]], name: str, seconds: float | None = None) -> None:
        """Paces chunks by the wall clock; too late means skipped, like a microphone that nobody read."""
        end = None if seconds is None else time.monotonic() + seconds
        self._catch_up()
        for chunk in chunks:
            if name:
                self._teller.ready(name)
            due = self._start + (self._place + CHUNK) / RATE
            ahead = due - time.monotonic()
            woken = self._route.wait(ahead)
            if self._route.stopped or (end is not None and (woken or time.monotonic() > end)):
                return
            place, self._place = self._place, self._place + CHUNK
            if ahead > -_STALE_S:
                self._deliver(place, chunk)

    def _record(self) -> None:
        """From the sound card's callback until the device goes or another is the right one."""
        if self._processing is not None:
            self._processing.prepare()

        def open_it(target: Target, latency_s: float) -> Stream:
            self._fresh = True
            return open_input(target, self._take, latency_s)

        self._route.run(open_it)

    def _take(self, frame: NDArray[np.int16], age_s: float) -> None:
        if self._fresh:  # some devices take a second until they give sound
            self._fresh = False
            self._half.clear()
            self._catch_up()
            self.settled.set()
        if self._processing is not None:
            frame = self._processing.capture(frame, age_s)
        self._half.append(frame)
        if len(self._half) * len(frame) < CHUNK:
            return
        chunk = np.concatenate(self._half)
        self._half.clear()
        place, self._place = self._place, self._place + CHUNK
        self._deliver(place, chunk)

    def _deliver(self, place: int, chunk: NDArray[np.int16]) -> None:
        if self._levels is not None:
            self._levels.put("microphone", chunk)
        self._sink(place, chunk)

    def _catch_up(self) -> None:
        """The place follows the clock over a pause, so that the far side hears a pause, not a leap."""
        passed = int((time.monotonic() - self._start) * RATE) // CHUNK * CHUNK
        self._place = max(self._place, passed)


def _silence() -> Iterator[NDArray[np.int16]]:
    quiet = np.zeros(CHUNK, np.int16)
    while True:
        yield quiet


def _file_chunks(path: str) -> Iterator[NDArray[np.int16]]:
    """The file again and again, in chunks of 20 ms. Raises AudioUnavailable."""
    name = Path(path).name
    rest = np.zeros(0, np.int16)
    while True:
        seen = 0
        try:
            with av.open(path) as container:
                resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
                for frame in container.decode(container.streams.audio[0]):
                    for part in resampler.resample(frame):
                        samples = part.to_ndarray().reshape(-1).astype(np.int16, copy=False)
                        seen += len(samples)
                        rest = np.concatenate([rest, samples])
                        while len(rest) >= CHUNK:
                            yield rest[:CHUNK]
                            rest = rest[CHUNK:]
        except FileNotFoundError as exc:
            raise AudioMissing(f"The recording {name} is not there.") from exc
        except (av.FFmpegError, OSError, IndexError, ValueError) as exc:
            raise AudioUnavailable(f"The recording {name} cannot be read.") from exc
        if not seen:
            raise AudioUnavailable(f"The recording {name} has no sound.")
