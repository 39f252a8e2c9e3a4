"""PURE: how often our receiver sends transport-wide feedback."""

from __future__ import annotations

from app.media.rate.ladder import FEEDBACK_SHARE

SHORTEST_S, LONGEST_S = 0.05, 1.0
START_S = 0.2
"""At a start nothing is known yet and news is worth more: RFC 4585 section 3.5 (early feedback) in short."""
STARTS_FOR_S = 3.0
FEEDBACK_BYTES, RESULT_BYTES = 64, 2
"""IPv4 20, UDP 8, RTCP 20, SRTCP 14 and two for a chunk; then about two for each packet told of."""
_OTHER_RTCP_BPS = 100  # sender and receiver reports, key frame requests
_BEST_S = 0.1
_TOO_THIN_BPS = 12_500.0  # under what a start takes: known to be thin


def feedback_interval(link_bps: float, packets_per_s: float = 30.0, since_start_s: float | None = None) -> float:
    """Seconds between feedback messages so that all RTCP stays within 4 % of `link_bps`: what OUR direction carries,
    for the feedback travels there. `packets_per_s` arrive; `since_start_s`: how long the transport is open (None:
    long). 1 s at 12 kbit/s, 0.1 s at 300, 0.05 s from 1,000. Raises ValueError for figures that are none.
    """
    if not (link_bps > 0 and packets_per_s >= 0):
        raise ValueError("rates are positive")
    share = FEEDBACK_SHARE * link_bps - _OTHER_RTCP_BPS - packets_per_s * RESULT_BYTES * 8
    least = _BEST_S if link_bps < 1_000_000 else SHORTEST_S
    affordable = FEEDBACK_BYTES * 8 / share if share > 0 else LONGEST_S
    interval = max(least, min(LONGEST_S, affordable))
    if since_start_s is not None and since_start_s < STARTS_FOR_S and link_bps >= _TOO_THIN_BPS:
        return min(interval, START_S)
    return interval
