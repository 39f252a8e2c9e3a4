"""Comfort noise: the quiet that was last heard behind the voice goes on where nothing else can."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

_BLOCK = 960
_HALF = _BLOCK // 2
_FADE = np.sin(np.linspace(0, np.pi / 2, _HALF, endpoint=False)).astype(np.float32)
_FORGET = 1.005
"""The quietest block counts a little louder each block: within some seconds a noisier room is believed."""
_LEAST_RMS = 3.0
_MOST_RMS = 300.0
"""Above -40 dBFS it is not a room's quiet but somebody's voice."""


class ComfortNoise:
    """Learns the spectrum of the quietest 20 ms of late, gives noise of it. `seed` makes it repeatable."""

    def __init__(self, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self._quietest = np.inf
        self._spectrum = np.full(_HALF + 1, 1.0, np.float32)
        self._scale(_LEAST_RMS)
        self._tail = np.zeros(_HALF, np.float32)
        self._ready = np.zeros(0, np.float32)

    def learn(self, samples: Samples) -> None:
        """From sound that was really received."""
        for start in range(0, len(samples) - _BLOCK + 1, _BLOCK):
            block = samples[start : start + _BLOCK].astype(np.float32)
            power = float(block @ block) / _BLOCK
            self._quietest *= _FORGET
            if power <= self._quietest:
                self._quietest = max(power, 1e-3)
                self._spectrum = np.abs(np.fft.rfft(block)).astype(np.float32) + 1e-3
                self._scale(min(_MOST_RMS, max(_LEAST_RMS, power**0.5)))

    def _scale(self, rms: float) -> None:
        energy = float(self._spectrum @ self._spectrum) * 2 / _BLOCK**2
        self._spectrum *= rms / energy**0.5

    def make(self, count: int) -> Samples:
        while len(self._ready) < count:
            phases = self._random.uniform(0, 2 * np.pi, _HALF + 1)
            block = np.fft.irfft(self._spectrum * np.exp(1j * phases), _BLOCK).astype(np.float32)
            joint = self._tail * _FADE[::-1] + block[:_HALF] * _FADE
            self._tail = block[_HALF:]
            self._ready = np.concatenate([self._ready, joint])
        got, self._ready = self._ready[:count], self._ready[count:]
        return np.clip(got, -32768, 32767).astype(np.int16)
