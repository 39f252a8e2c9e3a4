"""PURE: what one feedback says of the link, and an estimate of what it carries (slowly up, by a factor down)."""

from __future__ import annotations

from enum import StrEnum

from app.media.rate.feedback import LinkFeedback


class Verdict(StrEnum):
    GOOD = "good"
    FAIR = "fair"  # not good enough to ask for more
    BAD = "bad"
    SEVERE = "severe"
    SILENT = "silent"  # no feedback for a while


FAIR_QUEUE_S = 0.10
BAD_QUEUE_S = 0.20
SEVERE_QUEUE_S = 0.50
FAIR_LOSS = 0.07
BAD_LOSS = 0.10
SEVERE_LOSS = 0.30
_SHORT = 0.7  # received well under sent, while a queue stands
_SAFETY = 0.85
_GROWTH_PER_S = 0.08
_APP_LIMIT = 1.5
_APP_ROOM_BPS = 25_000
MIN_BPS = 8_000.0


def judge(feedback: LinkFeedback) -> Verdict:
    """What this feedback means for what we send. An unknown queue counts as none."""
    queue, loss = feedback.queue_delay_s or 0.0, feedback.fraction_lost
    if queue > SEVERE_QUEUE_S or loss > SEVERE_LOSS:
        return Verdict.SEVERE
    if queue > BAD_QUEUE_S or loss > BAD_LOSS:
        return Verdict.BAD
    received = feedback.received_bps
    if received is not None and queue > FAIR_QUEUE_S and received < _SHORT * feedback.sent_bps:
        return Verdict.BAD
    if queue > FAIR_QUEUE_S or loss > FAIR_LOSS:
        return Verdict.FAIR
    return Verdict.GOOD


def carried(feedback: LinkFeedback) -> float:
    """Bit/s that got through: told by the receiver, else what was sent less what was lost."""
    if feedback.received_bps is not None:
        return feedback.received_bps
    return feedback.sent_bps * (1 - feedback.fraction_lost)


def estimate(before: float, feedback: LinkFeedback, verdict: Verdict, elapsed_s: float) -> float:
    """The next estimate (bit/s). It grows no further than half above what was really carried: more is not known."""
    if verdict in (Verdict.BAD, Verdict.SEVERE):
        return max(MIN_BPS, min(before, _SAFETY * carried(feedback)))
    if verdict is Verdict.FAIR:
        return before
    ceiling = max(carried(feedback) * _APP_LIMIT + _APP_ROOM_BPS, MIN_BPS)
    grown = before * (1 + _GROWTH_PER_S * min(elapsed_s, 2.0)) + 2_000 * min(elapsed_s, 2.0)
    return max(MIN_BPS, min(grown, max(ceiling, min(before, ceiling))))
