"""A line with one drop-tail queue and a TCP sender on it that repairs what is lost: a model on a clock of its own.

The sender sends all that it is given at once: what holds it back is the pace under test alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from app.net.pace import Pace
from app.net.tcp_info import TcpReading

MSS, HEADERS = 1448, 52
TICK_S = 0.003


@dataclass
class Line:
    """`rate`: time (s) -> kbit/s; `distance`: s there and back; `queue_s`: of waiting packets (one always may)."""

    rate: Callable[[float], float]
    distance: float
    queue_s: float
    free_at: float = 0.0
    waiting: list[float] = field(default_factory=list)

    def send(self, now: float) -> float | None:
        """When a whole segment sent at `now` is acknowledged; None: the queue was full."""
        took = (MSS + HEADERS) / (self.rate(now) * 125)
        self.waiting = [start for start in self.waiting if start > now]
        start = max(now, self.free_at)
        if start > now:
            if self.waiting and (len(self.waiting) + 1) * took > self.queue_s:
                return None
            self.waiting.append(start)
        self.free_at = start + took
        return self.free_at + self.distance


class Sender:
    """One connection over `line` with an endless file; `now` goes on by :meth:`run`."""

    def __init__(self, line: Line, min_rtt: float | None = None) -> None:
        self.line, self.now, self.rtt = line, 0.0, line.distance
        self._min_rtt = min_rtt or line.distance
        self.acked, self.sends, self.drops = 1, 0, 0
        self._flights: list[tuple[float, int, float]] = []  # acknowledged when, place, sent when
        self._ahead: set[int] = set()
        self._lost: dict[int, float] = {}
        self.pace = Pace(0.0, self.reading)

    @property
    def reading(self) -> TcpReading:
        calm = not self._ahead and not self._lost
        return TcpReading(self.acked, len(self._ahead) * MSS, 0, 0, MSS, self.rtt, self._min_rtt, calm)

    def run(self, until: float) -> int:
        """Goes on to `until`; returns the bytes that were acknowledged in order meanwhile."""
        before = self.acked
        while self.now < until:
            self._take_acks()
            self._repair()
            self.pace.heard(self.now, self.reading)
            wait = self.pace.wait(self.now, MSS)
            if wait <= 0:
                place = self.pace.written
                self.pace.sent(self.now, MSS)
                self._send(place)
                wait = 0.0 if self.pace.rate else TICK_S
            self.now += wait + (TICK_S if wait else 0.0)
        return self.acked - before

    def _send(self, place: int) -> None:
        back = self.line.send(self.now)
        self.sends += 1
        if back is None:
            self.drops += 1
            self._lost[place] = self.now
        else:
            heapq.heappush(self._flights, (back, place, self.now))

    def _take_acks(self) -> None:
        while self._flights and self._flights[0][0] <= self.now:
            back, place, sent = heapq.heappop(self._flights)
            self._ahead.add(place)
            self.rtt += (back - sent - self.rtt) / 8
            while self.acked in self._ahead:
                self._ahead.discard(self.acked)
                self.acked += MSS

    def _repair(self) -> None:
        for place, sent in list(self._lost.items()):
            after = sum(1 for arrived in self._ahead if arrived > place)
            if after >= 3 or self.now - sent > 1.5 * self.rtt + 0.2:
                del self._lost[place]
                self._send(place)
