"""How loud the microphone and the loudspeaker are, for meters on the screen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LevelKind = Literal["microphone", "speaker"]

SILENT_DBFS = -90.0
_RATE = 48_000
_MEAN_S = 0.1  # the mean square forgets with this time constant
_FALL_DB_S = 20.0  # so fast a peak falls, as a programme meter's does
_STALE_S = 0.5


@dataclass(frozen=True)
class Level:
    """Decibels below full scale (0 is the loudest a sample can be), -90.0 when silent; `at` is monotonic seconds."""

    rms_dbfs: float
    peak_dbfs: float
    at: float


class Levels:
    """Audio threads put, the screens read as often as they like; nobody waits for long and nothing piles up."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._levels: dict[LevelKind, tuple[float, float, float]] = {}  # mean square, peak, time

    def put(self, kind: LevelKind, samples: NDArray[np.int16]) -> None:
        """Mono int16 at 48 kHz, any number of samples."""
        if not len(samples):
            return
        now, seconds = self._clock(), len(samples) / _RATE
        scaled = samples.astype(np.float32) / 32768
        square, peak = float(np.mean(scaled * scaled)), float(np.max(np.abs(scaled)))
        keep, fall = float(np.exp(-seconds / _MEAN_S)), 10 ** (-_FALL_DB_S * seconds / 20)
        with self._lock:
            old_square, old_peak, _ = self._levels.get(kind, (0.0, 0.0, now))
            self._levels[kind] = (old_square * keep + square * (1 - keep), max(peak, old_peak * fall), now)

    def read(self, kind: LevelKind) -> Level:
        """The level now; silent when nothing was put for half a second."""
        now = self._clock()
        with self._lock:
            square, peak, at = self._levels.get(kind, (0.0, 0.0, now))
        if now - at > _STALE_S:
            return Level(SILENT_DBFS, SILENT_DBFS, at)
        return Level(_db(square**0.5), _db(peak), at)


def _db(amplitude: float) -> float:
    return SILENT_DBFS if amplitude <= 0 else max(SILENT_DBFS, 20 * float(np.log10(amplitude)))
