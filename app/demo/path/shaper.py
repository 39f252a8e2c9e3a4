"""One direction of a thin link as a pure state machine: `now` and items come in, items and times go out.

    arrive -> cut? -> drop-tail queue -> serialised at the rate -> propagation delay -> delivered

Times are seconds on any one clock that does not run backwards; sizes are bytes as the link counts them (IP bytes).
All settings may change while items are under way: the item being sent goes on at the new rate, and order is kept.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")

MIN_QUEUE_BYTES = 1500
"""The queue takes one full packet at any rate, as a real modem does; at 24 kbit/s that alone is 500 ms."""


@dataclass(frozen=True)
class LinkSettings:
    """What a direction can carry. `cut` loses all that is in it and all that comes.

    Raises ValueError if the rate is not above 0 or a time is below 0.
    """

    rate_kbps: float = 2000.0
    delay_ms: float = 20.0
    queue_ms: float = 300.0
    cut: bool = False

    def __post_init__(self) -> None:
        # `not (a > 0)` also catches NaN.
        if not 0 < self.rate_kbps < float("inf"):
            raise ValueError(f"the rate must be above 0 kbit/s, not {self.rate_kbps}")
        if not (0 <= self.delay_ms < float("inf") and 0 <= self.queue_ms < float("inf")):
            raise ValueError(f"times must be 0 ms or more, not {self.delay_ms} and {self.queue_ms}")

    @property
    def queue_bytes(self) -> float:
        """The most that may wait, without the item being sent."""
        return max(float(MIN_QUEUE_BYTES), self.rate_kbps * self.queue_ms / 8)

    @property
    def bytes_per_second(self) -> float:
        return self.rate_kbps * 125

    def changed(
        self,
        *,
        rate_kbps: float | None = None,
        delay_ms: float | None = None,
        queue_ms: float | None = None,
        cut: bool | None = None,
    ) -> LinkSettings:
        """The same settings with those given replaced."""
        given = {"rate_kbps": rate_kbps, "delay_ms": delay_ms, "queue_ms": queue_ms, "cut": cut}
        return replace(self, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


@dataclass
class Tally:
    """Items and bytes since the start. Offered is delivered, dropped, lost by a cut and still inside, together."""

    offered: int = 0
    offered_bytes: int = 0
    delivered: int = 0
    delivered_bytes: int = 0
    queue_drops: int = 0
    queue_dropped_bytes: int = 0
    cut_losses: int = 0
    cut_lost_bytes: int = 0


@dataclass
class _Waiting(Generic[T]):
    item: T
    size: int


@dataclass
class _Flying(Generic[T]):
    item: T
    size: int
    due: float


class Shaper(Generic[T]):
    """One direction of a link. Misuse (a size of 0 or less) raises ValueError."""

    def __init__(self, settings: LinkSettings, now: float) -> None:
        self.settings = settings
        self.tally = Tally()
        self._now = now
        self._waiting: deque[_Waiting[T]] = deque()
        self._waiting_bytes = 0
        self._head: _Waiting[T] | None = None
        self._head_left = 0.0  # bytes of the head that are not sent yet, at self._now
        self._flying: deque[_Flying[T]] = deque()

    def put(self, now: float, item: T, size: int) -> bool:
        """An item arrives at the link. False if it is lost at once (full queue, or cut)."""
        if size <= 0:
            raise ValueError(f"an item has a size above 0 bytes, not {size}")
        self._advance(now)
        self.tally.offered += 1
        self.tally.offered_bytes += size
        if self.settings.cut:
            self._count_cut(size)
            return False
        if self._head is None:
            self._serve(_Waiting(item, size))
        elif self._waiting_bytes + size <= self.settings.queue_bytes:
            self._waiting.append(_Waiting(item, size))
            self._waiting_bytes += size
        else:
            self.tally.queue_drops += 1
            self.tally.queue_dropped_bytes += size
            return False
        return True

    def take(self, now: float) -> list[T]:
        """The items that have arrived at the far end by `now`, in order; each is given once."""
        self._advance(now)
        arrived: list[T] = []
        while self._flying and self._flying[0].due <= now:
            flying = self._flying.popleft()
            self.tally.delivered += 1
            self.tally.delivered_bytes += flying.size
            arrived.append(flying.item)
        return arrived

    def next_at(self) -> float | None:
        """When :meth:`take` next has something to give or to move on, if nothing else comes; None if it is empty."""
        return self._flying[0].due if self._flying else self.moves_at()

    def moves_at(self) -> float | None:
        """When the item being sent will have left and the queue moves up; None if nothing is being sent."""
        if self._head is None:
            return None
        return self._now + self._head_left / self.settings.bytes_per_second

    def set(self, now: float, settings: LinkSettings) -> list[T]:
        """Changes the link from `now` on; answers the items that a cut has lost (none otherwise), in order.

        A shorter queue keeps what already waits in it: it only takes nothing new until there is room.
        """
        self._advance(now)
        self.settings = settings
        return self._lose_all() if settings.cut else []

    def room(self, now: float) -> float:
        """Bytes that the queue would still take at `now`; 0 while cut. For senders that hold back, such as TCP."""
        self._advance(now)
        if self.settings.cut:
            return 0.0
        return max(0.0, self.settings.queue_bytes - self._waiting_bytes)

    @property
    def held(self) -> int:
        """Items inside: waiting, being sent or under way."""
        return len(self._waiting) + len(self._flying) + (self._head is not None)

    @property
    def waiting_bytes(self) -> int:
        return self._waiting_bytes

    def _advance(self, now: float) -> None:
        """Serves the queue up to `now`; each item starts at the very moment at which the one before it ended."""
        if now < self._now:
            raise ValueError(f"time ran backwards, from {self._now} to {now}")
        rate = self.settings.bytes_per_second
        clock = self._now
        while self._head is not None:
            finish = clock + self._head_left / rate
            if finish > now:
                self._head_left -= (now - clock) * rate
                break
            clock = finish
            self._launch(self._head, finish)
            self._head = None
            if self._waiting:
                following = self._waiting.popleft()
                self._waiting_bytes -= following.size
                self._serve(following)
        self._now = now

    def _serve(self, waiting: _Waiting[T]) -> None:
        self._head = waiting
        self._head_left = float(waiting.size)

    def _launch(self, head: _Waiting[T], finish: float) -> None:
        due = finish + self.settings.delay_ms / 1000
        if self._flying:
            due = max(due, self._flying[-1].due)  # a shorter delay must not let it overtake
        self._flying.append(_Flying(head.item, head.size, due))

    def _lose_all(self) -> list[T]:
        lost: list[_Waiting[T]] = [_Waiting(flying.item, flying.size) for flying in self._flying]
        if self._head is not None:
            lost.append(self._head)
        lost.extend(self._waiting)
        self._flying.clear()
        self._waiting.clear()
        self._waiting_bytes = 0
        self._head = None
        for waiting in lost:
            self._count_cut(waiting.size)
        return [waiting.item for waiting in lost]

    def _count_cut(self, size: int) -> None:
        self.tally.cut_losses += 1
        self.tally.cut_lost_bytes += size
