"""PURE: what a guest may send us, told by REMB (draft-alvestrand-rmcat-remb-03): all that old peers go by, and a
ceiling for browsers, which without it keep a thin link's queue full.

The receiver-based controller of draft-ietf-rmcat-gcc-02 section 4.4 in small: up by 8 % a second, down to 0.85 of what
arrives when packets queue. Speech packets tell of the queue: their RTP time is when they were captured.
"""

from __future__ import annotations

from collections import deque

LEAST_BPS, MOST_BPS = 20_000.0, 3_000_000.0
START_BPS = 150_000.0
QUEUED_S = 0.06
LOSSY = 0.1
_WINDOW_S = 30.0
_DOWN, _UP_PER_S, _APP_LIMIT, _APP_ROOM_BPS = 0.85, 1.08, 1.5, 20_000.0


class ReceiveSide:
    """Feed what arrives; ask for the estimate about once a second."""

    def __init__(self) -> None:
        self._bytes = 0
        self._since: float | None = None
        self._queued_s, self._speech = 0.0, 0
        self._least: deque[tuple[float, float]] = deque()
        self._estimate = START_BPS

    def add(self, size: int, now: float) -> None:
        """A packet of `size` bytes on the wire came at `now` (s)."""
        if self._since is None:
            self._since = now
        self._bytes += size

    def speech(self, now: float, captured: float) -> None:
        """A speech packet; `captured` in s on the sender's clock."""
        delay = now - captured
        while self._least and self._least[-1][1] >= delay:
            self._least.pop()
        self._least.append((now, delay))
        while now - self._least[0][0] > _WINDOW_S:
            self._least.popleft()
        self._queued_s += delay - self._least[0][1]
        self._speech += 1

    def estimate(self, now: float, fraction_lost: float) -> float:
        """Bit/s on the wire that the other side may send; `fraction_lost` since the last call."""
        if self._since is None or now <= self._since:
            return self._estimate
        passed = now - self._since
        received = self._bytes * 8 / passed
        queued = self._queued_s / self._speech if self._speech else 0.0
        if queued > QUEUED_S or fraction_lost > LOSSY:
            told = min(self._estimate, _DOWN * received)
        else:
            told = min(self._estimate * _UP_PER_S ** min(passed, 2.0), _APP_LIMIT * received + _APP_ROOM_BPS)
            told = max(told, min(self._estimate, received))
        self._estimate = max(LEAST_BPS, min(MOST_BPS, told))
        self._bytes, self._since = 0, now
        self._queued_s, self._speech = 0.0, 0
        return self._estimate
