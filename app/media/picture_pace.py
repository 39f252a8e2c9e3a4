"""PURE: when waiting pictures are shown, once it is known that the next one is missing: what is there is spread over
the time that the repair takes, and what comes after it catches up step by step. The eye takes five slower pictures for
movement, and a stop with a leap behind it for a fault. (The same idea as stretching speech: adaptive playout.)
"""

from __future__ import annotations

from dataclasses import dataclass

LEAST_GAP_S = 0.02
"""Between two pictures that are both late: the screen has time to show each."""
MOST_GAP_S = 0.18
"""So long one picture stands at most while others wait: more is seen as a stop."""
_FIRST_REPAIR_S, _LONGEST_REPAIR_S = 0.25, 1.0
_SOON_S = 0.1
_LEARNS_UP, _LEARNS_DOWN = 0.3, 0.05


@dataclass(frozen=True)
class PicturePace:
    """Times in s of one clock. `repair_s`: how long what is missing usually stays so, long ones counting more."""

    shown_at: float | None = None
    repair_s: float = _FIRST_REPAIR_S

    def show_at(self, wanted: float, waiting: int, missing_since: float | None, now: float) -> float:
        """When to show the oldest of `waiting` pictures (1 or more), which lips want at `wanted`."""
        if waiting < 1:
            raise ValueError("no picture waits")
        if self.shown_at is None:
            return wanted
        if missing_since is None:
            return max(wanted, self.shown_at + LEAST_GAP_S)
        comes = max(missing_since + self.repair_s, now + _SOON_S)
        gap = (comes - self.shown_at) / (waiting + 1)
        return max(wanted, self.shown_at + max(LEAST_GAP_S, min(MOST_GAP_S, gap)))

    def shown(self, now: float) -> PicturePace:
        return PicturePace(now, self.repair_s)

    def repaired(self, seconds: float) -> PicturePace:
        """Something was missing for so long, and came."""
        off = min(seconds, _LONGEST_REPAIR_S) - self.repair_s
        return PicturePace(self.shown_at, self.repair_s + (_LEARNS_UP if off > 0 else _LEARNS_DOWN) * off)
