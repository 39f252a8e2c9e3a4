"""PURE: the fraction of packets lost lately, over enough packets to mean something."""

from __future__ import annotations

from collections import deque

_ENOUGH = 40
_MOST_REPORTS = 5


class RecentLoss:
    """Feed cumulative counts of a receiver; `fraction` covers its last 40 packets or more (5 reports at most)."""

    def __init__(self) -> None:
        self._counts: deque[tuple[int, int]] = deque()

    def add(self, received: int, lost: int) -> None:
        self._counts.append((received, lost))
        while len(self._counts) > 2 and (
            len(self._counts) > _MOST_REPORTS + 1 or self._expected(self._counts[1]) >= _ENOUGH
        ):
            self._counts.popleft()

    def restart(self) -> None:
        """What was lost before a step down says nothing of what is sent after it."""
        while len(self._counts) > 1:
            self._counts.popleft()

    def _expected(self, since: tuple[int, int]) -> int:
        received, lost = self._counts[-1]
        return received - since[0] + lost - since[1]

    @property
    def fraction(self) -> float:
        if len(self._counts) < 2:
            return 0.0
        expected = self._expected(self._counts[0])
        if expected <= 0:
            return 0.0
        return max(0.0, min(1.0, (self._counts[-1][1] - self._counts[0][1]) / expected))
