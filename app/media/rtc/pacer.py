"""PURE: when the next packet of a paced stream may go, and whether a repair fits its small allowance."""

from __future__ import annotations


class Pacer:
    """A leaky bucket: packets leave at `rate` bit/s, one after the other; an idle time saves up nothing."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._free_at = 0.0

    def wait(self, now: float, size: int) -> float:
        """Seconds until a packet of `size` bytes may go; it counts as sent."""
        start = max(now, self._free_at)
        self._free_at = start + size * 8 / self.rate
        return start - now


class Allowance:
    """A token bucket for retransmissions: `rate` bit/s, saved up for `depth_s` seconds at most."""

    def __init__(self, rate: float, depth_s: float = 1.0) -> None:
        self.rate, self._depth_s = rate, depth_s
        self._tokens = rate * depth_s
        self._at = 0.0

    def take(self, now: float, size: int) -> bool:
        self._tokens = min(self.rate * self._depth_s, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens < size * 8:
            return False
        self._tokens -= size * 8
        return True
