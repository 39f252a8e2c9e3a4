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


@dataclass(frozen=True)
class Acknowledged:
    """Bit/s on the wire over about the last second; None when too little came. `busy_bps`: delivered while a queue
    stood from the first packet to the last.
    """

    delivered_bps: float | None
    sent_bps: float | None
    busy_bps: float | None


def acknowledged(
    packets: Sequence[PacketResult], points: Sequence[Point], noise_s: float, loss: float
) -> Acknowledged:
    """`packets` in sending order, `points` of the received ones in the order of arrival. `loss`: the fraction lost
    behind the bottleneck, which used it all the same.
    """
    if not points:
        return Acknowledged(None, _sent(packets), None)
    until = points[-1].arrived_at
    delivered = _rate([p for p in points if until - p.arrived_at <= SPAN_S], _LEAST)
    run = list(
        itertools.takewhile(
            lambda p: p.queued_s >= _BUSY_QUEUE_S + noise_s and until - p.arrived_at <= _BUSY_SPAN_S,
            reversed(points),
        )
    )
    busy = _rate(run[::-1], _BUSY_LEAST)
    return Acknowledged(delivered, _sent(packets), None if busy is None else busy / (1 - min(0.5, loss)))


def _rate(near: Sequence[Point], least: int) -> float | None:
    if len(near) < least:
        return None
    span = near[-1].arrived_at - near[0].arrived_at
    # The first packet's bits came before the span.
    return sum(p.size for p in near[1:]) * 8 / span if span >= _LEAST_SPAN_S else None


def _sent(packets: Sequence[PacketResult]) -> float | None:
    if not packets:
        return None
    until = packets[-1].sent_at
    near = [p for p in packets if until - p.sent_at <= SPAN_S]
    span = near[-1].sent_at - near[0].sent_at
    return sum(p.size for p in near[:-1]) * 8 / span if len(near) >= _LEAST and span >= _LEAST_SPAN_S else None
