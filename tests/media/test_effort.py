"""How hard Opus tries: down where it costs too much, up again by itself, and no to and fro."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.media.audio.effort import CHEAP, DEAR, LEAST, MOST, Effort
from app.media.audio.opus import OpusEncoder
from app.media.rate.speech import Speech
from tests.media.speech_network import MS, spoken

FRAME_S = 0.02


def lived(frames: int, cost: Callable[[int, int], float], effort: Effort | None = None) -> list[Effort]:
    """`cost(frame, complexity)`: the share of a core that the frame takes."""
    efforts = [effort or Effort()]
    for frame in range(frames):
        now = efforts[-1]
        efforts.append(now.encoded(cost(frame, now.complexity) * FRAME_S, FRAME_S))
    return efforts


def test_where_it_is_cheap_everything_is_tried() -> None:
    assert {effort.complexity for effort in lived(5_000, lambda _, __: 0.013)} == {MOST}


def test_a_slow_machine_finds_what_it_can_bear_within_seconds() -> None:
    efforts = lived(500, lambda _, complexity: 0.019 * complexity)
    assert efforts[-1].complexity == 5
    assert efforts[-1].share < DEAR


def test_however_slow_it_is_speech_goes_on() -> None:
    assert lived(1_000, lambda _, __: 0.9)[-1].complexity == LEAST


def test_it_comes_back_when_the_machine_is_free_again() -> None:
    busy = lived(500, lambda _, __: 0.3)[-1]
    assert lived(150_000, lambda _, __: CHEAP / 2, busy)[-1].complexity == MOST


def test_a_step_that_proves_too_dear_is_tried_ever_less_often() -> None:
    efforts = lived(100_000, lambda _, complexity: 0.02 if complexity < 9 else 0.2)
    changes = [n for n, (a, b) in enumerate(itertools.pairwise(efforts)) if a.complexity != b.complexity]
    assert len(changes) < 25
    assert len([n for n in changes if n > 50_000]) <= 8


def test_one_slow_frame_changes_nothing() -> None:
    assert {e.complexity for e in lived(400, lambda frame, __: 0.9 if frame == 200 else 0.01)} == {MOST}


@given(st.lists(st.floats(0, 5), max_size=400))
def test_it_stays_within_its_bounds(costs: list[float]) -> None:
    assert all(LEAST <= e.complexity <= MOST for e in lived(len(costs), lambda frame, _: costs[frame]))


@pytest.mark.parametrize(("took", "frame"), [(-0.1, 0.02), (0.1, 0.0), (float("nan"), 0.02)])
def test_times_that_are_none_are_refused(took: float, frame: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Effort().encoded(took, frame)


def test_an_open_encoder_follows_it() -> None:
    """Other packets for the same speech, all of them good: the complexity really changes."""
    speech = Speech(16_000, 20)
    made = {}
    for complexity in (LEAST, MOST):
        encoder = OpusEncoder(speech)
        encoder.use(speech, complexity)
        made[complexity] = [encoder.encode(spoken()[at : at + 20 * MS]) for at in range(0, 100 * 20 * MS, 20 * MS)]
    assert made[LEAST] != made[MOST]
    rates = [sum(map(len, packets)) for packets in made.values()]
    assert np.ptp(rates) < 0.2 * max(rates)
