"""PURE: how late frames come, and by when one may count on them: the deadline that playout keeps to.

A frame's transit is `now - timestamp / 48000` when it can first be decoded: from its own packet, from a RED copy or
from in-band FEC of the packet behind it. Its origin is arbitrary (two clocks). The deadline is a high quantile of
recent transits, so it waits for copies exactly when losses make copies matter, and never for what does not come at
all. Only the window's age ties it to the two clocks' drift: 200 ppm over 25 s are 5 ms.
"""

from __future__ import annotations

import bisect
from collections import deque
from statistics import median_high

from app.media.audio.libopus import RATE

WINDOW_S = 25.0
_NEWER_S = 4.0
_OLD_PEAK_S, _OLD_PEAK_SHARE = 0.15, 0.75
"""What is older than _NEWER_S counts as at most so much later than what is newer (seconds, or a share of the newer's
delay): a queue of seconds that has gone is forgotten sooner than jitter, but one that comes and goes is not chased."""
_FLOOR_CREEP = 0.001
"""The fastest transit ever counts as so much slower each second: clocks drift less."""
LATE_SHARE = 0.003
"""Frames that may miss the deadline."""
MARGIN_S = 0.008
"""For the scheduling of the loudspeaker's thread and the rounding to its pulls."""
START_MARGIN_S = 0.02
_YOUNG = 50
"""So many frames make a quantile that can be trusted; until then a shrinking part of START_MARGIN_S is added."""
_MANY = 60
"""Of so many figures the highest is left out: one late packet is no queue."""
_RECENT = 5
_RECENT_S = 0.4
_MOST_RECENT = 64
_TREND_S, _TREND_LEAST, _TREND_SLOPE = 0.6, 4, 0.2
"""Transits of the last so many seconds, of so many packets at least, that grow by so many seconds a second from the
window's first half to its second are a queue that grows; jitter of 30 ms does not look so (median against median)."""
_AHEAD_S, _AHEAD_SHARE = 0.3, 0.35
"""So far ahead is it looked, at that slope, and no further than such a share of what has grown (most links' queues are
short, and what is too much has to be cut again); a third of it where five packets are all there is."""
_RISEN_S = 0.01
_SETTLE_S = 1.0
_HELD_S = 0.06
HIGHEST_S = 4.0
_MOST = 4096
_SEEN = 1024


