"""PURE: what is told of our sending direction: transport-wide feedback, or a guest's REMB and receiver reports."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

MOST_RESULTS = 2_000
"""More in one message is malformed: a message covers a second at most (memory stays bounded)."""
_LARGEST_BYTES = 65_535


class Kind(StrEnum):
    """What a packet carries; the order is the pacer's priority."""

    SPEECH = "speech"
    WORDS = "words"  # written words, and what data channels need to work at all
    REPAIR = "repair"
    PICTURES = "pictures"
    DATA = "data"
    PROBE = "probe"


@dataclass(frozen=True)
class PacketResult:
    """What became of one packet. It may be told lost once and received later.

    `number` is the unwrapped transport-wide sequence number; `sent_at` s, monotonic, ours; `size` bytes on the wire
    with every header; `arrived_at` s on the receiver's clock (any origin), None: not received so far; `cluster`: the
    probe whose packets were sent back to back (the first may be speech); `beside`: bytes of RTCP, which no feedback
    tells of, that left between the packet before and this one.
    """

    number: int
    sent_at: float
    size: int
    kind: Kind
    arrived_at: float | None
    cluster: int | None = None
    beside: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.size <= _LARGEST_BYTES:
            raise ValueError("size is bytes of one packet")
        if self.number < 0 or not math.isfinite(self.sent_at):
            raise ValueError("number and sent_at must be plain figures")
        if self.arrived_at is not None and not math.isfinite(self.arrived_at):
            raise ValueError("arrived_at must be finite")


@dataclass(frozen=True)
class TransportFeedback:
    """One transport-wide feedback message (draft-holmer-rmcat-transport-wide-cc-extensions-01), joined with what was
    sent. `at` s, monotonic, ours: when it came. `results` in sending order. `rtt_s` None when not known.
    """

    at: float
    results: tuple[PacketResult, ...]
    rtt_s: float | None

    def __post_init__(self) -> None:
        if not math.isfinite(self.at) or not _plain(self.rtt_s):
            raise ValueError("at and rtt_s must be plain figures")
        if len(self.results) > MOST_RESULTS:
            raise ValueError("too many results in one feedback")
        last = -1
        for result in self.results:
            if result.number <= last:
                raise ValueError("results must be in sending order")
            last = result.number
            if result.sent_at > self.at:
                raise ValueError("told of before it was sent")


@dataclass(frozen=True)
class RemoteFeedback:
    """What a guest without transport feedback tells: REMB (bit/s) and RTCP receiver reports (RFC 3550 section 6.4).

    `sent_bps` is what we sent on the wire over about the last second; None means not told.
    """

    at: float
    remb_bps: float | None
    fraction_lost: float | None
    rtt_s: float | None
    sent_bps: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.at) or not all(map(_plain, (self.remb_bps, self.rtt_s, self.sent_bps))):
            raise ValueError("figures must be finite and not negative")
        if self.fraction_lost is not None and not 0 <= self.fraction_lost <= 1:
            raise ValueError("fraction_lost is a fraction")


def _plain(figure: float | None) -> bool:
    return figure is None or (math.isfinite(figure) and figure >= 0)
