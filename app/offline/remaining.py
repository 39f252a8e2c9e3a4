"""PURE: how fast things go, from what the clinic has acknowledged, and how long the rest will take.

Bytes and seconds are summed with the same fading weight (an exponentially weighted mean over time, not over samples),
so that one short answer says little and a long one much. What lies between two tries is no time of sending.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

FADING_S = 60.0
STALE_S = 24 * 3600.0
_ENOUGH_S = 2.0
_ENOUGH_BYTES = 16 * 1024


@dataclass(frozen=True)
class Speed:
    """What is known of the speed. Times in seconds of one steady clock; `mark`: the last word of the clinic."""

    gained: float = 0.0
    seconds: float = 0.0
    mark: float | None = None
    measured_at: float = 0.0

    def began(self) -> Speed:
        """A try begins. Its first word only says where it stands: what arrived before is not its gain."""
        return replace(self, mark=None)

    def acknowledged(self, gained: int, now: float) -> Speed:
        """The clinic has `gained` bytes more (never fewer than 0) since its last word."""
        if gained < 0:
            raise ValueError("what was lost is no gain")
        if self.mark is None or now <= self.mark:
            return replace(self, mark=now)
        if not gained:
            return self  # the time counts with the next gain
        spent = now - self.mark
        keep = math.exp(-spent / FADING_S)
        return Speed(self.gained * keep + gained, self.seconds * keep + spent, now, now)

    def age(self, now: float) -> float:
        """Seconds since the clinic last had more bytes."""
        return now - self.measured_at

    def rate(self, now: float) -> float | None:
        """Bytes a second; None when too little is known, or nothing of today."""
        enough = self.seconds >= _ENOUGH_S or self.gained >= _ENOUGH_BYTES
        if not enough or now - self.measured_at > STALE_S:
            return None
        return self.gained / self.seconds


def seconds_left(rest: int, rate: float | None) -> int | None:
    """Whole seconds until `rest` bytes have gone at `rate` bytes/s; None when that is unknown."""
    if rest < 0:
        raise ValueError("less than nothing is left")
    return None if rate is None or rate <= 0 else math.ceil(rest / rate)
