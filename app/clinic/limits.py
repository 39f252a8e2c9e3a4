"""Bounds on how often something may happen. Pure: `now` (s, monotonic) comes in."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field


@dataclass
class SlidingWindow:
    """At most `limit` events within `period` seconds."""

    limit: int
    period: float
    _times: deque[float] = field(default_factory=deque)

    def count(self, now: float) -> int:
        while self._times and self._times[0] <= now - self.period:
            self._times.popleft()
        return len(self._times)

    def full(self, now: float) -> bool:
        return self.count(now) >= self.limit

    def add(self, now: float) -> None:
        """Records an event; of more than `limit` the oldest are forgotten, so memory stays bounded."""
        self.count(now)
        self._times.append(now)
        if len(self._times) > self.limit:
            self._times.popleft()

    def free_in(self, now: float) -> float:
        """Seconds until the window is no longer full; 0 when it is not."""
        return max(0.0, self._times[0] + self.period - now) if self.full(now) else 0.0


class WrongTries:
    """Wrong codes by client address and in all. Addresses beyond `max_addresses` push out the oldest.

    An attacker who changes addresses to be forgotten runs into the bound on all.
    """

    def __init__(self, per_address: int, in_all: int, period: float, max_addresses: int = 4096) -> None:
        self._per_address = per_address
        self._period = period
        self._max_addresses = max_addresses
        self._all = SlidingWindow(in_all, period)
        self._by_address: OrderedDict[str, SlidingWindow] = OrderedDict()

    def wait(self, address: str, now: float) -> float:
        """Seconds this address has to wait before its next try; 0 when it may try now."""
        own = self._by_address.get(address)
        return max(self._all.free_in(now), own.free_in(now) if own is not None else 0.0)

    def wrong(self, address: str, now: float) -> None:
        self._all.add(now)
        own = self._by_address.setdefault(address, SlidingWindow(self._per_address, self._period))
        own.add(now)
        self._by_address.move_to_end(address)
        while len(self._by_address) > self._max_addresses:
            self._by_address.popitem(last=False)


@dataclass
class TokenBucket:
    """`rate` a second with `burst` at once. `take` gives the seconds to wait before going on."""

    rate: float
    burst: float
    _level: float = field(init=False)
    _at: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.burst < 1:
            raise ValueError("a bucket needs a rate and room for one")
        self._level = self.burst

    def take(self, now: float) -> float:
        if now > self._at:
            self._level = min(self.burst, self._level + (now - self._at) * self.rate)
            self._at = now
        self._level -= 1.0
        return max(0.0, -self._level / self.rate)
