"""When the visit is connected, and when a new transport is made: pure, on simulated time."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.media import recovery
from app.media.events import ConnectionState
from app.media.recovery import Life, Sign
from app.media.settings import MediaSettings

CS = ConnectionState
S = MediaSettings()


def _walk(heard: list[tuple[float, float]], end: float, connected_at: float = 1.0) -> tuple[list[CS], list[float]]:
    """Ticks of 0.25 s; `heard` are spans in which the other side is heard. States in turn, and times of tries."""
    life, states, tries = recovery.begin(0.0, S), [CS.CONNECTING], []
    last: float | None = None
    t = 0.0
    while t < end:
        t += 0.25
        if any(a <= t < b for a, b in heard):
            last = t
        sign = recovery.sign_of(t >= connected_at, last, life.live_at, t, S)
        life, renew = recovery.step(life, sign, t, S)
        if life.state is not states[-1]:
            states.append(life.state)
        if renew:
            tries.append(t)
    return states, tries


def test_every_state_but_closed_knows_every_sign() -> None:
    for state in ConnectionState:
        for sign in Sign:
            life = Life(state, 0.0, 1e9)
            if state is CS.CLOSED:
                with pytest.raises(KeyError):
                    recovery.step(life, sign, 1.0, S)
            else:
                recovery.step(life, sign, 1.0, S)


def test_a_short_silence_is_an_interruption_on_the_same_transport() -> None:
    states, tries = _walk([(1, 20), (25, 40)], 40)
    assert states == [CS.CONNECTING, CS.CONNECTED, CS.INTERRUPTED, CS.CONNECTED]
    assert tries == []


def test_a_long_silence_makes_new_transports_at_growing_gaps() -> None:
    states, tries = _walk([(1, 20), (70, 80)], 79)
    assert states == [CS.CONNECTING, CS.CONNECTED, CS.INTERRUPTED, CS.RECONNECTING, CS.CONNECTED]
    assert abs(tries[0] - (20 + S.renew_after)) < 0.6
    gaps = [b - a for a, b in itertools.pairwise(tries)]
    assert gaps == sorted(gaps)
    assert len(tries) >= 4


def test_after_a_minute_it_has_failed_but_goes_on_trying_and_still_returns() -> None:
    states, tries = _walk([(1, 20), (200, 210)], 205)
    assert states == [CS.CONNECTING, CS.CONNECTED, CS.INTERRUPTED, CS.RECONNECTING, CS.FAILED, CS.CONNECTED]
    assert any(t > 150 for t in tries)


def test_a_first_transport_that_never_connects_is_tried_again_and_then_fails() -> None:
    states, tries = _walk([], 70, connected_at=1e9)
    assert states == [CS.CONNECTING, CS.FAILED]
    assert tries[0] == S.first_connect + 0.0


def test_signalling_that_is_back_makes_the_next_try_due() -> None:
    life = Life(CS.RECONNECTING, 0.0, 1000.0, 5)
    _, renew = recovery.step(life, Sign.GONE, 20.0, S)
    assert not renew
    _, renew = recovery.step(recovery.hurry(life, 20.0), Sign.GONE, 20.0, S)
    assert renew
    calm = Life(CS.CONNECTED, 0.0, 1000.0)
    assert recovery.hurry(calm, 20.0) is calm


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 40)), max_size=6))
def test_whenever_it_is_heard_it_is_connected_and_tries_are_bounded(spans: list[tuple[float, float]]) -> None:
    heard = [(a, a + n) for a, n in spans] + [(210.0, 230.0)]
    states, tries = _walk(heard, 220)
    assert states[-1] is CS.CONNECTED
    assert len(tries) <= 220 / 4
