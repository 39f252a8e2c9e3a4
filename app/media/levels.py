"""How loud the microphone and the loudspeaker are just now: for level meters. A slot for each, nothing piles up."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LevelKind = Literal["microphone", "speaker"]

SILENT_DBFS = -90.0
_FULL_SCALE = 32768.0


@dataclass(frozen=True)
class Level:
    """`rms_dbfs` and `peak_dbfs` in dB below full scale, -90.0 for silence; `at` is monotonic time (s), 0.0 before
    the first."""

    rms_dbfs: float
    peak_dbfs: float
    at: float


class Levels:
    """Any thread may put and read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        silent = Level(SILENT_DBFS, SILENT_DBFS, 0.0)
        self._levels: dict[LevelKind, Level] = {"microphone": silent, "speaker": silent}

    def put(self, kind: LevelKind, samples: NDArray[np.int16]) -> None:
        """The newest sound, int16 (n,); replaces what was there."""
        if not len(samples):
            return
        values = samples.astype(np.float32) / _FULL_SCALE
        rms = math.sqrt(float(np.mean(np.square(values))))
        level = Level(_dbfs(rms), _dbfs(float(np.max(np.abs(values)))), time.monotonic())
        with self._lock:
            self._levels[kind] = level

    def read(self, kind: LevelKind) -> Level:
        with self._lock:
            return self._levels[kind]


def _dbfs(value: float) -> float:
    return max(20 * math.log10(value), SILENT_DBFS) if value > 0 else SILENT_DBFS
