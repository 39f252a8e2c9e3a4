"""Receiver reports' arithmetic against RFC 3550's appendices, NTP times, round trips, and RTP time to a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.media.rtc.ntp import SenderClock, compact, ntp_seconds, ntp_time, round_trip
from app.media.rtc.reception import ReceptionStatistics


def count(statistics: ReceptionStatistics, sequences: list[int], start: float = 0.0) -> None:
    for place, sequence in enumerate(sequences):
        statistics.add(sequence & 0xFFFF, sequence * 960 & 0xFFFFFFFF, start + place * 0.02)


def test_nothing_to_report_before_the_first_packet() -> None:
    assert ReceptionStatistics(48000).report(1, 0.0) is None


def test_loss_is_counted_over_the_wrap_and_the_fraction_since_the_last_report() -> None:
    statistics = ReceptionStatistics(48000)
    count(statistics, [65533, 65534, 65536, 65537])  # one of five is missing
    block = statistics.report(7, 1.0)
    assert block is not None
    assert (block.ssrc, block.fraction_lost, block.packets_lost, block.highest) == (7, 51, 1, 65537)
    count(statistics, list(range(65538, 65548)))
    block = statistics.report(7, 2.0)
    assert block is not None
    assert (block.fraction_lost, block.packets_lost, block.highest) == (0, 1, 65547)


def test_a_late_packet_is_no_loss_and_a_copy_counts_as_received() -> None:
    statistics = ReceptionStatistics(48000)
    count(statistics, [1, 2, 4, 3, 4, 5])
    assert (statistics.packets_received, statistics.packets_lost) == (6, -1)
    block = statistics.report(7, 1.0)
    assert block is not None
    assert (block.fraction_lost, block.packets_lost) == (0, -1)


def test_one_stray_number_changes_nothing_and_two_in_a_row_begin_anew() -> None:
    statistics = ReceptionStatistics(48000)
    count(statistics, [1, 2, 3, 30_000, 4])
    assert (statistics.packets_received, statistics.packets_lost) == (4, 0)
    count(statistics, [30_000, 30_001, 30_002])
    assert (statistics.packets_received, statistics.packets_lost) == (6, 0)
    count(statistics, [30_004])
    assert statistics.packets_lost == 1


def test_jitter_follows_the_appendix() -> None:
    """A.8: J += (|D| - J) / 16, in ticks."""
    statistics = ReceptionStatistics(8000)
    statistics.add(1, 0, 0.0)
    statistics.add(2, 160, 0.030)  # 10 ms late: D = 80 ticks
    assert statistics.jitter_s == pytest.approx(80 / 16 / 8000)
    statistics.add(3, 320, 0.040)  # and back
    assert statistics.jitter_s == pytest.approx((5 + (80 - 5) / 16) / 8000)


def test_jitter_is_blind_to_the_wrap_of_the_timestamp() -> None:
    statistics = ReceptionStatistics(8000)
    for place in range(10):
        statistics.add(place, (0xFFFFFFFF - 800 + place * 160) & 0xFFFFFFFF, 1e6 + place * 0.02)
    assert statistics.jitter_s < 0.001


def test_lsr_and_dlsr_give_the_round_trip() -> None:
    statistics = ReceptionStatistics(48000)
    sent = 1234.5
    count(statistics, [1])
    statistics.sender_report(ntp_time(sent), 50.0)
    block = statistics.report(7, 50.25)
    assert block is not None
    assert block.lsr == compact(ntp_time(sent))
    assert block.dlsr == 0x4000
    assert round_trip(block.lsr, block.dlsr, sent + 0.85) == pytest.approx(0.6, abs=1e-4)


@pytest.mark.parametrize(
    ("lsr", "dlsr", "now", "expected"),
    [(0, 5, 100.0, None), (100 << 16, 1 << 16, 100.5, 0.0), (100 << 16, 0, 300.0, None), (50 << 16, 0, 20.0, None)],
)
def test_round_trips_that_are_none(lsr: int, dlsr: int, now: float, expected: float | None) -> None:
    assert round_trip(lsr, dlsr, now) == expected


@given(st.floats(0, 4e9), st.floats(0, 30), st.floats(0, 20))
def test_round_trips_over_every_wrap(sent: float, rtt: float, held: float) -> None:
    lsr = compact(ntp_time(sent))
    got = round_trip(lsr, round(held * 65536), sent + held + rtt)
    assert got is None if lsr == 0 else got == pytest.approx(rtt, abs=1e-3)


@given(st.floats(0, 1e6), st.integers(0, 0xFFFFFFFF), st.integers(-(1 << 30), 1 << 30))
def test_rtp_time_on_the_senders_clock(at: float, rtp: int, ticks: int) -> None:
    clock = SenderClock(48000)
    assert clock.seconds(rtp) is None
    clock.report(ntp_time(at), rtp)
    assert clock.seconds((rtp + ticks) & 0xFFFFFFFF) == pytest.approx(at + ticks / 48000, abs=1e-4)
    assert ntp_seconds(ntp_time(at)) == pytest.approx(at, abs=1e-6)
