"""The rate controller on simulated links: down fast, up slow, speech kept, no flapping."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from link_model import simulate

from app.media.events import Cause
from app.media.rate import controller
from app.media.rate.controller import Action, Phase, _act
from app.media.rate.estimator import Verdict, judge
from app.media.rate.feedback import LinkFeedback
from app.media.rate.ladder import LADDER, LOWEST_PICTURES, SPEECH_ONLY, highest_within


def _good(at: float, bps: float) -> LinkFeedback:
    return LinkFeedback(at, 0.1, 0.0, 0.0, bps, bps)


def test_every_phase_and_verdict_is_in_the_table() -> None:
    for phase in Phase:
        for verdict in Verdict:
            assert controller._TABLE[phase, verdict] in Action


def test_the_ladder_rises_in_cost_and_pictures_stay_on_top() -> None:
    totals = [rung.total_bps for rung in LADDER]
    assert totals == sorted(totals)
    assert [rung.pictures is not None for rung in LADDER] == [False] * LOWEST_PICTURES + [True] * (
        len(LADDER) - LOWEST_PICTURES
    )
    assert LADDER[SPEECH_ONLY].total_bps < 36_000, "speech must pass a link of 40 kbit/s with room to drain"


def test_a_wide_link_is_climbed_one_rung_at_a_time_at_most_every_five_seconds() -> None:
    run = simulate(lambda _: 2_000_000.0, 90)
    assert run.changes[-1][1] == len(LADDER) - 1
    steps = list(zip(run.changes, run.changes[1:], strict=False))
    assert all(b[1] - a[1] == 1 for a, b in steps)
    assert all(b[0] - a[0] >= 5 for a, b in steps)


def test_forty_kbit_stops_pictures_fast_and_keeps_the_queue_modest() -> None:
    run = simulate(lambda _: 40_000.0, 120)
    first_down = run.changes[1]
    assert first_down[0] < 4.0
    assert LADDER[first_down[1]].pictures is None
    assert run.share_with_pictures(10, 120) < 0.10
    waits = sorted(q for t, q in run.queue if t > 10)
    assert waits[int(len(waits) * 0.9)] < 0.15


def test_a_step_down_and_back_stops_pictures_and_brings_them_again() -> None:
    run = simulate(lambda t: 40_000.0 if 40 <= t < 80 else 300_000.0, 140)
    assert LADDER[run.rung_at(39)].pictures is not None
    stopped = next(t for t, rung in run.changes if t > 40 and LADDER[rung].pictures is None)
    assert stopped < 43
    assert run.worst_queue(50, 80) < 0.45
    assert LADDER[run.rung_at(139)].pictures is not None
    back = next(t for t, rung in run.changes if t >= 80 and LADDER[rung].pictures is not None)
    assert back <= 80 + controller.HOLD_LONGEST_S


def test_without_probes_tries_that_fail_come_ever_more_rarely() -> None:
    run = simulate(lambda _: 45_000.0, 400, measured=lambda _: None)
    tries = [t for (_, a), (t, b) in zip(run.changes, run.changes[1:], strict=False) if b == LOWEST_PICTURES > a]
    gaps = [b - a for a, b in itertools.pairwise(tries)]
    assert len(tries) <= 9
    assert gaps[-1] >= 60


def test_loss_alone_above_ten_percent_stops_pictures() -> None:
    run = simulate(lambda _: 300_000.0, 60, loss=lambda t: 0.2 if t > 20 else 0.0)
    assert LADDER[run.rung_at(35)].pictures is None


def test_five_percent_loss_on_a_wide_link_keeps_pictures() -> None:
    run = simulate(lambda _: 1_000_000.0, 60, loss=lambda _: 0.05)
    assert run.share_with_pictures(0, 60) == 1.0
    assert run.rung_at(59) > LOWEST_PICTURES


def test_an_outage_sends_speech_alone_and_says_why_then_recovers() -> None:
    run = simulate(lambda t: 0.0 if 30 <= t < 45 else 300_000.0, 90)
    dark = [s for s in run.states if s.cause is Cause.LINK_LOST]
    assert dark
    assert LADDER[dark[0].rung].pictures is None
    back = next(t for t, rung in run.changes if t >= 45 and LADDER[rung].pictures is not None)
    assert back < 60


def test_each_change_carries_its_cause() -> None:
    run = simulate(lambda t: 40_000.0 if 40 <= t < 60 else 300_000.0, 120)
    for (_, before), (_, after), state in zip(run.changes, run.changes[1:], run.states, strict=False):
        if after < before:
            assert state.cause in (Cause.LINK_THIN, Cause.LINK_LOST)
        elif LADDER[after].pictures is not None:
            assert state.cause in (Cause.LINK_RECOVERED, Cause.START)
        else:  # better speech on a link that is still too thin for pictures
            assert state.cause in (Cause.LINK_THIN, Cause.LINK_LOST, Cause.START)


@settings(max_examples=40, deadline=None)
@given(st.integers(26_000, 900_000))
def test_on_any_steady_link_it_comes_to_rest(rate: int) -> None:
    run = simulate(lambda _: float(rate), 240)
    assert len([t for t, _ in run.changes if t > 120]) <= 8
    waits = sorted(q for t, q in run.queue if t > 60)
    assert waits[int(len(waits) * 0.9)] < 0.35


_feedback = st.builds(
    LinkFeedback,
    st.just(0.0),
    st.none() | st.floats(0, 5),
    st.floats(0, 1),
    st.none() | st.floats(0, 5),
    st.none() | st.floats(0, 2e6),
    st.floats(0, 2e6),
    st.none() | st.floats(1e3, 3e6),
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 3), st.none() | _feedback), max_size=80))
def test_bounds_hold_and_the_same_trace_gives_the_same_decisions(
    trace: list[tuple[float, LinkFeedback | None]],
) -> None:
    def run() -> list[int]:
        state, now, rungs = controller.start(0.0), 0.0, []
        for passed, feedback in trace:
            now += passed
            given_now = None if feedback is None else dataclasses.replace(feedback, at=now)
            before = state.rung
            state = controller.step(state, given_now, now)
            assert 0 <= state.rung < len(LADDER)
            assert state.rung <= (before + 1 if before >= LOWEST_PICTURES else LOWEST_PICTURES + 1)
            assert given_now is not None or state.rung <= before
            assert 8 <= state.hold_s <= 64
            rungs.append(state.rung)
        return rungs

    assert run() == run()


@given(_feedback, st.floats(0, 0.5), st.floats(0, 2))
def test_worse_feedback_is_never_judged_better(feedback: LinkFeedback, loss: float, queue: float) -> None:
    order = [Verdict.GOOD, Verdict.FAIR, Verdict.BAD, Verdict.SEVERE]
    worse = dataclasses.replace(
        feedback,
        fraction_lost=min(1.0, feedback.fraction_lost + loss),
        queue_delay_s=(feedback.queue_delay_s or 0.0) + queue,
    )
    assert order.index(judge(worse)) >= order.index(judge(feedback))


@settings(deadline=None)
@given(
    _feedback,
    st.floats(0, 0.5),
    st.floats(0, 2),
    st.integers(0, len(LADDER) - 1),
    st.sampled_from(Phase),
    st.integers(1, 5),
)
def test_worse_feedback_never_gives_a_higher_rung(
    feedback: LinkFeedback, loss: float, queue: float, rung: int, phase: Phase, below: int
) -> None:
    raised_from = max(0, rung - below)
    state = dataclasses.replace(
        controller.start(0.0, rung), phase=phase, good_since=0.0, bad_since=0.0, raised_from=raised_from
    )
    now = 20.0
    state = dataclasses.replace(state, feedback_at=19.0, phase_since=19.0)
    better = dataclasses.replace(feedback, at=now)
    worse = dataclasses.replace(
        better,
        fraction_lost=min(1.0, feedback.fraction_lost + loss),
        queue_delay_s=(feedback.queue_delay_s or 0.0) + queue,
    )
    assert controller.step(state, worse, now).rung <= controller.step(state, better, now).rung


def test_misuse_is_refused() -> None:
    state = controller.start(10.0)
    with pytest.raises(ValueError, match="time went back"):
        controller.step(state, _good(9.0, 1e5), 9.0)
    with pytest.raises(ValueError, match="no such rung"):
        controller.start(0.0, 99)
    with pytest.raises(ValueError, match="needs feedback"):
        _act(state, Action.SUSPECT, None, 11.0)
    with pytest.raises(ValueError, match="fraction"):
        LinkFeedback(0.0, None, 1.5, None, None, 0.0)


def test_highest_within_keeps_to_its_budget() -> None:
    assert highest_within(1.0, pictures=True) == 0
    for budget in range(20_000, 700_000, 7_000):
        assert LADDER[highest_within(budget, pictures=True)].total_bps <= max(budget, LADDER[0].total_bps)
        assert LADDER[highest_within(budget, pictures=False)].pictures is None
