"""PURE: the order and the pace of what leaves. Speech never waits; everything else goes one packet at a time.

Queues by kind (words, repair, pictures, data), a leaky bucket for the whole link, and a window on what is
under way (RFC 8298): when feedback stays away, pictures stop by themselves before they fill the link's queue.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.media.rate.feedback import Kind

Item = TypeVar("Item")

PACED = (Kind.WORDS, Kind.REPAIR, Kind.PICTURES, Kind.DATA)
"""In the order in which they go; speech and probes are not queued at all."""
_PASS = (Kind.WORDS, Kind.REPAIR)
MOST_QUEUED_BYTES = 60_000
_WINDOW_POLL_S = 0.02
_DEBT_S = 0.5
WORDS_WAIT_S = 0.8
"""On the thinnest links speech and RTCP take all there is: after so long a word goes none the less, one packet at a
time. Without it, words were seen to wait 8 s at 12 kbit/s, and their channel took half a minute to open.
"""


@dataclass(frozen=True)
class Go(Generic[Item]):
    """Send this now."""

    kind: Kind
    item: Item


@dataclass(frozen=True)
class Wait:
    """Nothing to send for so many seconds; None: until something is queued."""

    seconds: float | None


class Pacer(Generic[Item]):
    """`rate` bit/s and `window` bytes: `change` them at any time."""

    def __init__(self, rate: float, window: int) -> None:
        if rate <= 0 or window <= 0:
            raise ValueError("a pacer needs a rate and a window above zero")
        self.rate, self.window = rate, window
        self.held = False
        """Pictures and data stay where they are: a queue on the link is to go first."""
        self._queues: dict[Kind, deque[tuple[int, Item]]] = {kind: deque() for kind in PACED}
        self._free_at = 0.0
        self._words_due: float | None = None
        self._bytes = 0

    def change(self, rate: float, window: int, now: float) -> None:
        """What has left takes the link for as long as the new rate says: after a start's 30 kbit/s, the rest of half a
        second was waited out on a link that was found to carry 120.
        """
        owed = max(0.0, self._free_at - now)
        self._free_at = now + min(owed * self.rate / rate, max(owed, _DEBT_S))
        self.rate, self.window = rate, window

    def push(self, kind: Kind, size: int, item: Item) -> bool:
        """False, and nothing kept, when the queue is full. KeyError for a kind that is not paced."""
        queue = self._queues[kind]
        if self._bytes + size > MOST_QUEUED_BYTES:
            return False
        queue.append((size, item))
        self._bytes += size
        return True

    def spent(self, size: int, now: float) -> None:
        """`size` bytes left without waiting (speech, feedback): what is paced waits that much longer, half a second
        at most.
        """
        self._free_at = min(max(now, self._free_at) + size * 8 / self.rate, now + _DEBT_S)

    def next(self, now: float, in_flight: int) -> Go[Item] | Wait:
        """What to send now; it counts as sent. Only pictures and data mind the window: words are few, and a repair
        is late enough already.
        """
        ready = _PASS if self.held else PACED
        kind = next((k for k in ready if self._queues[k]), None)
        if kind is None:
            return Wait(_WINDOW_POLL_S if self._bytes else None)
        if now < (free_at := self._free_for(kind, now)):
            return Wait(free_at - now)
        size, _ = self._queues[kind][0]
        if kind not in _PASS and in_flight > 0 and in_flight + size > self.window:
            return Wait(_WINDOW_POLL_S)
        return Go(kind, self._pop(kind, now))

    def _free_for(self, kind: Kind, now: float) -> float:
        if kind is not Kind.WORDS:
            return self._free_at
        if self._words_due is None:
            self._words_due = now + WORDS_WAIT_S
        return min(self._free_at, self._words_due)

    def take(self, kind: Kind, now: float) -> Item | None:
        """One packet of `kind` before its turn, for a probe of the link; it counts as sent. None: none waits."""
        if self.held or not self._queues[kind]:
            return None
        return self._pop(kind, now)

    def _pop(self, kind: Kind, now: float) -> Item:
        size, item = self._queues[kind].popleft()
        self._bytes -= size
        if kind is Kind.WORDS:
            self._words_due = None
        self._free_at = max(now, self._free_at) + size * 8 / self.rate
        return item

    def clear(self, kind: Kind) -> None:
        if kind is Kind.WORDS:
            self._words_due = None
        self._bytes -= sum(size for size, _ in self._queues[kind])
        self._queues[kind].clear()

    def queued(self, kind: Kind) -> int:
        """Bytes that wait."""
        return sum(size for size, _ in self._queues[kind])

    @property
    def backlog_s(self) -> float:
        """How long the paced queues take to empty."""
        return self._bytes * 8 / self.rate


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
