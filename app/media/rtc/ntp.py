"""PURE: NTP times as RTCP carries them (RFC 3550 section 4), round trips, and RTP time to the sender's clock.

Any clock of seconds may stand behind them: a report's NTP time is only ever compared with others of the same sender.
Ours is monotonic, so a correction of the wall clock moves neither round trips nor lip sync.
"""

from __future__ import annotations

_FRACTION = 1 << 32
_MASK64 = (1 << 64) - 1
LONGEST_ROUND_TRIP_S = 60.0


def ntp_time(seconds: float) -> int:
    """64 bits: seconds, and 32 bits of fraction."""
    return round(seconds * _FRACTION) & _MASK64


def ntp_seconds(ntp: int) -> float:
    return ntp / _FRACTION


def compact(ntp: int) -> int:
    """The middle 32 bits (1/65536 s, wraps every 18 hours): LSR."""
    return ntp >> 16 & 0xFFFFFFFF


def round_trip(lsr: int, dlsr: int, now: float) -> float | None:
    """Seconds, from a report block about us that came at `now` on the clock our reports' NTP times are of (section
    6.4.1, figure 2). None if there is nothing to go by, or the result cannot be one.
    """
    if not lsr:
        return None
    ticks = (compact(ntp_time(now)) - lsr - dlsr) & 0xFFFFFFFF
    if ticks > 0xFFFF0000:  # the two clocks' rounding, up to 1 s: no time at all
        return 0.0
    seconds = ticks / 65536
    return seconds if seconds <= LONGEST_ROUND_TRIP_S else None


class SenderClock:
    """RTP timestamps of one stream on its sender's clock, from its sender reports: for lip sync."""

    def __init__(self, clock_rate: int) -> None:
        self._rate = clock_rate
        self._report: tuple[int, int] | None = None

    def report(self, ntp: int, rtp: int) -> None:
        self._report = ntp, rtp

    def seconds(self, rtp: int) -> float | None:
        """The sender's time, s, of this RTP timestamp (32 bits, or unwrapped), taken as near the newest report as can
        be; None before the first report.
        """
        if self._report is None:
            return None
        ntp, reported = self._report
        ticks = ((rtp - reported + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        return ntp_seconds(ntp) + ticks / self._rate
