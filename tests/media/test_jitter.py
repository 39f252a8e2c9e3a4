"""By when a frame may be counted on: what the deadline follows, and what it forgets."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.media.audio.jitter import HIGHEST_S, MARGIN_S, Arrivals

FRAME_S = 0.02


def _feed(arrivals: Arrivals, first: int, count: int, late: float | list[float] = 0.0) -> float:
    """Frames of 20 ms, each `late` seconds; returns the time of the last."""
    now = 0.0
    for number in range(first, first + count):
        now = number * FRAME_S + (late if isinstance(late, float) else late[number - first])
        arrivals.note(number * 960, now, False)
    return now


def _target(arrivals: Arrivals) -> float:
    assert arrivals.deadline is not None
    assert arrivals.base is not None
    return arrivals.deadline - arrivals.base


def test_a_steady_link_needs_the_margin_alone() -> None:
    arrivals = Arrivals()
    assert arrivals.deadline is None
    _feed(arrivals, 0, 10)
    assert 2 * MARGIN_S < _target(arrivals) < 0.03, "little is known yet"
    _feed(arrivals, 10, 300)
    assert _target(arrivals) == pytest.approx(MARGIN_S, abs=0.01)


def test_one_late_packet_is_no_queue_but_jitter_is_covered() -> None:
    arrivals = Arrivals()
    _feed(arrivals, 0, 600, [0.3 if n == 400 else 0.0 for n in range(600)])
    assert _target(arrivals) < 0.2
    chance = random.Random(4)
    jitter = [max(0.0, chance.gauss(0.09, 0.03)) for _ in range(600)]
    arrivals = Arrivals()
    _feed(arrivals, 0, 600, jitter)
    covered = sorted(jitter)[-4]
    assert arrivals.deadline == pytest.approx(covered + MARGIN_S, abs=0.02)


def test_a_growing_queue_is_seen_within_its_first_packets() -> None:
    arrivals = Arrivals()
    _feed(arrivals, 0, 300)
    _feed(arrivals, 300, 5, [0.01 * n for n in range(1, 6)])
    assert _target(arrivals) > 0.05


def test_the_deadline_waits_for_copies_when_losses_make_them_matter_and_for_nothing_else() -> None:
    arrivals, chance = Arrivals(), random.Random(2)
    for number in range(600):
        now = number * FRAME_S
        lost, before = chance.random() < 0.1, chance.random() < 0.5
        arrivals.note((number - 1) * 960, now, True)  # the copy of the frame before
        if not lost or before:
            arrivals.note(number * 960, now, False)
    assert _target(arrivals) == pytest.approx(FRAME_S + MARGIN_S, abs=0.005)
    calm = Arrivals()
    for number in range(600):
        calm.note(number * 960, number * FRAME_S, False)
        calm.note((number - 1) * 960, number * FRAME_S, True)
    assert _target(calm) == pytest.approx(MARGIN_S, abs=0.01), "copies of what is there already count nothing"


def test_a_queue_of_seconds_is_forgotten_soon_and_one_that_comes_and_goes_is_not() -> None:
    arrivals = Arrivals()
    _feed(arrivals, 0, 250)
    _feed(arrivals, 250, 100, 2.0)
    _feed(arrivals, 450, 260)
    assert _target(arrivals) < 0.2, "gone for 5 s"
    _feed(arrivals, 710, 200, 2.0)
    _feed(arrivals, 940, 300, 1.4)
    assert _target(arrivals) > 1.9, "most of it is still there"


def test_what_an_outage_held_up_does_not_count_once_something_fresh_came() -> None:
    arrivals = Arrivals()
    _feed(arrivals, 0, 250)
    arrivals.forget(9.0)
    assert arrivals.settling(9.5)
    for number in range(200, 230):  # sent from 4.0 s on, all delivered at 9.0
        arrivals.note(number * 960, 9.0 + number * 1e-4, False)
    for number in range(450, 470):
        arrivals.note(number * 960, number * FRAME_S + 0.05, False)
    assert _target(arrivals) < 0.1


@pytest.mark.parametrize("sign", [1, -1])
def test_drift_of_the_clocks_does_not_add_to_the_target(sign: int) -> None:
    arrivals = Arrivals()
    for number in range(30_000):
        arrivals.note(number * 960, number * FRAME_S * (1 + sign * 200e-6), False)
    assert arrivals.deadline is not None
    newest = 29_999 * FRAME_S * sign * 200e-6
    assert -0.001 <= arrivals.deadline - newest - MARGIN_S < 0.006


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**40), 2**40), st.floats(0, 5), st.booleans()), max_size=60))
def test_any_timestamps_give_a_bounded_target(steps: list[tuple[int, float, bool]]) -> None:
    arrivals, now = Arrivals(), 0.0
    for timestamp, pause, copy in steps:
        now += pause
        arrivals.note(timestamp, now, copy)
        if arrivals.deadline is not None:
            assert -1.0 <= _target(arrivals) <= HIGHEST_S + 1e-6
