"""Where speech comes from: a microphone, a file in its place, or silence. Chunks of 20 ms, mono, 48 kHz, int16."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from app.media.audio.portaudio import CHUNK, RATE, AudioMissing, AudioUnavailable, open_stream
from app.media.teller import Teller

RETRY_S = 2.0
_STALLED_S = 1.5

Deliver = Callable[[int, NDArray[np.int16]], None]
"""(place of the first sample since the start, samples); called on the microphone's thread."""


class Microphone:
    """Delivers chunks for as long as it runs, silence when the device is missing: time goes on for the far side.

    `report(state, name)` as for a camera. `kind`, `which` are those of a DeviceSpec.
    """

    def __init__(
        self,
        kind: str,
        which: str,
        *,
        deliver: Deliver,
        report: Callable[[str, str], None],
        retry_s: float = RETRY_S,
    ) -> None:
        self._kind, self._which, self._deliver, self._retry_s = kind, which, deliver, retry_s
        self._stop = threading.Event()
        self._teller = Teller(report, Path(which).name if kind == "file" else "")
        self._place = 0
        self._start = 0.0
        self._fed = threading.Event()
        self._fed_at = 0.0
        self._thread = threading.Thread(target=self._run, name="microphone", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        self._stop.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        self._start = time.monotonic()
        while not self._stop.is_set():
            try:
                if self._kind == "file":
                    self._play(_file_chunks(self._which), Path(self._which).name)
                elif self._kind == "device":
                    self._record()
                else:
                    self._play(_silence(), "")
            except AudioUnavailable as exc:
                self._teller.fail(exc.state, exc)
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
            if self._stop.wait(max(0.0, ahead)) or (end is not None and time.monotonic() > end):
                return
            place, self._place = self._place, self._place + CHUNK
            if ahead > -1.0:
                self._deliver(place, chunk)

    def _record(self) -> None:
        """From the sound card's callback until it stalls: PortAudio says nothing when a device is pulled out."""
        self._catch_up()
        self._fed_at = time.monotonic()

        def callback(data: Any, frames: int, _time: Any, _status: Any) -> None:
            samples = np.frombuffer(data, np.int16).copy()
            place, self._place = self._place, self._place + frames
            self._fed_at = time.monotonic()
            self._deliver(place, samples)

        stream, name = open_stream("input", self._which, callback)
        self._teller.ready(name)
        try:
            while not self._stop.wait(0.2):
                if not stream.active or time.monotonic() - self._fed_at > _STALLED_S:
                    raise AudioMissing(f"The microphone {name} was unplugged or gives no sound.")
        finally:
            stream.close(ignore_errors=True)

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
