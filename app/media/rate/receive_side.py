"""PURE: what a guest may send us, told by REMB (draft-alvestrand-rmcat-remb-03): all that old peers go by, and a
ceiling for browsers, which without it keep a thin link's queue full.

The receiver-based controller of draft-ietf-rmcat-gcc-02 section 4.4 in small: up by 8 % a second, down to 0.85 of what
arrives when packets queue; up by half until that has happened once, for a wide link should not be waited for. Speech
packets tell of the queue, for their RTP time is when they were captured; the round trip must agree, for a microphone
that stumbles (measured: 0.4 s lost in 25 s) looks like a queue that grows and never goes.
"""

from __future__ import annotations

from collections import deque

LEAST_BPS, MOST_BPS = 20_000.0, 3_000_000.0
START_BPS = 150_000.0
QUEUED_S, TRIP_QUEUED_S = 0.06, 0.03
LOSSY = 0.1
_WINDOW_S = 30.0
_TRIP_OLD_S = 3.0
_LOSS_GAIN = 0.3  # a second: of forty packets at 5 % loss, more than a tenth is missing now and then by chance
_DOWN, _UP_PER_S, _FIRST_UP_PER_S, _APP_LIMIT, _APP_ROOM_BPS = 0.85, 1.08, 1.5, 1.5, 20_000.0


class _Above:
    """How far a delay is above the least of the last 30 s."""

    def __init__(self) -> None:
        self._least: deque[tuple[float, float]] = deque()
        self._sum, self._count = 0.0, 0

    def add(self, now: float, delay: float) -> None:
        while self._least and self._least[-1][1] >= delay:
            self._least.pop()
        self._least.append((now, delay))
        while now - self._least[0][0] > _WINDOW_S:
            self._least.popleft()
        self._sum += delay - self._least[0][1]
        self._count += 1

    def take(self) -> float | None:
        """The mean since the last call, s; None: nothing was added."""
        mean = self._sum / self._count if self._count else None
        self._sum, self._count = 0.0, 0
        return mean


class ReceiveSide:
    """Feed what arrives; ask for the estimate about once a second."""

    def __init__(self) -> None:
        self._bytes = 0
        self._since: float | None = None
        self._speech, self._trips = _Above(), _Above()
        self._trip: tuple[float, float] | None = None
        self._estimate = START_BPS
        self._up_per_s = _FIRST_UP_PER_S
        self._lost = 0.0

    def add(self, size: int, now: float) -> None:
        """A packet of `size` bytes on the wire came at `now` (s)."""
        if self._since is None:
            self._since = now
        self._bytes += size

    def speech(self, now: float, captured: float) -> None:
        """A speech packet; `captured` in s on the sender's clock."""
        self._speech.add(now, now - captured)

    def trip(self, now: float, seconds: float) -> None:
        """A round trip was measured, the way back just now."""
        self._trips.add(now, seconds)

    def estimate(self, now: float, fraction_lost: float) -> float:
        """Bit/s on the wire that the other side may send; `fraction_lost` since the last call."""
        if self._since is None or now <= self._since:
            return self._estimate
        passed = now - self._since
        received = self._bytes * 8 / passed
        self._lost += _LOSS_GAIN * (fraction_lost - self._lost)
        if self._is_queue(now) or self._lost > LOSSY:
            told = min(self._estimate, _DOWN * received)
            self._up_per_s = _UP_PER_S
        else:
            told = min(self._estimate * self._up_per_s ** min(passed, 2.0), _APP_LIMIT * received + _APP_ROOM_BPS)
            told = max(told, min(self._estimate, received))
        self._estimate = max(LEAST_BPS, min(MOST_BPS, told))
        self._bytes, self._since = 0, now
        return self._estimate

    def _is_queue(self, now: float) -> bool:
        """By speech alone where no trip was measured of late."""
        queued, trip = self._speech.take(), self._trips.take()
        if trip is not None:
            self._trip = now, trip
        if queued is None or queued <= QUEUED_S:
            return False
        return self._trip is None or now - self._trip[0] > _TRIP_OLD_S or self._trip[1] > TRIP_QUEUED_S
