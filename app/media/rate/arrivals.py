"""PURE: what a receiver learns from arriving packets: how many, how many are lost, and how long they queued."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

WINDOW_S = 30.0
_BUCKET_S = 1.0
PAUSE_S = 0.7
OUTAGE_S = 1.0
_PAIR_WITHIN_S = 0.5
_LEAST_GAP_S = 0.001


@dataclass
class StreamCount:
    """Received and lost packets of one RTP stream (RFC 3550 appendix A.1, without its probation)."""

    longest_gap_s: float = OUTAGE_S
    """What is missing after a longer silence is no loss of a running link: an outage, or a pause of the sender's."""
    highest: int | None = None  # extended sequence number
    received: int = 0
    missing: int = 0
    _at: float = 0.0

    def add(self, sequence: int, now: float) -> None:
        self.received += 1
        paused = now - self._at > self.longest_gap_s
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
    pictures: StreamCount = field(default_factory=lambda: StreamCount(PAUSE_S))
    bytes: int = 0
    delay: QueueDelay = field(default_factory=QueueDelay)
    capacity_bps: float | None = None
    """The lowest that packet pairs have measured since `capacity_told`."""
    _speech_last: tuple[int, float] | None = None  # (sequence, when)

    def add_speech(self, sequence: int, now: float, sent: float) -> None:
        """A speech packet; `sent` (s) on the sender's clock."""
        if self._speech_last is not None and now - self._speech_last[1] > OUTAGE_S:
            self.delay.restart()  # the path after an outage need not be the one before
        self._speech_last = (sequence, now)
        self.speech.add(sequence, now)
        self.delay.add(now, sent)

    def add_probe(self, follows: int, size: int, now: float) -> None:
        """Padding of `size` bytes on the wire that was sent right behind the speech packet numbered `follows`."""
        if self._speech_last is None or self._speech_last[0] != follows:
            return  # its first half was lost
        gap = now - self._speech_last[1]
        if gap <= _PAIR_WITHIN_S:
            measured = size * 8 / max(gap, _LEAST_GAP_S)
            self.capacity_bps = measured if self.capacity_bps is None else min(self.capacity_bps, measured)

    def capacity_told(self) -> None:
        self.capacity_bps = None

    @property
    def received(self) -> int:
        return self.speech.received + self.pictures.received

    @property
    def lost(self) -> int:
        return self.speech.lost + self.pictures.lost
