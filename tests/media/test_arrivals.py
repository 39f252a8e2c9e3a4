"""What a receiver counts and measures."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from app.media.rate.arrivals import PAUSE_S, WINDOW_S, Arrivals, QueueDelay, StreamCount
from app.media.rate.loss import RecentLoss


@given(st.integers(0, 0xFFFF), st.integers(2, 300), st.randoms(use_true_random=False), st.floats(0, 0.5))
def test_received_and_lost_make_all_that_was_sent(first: int, count: int, rnd: random.Random, loss: float) -> None:
    stream, got = StreamCount(), 0
    for i in range(count):
        if i in (0, count - 1) or rnd.random() >= loss:
            stream.add((first + i) & 0xFFFF, i * 0.02)
            got += 1
    assert stream.received == got
    assert stream.received + stream.lost == count


def test_a_late_packet_is_not_lost() -> None:
    stream = StreamCount()
    for sequence in (1, 2, 4, 3, 5):
        stream.add(sequence, 0.0)
    assert stream.lost == 0


def test_what_is_missing_after_a_pause_of_the_pictures_is_no_loss() -> None:
    stream = StreamCount(PAUSE_S)
    stream.add(10, 0.0)
    stream.add(30, 5.0)
    assert stream.lost == 0
    stream.add(32, 5.1)
    assert stream.lost == 1


def test_queueing_is_what_is_above_the_least_delay() -> None:
    delay = QueueDelay()
    for i in range(100):
        delay.add(1000.0 + i * 0.02 + 0.3, i * 0.02)  # clocks 1000 s apart, 300 ms on the way
    assert delay.take() == 0.0 or abs(delay.newest or 0) < 1e-6
    assert abs(delay.add(1002.0 + 0.55, 2.0) - 0.25) < 1e-6
    assert delay.take() is not None
    assert delay.take() is None


def test_the_baseline_follows_a_drift_of_the_clocks() -> None:
    delay = QueueDelay()
    worst = 0.0
    for i in range(60 * 600):
        sent = i * 0.1
        worst = max(worst, delay.add(sent * 1.0001 + 0.05, sent))
    assert worst < 0.0001 * (WINDOW_S + 2) + 1e-6


def test_a_standing_queue_shows_for_the_whole_window() -> None:
    delay = QueueDelay()
    for i in range(50):
        delay.add(i * 0.02, i * 0.02)
    for i in range(50, int((WINDOW_S - 2) * 50)):
        delay.add(i * 0.02 + 0.4, i * 0.02)
    assert abs((delay.newest or 0) - 0.4) < 1e-6


def test_recent_loss_covers_enough_packets_and_forgets() -> None:
    loss = RecentLoss()
    assert loss.fraction == 0.0
    loss.add(0, 0)
    loss.add(40, 10)
    assert loss.fraction == 0.2
    loss.add(90, 10)
    loss.add(140, 10)
    assert loss.fraction == 0.0
    loss.add(150, 30)
    loss.restart()
    assert loss.fraction == 0.0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=60))
def test_recent_loss_is_always_a_fraction(steps: list[tuple[int, int]]) -> None:
    loss, received, lost = RecentLoss(), 0, 0
    for more, gone in steps:
        received, lost = received + more, lost + gone
        loss.add(received, lost)
        assert 0.0 <= loss.fraction <= 1.0


def test_a_packet_pair_measures_the_link_and_the_lowest_is_told_once() -> None:
    arrivals = Arrivals()
    arrivals.add_speech(7, 10.0, 0.0)
    arrivals.add_probe(7, 300, 10.06)
    assert abs((arrivals.capacity_bps or 0) - 40_000) < 1
    arrivals.add_speech(8, 12.0, 2.0)
    arrivals.add_probe(8, 300, 12.002)
    assert abs((arrivals.capacity_bps or 0) - 40_000) < 1
    arrivals.capacity_told()
    assert arrivals.capacity_bps is None
    assert arrivals.received == 2
    assert arrivals.lost == 0


def test_a_probe_is_worth_nothing_without_the_speech_before_it() -> None:
    arrivals = Arrivals()
    arrivals.add_probe(7, 300, 10.0)
    arrivals.add_speech(7, 10.0, 0.0)
    arrivals.add_probe(8, 300, 10.02)
    arrivals.add_probe(7, 300, 10.6)
    assert arrivals.capacity_bps is None
    arrivals.add_probe(7, 300, 10.0)
    assert arrivals.capacity_bps == 300 * 8 / 0.001, "the gap is bounded from below"


def test_what_is_missing_after_an_outage_is_no_loss_and_the_queue_is_measured_anew() -> None:
    arrivals = Arrivals()
    for i in range(20):
        arrivals.add_speech(i, i * 0.06, i * 0.06)
    arrivals.add_speech(70, 4.2, 4.2 - 0.4)
    assert arrivals.lost == 0
    assert arrivals.delay.newest == 0.0
    arrivals.add_speech(72, 4.32, 4.32 - 0.4)
    assert arrivals.lost == 1
