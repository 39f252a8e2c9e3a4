"""PURE: what one feedback means, all estimators heard: figures, and a verdict for the controller's table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.media.rate import trendline
from app.media.rate.acknowledged import acknowledged
from app.media.rate.feedback import RemoteFeedback
from app.media.rate.history import History
from app.media.rate.loss import Loss
from app.media.rate.queue import Point, QueueDelay


class Verdict(StrEnum):
    CLEAR = "clear"  # no queue of ours
    FAIR = "fair"  # some queue: not more
    OVERUSE = "overuse"
    SILENT = "silent"  # no feedback for too long


STANDING_SPAN_S = 0.35
_STANDING_LEAST, _STANDING_MOST = 4, 100
FAIR_QUEUE_S, OVERUSE_QUEUE_S = 0.025, 0.055
_PACKET_BITS = 600  # half a speech packet: so much waiting is the rule on a busy thin link
_CONGESTED = 0.2
_NO_LOSS, _REMOTE_FAIR_LOSS, _REMOTE_BAD_LOSS = 0.0, 0.05, 0.12
_REMOTE_FAIR_QUEUE_S, _REMOTE_BAD_QUEUE_S = 0.08, 0.2


@dataclass(frozen=True)
class Signals:
    """Rates in bit/s on the wire, None where too little is known. `standing_s`: queueing delay that all but the
    luckiest packets of the last moment had; `spread_s`: how much it moved in the last two seconds.
    """

    standing_s: float
    spread_s: float
    rising: bool
    congestion: float
    delivered_bps: float | None
    sent_bps: float | None
    busy_bps: float | None


def read(history: History, queue: QueueDelay, loss: Loss, noise_s: float) -> Signals:
    rates = acknowledged(history.packets, queue.points, noise_s, loss.random)
    return Signals(
        standing(queue.points),
        _spread(queue.points),
        trendline.overuse(queue.points, noise_s),
        loss.congestion,
        rates.delivered_bps,
        rates.sent_bps,
        rates.busy_bps,
    )


def judge(signals: Signals, noise_s: float, capacity_bps: float) -> Verdict:
    """The more jitter and the longer a packet takes the link, the more delay is ordinary."""
    ordinary = 1.5 * noise_s + _PACKET_BITS / capacity_bps
    if signals.standing_s > OVERUSE_QUEUE_S + ordinary or signals.rising or signals.congestion > _CONGESTED:
        return Verdict.OVERUSE
    return Verdict.FAIR if signals.standing_s > FAIR_QUEUE_S + ordinary else Verdict.CLEAR


def judge_remote(feedback: RemoteFeedback, least_rtt_s: float) -> Verdict:
    """A guest tells little: loss, and the round trip above its least."""
    queue = (feedback.rtt_s or least_rtt_s) - least_rtt_s
    loss = feedback.fraction_lost or _NO_LOSS
    if queue > _REMOTE_BAD_QUEUE_S or loss > _REMOTE_BAD_LOSS:
        return Verdict.OVERUSE
    return Verdict.FAIR if queue > _REMOTE_FAIR_QUEUE_S or loss > _REMOTE_FAIR_LOSS else Verdict.CLEAR


def standing(points: Sequence[Point]) -> float:
    """The lower quartile of the queueing delay over the last 0.35 s, four packets at least."""
    if not points:
        return 0.0
    until = points[-1].arrived_at
    near = [p.queued_s for p in points[-_STANDING_MOST:] if until - p.arrived_at <= STANDING_SPAN_S]
    if len(near) < _STANDING_LEAST:
        near = [p.queued_s for p in points[-_STANDING_LEAST:]]
    return sorted(near)[len(near) // 4]


def _spread(points: Sequence[Point]) -> float:
    near = sorted(p.queued_s for p in points)
    return near[len(near) * 9 // 10] - near[len(near) // 10] if near else 0.0
