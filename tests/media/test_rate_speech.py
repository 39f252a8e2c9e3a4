"""How speech is sent: what a budget and a loss choose, and what it costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.media.rate.ladder import media_budget
from app.media.rate.speech import LOWEST, Speech, choose_speech, needed_redundancy, residual

BUDGETS = st.floats(0, 300_000)
LOSSES = st.floats(0, 1)
BURSTS = st.floats(1, 12)


@pytest.mark.parametrize(
    ("speech", "wire"),
    [
        (Speech(6_000, 120), 9_867),
        (Speech(8_000, 120), 11_867),
        (Speech(12_000, 60), 19_733),
        (Speech(16_000, 60), 23_733),
        (Speech(24_000, 20), 47_200),
        (Speech(12_000, 20, 1), 49_200),
    ],
)
def test_wire_costs_count_every_header(speech: Speech, wire: int) -> None:
    assert speech.wire_bps == wire


@pytest.mark.parametrize(
    ("kbit", "least", "longest"),
    [
        (12, 6_000, 120),
        (16, 9_000, 120),
        (24, 12_000, 60),
        (32, 16_000, 60),
        (48, 20_000, 40),
        (100, 32_000, 20),
    ],
)
def test_speech_alone_takes_what_the_link_gives(kbit: int, least: int, longest: int) -> None:
    speech = choose_speech(media_budget(kbit * 950), 0.0, 1.0, None)
    assert speech.bitrate >= least
    assert speech.frame_ms <= longest
    assert not speech.redundancy
    assert not speech.fec


@pytest.mark.parametrize(
    ("budget", "loss", "burst", "depth", "longest"),
    [
        (70_000, 0.05, 1.0, 1, 40),
        (90_000, 0.15, 1.2, 2, 40),
        (90_000, 0.05, 4.0, 1, 40),
        (55_000, 0.20, 1.2, 2, 40),
    ],
)
def test_loss_asks_for_redundancy_and_short_frames(
    budget: float, loss: float, burst: float, depth: int, longest: int
) -> None:
    speech = choose_speech(budget, loss, burst, None)
    assert speech.redundancy >= depth
    assert speech.frame_ms <= longest
    assert speech.loss_percent >= 5


def test_in_bursts_a_copy_rides_well_apart() -> None:
    speech = choose_speech(90_000, 0.05, 4.0, None)
    assert speech.redundancy * speech.distance * speech.frame_ms >= 80
    assert residual(0.05, 4.0, 1, 8) < residual(0.05, 4.0, 3, 1)
    with pytest.raises(ValueError, match="distance"):
        Speech(8_000, 120, 2, distance=4)


def test_where_redundancy_does_not_fit_in_band_fec_does() -> None:
    speech = choose_speech(20_000, 0.05, 1.0, None)
    assert speech.fec
    assert not speech.redundancy


@given(BUDGETS, LOSSES, BURSTS)
def test_the_budget_holds(budget: float, loss: float, burst: float) -> None:
    speech = choose_speech(budget, loss, burst, None)
    assert speech.wire_bps <= budget or (speech.bitrate, speech.frame_ms) == (LOWEST.bitrate, LOWEST.frame_ms)
    again = choose_speech(budget, loss, burst, speech)
    assert again == speech, "on a steady link it stays"


@given(st.floats(12_000, 100_000), st.floats(-0.02, 0.02), LOSSES, BURSTS)
def test_a_little_less_or_more_budget_does_not_flap(budget: float, change: float, loss: float, burst: float) -> None:
    one = choose_speech(budget, loss, burst, None)
    two = choose_speech(budget * (1 + change), loss, burst, one)
    assert choose_speech(budget * (1 + change), loss, burst, two) == two


@given(LOSSES, BURSTS)
def test_more_redundancy_never_leaves_more_lost(loss: float, burst: float) -> None:
    left = [residual(loss, burst, depth) for depth in range(4)]
    assert left == sorted(left, reverse=True)
    assert 0 <= needed_redundancy(loss, burst) <= 3


@pytest.mark.parametrize("bad", [(5_000, 20, 0), (33_000, 20, 0), (8_000, 30, 0), (8_000, 20, 4), (8_000, 20, -1)])
def test_no_such_speech(bad: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="no such"):
        Speech(*bad)


@pytest.mark.parametrize(
    "bad", [(1e4, -0.1, 1.0), (1e4, 0.0, 0.5), (float("nan"), 0.0, 1.0), (1e4, 0.0, float("inf"))]
)
def test_no_such_figures(bad: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="loss is a fraction"):
        choose_speech(*bad, None)
