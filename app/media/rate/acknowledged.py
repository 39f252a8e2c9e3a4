"""PURE: what was delivered, and whether the bottleneck was busy all along: then that is the capacity."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from app.media.rate.feedback import PacketResult
from app.media.rate.queue import Point

SPAN_S = 1.0
_LEAST = 4
_LEAST_SPAN_S = 0.12
_BUSY_SPAN_S = 1.5
_BUSY_QUEUE_S = 0.02
_BUSY_LEAST = 5
_RTCP_SHARE, _RTCP_MUCH = 0.03, 0.08
"""Of what is numbered: as a rule, and from where on what was sent counts."""


@dataclass(frozen=True)
class Acknowledged:
    """Bit/s on the wire over about the last second; None when too little came. `busy_bps`: delivered while a queue
    stood from the first packet to the last, RTCP in: just after a fall it is still sent at the pace of before, and at
    60 kbit/s takes a third.
    """

    delivered_bps: float | None
    sent_bps: float | None
    busy_bps: float | None


def acknowledged(
    packets: Sequence[PacketResult], points: Sequence[Point], noise_s: float, loss: float
) -> Acknowledged:
    """`packets` in sending order, `points` of all that was told in the order of arrival. `loss`: the fraction lost
    behind the bottleneck, which used it all the same.
    """
    if not points:
        return Acknowledged(None, _sent(packets), None)
    until, told = points[-1].arrived_at, {point.number for point in points}
    delivered = _Served([p for p in points if until - p.arrived_at <= SPAN_S], told, _LEAST).bps
    run = itertools.takewhile(
        lambda p: p.queued_s >= _BUSY_QUEUE_S + noise_s and until - p.arrived_at <= _BUSY_SPAN_S, reversed(points)
    )
    served = _Served(list(run)[::-1], told, _BUSY_LEAST)
    if served.bps is None:
        return Acknowledged(delivered, _sent(packets), None)
    share = served.beside / max(1, served.size)
    busy = served.bps * (1 + (share if share > _RTCP_MUCH else _RTCP_SHARE))
    return Acknowledged(delivered, _sent(packets), busy / (1 - min(0.5, loss)))


class _Served:
    """What arrived in the time between the points `near`. Where a feedback message was lost, nobody knows what came
    between two of them: such a time is left out if enough is left, for a link that falls loses feedback just when it
    matters.
    """

    def __init__(self, near: Sequence[Point], told: set[int], least: int) -> None:
        pairs = list(itertools.pairwise(near))
        whole = [(a, b) for a, b in pairs if all(number in told for number in range(a.number + 1, b.number))]
        self._sum(whole)
        if not self._is_enough(len(whole), least):
            self._sum(pairs)
        self.bps = self.size * 8 / self.span_s if self._is_enough(len(pairs), least) else None

    def _sum(self, pairs: Sequence[tuple[Point, Point]]) -> None:
        self.span_s = sum(b.arrived_at - a.arrived_at for a, b in pairs)
        self.size = sum(b.size for _, b in pairs)  # the first packet's bits came before the span
        self.beside = sum(b.beside for _, b in pairs)

    def _is_enough(self, pairs: int, least: int) -> bool:
        return pairs + 1 >= least and self.span_s >= _LEAST_SPAN_S


def _sent(packets: Sequence[PacketResult]) -> float | None:
    if not packets:
        return None
    until = packets[-1].sent_at
    near = [p for p in packets if until - p.sent_at <= SPAN_S]
    span = near[-1].sent_at - near[0].sent_at
    return sum(p.size for p in near[:-1]) * 8 / span if len(near) >= _LEAST and span >= _LEAST_SPAN_S else None
