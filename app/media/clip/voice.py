"""Records a voice message: the microphone's chunks as Opus in Ogg, in memory, on one thread of its own."""

from __future__ import annotations

import io
import logging
import queue
import threading
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from app.media.clip.bounds import CHUNK, LEAST_S, RATE, VOICE_BPS, VOICE_S, Voice

log = logging.getLogger(__name__)

_WAITING = 500  # chunks: 10 s
_LEAST = round(LEAST_S * RATE)


class VoiceRecorder:
    """`hear` may be called on any thread; :meth:`run` blocks on one of its own until the message is done.

    Where a chunk belongs says its place, not when it comes: what is missing is silence, and there is no pause.
    """

    def __init__(self, seconds: float = VOICE_S) -> None:
        self._most = round(seconds * RATE)
        self._lock = threading.Lock()
        self._queue: queue.Queue[tuple[int, NDArray[np.int16]] | None] = queue.Queue(_WAITING + 1)
        self._first: int | None = None
        self._listening = self._wanted = True
        self.full = threading.Event()
        """Set when it is as long as it may be."""

    def hear(self, place: int, samples: NDArray[np.int16]) -> None:
        """A chunk of 20 ms (mono, 48 kHz) whose first sample has this place; places never go back."""
        with self._lock:
            if not self._listening:
                return
            if self._first is None:
                self._first = place
            at = place - self._first
            if at + CHUNK > self._most:
                self.full.set()
            elif self._queue.qsize() < _WAITING:
                self._queue.put_nowait((at, samples))

    def end(self) -> None:
        """What was said is made into a message. A second call does nothing."""
        self._stop(wanted=True)

    def drop(self) -> None:
        """Nothing of it is wanted: it leaves memory. After :meth:`run` has returned it does nothing."""
        self._stop(wanted=False)

    def _stop(self, wanted: bool) -> None:
        with self._lock:
            self._wanted = self._wanted and wanted
            if self._listening:
                self._listening = False
                self._queue.put_nowait(None)

    def run(self) -> Voice | None:
        """None: it was dropped, is too short to be of use, or could not be encoded."""
        encoder = _Encoder()
        try:
            while (item := self._queue.get()) is not None:
                encoder.sound(*item)
            data = encoder.finish()
        except av.FFmpegError as exc:
            log.error("a voice message could not be encoded: %s", exc)
            return None
        return Voice(data, encoder.samples / RATE) if self._wanted and encoder.samples >= _LEAST else None


class _Encoder:
    def __init__(self) -> None:
        self._out = io.BytesIO()
        self._container: Any = av.open(self._out, "w", format="ogg")
        self._stream: Any = self._container.add_stream("libopus", rate=RATE, layout="mono")
        self._stream.codec_context.bit_rate = VOICE_BPS
        self.samples = 0

    def sound(self, at: int, samples: NDArray[np.int16]) -> None:
        while self.samples + CHUNK <= at:
            self._encode(np.zeros(CHUNK, np.int16))
        self._encode(samples)

    def finish(self) -> bytes:
        self._mux(self._stream.encode(None))
        self._container.close()
        return self._out.getvalue()

    def _encode(self, samples: NDArray[np.int16]) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[None, :], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts, frame.time_base = self.samples, Fraction(1, RATE)
        self.samples += len(samples)
        self._mux(self._stream.encode(frame))

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            self._container.mux(packet)
