"""PURE: the lowest rung: written words alone, where speech has become impossible and would only be in their way.

Speech needs some 8 kbit/s, and a third of its packets may be lost (figures from the field); with copies (RED) it bears
more on a link that has room for them. What goes on are the packets of silence, so that a better link shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

HOPELESS_S = 6.0
HOLD_FIRST_S, HOLD_LONGEST_S = 10.0, 80.0
IN_VAIN_S = 15.0
LOST, LOST_WITH_COPIES = 0.35, 0.6
_ROOM_FOR_COPIES_BPS = 40_000.0


def hopeless(link_bps: float, least_bps: float, loss: float, *, overuse: bool) -> bool:
    """Whether speech cannot be understood now: the least of it makes a queue, or too much of it is lost."""
    if overuse and link_bps <= 1.02 * least_bps:
        return True
    return loss > (LOST_WITH_COPIES if link_bps >= _ROOM_FOR_COPIES_BPS else LOST)


@dataclass(frozen=True)
class WordsAlone:
    """Times in s. Down after six seconds without hope, up after a hold that doubles with each failed try."""

    on: bool = False
    since: float | None = None  # how long there has been no hope; while `on`: when speech stopped
    back_at: float | None = None
    hold_s: float = HOLD_FIRST_S

    def judge(self, without_hope: bool, now: float) -> WordsAlone:
        if self.on:
            assert self.since is not None
            if without_hope or now - self.since < self.hold_s:
                return self
            return WordsAlone(False, None, now, self.hold_s)
        if not without_hope:
            return self if self.since is None else replace(self, since=None)
        if self.since is None:
            return replace(self, since=now)
        if now - self.since < HOPELESS_S:
            return self
        in_vain = self.back_at is not None and self.since - self.back_at < IN_VAIN_S
        hold = min(HOLD_LONGEST_S, 2 * self.hold_s) if in_vain else HOLD_FIRST_S
        return WordsAlone(True, now, self.back_at, hold)
