"""Pictures on the word of probes, and after outages: back soon, tried never in vain on a thin link, no flapping."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_model import simulate

from app.media.rate import controller
from app.media.rate.capacity import FRESH_S, LOW_LASTS_S, ROOM, Probes, Says
from app.media.rate.controller import Control, Phase
from app.media.rate.feedback import LinkFeedback
from app.media.rate.ladder import LADDER, LOWEST_PICTURES, SPEECH_ONLY

COST = LADDER[LOWEST_PICTURES].total_bps


def _without_trust(state: Control) -> Control:
    """The controller as it is without probes and without a memory of what was before an outage."""
    return dataclasses.replace(state, resume=None, probes=Probes())


def test_yes_needs_three_fresh_readings_and_no_a_single_low_one() -> None:
    probes = Probes()
    assert probes.says(0.0) is Says.NOTHING
    for at in (1.0, 2.0):
        probes = probes.add(at, COST * ROOM)
        assert probes.says(at) is Says.NOTHING
    probes = probes.add(3.0, COST * ROOM)
    assert probes.says(3.0) is Says.YES
    assert probes.hopeful(3.0)
    assert probes.says(1.0 + FRESH_S + 0.1) is Says.NOTHING
    low = probes.add(4.0, COST - 1)
    assert low.says(4.0) is Says.NO
    assert not low.hopeful(4.0)
    assert low.says(4.0 + LOW_LASTS_S + 0.1) is Says.NOTHING
    between = Probes().add(1.0, COST * 1.1).add(2.0, COST * 1.1).add(3.0, COST * 1.1)
    assert between.says(3.0) is Says.NOTHING, "it may carry pictures: only a try can tell"


@pytest.mark.parametrize("rate", [34_000, 36_000, 40_000, 45_000])
def test_on_a_steady_thin_link_pictures_are_not_tried_again_for_five_minutes(rate: int) -> None:
    run = simulate(lambda _: float(rate), 320)
    assert run.changes[1][0] < 6
    assert run.returns() == []
    assert run.worst_queue(20, 320) < 0.15


@settings(max_examples=30, deadline=None)
@given(st.floats(15, 90), st.integers(120_000, 2_000_000))
def test_pictures_are_back_within_six_seconds_of_a_widening(since: float, wide: int) -> None:
    run = simulate(lambda t: 40_000.0 if t < since else float(wide), since + 15)
    (back,) = run.returns()
    assert since < back < since + 6


@settings(max_examples=30, deadline=None)
@given(st.floats(10, 60))
def test_ten_thin_seconds_cost_the_pictures_six_more_at_most(start: float) -> None:
    run = simulate(lambda t: 40_000.0 if start <= t < start + 10 else 1_500_000.0, start + 25)
    stopped = next(t for t, rung in run.changes if t > start and LADDER[rung].pictures is None)
    assert stopped < start + 4
    (back,) = run.returns()
    assert start + 10 < back < start + 16


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("length", [2, 10, 30])
@pytest.mark.parametrize("start", [8.0, 30.0, 41.3])
def test_after_an_outage_pictures_are_back_within_four_seconds(start: float, length: int, tells: bool) -> None:
    """With probes and without: what the link carried before the cut counts."""
    measured = None if tells else (lambda _: None)
    run = simulate(lambda t: 0.0 if start <= t < start + length else 300_000.0, start + length + 8, measured=measured)
    (back,) = run.returns()
    assert start + length < back < start + length + 4


def test_a_failure_before_an_outage_does_not_delay_the_pictures_after_it() -> None:
    def rate(t: float) -> float:
        return 0.0 if 60 <= t < 62 else 40_000.0 if 20 <= t < 40 else 300_000.0

    run = simulate(rate, 70)
    assert len(run.returns()) == 2
    assert run.returns()[1] < 66


def test_a_link_that_is_thin_after_an_outage_gets_no_pictures() -> None:
    run = simulate(lambda t: 300_000.0 if t < 30 else 0.0 if t < 35 else 40_000.0, 120)
    assert run.returns() == []


def test_a_probe_that_lies_cannot_make_pictures_flap() -> None:
    run = simulate(lambda _: 40_000.0, 300, measured=lambda _: 2_000_000.0)
    assert len(run.returns()) <= 6
    gaps = [b - a for a, b in zip(run.returns(), run.returns()[1:], strict=False)]
    assert gaps == sorted(gaps) or min(gaps[2:]) >= 60


@settings(max_examples=25, deadline=None)
@given(st.floats(3, 25), st.floats(2, 8))
def test_a_link_that_is_cut_again_and_again_flaps_no_more_than_without_trust(up: float, down: float) -> None:
    """Each cut soon after a return doubles the time to the next: six in five minutes, however often it is cut."""

    def rate(t: float) -> float:
        return 0.0 if t % (up + down) >= up else 300_000.0

    ours = simulate(rate, 300).returns()
    plain = simulate(rate, 300, measured=lambda _: None, after_step=_without_trust).returns()
    assert len(ours) <= max(6, len(plain) + 2)


@settings(max_examples=20, deadline=None)
@given(st.floats(3, 30), st.floats(3, 30))
def test_a_link_that_thins_again_and_again_gives_few_returns(wide: float, thin: float) -> None:
    run = simulate(lambda t: 40_000.0 if t % (wide + thin) >= wide else 1_000_000.0, 300)
    assert len(run.returns()) <= 300 / (wide + thin) + 1
    if wide < 10:
        assert len(run.returns()) <= 7


def test_from_speech_two_picture_rungs_up_at_most_and_only_what_was_measured() -> None:
    for bps, rung in ((COST * ROOM + 1, LOWEST_PICTURES), (2e6, LOWEST_PICTURES + 1)):
        state = dataclasses.replace(controller.start(0.0, SPEECH_ONLY - 1), changed_at=0.0, retry_at=1000.0)
        for i in range(20):
            now = 5.0 + i * 0.6
            state = controller.step(state, LinkFeedback(now, 0.1, 0.0, 0.0, 3e4, 3e4, bps), now)
            if state.rung >= LOWEST_PICTURES:
                break
        assert state.rung == rung


def test_after_a_stop_speech_goes_to_what_was_measured_in_one_step() -> None:
    state = dataclasses.replace(controller.start(0.0, 0), changed_at=0.0, retry_at=1000.0, failed=1, stopped=True)
    rungs = []
    for i in range(8):
        now = 1.0 + i
        state = controller.step(state, LinkFeedback(now, 0.1, 0.0, 0.0, 3e4, 3e4, 39_000.0), now)
        rungs.append(state.rung)
    assert rungs == [0, 0, 0, 0, 2, 2, 2, 2]
    down = dataclasses.replace(state, stopped=False, rung=0, phase=Phase.STEADY, changed_at=0.0)
    assert controller.step(down, LinkFeedback(20.0, 0.1, 0.0, 0.0, 3e4, 3e4, 39_000.0), 20.0).rung == 0


def test_a_failed_jump_goes_back_to_where_it_came_from() -> None:
    state = dataclasses.replace(
        controller.start(0.0, LOWEST_PICTURES + 1), phase=Phase.TRIAL, phase_since=9.0, feedback_at=9.0, raised_from=1
    )
    state = controller.step(state, LinkFeedback(10.0, 0.1, 0.0, 0.3, 2e4, 6e4), 10.0)
    assert state.rung == 1


def test_probes_are_sent_when_pictures_are_not_and_faster_when_they_promise_something() -> None:
    speech = controller.start(0.0, SPEECH_ONLY)
    assert controller.probe_every(controller.start(0.0), 1.0) is None
    slow = controller.probe_every(speech, 1.0)
    assert slow is not None
    assert 1.5 <= slow <= 2
    hopeful = dataclasses.replace(speech, probes=Probes().add(1.0, 1e6))
    assert (controller.probe_every(hopeful, 1.0) or 9) < slow
    assert controller.probe_every(dataclasses.replace(hopeful, trust_at=50.0), 1.0) == slow
    draining = dataclasses.replace(speech, phase=Phase.DRAINING)
    assert controller.probe_every(draining, 1.0) is None


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.floats(2e4, 2e5), max_size=3),
    st.floats(2e4, 2e5),
    st.floats(0.1, 1),
    st.integers(0, SPEECH_ONLY),
    st.floats(0, 30),
    st.none() | st.integers(LOWEST_PICTURES, len(LADDER) - 1),
    st.booleans(),
)
def test_a_lower_capacity_never_gives_a_higher_rung(
    before: list[float], newest: float, factor: float, rung: int, retry_at: float, resume: int | None, stopped: bool
) -> None:
    probes = Probes(tuple((15.0 + i, bps) for i, bps in enumerate(before)))
    state = dataclasses.replace(
        controller.start(0.0, rung),
        feedback_at=19.0,
        good_since=0.0,
        retry_at=retry_at,
        probes=probes,
        resume=resume,
        light_at=15.0,
        stopped=stopped,
    )

    def after(bps: float) -> int:
        return controller.step(state, LinkFeedback(20.0, 0.1, 0.0, 0.0, 3e4, 3e4, bps), 20.0).rung

    assert after(newest * factor) <= after(newest)
