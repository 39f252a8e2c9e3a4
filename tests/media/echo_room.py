"""A room for the echo tests: what the loudspeaker says comes back to the microphone, later and blurred."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 48_000
FRAME = 480
MEDIA = Path(__file__).parents[2] / "app" / "demo" / "media"

Signal = NDArray[np.float64]


def speech(name: str, seconds: float) -> Signal:
    """One of the demo's talkers, repeated to that length, at 48 kHz in int16's range."""
    parts = []
    with av.open(str(MEDIA / f"speech_{name}.flac")) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray().reshape(-1) for part in resampler.resample(frame)]
    return np.resize(np.concatenate(parts), int(seconds * RATE)).astype(np.float64)


def response(*, rt60_s: float = 0.3, gain: float = 0.5, seed: int = 1) -> Signal:
    """A synthetic room impulse response: a direct sound, and as much energy again in a tail that decays by 60 dB in
    `rt60_s`. `gain` is the echo's amplitude over the loudspeaker's.
    """
    count = int(0.35 * RATE)
    times = np.arange(count) / RATE
    tail = np.random.default_rng(seed).standard_normal(count) * np.exp(-6.91 * times / rt60_s)
    tail[:60] = 0
    tail /= np.sqrt(np.sum(tail**2))
    tail[40] = 1.0
    return tail / np.sqrt(np.sum(tail**2)) * gain


class Room:
    """Convolves a stream, 10 ms at once (overlap-add), and delays it by `delay_s`."""

    def __init__(self, impulse: Signal, delay_s: float) -> None:
        self._impulse = np.concatenate([np.zeros(int(delay_s * RATE)), impulse])
        self._size = 1 << int(np.ceil(np.log2(len(self._impulse) + FRAME)))
        self._spectrum = np.fft.rfft(self._impulse, self._size)
        self._waiting = np.zeros(self._size)

    def hear(self, frame: NDArray[np.int16]) -> Signal:
        self._waiting += np.fft.irfft(np.fft.rfft(frame, self._size) * self._spectrum, self._size)
        given = self._waiting[:FRAME].copy()
        self._waiting = np.concatenate([self._waiting[FRAME:], np.zeros(FRAME)])
        return given


def decibels(signal: NDArray[np.int16] | Signal) -> float:
    return 10 * float(np.log10(np.mean(np.asarray(signal, np.float64) ** 2) + 1e-3))


def likeness(clean: Signal, heard: Signal) -> float:
    """How much of the clean speech is in what is heard: mean correlation (0..1) of the envelopes of 15 third-octave
    bands over stretches of 400 ms in which the clean speech is loud. In the manner of STOI (Taal et al., 2011).
    """
    lag = _lag(clean, heard)
    heard = np.roll(heard, -lag)
    size, hop = 1200, 600
    window = np.hanning(size)
    starts = range(0, len(clean) - size, hop)
    a = np.array([np.abs(np.fft.rfft(clean[i : i + size] * window)) ** 2 for i in starts])
    b = np.array([np.abs(np.fft.rfft(heard[i : i + size] * window)) ** 2 for i in starts])
    frequencies = np.fft.rfftfreq(size, 1 / RATE)
    centres = 150 * 2 ** (np.arange(15) / 3)
    bands = np.array([(frequencies >= c / 2 ** (1 / 6)) & (frequencies < c * 2 ** (1 / 6)) for c in centres], float)
    x, y = np.sqrt(a @ bands.T), np.sqrt(b @ bands.T)
    scores = []
    loud = x.sum(axis=1).max() / 100
    for i in range(0, len(x) - 32, 8):
        u, v = x[i : i + 32], y[i : i + 32]
        if u.sum(axis=1).mean() < loud:
            continue
        u, v = u - u.mean(axis=0), v - v.mean(axis=0)
        scores.append(np.mean((u * v).sum(axis=0) / (np.sqrt((u**2).sum(axis=0) * (v**2).sum(axis=0)) + 1e-9)))
    return float(np.mean(scores))


def _lag(clean: Signal, heard: Signal) -> int:
    """Samples by which `heard` is later."""
    size = 1 << int(np.ceil(np.log2(2 * len(clean))))
    cross = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(clean, size)), size)
    return int(np.argmax(cross[: RATE // 5]))
