"""PURE: whether queueing delay rises: a least-squares line through the last half second.

After the trendline filter of draft-ietf-rmcat-gcc-02, for 8-50 packets a second: single packets instead of groups,
and a threshold in seconds of queue, for on a thin link one packet is a large step.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from operator import attrgetter

from app.media.rate.queue import Point

SPAN_S = 0.5
_LEAST = 5
_LEAST_SPAN_S = 0.08
_number = attrgetter("number")


def slope(points: Sequence[Point]) -> float:
    """Seconds of queue a second, by `points` in the order of arrival; 0 when they are too few."""
    if not points:
        return 0.0
    until = points[-1].arrived_at
    near = [(p.arrived_at - until, p.queued_s) for p in points if until - p.arrived_at <= SPAN_S]
    if len(near) < _LEAST or near[-1][0] - near[0][0] < _LEAST_SPAN_S:
        return 0.0
    mean_t = sum(t for t, _ in near) / len(near)
    mean_q = sum(q for _, q in near) / len(near)
    spread = sum((t - mean_t) ** 2 for t, _ in near)
    return sum((t - mean_t) * (q - mean_q) for t, q in near) / spread


def overuse(points: Sequence[Point], noise_s: float) -> bool:
    """Whether a queue builds up that will not go by itself: it rises by a tenth of time or more and its last packets
    all stand well above what jitter makes of them. Last are those sent last: where a queue has gone at once, what
    waited in it comes behind them and says nothing new.
    """
    if len(points) < _LEAST:
        return False
    newest = min(p.queued_s for p in heapq.nlargest(3, points, key=_number))
    return newest > 0.07 + 2 * noise_s and slope(points) * SPAN_S > 0.05 + 2 * noise_s
