"""PURE: how fast one TCP connection may be fed on a thin line, so that it fills the line and overflows no queue.

The kernel's congestion control sends more until a queue overflows; on 64 kbit/s with a queue of two packets that
costs a quarter of the line. Here the sender stays just beneath: it keeps a packet's time and TARGET_S of queue (the
idea of delay-based control: Vegas, RFC 6817), at a rate and never more on the way than the line takes. While a queue
stands, what is delivered is what the line carries; while none does, it is the least that it carries. The kernel's own
control goes on beneath and alone rules where it wants less (loss), and on lines that are fast enough.
"""

from __future__ import annotations

import math

from app.net.ack_clock import AckClock
from app.net.tcp_info import TcpReading

TARGET_S = 0.06
SETTLE_S = 4.0
"""A queue that is off its target is brought there in about this time."""
FIRST_SEGMENTS, LEAST_SEGMENTS = 4, 2
"""On the way at the start, and at the least whatever the queue seems to be."""
FREE_ABOVE, BOUND_BELOW = 250_000.0, 64_000.0
"""Bytes a second: no bound is needed above the one, and one is taken up again below the other."""
STEPS = (0.0, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0)
"""How much more to try, for two rounds each, while there is no queue: what a round tries is seen in the one after the
next. A connection begins with the last."""
_ROUNDS = 2
BASE_S = 60.0
"""The shortest round trip of so long is the line's own; before its end the queue is let drain, to be seen without."""
MOST_BUFFER = 128 * 1024
"""What stands in the kernel cannot be paused for speech."""
_BUFFER_PARTS = 1.5
_LOWEST, _EMPTY = 0.7, 0.4
_LEAST_TARGET_S, _SHORTER, _LONGER = 0.03, 0.8, 1.005
_DRAIN, _DRAIN_ROUNDS, _SHORTEST_S, _FORGOTTEN = 0.9, 2.0, 1e-3, 0.8
_LOOK_S, _LATE_S = 0.02, 0.06
_UNSENT_SEGMENTS = 4
_FREE_HELD = 8 * 1024


