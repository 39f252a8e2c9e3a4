"""PURE: what left and is not yet told of: the memory that turns transport-wide feedback into packet results."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from app.media.rate.feedback import Kind, PacketResult, TransportFeedback

MOST_KEPT = 4_000
KEPT_S = 20.0
_RTT_WINDOW_S = 10.0


@dataclass
class _Sent:
    at: float
    size: int
    kind: Kind
    cluster: int | None
    beside: int
    told: bool | None = None  # None: nothing yet; False: lost; True: received


class SentLog:
    """Packets by their transport-wide number, unwrapped; bounded in number and in time."""

    def __init__(self) -> None:
        self._packets: dict[int, _Sent] = {}
        self._next = 0
        self._highest_told = -1
        self._in_flight = 0
        self._trips: deque[tuple[float, float]] = deque()

    def add(self, now: float, size: int, kind: Kind, cluster: int | None = None, beside: int = 0) -> int:
        """Counts a packet of `size` bytes on the wire as sent, `beside` of RTCP just before it; returns its number
        (take the lower 16 bits).
        """
        number = self._next
        self._next += 1
        self._packets[number] = _Sent(now, size, kind, cluster, beside)
        self._in_flight += size
        self._forget(now)
        return number

    @property
    def in_flight(self) -> int:
        """Bytes on the wire sent after the newest packet that feedback has told of."""
        return self._in_flight

    def on_feedback(self, arrivals: Iterable[tuple[int, float | None]], now: float) -> TransportFeedback:
        """`arrivals`: (16-bit number, arrival in s on the receiver's clock or None), as parsed. What is unknown or was
        told before is left out.
        """
        results = []
        newest: _Sent | None = None
        for short, arrived in arrivals:
            number = self._unwrap(short)
            sent = self._packets.get(number)
            if sent is None:
                continue
            self._pass(number)
            received = arrived is not None
            if sent.told is True or sent.told is received:
                continue
            sent.told = received
            if received:
                newest = sent
            results.append(PacketResult(number, sent.at, sent.size, sent.kind, arrived, sent.cluster, sent.beside))
        if newest is not None:
            self._trips.append((now, now - newest.at))
        while self._trips and now - self._trips[0][0] > _RTT_WINDOW_S:
            self._trips.popleft()
        results.sort(key=lambda result: result.number)
        return TransportFeedback(now, tuple(results), self.least_trip)

    @property
    def least_trip(self) -> float | None:
        """The least time (s) from sending to being told in the last 10 s: a round trip and the wait for feedback."""
        return min((trip for _, trip in self._trips), default=None)

    def _unwrap(self, short: int) -> int:
        """The number nearest to the newest sent that has these 16 bits."""
        newest = self._next - 1
        number = newest - ((newest - short) & 0xFFFF)
        return number if number >= 0 else number + 0x10000

    def _pass(self, number: int) -> None:
        while self._highest_told < number:
            self._highest_told += 1
            passed = self._packets.get(self._highest_told)
            if passed is not None:
                self._in_flight -= passed.size

    def _forget(self, now: float) -> None:
        """The oldest go first: dictionaries keep the order of insertion."""
        while self._packets:
            number, oldest = next(iter(self._packets.items()))
            if len(self._packets) <= MOST_KEPT and now - oldest.at <= KEPT_S:
                return
            if number > self._highest_told:
                self._highest_told = number
                self._in_flight -= oldest.size
            del self._packets[number]
