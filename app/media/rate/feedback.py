"""PURE: what is known of the link at one moment, about our sending direction."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LinkFeedback:
    """`at` is monotonic seconds. Rates are bit/s on the wire over about the last second.

    `queue_delay_s` is the one-way delay of our direction above its minimum, measured by the receiver; None if the
    receiver does not say. `received_bps` likewise. `rtt_s` is None before the first RTCP report.
    `capacity_bps` is the lowest that packet pairs have measured since the last feedback; None when none came.
    """

    at: float
    rtt_s: float | None
    fraction_lost: float
    queue_delay_s: float | None
    received_bps: float | None
    sent_bps: float
    capacity_bps: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.fraction_lost <= 1:
            raise ValueError("fraction_lost is a fraction")
