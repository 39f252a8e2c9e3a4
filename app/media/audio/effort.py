"""PURE: how hard Opus tries (its complexity: quality for time, RFC 6716 section 2.1.6), by what it costs here.

Speech comes first on a machine that is too slow for everything; but an encoder that takes a fifth of a core for itself
leaves its pictures none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MOST, LEAST = 10, 3
"""Under 3 libopus leaves out what makes 12 kbit/s understood."""
DEAR, CHEAP = 0.1, 0.04
"""Shares of one core. From one step of complexity to the next the cost changes by a third at most."""
_LOOK = 25
_HOLD, _LONGEST_HOLD = 250, 16_000
_SMOOTH = 0.1


@dataclass(frozen=True)
class Effort:
    """`complexity` 3..10; `share` of one core, smoothed; counts are frames."""

    complexity: int = MOST
    share: float = 0.0
    since: int = 0
    hold: int = _HOLD

    def encoded(self, took_s: float, frame_s: float) -> Effort:
        """One frame of `frame_s` took `took_s` of the processor. Down after 25 dear frames; up after a hold that
        doubles with each try that proved too dear. Raises ValueError for times that are none.
        """
        if not (took_s >= 0 and frame_s > 0):
            raise ValueError("times are positive")
        new = took_s / frame_s
        share = new if not self.since else self.share + _SMOOTH * (new - self.share)
        looked = replace(self, share=share, since=self.since + 1)
        if looked.since >= _LOOK and share > DEAR and self.complexity > LEAST:
            hold = min(_LONGEST_HOLD, 2 * self.hold)
            return Effort(self.complexity - 1, hold=hold)
        if looked.since >= self.hold and share < CHEAP and self.complexity < MOST:
            return Effort(self.complexity + 1, hold=self.hold)
        return looked