class Pace:
    """One connection. Rates in bytes a second of what is written to the socket, times in seconds of one clock."""

    def __init__(self, now: float, reading: TcpReading) -> None:
        self.written = reading.acked
        self._clock = AckClock()
        self._reading = reading
        self._base, self._base_next, self._base_at = reading.min_rtt, math.inf, now
        self._target = TARGET_S
        self._capacity = 0.0
        self._best = 0.0  # the highest capacity in which `_base_next` may have been measured
        self._empty = _ROUNDS * len(STEPS) - 1  # rounds without a queue
        self._rate: float | None = FIRST_SEGMENTS * reading.mss / reading.min_rtt
        self._next_at = now
        self._round_end, self._round_low, self._held, self._missed = self.written, math.inf, False, False
        if self._rate > FREE_ABOVE:
            self._rate = None

    @property
    def rate(self) -> float | None:
        """None: no bound."""
        return self._rate

    @property
    def capacity(self) -> float:
        """What the line is held to carry; 0 when nothing is known."""
        return self._capacity

    @property
    def piece(self) -> int | None:
        """How many bytes to write at once; None: any."""
        if self._rate is None:
            return None
        return self._reading.mss * max(1, int(self._rate * _LOOK_S / self._reading.mss))

    @property
    def buffer(self) -> int:
        """How large a send buffer (SO_SNDBUF) it takes, at the least: the kernel counts a segment's own costs too."""
        return min(MOST_BUFFER, int(_BUFFER_PARTS * self._most())) if self._rate is not None else 0

    def heard(self, now: float, reading: TcpReading) -> None:
        """Takes in a look at the connection: before each piece, and every 20 ms while one waits."""
        self._reading = reading
        sample = self._clock.heard(now, reading)
        if sample is not None:
            self._round_low = min(self._round_low, sample)
            self._see_base(now, sample)
        if not reading.calm:
            self._missed = True
        if reading.acked >= self._round_end:
            self._turn(now)

    def wait(self, now: float, size: int) -> float:
        """Seconds until `size` bytes may be written; look again after them at the latest. 0: now."""
        if self._rate is None:
            self._held = self.written - self._reading.acked > _FREE_HELD
            return 0.0
        reading = self._reading
        on_way = self.written - reading.acked - reading.ahead - reading.lost
        full = on_way + size > self._most() or reading.unsent >= _UNSENT_SEGMENTS * reading.mss
        if full or self._next_at > now:
            self._held |= on_way >= LEAST_SEGMENTS * reading.mss
            return _LOOK_S if full else min(_LOOK_S, self._next_at - now)
        return 0.0

    def sent(self, now: float, size: int) -> None:
        """`size` bytes have been written."""
        self.written += size
        if self._rate is None:
            return
        if self._reading.calm and not self._reading.unsent and size >= self._reading.mss:
            self._clock.sent(now, self.written)
        # A wake-up that comes late is made good, by a piece or a moment's worth.
        took = size / self._rate
        self._next_at = max(self._next_at, now - max(took, _LATE_S)) + took

    # parts

    def _most(self) -> float:
        """Bytes on the way at once."""
        mss, rate = self._reading.mss, self._rate or 0.0
        slack = self._target * rate + 2 * mss if self._capacity else 0.0
        least = LEAST_SEGMENTS if self._capacity else FIRST_SEGMENTS
        return max(least * mss, rate * self._base + slack)

    def _queue(self, rtt: float) -> float:
        """Seconds of queue in a whole segment's round trip (the base is a short packet's)."""
        return rtt - self._base - (self._reading.mss / self._capacity if self._capacity else 0.0)

    def _see_base(self, now: float, sample: float) -> None:
        """The way may have become shorter; that it has become longer is believed after a while."""
        self._base, self._base_next = min(self._base, sample), min(self._base_next, sample)
        if now - self._base_at >= BASE_S and self._capacity:
            self._base = max(_SHORTEST_S, self._base_next - self._reading.mss / self._best)
            # Forgotten slowly: a way that became longer looked like a queue, and had the capacity held to be less.
            self._best = max(self._capacity, _FORGOTTEN * self._best)
            self._base_next, self._base_at = math.inf, now

    def _turn(self, now: float) -> None:
        """A round is over: all that was written when it began has arrived."""
        low, held, missed = self._round_low, self._held, self._missed
        self._round_end, self._round_low, self._held, self._missed = self.written, math.inf, False, False
        # No segment of this round tells of the queue alone: then the kernel's mean, which is slower.
        queue = self._queue(low if low < math.inf else self._reading.rtt)
        delivered = self._clock.delivered(self._reading.rtt)
        if self._rate is None:
            if delivered is not None and held and delivered < BOUND_BELOW:
                self._capacity, self._best, self._rate, self._empty = delivered, delivered, delivered, 0
            return
        if delivered is not None:
            self._learn(delivered, held, queue / 2 if missed else queue)  # what is being repaired delivers less
        gain = self._gain(queue, held, missed)
        if self._capacity:
            if now - self._base_at >= BASE_S - _DRAIN_ROUNDS * self._reading.rtt:
                gain, self._empty = _DRAIN, 0
            self._rate = max(self._capacity * gain, self._floor())
        else:
            self._rate = max(self._rate * gain, self._floor())
        if self._rate > FREE_ABOVE:
            self._rate = None

    def _learn(self, delivered: float, held: bool, queue: float) -> None:
        if queue < self._target or not self._capacity:
            self._capacity = max(self._capacity, delivered)
        elif held:
            self._capacity += (delivered - self._capacity) / 2
        self._best = max(self._best, self._capacity)

    def _gain(self, queue: float, held: bool, missed: bool) -> float:
        if missed and queue > self._target * _EMPTY:
            self._target = max(_LEAST_TARGET_S, self._target * _SHORTER)  # the queue may be shorter than it
        else:
            self._target = min(TARGET_S, self._target * _LONGER)
        if missed or queue > self._target * _EMPTY:
            self._empty = 0
        elif held:
            self._empty = min(self._empty + 1, _ROUNDS * len(STEPS) - 1)
        more = STEPS[self._empty // _ROUNDS] if held else 0.0
        if not self._capacity:
            return 1 + more
        return max(_LOWEST, 1 + max((self._target - queue) / SETTLE_S, more))

    def _floor(self) -> float:
        return LEAST_SEGMENTS * self._reading.mss / max(self._reading.rtt, self._base)
