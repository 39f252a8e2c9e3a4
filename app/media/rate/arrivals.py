"""PURE: what a receiver learns from arriving packets: how many, how many are lost, and how long they queued."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

WINDOW_S = 30.0
_BUCKET_S = 1.0
PAUSE_S = 0.7


@dataclass
class StreamCount:
    """Received and lost packets of one RTP stream (RFC 3550 appendix A.1, without its probation)."""

    pausing: bool = False
    """A stream that pauses (pictures): what its sender threw away when it paused is not the link's loss."""
    highest: int | None = None  # extended sequence number
    received: int = 0
    missing: int = 0
    _at: float = 0.0

    def add(self, sequence: int, now: float) -> None:
        self.received += 1
        paused = self.pausing and now - self._at > PAUSE_S
        self._at = now
        if self.highest is None:
            self.highest = sequence
            return
        ahead = ((sequence - self.highest + 0x8000) & 0xFFFF) - 0x8000
        if ahead > 0:
            self.highest += ahead
            self.missing += 0 if paused else ahead - 1
        else:
            self.missing -= 1  # late, counted as missing before

    @property
    def lost(self) -> int:
        return max(0, self.missing)


@dataclass
class QueueDelay:
    """One-way delay above its minimum of the last 30 s.

    The two clocks need not agree: only changes count, and the window lets the minimum follow their drift
    (100 parts per million are 3 ms in it).
    """

    _minima: deque[tuple[float, float]] = field(default_factory=deque)  # (start of the bucket, least delay in it)
    _sum: float = 0.0
    _count: int = 0
    newest: float | None = None

    def add(self, now: float, sent: float) -> float:
        """`now` and `sent` in seconds, each on its own clock; returns the queueing delay of this packet (s)."""
        delay = now - sent
        if self._minima and now - self._minima[-1][0] < _BUCKET_S:
            start, least = self._minima[-1]
            self._minima[-1] = (start, min(least, delay))
        else:
            self._minima.append((now, delay))
        while now - self._minima[0][0] > WINDOW_S:
            self._minima.popleft()
        queued = delay - min(least for _, least in self._minima)
        self._sum += queued
        self._count += 1
        self.newest = queued
        return queued

    def take(self) -> float | None:
        """The mean since the last call (s); None when nothing came."""
        if not self._count:
            return None
        mean = self._sum / self._count
        self._sum, self._count = 0.0, 0
        return mean

    def restart(self) -> None:
        """The sender's clock begins anew."""
        self._minima.clear()
        self._sum, self._count, self.newest = 0.0, 0, None


@dataclass
class Arrivals:
    """Everything of one transport: what arrived on the wire, and what of speech and pictures was lost on the way."""

    speech: StreamCount = field(default_factory=StreamCount)
    pictures: StreamCount = field(default_factory=lambda: StreamCount(pausing=True))
    bytes: int = 0
    delay: QueueDelay = field(default_factory=QueueDelay)

    @property
    def received(self) -> int:
        return self.speech.received + self.pictures.received

    @property
    def lost(self) -> int:
        return self.speech.lost + self.pictures.lost