class Window:
    """Figures of the last `seconds`, in order of time and of size; at most _MOST."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._figures: deque[tuple[float, float]] = deque()
        self.ordered: list[float] = []

    def add(self, now: float, figure: float) -> None:
        self._figures.append((now, figure))
        bisect.insort(self.ordered, figure)
        while self._figures[0][0] < now - self._seconds or len(self._figures) > _MOST:
            _, oldest = self._figures.popleft()
            self.ordered.pop(bisect.bisect_left(self.ordered, oldest))

    def drop_above(self, figure: float) -> None:
        self._figures = deque(entry for entry in self._figures if entry[1] <= figure)
        self.ordered = self.ordered[: bisect.bisect_right(self.ordered, figure)]

    def high(self) -> float:
        """What LATE_SHARE of the figures exceed, but one of _MANY; there is one at least."""
        count = len(self.ordered)
        return self.ordered[-1 - max(int(count * LATE_SHARE), int(count >= _MANY))]

    def clear(self) -> None:
        self._figures.clear()
        self.ordered.clear()


class Arrivals:
    """Learns from the frames of the last WINDOW_S."""

    def __init__(self) -> None:
        self._all, self._newer = Window(WINDOW_S), Window(_NEWER_S)
        self._seen: deque[int] = deque()
        self._known: set[int] = set()
        self._recent: deque[tuple[float, float]] = deque(maxlen=_MOST_RECENT)
        self._first: int | None = None
        self._floor = (0.0, 0.0)
        self._now = self._settled_at = 0.0
        self._deadline: float | None = None

    def note(self, timestamp: int, now: float, copy: bool) -> None:
        """A frame can be decoded since `now`; of a frame that is known already nothing is learnt."""
        if self._first is None:
            self._first = timestamp
        if timestamp in self._known or timestamp < self._first:
            return
        self._known.add(timestamp)
        self._seen.append(timestamp)
        if len(self._seen) > _SEEN:
            self._known.discard(self._seen.popleft())
        transit = now - timestamp / RATE
        if now < self._settled_at:
            self._drop_held(transit)
        if not self._all.ordered or transit < self._floor[0] + (now - self._floor[1]) * _FLOOR_CREEP:
            self._floor = transit, now
        self._now = now
        self._all.add(now, transit)
        self._newer.add(now, transit)
        if not copy:
            self._recent.append((now, transit))
        self._deadline = None

    def forget(self, now: float) -> None:
        """After an outage: what was measured before it says nothing; and what was held up in it comes in a burst."""
        self._clear()
        self._settled_at = now + _SETTLE_S

    def restart(self, now: float) -> None:
        """New timestamps, perhaps after an outage."""
        self.forget(now)
        self._seen.clear()
        self._known.clear()
        self._first = None

    def settling(self, now: float) -> bool:
        return now < self._settled_at

    @property
    def base(self) -> float | None:
        """The fastest transit, s; None when nothing came."""
        return self._floor[0] + (self._now - self._floor[1]) * _FLOOR_CREEP if self._all.ordered else None

    @property
    def deadline(self) -> float | None:
        """The transit by which frames are to be played, s on the same arbitrary scale; None when nothing came."""
        base = self.base
        if self._deadline is None and base is not None:
            self._deadline = min(base + HIGHEST_S, self._judge(base))
        return self._deadline

    def _judge(self, base: float) -> float:
        newer = self._newer.high()
        old = newer + max(_OLD_PEAK_S, _OLD_PEAK_SHARE * (newer - base))
        high = max(newer, min(self._all.high(), old))
        start = START_MARGIN_S * max(0.0, 1 - len(self._all.ordered) / _YOUNG)
        return max(high, self._rising()) + MARGIN_S + start

    def _rising(self) -> float:
        """A growing queue shows in the last packets before it shows in a quantile. One late packet is no queue.
        A queue that grows fast holds packets apart as well: what there is has to be played slowly from the first on.
        """
        now = self._recent[-1][0] if self._recent else 0.0
        return max(self._last(now), self._trend(now))

    def _last(self, now: float) -> float:
        last = [transit for at, transit in list(self._recent)[-_RECENT:] if at >= now - _RECENT_S]
        if len(last) < _RECENT:
            return self._all.ordered[0]
        risen = last[-1] - last[0]
        if last == sorted(last) and risen > _RISEN_S and last[-1] >= self._newer.ordered[-1]:
            return last[-1] + min(_AHEAD_S / 3, risen)
        return sorted(last)[-2]

    def _trend(self, now: float) -> float:
        earlier = [transit for at, transit in self._recent if now - _TREND_S <= at < now - _TREND_S / 2]
        later = [transit for at, transit in self._recent if at >= now - _TREND_S / 2]
        if not earlier or len(earlier) + len(later) < _TREND_LEAST or max(later) < self._all.ordered[-1]:
            return self._all.ordered[0]
        slope = (median_high(later) - median_high(earlier)) / (_TREND_S / 2)
        if slope <= _TREND_SLOPE:
            return self._all.ordered[0]
        return max(later) + min(min(1.0, slope) * _AHEAD_S, _AHEAD_SHARE * (max(later) - self._floor[0]))

    def _drop_held(self, transit: float) -> None:
        if self._all.ordered and self._all.ordered[-1] > transit + _HELD_S:
            self._all.drop_above(transit + _HELD_S)
            self._newer.drop_above(transit + _HELD_S)
            self._recent.clear()

    def _clear(self) -> None:
        self._all.clear()
        self._newer.clear()
        self._recent.clear()
        self._deadline = None
