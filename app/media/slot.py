"""Pictures on their way to a screen: a slot of size one, in which a new picture replaces the old."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Picture:
    """A picture to show: `rgb` is (height, width, 3) uint8, contiguous, full range.

    `at` is the monotonic time (s) at which it was decoded or captured; `number` counts up within one slot.
    """

    rgb: NDArray[np.uint8]
    at: float
    number: int


class FrameSlot:
    """Holds the newest picture. Any thread may put and look; nobody waits and nothing piles up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._picture: Picture | None = None
        self._count = 0

    def put(self, rgb: NDArray[np.uint8], at: float) -> None:
        with self._lock:
            self._count += 1
            self._picture = Picture(rgb, at, self._count)

    def latest(self) -> Picture | None:
        """The newest picture, or None before the first and after :meth:`clear`; looking does not take it away."""
        with self._lock:
            return self._picture

    def clear(self) -> None:
        with self._lock:
            self._picture = None
