"""Sound of a device's own rate and channels to ours (mono, 48 kHz, int16) and back, as a stream without seams."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from app.media.audio.portaudio import RATE

Samples = NDArray[np.int16]


class Converter:
    """Mono int16 from one rate to another. Counts are exact over hours: n samples in give n * to / from out, less the
    filter's millisecond or two that is still inside.
    """

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._resampler = None if source == target else av.AudioResampler(format="s16", layout="mono", rate=target)

    def convert(self, samples: Samples) -> Samples:
        if self._resampler is None or not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = self._source
        parts = [part.to_ndarray().reshape(-1) for part in self._resampler.resample(frame)]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)


class ToMono:
    """Interleaved int16 of a device to mono at 48 kHz, handed out in equal frames."""

    def __init__(self, rate: int, channels: int, frame: int) -> None:
        self._channels, self._frame = channels, frame
        self._converter = Converter(rate, RATE)
        self._waiting = np.zeros(0, np.int16)

    @property
    def waiting(self) -> int:
        """Samples (48 kHz) that wait for the rest of their frame."""
        return len(self._waiting)

    def put(self, data: bytes) -> list[Samples]:
        samples = np.frombuffer(data, np.int16)
        if self._channels > 1:
            samples = samples.reshape(-1, self._channels).astype(np.int32).mean(axis=1).astype(np.int16)
        joined = np.concatenate([self._waiting, self._converter.convert(samples)])
        whole = len(joined) // self._frame * self._frame
        self._waiting = joined[whole:]
        return [joined[i : i + self._frame] for i in range(0, whole, self._frame)]


class FromMono:
    """Mono at 48 kHz to interleaved int16 of a device, handed out in whatever amount the device asks for."""

    def __init__(self, rate: int, channels: int) -> None:
        self._rate, self._channels = rate, channels
        self._converter = Converter(RATE, rate)
        self._waiting = np.zeros(0, np.int16)

    @property
    def waiting_s(self) -> float:
        return len(self._waiting) / self._rate

    def lacks(self, frames: int) -> bool:
        return len(self._waiting) < frames

    def put(self, samples: Samples) -> None:
        self._waiting = np.concatenate([self._waiting, self._converter.convert(samples)])

    def take(self, frames: int) -> bytes:
        given, self._waiting = self._waiting[:frames], self._waiting[frames:]
        return np.repeat(given, self._channels).tobytes()
