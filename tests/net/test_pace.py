"""The pace of an upload: it fills a thin line, overflows no queue, follows the line, and lets a fast one be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.net.ack_clock import BLIND_S, AckClock
from app.net.pace import BASE_S, BOUND_BELOW, FREE_ABOVE, LEAST_SEGMENTS, Pace
from app.net.tcp_info import TcpReading
from tests.net.net_line import HEADERS, MSS, Line, Sender

SHARE = MSS / (MSS + HEADERS)


def reading(acked: int = 1, rtt: float = 0.6, min_rtt: float = 0.6, **other: int) -> TcpReading:
    ahead, lost, unsent = (other.get(name, 0) for name in ("ahead", "lost", "unsent"))
    return TcpReading(acked, ahead, lost, unsent, MSS, rtt, min_rtt, calm=not (ahead or lost))


@pytest.mark.parametrize("queue_s", [0.3, 0.6, 5.0])
def test_a_thin_line_is_filled_and_its_queue_is_left_alone(queue_s: float) -> None:
    sender = Sender(Line(lambda _: 64.0, 0.6, queue_s))
    sender.run(10.0)
    drops = sender.drops
    got = sender.run(150.0)
    assert got >= 0.98 * 140 * 8000 * SHARE
    assert sender.drops - drops <= 2
    assert sender.rtt < 0.6 + 1.5 * (MSS + HEADERS) / 8000 + 0.15


def test_a_line_that_widens_is_followed() -> None:
    sender = Sender(Line(lambda now: 64.0 if now < 30 else 1000.0, 0.6, 0.3))
    sender.run(42.0)
    assert sender.run(60.0) >= 0.75 * 18 * 125_000 * SHARE


def test_a_line_that_narrows_is_followed_and_its_queue_comes_down() -> None:
    sender = Sender(Line(lambda now: 200.0 if now < 30 else 64.0, 0.3, 2.0))
    sender.run(45.0)
    drops = sender.drops
    assert sender.run(75.0) >= 0.95 * 30 * 8000 * SHARE
    assert sender.drops == drops
    assert sender.rtt < 0.3 + 2 * (MSS + HEADERS) / 8000 + 0.2


def test_a_way_that_has_become_longer_is_not_held_to_be_a_queue_for_ever() -> None:
    line = Line(lambda _: 64.0, 0.3, 2.0)
    sender = Sender(line)
    sender.run(20.0)
    line.distance = 0.6
    sender.run(20.0 + 2 * BASE_S + 10)
    assert sender.run(sender.now + 30) >= 0.93 * 30 * 8000 * SHARE


@settings(max_examples=12, deadline=None)
@given(st.floats(20.0, 400.0), st.floats(0.05, 0.8), st.floats(0.25, 3.0))
def test_whatever_the_line_most_of_it_is_used(rate: float, distance: float, queue_s: float) -> None:
    sender = Sender(Line(lambda _: rate, distance, queue_s))
    sender.run(15.0)
    assert sender.run(45.0) >= 0.8 * 30 * rate * 125 * SHARE


@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.integers(0, 40_000), st.floats(1e-4, 20.0), st.booleans())))
def test_whatever_is_read_the_rate_keeps_its_least_and_a_wait_is_short(
    looks: list[tuple[float, int, float, bool]],
) -> None:
    pace, now, acked = Pace(0.0, reading()), 0.0, 1
    for later, more, rtt, hole in looks:
        now, acked = now + later, min(pace.written, acked + more)
        look = reading(acked, rtt, min(0.6, rtt), lost=MSS if hole else 0)
        pace.heard(now, look)
        wait = pace.wait(now, pace.piece or MSS)
        assert 0.0 <= wait <= 0.02
        if wait == 0:
            pace.sent(now, pace.piece or MSS)
        if pace.rate is not None:
            assert 0 < pace.rate <= FREE_ABOVE
    if acked == pace.written and pace.rate is not None:
        assert pace.wait(now + 1e6, MSS) == 0.0  # with nothing on the way a segment may always go


def test_a_near_clinic_is_never_bound_at_first() -> None:
    assert Pace(0.0, reading(rtt=0.02, min_rtt=0.02)).rate is None


def test_a_line_that_is_not_bound_and_turns_out_thin_becomes_bound() -> None:
    pace, acked = Pace(0.0, reading(rtt=0.02, min_rtt=0.02)), 1
    pace.sent(0.0, 64 * 1024)
    for step in range(200):
        now = 0.1 * (step + 1)
        acked += 800
        pace.heard(now, reading(acked, rtt=0.5, min_rtt=0.02))
        assert pace.wait(now, MSS) == 0.0 or pace.rate is not None
        pace.sent(now, 800)
    assert pace.rate is not None
    assert pace.rate < BOUND_BELOW


def test_what_the_kernel_holds_back_is_not_added_to() -> None:
    pace = Pace(0.0, reading())
    pace.sent(0.0, 4 * MSS)
    assert pace.wait(5.0, MSS) > 0  # four are on the way, at the start no more may be
    pace.heard(5.0, reading(acked=1 + 2 * MSS))
    assert pace.wait(5.0, MSS) == 0
    pace.heard(5.1, reading(acked=1 + 4 * MSS, unsent=4 * MSS))
    assert pace.wait(5.1, MSS) > 0


def test_what_is_lost_or_ahead_is_not_on_the_way() -> None:
    pace = Pace(0.0, reading())
    pace.sent(0.0, 4 * MSS)
    pace.heard(5.0, reading(acked=1, ahead=2 * MSS, lost=MSS))
    assert pace.wait(5.0, LEAST_SEGMENTS * MSS) == 0


def test_a_round_trip_is_timed_only_by_what_was_looked_at_in_time() -> None:
    clock = AckClock()
    clock.heard(0.0, reading(1))
    clock.sent(0.0, 1001)
    assert clock.heard(0.2, reading(1)) is None
    assert clock.heard(0.4, reading(1001)) == pytest.approx(0.4)
    clock.sent(0.4, 2001)
    assert clock.heard(0.4 + 2 * BLIND_S, reading(2001)) is None


def test_what_is_delivered_is_counted_behind_a_hole_too() -> None:
    clock = AckClock()
    for step in range(20):
        clock.heard(step * 0.1, reading(1 + 1000 * min(step, 5), ahead=1000 * max(0, step - 5), rtt=0.4))
    assert clock.delivered(0.4) == pytest.approx(10_000.0)
