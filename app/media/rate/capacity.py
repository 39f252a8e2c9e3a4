"""PURE: what packet pairs have told of the link's capacity.

A packet pair: padding that follows a speech packet back to back. The gap between their arrivals is the time that the
narrowest link took for the second one, so it tells that link's rate without filling its queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.media.rate.ladder import LADDER, LOWEST_PICTURES

PROBE_PADDING_BYTES = 240
"""Padding is 255 bytes at most (RFC 3550 section 5.1); with headers this makes 298 on the wire: 60 ms at 40 kbit/s."""
ROOM = 1.4
"""So much more than a rung costs must a link carry, that pictures are sent on the word of probes."""
FRESH_S = 6.0
LOW_LASTS_S = 20.0
_KEPT = 3


class Says(StrEnum):
    """What the probes say of the lowest picture rung."""

    NOTHING = "nothing"  # too little is known: a try must tell
    NO = "no"
    YES = "yes"


@dataclass(frozen=True)
class Probes:
    """The last three readings, (when in s, bit/s). The lowest counts: a receiver that is late for the first packet of
    a pair measures too much.
    """

    readings: tuple[tuple[float, float], ...] = ()

    def add(self, at: float, bps: float) -> Probes:
        return Probes((*self.readings, (at, bps))[-_KEPT:])

    def lowest(self, now: float, within_s: float) -> float | None:
        return min((bps for at, bps in self.readings if now - at <= within_s), default=None)

    def says(self, now: float) -> Says:
        """Yes needs three fresh readings with room; no needs a single low one, and lasts until others come or 20 s."""
        cost = LADDER[LOWEST_PICTURES].total_bps
        low = self.lowest(now, LOW_LASTS_S)
        if low is not None and low < cost:
            return Says.NO
        fresh = [bps for at, bps in self.readings if now - at <= FRESH_S]
        return Says.YES if len(fresh) == _KEPT and min(fresh) >= ROOM * cost else Says.NOTHING

    def hopeful(self, now: float) -> bool:
        """Whether the newest reading has room: others should follow soon to confirm it."""
        if not self.readings or now - self.readings[-1][0] > FRESH_S:
            return False
        return is_wide(self.readings[-1][1])


def is_wide(bps: float) -> bool:
    """Whether a capacity carries the lowest picture rung with room."""
    return bps >= ROOM * LADDER[LOWEST_PICTURES].total_bps
