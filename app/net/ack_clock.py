"""PURE: round trips and the delivered rate of one connection, from what was written and what is acknowledged."""

from __future__ import annotations

from collections import deque

from app.net.tcp_info import TcpReading

BLIND_S = 0.25
"""Longer than this without a look, and it is unknown when what has come since came."""
_WINDOW_RTTS, _WINDOW_S = 2.5, 0.5


class AckClock:
    """Sizes and places in bytes of the connection's stream, times in seconds of one clock."""

    def __init__(self) -> None:
        self._sent: deque[tuple[int, float]] = deque()  # where a piece ended, when it went
        self._acks: deque[tuple[float, int]] = deque()  # when more was seen to have arrived, and how much in all
        self._seen: tuple[float, int] | None = None

    def sent(self, now: float, end: int) -> None:
        """A piece that ends at `end` has gone onto the line at once."""
        self._sent.append((end, now))

    def heard(self, now: float, reading: TcpReading) -> float | None:
        """Returns the round trip of the newest piece that came back, if any."""
        arrived = reading.acked + reading.ahead
        if self._seen is None or now - self._seen[0] > BLIND_S:
            self._sent.clear()
            self._acks.clear()
        elif arrived > self._seen[1]:
            self._acks.append((now, arrived))
        self._seen = (now, arrived)
        if not reading.calm:
            self._sent.clear()  # what a piece takes now is the time to repair another
        sample = None
        while self._sent and self._sent[0][0] <= reading.acked:
            sample = now - self._sent.popleft()[1]
        edge = now - max(_WINDOW_S, _WINDOW_RTTS * reading.rtt)
        while len(self._acks) > 2 and self._acks[1][0] <= edge:
            self._acks.popleft()
        return sample

    def delivered(self, rtt: float) -> float | None:
        """Bytes a second over the last rounds; None before there is half of one."""
        if len(self._acks) < 3:
            return None
        (began, first), (ended, last) = self._acks[0], self._acks[-1]
        return (last - first) / (ended - began) if ended - began >= rtt / 2 else None
