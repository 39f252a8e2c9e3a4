"""What a peer has recorded of a call's sound, and where a piece of it is found again.

By numpy alone: the benchmark's environment and ours share it.

NAME.raw is mono int16 at 48 kHz; NAME.csv has a line for each block of it: when it was due (Unix s), and its samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
OLDEST_S = 6.0
"""Speech that comes later than that is no talk any more."""

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """`samples`, -1..1, at 48 kHz / `step`; `times[i]` (Unix s) is when sample number `ends[i]` was due."""

    samples: Sound
    times: NDArray[np.float64]
    ends: NDArray[np.float64]

    @classmethod
    def read(cls, folder: Path, name: str, step: int, thin: Callable[[Sound, int], Sound]) -> Recording | None:
        """`thin` makes one sample of `step`. None if nothing was recorded."""
        table = np.array(numbers(folder / f"{name}.csv"))
        if not len(table):
            return None
        raw = np.fromfile(folder / f"{name}.raw", "<i2").astype(np.float32) / 32768
        return cls(thin(raw, step).astype(np.float32), table[:, 0], np.cumsum(table[:, 1]) / step)

    def time_of(self, place: float) -> float:
        return float(np.interp(place, self.ends, self.times))

    def place_at(self, time: float) -> int:
        return int(np.interp(time, self.times, self.ends))


def numbers(file: Path) -> list[tuple[float, ...]]:
    """Its lines of comma-separated numbers, nan for an empty cell; none where there is no file."""
    lines = file.read_text().split() if file.exists() else []
    return [tuple(float(cell or "nan") for cell in line.split(",")) for line in lines]


def aligned(sound: Sound, among: Sound) -> tuple[int, float]:
    """Where in `among`, which is no shorter, the sound fits best, and the normalised correlation there."""
    size = 1 << math.ceil(math.log2(len(among) + len(sound)))
    product = np.fft.irfft(np.fft.rfft(among, size) * np.conj(np.fft.rfft(sound, size)), size)
    energy = np.concatenate([[0.0], np.cumsum(np.square(among, dtype=np.float64))])
    level = np.sqrt(np.maximum(energy[len(sound) :] - energy[: -len(sound)], 1e-6))
    product = product[: len(level)]
    place = int(np.argmax(product / level))
    return place, float(product[place] / level[place] / max(1e-9, float(np.linalg.norm(sound))))
