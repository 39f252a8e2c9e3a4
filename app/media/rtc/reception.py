"""PURE: what a receiver report says of one stream (RFC 3550 section 6.4.1, appendices A.1, A.3 and A.8)."""

from __future__ import annotations

from app.media.rtc.ntp import compact
from app.media.rtc.rtcp import ReportBlock

_MAX_DROPOUT = 3000  # A.1: a longer gap is a new beginning, once two packets in a row say so
_MAX_MISORDER = 100
_LEAST_LOST, _MOST_LOST = -(1 << 23), (1 << 23) - 1
_RTP = 1 << 32


class ReceptionStatistics:
    """Counts one SSRC. `clock_rate`: RTP ticks in a second. There is no probation: SSRCs are checked by SRTP."""

    def __init__(self, clock_rate: int) -> None:
        self._rate = clock_rate
        self._base: int | None = None
        self._highest = 0
        self._expected_before = 0
        """What earlier beginnings of the sequence numbers expected and got, so that sums only ever go on."""
        self._bad: int | None = None
        self._transit: int | None = None
        self._jitter = 0.0
        self._reported = (0, 0)
        self._sender_report: tuple[int, float] | None = None
        self.packets_received = 0

    def add(self, sequence: int, timestamp: int, now: float) -> None:
        """A packet with this sequence number (16 bits) and RTP timestamp (32 bits) came at `now`, s. Copies count as
        received, so `packets_lost` may be negative (A.3). A retransmission belongs to its own stream (RFC 4588).
        """
        if self._base is None:
            self._base = self._highest = sequence
        elif not self._follows(sequence):
            return
        self.packets_received += 1
        self._measure(timestamp, now)

    def _follows(self, sequence: int) -> bool:
        assert self._base is not None
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead < _MAX_DROPOUT:
            self._highest += ahead
        elif ahead <= 0x10000 - _MAX_MISORDER:
            if self._bad != sequence:
                self._bad = sequence + 1 & 0xFFFF
                return False
            self._expected_before = self._expected()
            self._base = self._highest = (self._highest & ~0xFFFF) + 0x10000 + sequence
            self._transit = None
        self._bad = None
        return True

    def _measure(self, timestamp: int, now: float) -> None:
        """A.8, in RTP ticks; differences wrap with 32 bits."""
        transit = (int(now * self._rate) - timestamp) % _RTP
        if self._transit is not None:
            moved = (transit - self._transit + _RTP // 2) % _RTP - _RTP // 2
            self._jitter += (abs(moved) - self._jitter) / 16
        self._transit = transit

    def _expected(self) -> int:
        return 0 if self._base is None else self._expected_before + self._highest - self._base + 1

    @property
    def packets_lost(self) -> int:
        """Cumulative, not clamped; negative when copies came."""
        return self._expected() - self.packets_received

    @property
    def jitter_s(self) -> float:
        """Interarrival jitter: W3C inbound-rtp `jitter`."""
        return self._jitter / self._rate

    def sender_report(self, ntp: int, now: float) -> None:
        """A sender report of this stream came at `now`: for LSR and DLSR."""
        self._sender_report = compact(ntp), now

    def report(self, ssrc: int, now: float) -> ReportBlock | None:
        """The block to send; the fraction lost is since the last one. None before the first packet."""
        if self._base is None:
            return None
        expected, received = self._expected(), self.packets_received
        expected_now, received_now = expected - self._reported[0], received - self._reported[1]
        self._reported = expected, received
        lost_now = expected_now - received_now
        fraction = 0 if expected_now <= 0 or lost_now <= 0 else min(255, (lost_now << 8) // expected_now)
        lsr, dlsr = 0, 0
        if self._sender_report is not None:
            lsr, at = self._sender_report
            dlsr = max(0, min(0xFFFFFFFF, round((now - at) * 65536)))
        lost = max(_LEAST_LOST, min(self.packets_lost, _MOST_LOST))
        return ReportBlock(ssrc, fraction, lost, self._highest & 0xFFFFFFFF, int(self._jitter), lsr, dlsr)
