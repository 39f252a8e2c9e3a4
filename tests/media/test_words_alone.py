"""The lowest rung: when speech stops, when it is tried again, and that it is whole in the controller's decision."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.media.rate import controller
from app.media.rate.ladder import COMFORT_BPS, Rung
from app.media.rate.link import LEAST_BPS
from app.media.rate.speech import LOWEST
from app.media.rate.split import split
from app.media.rate.words_alone import HOLD_FIRST_S, HOLD_LONGEST_S, HOPELESS_S, WordsAlone, hopeless


@pytest.mark.parametrize(
    ("link", "loss", "overuse", "expected"),
    [
        (LEAST_BPS, 0.0, True, True),
        (LEAST_BPS, 0.0, False, False),
        (2 * LEAST_BPS, 0.0, True, False),
        (20_000.0, 0.36, False, True),
        (60_000.0, 0.36, False, False),
        (60_000.0, 0.61, False, True),
    ],
)
def test_when_speech_has_no_hope(link: float, loss: float, overuse: bool, expected: bool) -> None:
    assert hopeless(link, LEAST_BPS, loss, overuse=overuse) is expected


def test_speech_stops_after_six_seconds_and_is_tried_again_ever_less_often() -> None:
    state, now, holds = WordsAlone(), 0.0, list[float]()
    for _ in range(6):
        began = now
        while not state.on:
            state = state.judge(True, now)
            now += 0.5
        assert now - began >= HOPELESS_S
        stopped = now
        while state.on:
            state = state.judge(False, now)
            now += 0.5
        holds.append(now - stopped)
    assert holds[0] == pytest.approx(HOLD_FIRST_S, abs=1.1)
    assert max(holds) == pytest.approx(HOLD_LONGEST_S, abs=1.1)
    assert holds == sorted(holds)


def test_what_held_makes_the_hold_short_again() -> None:
    state = WordsAlone(False, None, 100.0, HOLD_LONGEST_S)
    for now in (300.0, 306.5):
        state = state.judge(True, now)
    assert state.on
    assert state.hold_s == HOLD_FIRST_S


@given(st.lists(st.tuples(st.floats(0.05, 20.0), st.booleans()), max_size=80))
def test_it_never_flaps(trace: list[tuple[float, bool]]) -> None:
    state, now, changes = WordsAlone(), 0.0, list[float]()
    for passed, without_hope in trace:
        now += passed
        before, state = state, state.judge(without_hope, now)
        if state.on is not before.on:
            changes.append(now)
            assert without_hope is state.on
    assert all(later - sooner >= HOPELESS_S for sooner, later in itertools.pairwise(changes))


def test_its_budget_is_words_and_next_to_nothing_else() -> None:
    parts = split(9_000.0, Rung("words", LOWEST, silent=True), 0.0, paused=False)
    assert parts.speech_bps == COMFORT_BPS
    assert parts.pictures_bps == 0
    assert parts.data_bps > 5_000


def test_the_controller_falls_to_it_and_comes_back() -> None:
    control = dataclasses.replace(controller.start(0.0), words=WordsAlone(True, 0.0), pictures_wanted=False)
    control = controller.tick(control, 1.0, 0, True)
    assert control.decision.rung.silent
    assert control.decision.rung.name == "words"
    control = controller.tick(control, 1.0 + HOLD_FIRST_S, 0, False)
    assert not control.decision.rung.silent
