"""Longer and shorter without a step; comfort noise; the order of what waits; timestamps that make sense."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.media.audio import stretch
from app.media.audio.comfort import ComfortNoise
from app.media.audio.scaling import HIGH, LOW, Scaling
from app.media.audio.timeline import Timeline, Verdict
from app.media.audio.waiting import MOST_PACKETS, Held, SpeechPacket, Waiting
from tests.media.speech_network import MS, RATE, largest_step, spoken, tone


@pytest.mark.parametrize("hertz", [90, 150, 220, 380])
def test_a_tone_stays_a_tone_when_a_period_goes_or_comes(hertz: int) -> None:
    sound = tone(0.1, hertz)
    lag, likeness = stretch.period(sound)
    assert likeness > 0.99
    for change, more in ((stretch.longer, lag), (stretch.shorter, -lag)):
        out = change(sound, lag)
        assert len(out) == len(sound) + more
        assert largest_step(out) <= 1.15 * largest_step(sound)
        assert out[0] == sound[0]
        assert np.array_equal(out[-1000:], sound[-1000:])


def test_speech_is_changed_in_pauses_at_once_and_elsewhere_gently() -> None:
    scaling, speech = Scaling(), spoken()
    loud = int(np.argmax(np.abs(speech.astype(np.int32))))
    scaling.played(speech[loud - 4800 : loud + 480])
    out, first = scaling.apply(speech[loud : loud + 2880].copy(), 15 * MS)
    assert 0 < first <= stretch.LONGEST
    assert len(out) == 2880 + first
    assert scaling.apply(out, 15 * MS)[1] == 0, "not again at once"
    quiet = np.asarray(np.random.default_rng(1).normal(0, 5, 2880), np.int16)
    scaling.played(quiet[:960])
    assert scaling.apply(quiet, -30 * MS)[1] < 0


def test_the_dead_zone_is_wider_than_one_change() -> None:
    assert LOW + HIGH > stretch.LONGEST
    scaling = Scaling()
    assert scaling.wanted(0) == scaling.wanted(HIGH) == scaling.wanted(-LOW) == 0
    assert scaling.wanted(-LOW - 1) > 0 > scaling.wanted(HIGH + 1)


def test_comfort_noise_is_as_loud_as_the_room_and_never_dead() -> None:
    noise, room = ComfortNoise(), np.random.default_rng(2).normal(0, 40, RATE)
    assert np.std(noise.make(9600).astype(float)) == pytest.approx(3, rel=0.5)
    noise.learn(np.asarray(room, np.int16))
    noise.learn(tone(0.5))
    made = noise.make(RATE).astype(float)
    assert 20 < np.std(made[2000:]) < 60
    assert np.abs(made).max() < 400


def _held(start: int, samples: int = 960, redundant: bool = False) -> Held:
    return Held(SpeechPacket(-1 if redundant else start, start, b"x", redundant), samples, 0.0)


def test_what_waits_is_kept_in_order_and_bounded_and_a_primary_takes_its_copys_place() -> None:
    waiting = Waiting()
    assert waiting.put(_held(960, redundant=True))
    assert not waiting.put(_held(960))
    held = waiting.covering(1000)
    assert held is not None
    assert not held.packet.redundant
    assert waiting.covering(0) is None
    assert not waiting.put(_held(1000))
    assert not waiting.put(_held(500))
    for number in range(2, 2 * MOST_PACKETS):
        waiting.put(_held(number * 960))
    assert len(waiting) == MOST_PACKETS
    assert waiting.end == 2 * MOST_PACKETS * 960
    later = waiting.after(0)
    assert later is not None
    assert waiting.drop_before(later.end) == [later]


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), max_size=80), st.integers(0, 60 * 960))
def test_covering_and_after_agree_with_a_plain_search(starts: list[int], place: int) -> None:
    waiting = Waiting()
    for start in starts:
        waiting.put(_held(start * 960))
    covering, after = waiting.covering(place), waiting.after(place)
    assert (covering.start if covering else None) == next(
        (s * 960 for s in starts if 0 <= place - s * 960 < 960), None
    )
    assert (after.start if after else None) == min((s * 960 for s in starts if s * 960 > place), default=None)


def test_one_stray_timestamp_changes_nothing_and_two_begin_a_new_stream() -> None:
    line = Timeline()
    assert line.judge(10**9, 0.0) is Verdict.FIRST
    assert line.judge(10**9 + 960, 0.02) is Verdict.GOOD
    assert line.judge(5, 0.04) is Verdict.STRAY
    assert line.judge(10**9 + 2880, 0.06) is Verdict.GOOD
    assert line.judge(5, 0.08) is Verdict.STRAY
    assert line.judge(965, 0.1) is Verdict.ANEW
    assert line.judge(1925, 0.12) is Verdict.GOOD
    assert line.judge(1925 + 60 * RATE, 60.12) is Verdict.GOOD, "an outage: time went on"
    assert line.judge(1925 + 60 * RATE + 960, 90.0) is Verdict.GOOD, "a sender whose clock stood still"
