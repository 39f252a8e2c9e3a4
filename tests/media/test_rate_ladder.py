"""The ladder: what fits beside speech, what each step sends, and when a rung may change."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.media.events import Cause
from app.media.rate.ladder import (
    CONSENT_BPS,
    FEEDBACK_SHARE,
    LADDERS,
    LEAST_TOTAL_BPS,
    LOWEST_VIDEO,
    SPEECH_ONLY,
    STILLS,
    Pictures,
    Rung,
    View,
    highest,
    media_budget,
    payload_bytes,
    pictures_of,
    repair_share,
    room_bps,
    speech_share,
)
from app.media.rate.rungs import (
    HOLD_FIRST_S,
    HOLD_LONGEST_S,
    IN_VAIN_S,
    NARROW_S,
    PROVEN_S,
    RETURN_AFTER_S,
    SETTLING_S,
    UP_EVERY_S,
    Rungs,
)
from app.media.rate.speech import LOWEST, PACKET_OVERHEAD_BYTES, Speech, choose_speech
from app.media.rate.split import split

LINKS = st.floats(10_000, 2_000_000)
ROOMS = st.floats(0, 2_500_000)
LOSSES = st.floats(0, 1)
BURSTS = st.floats(1, 12)
VIEWS = st.sampled_from(View)
PAYLOADS = st.integers(100, 1_100)
STEPS = [(view, step) for view in View for step in range(len(LADDERS[view]))]
WITH_PICTURES = st.sampled_from([(view, step) for view, step in STEPS if step != SPEECH_ONLY])


def headers_bps(pictures: Pictures, payload: int) -> float:
    """Each picture fills its packets but the last, which is half full on average."""
    packets = max(pictures.fps, pictures.bitrate / 8 / payload + pictures.fps / 2)
    return packets * PACKET_OVERHEAD_BYTES * 8


def made(step: int, view: View, room: float, payload: int) -> Pictures:
    pictures = pictures_of(step, view, room, payload)
    assert pictures is not None
    return pictures


# The steps


@pytest.mark.parametrize("view", View)
def test_each_ladder_rises_from_speech_over_stills_to_ever_larger_video(view: View) -> None:
    shapes = LADDERS[view]
    assert [s.name for s in shapes[:LOWEST_VIDEO]] == ["speech", "stills"]
    assert [s.are_stills for s in shapes] == [i == STILLS for i in range(len(shapes))]
    for low, high in itertools.pairwise(shapes):
        assert low.least <= high.least
        assert low.enter < high.enter, "two steps with one way in would skip the lower"
        assert low.most < high.most
    for low, high in itertools.pairwise(shapes[LOWEST_VIDEO:]):
        assert low.width * low.height < high.width * high.height
    for shape in shapes[1:]:
        assert shape.least < shape.enter <= shape.most, "what is risen to is kept"
    # No gap: where the next step may be risen to, the one below still takes all there is.
    assert all(low.most >= high.enter for low, high in itertools.pairwise(shapes[1:]))


def test_speech_alone_has_no_pictures_and_its_total_is_the_least_of_a_call() -> None:
    assert all(pictures_of(SPEECH_ONLY, view, 1e6, 1_100) is None for view in View)
    assert Rung("speech", LOWEST).total_bps == LEAST_TOTAL_BPS < 11_000
    assert media_budget(LEAST_TOTAL_BPS) >= LOWEST.wire_bps


@settings(deadline=None)
@given(WITH_PICTURES, ROOMS, PAYLOADS)
def test_pictures_keep_to_their_room_and_their_limits(at: tuple[View, int], room: float, payload: int) -> None:
    view, step = at
    shape, pictures = LADDERS[view][step], made(step, view, room, payload)
    if room >= shape.least:
        assert pictures.wire_bps <= round(room)
    assert shape.least / 1.03 - 1 <= pictures.wire_bps <= shape.most
    assert (pictures.width, pictures.height) == (shape.width, shape.height)
    assert pictures.are_stills == shape.are_stills
    assert 0.3 * pictures.wire_bps - 1 <= pictures.bitrate < pictures.wire_bps
    if pictures.are_stills:
        assert 2 <= 1 / pictures.fps <= 9.01
    else:
        assert 2 <= pictures.fps <= 30
        assert pictures.fps * 2 == round(pictures.fps * 2)


@settings(deadline=None)
@given(WITH_PICTURES, ROOMS, PAYLOADS)
def test_payload_and_headers_are_within_the_wire_rate(at: tuple[View, int], room: float, payload: int) -> None:
    view, step = at
    pictures = made(step, view, room, payload)
    slack = 1.02 if pictures.are_stills else 1.0001  # a still's last packet is one of very few
    if pictures.bitrate > 0.3 * pictures.wire_bps + 1:  # else packets are so short that headers take what they take
        assert pictures.bitrate + headers_bps(pictures, payload) <= slack * pictures.wire_bps + 1


@settings(deadline=None)
@given(VIEWS, LINKS)
def test_on_any_link_headers_leave_pictures_more_than_half(view: View, link: float) -> None:
    room, payload = room_bps(link, 0.0, 1.0), payload_bytes(link)
    step = highest(view, room, rising=False)
    if step != SPEECH_ONLY:
        pictures = made(step, view, room, payload)
        assert pictures.bitrate > 0.5 * pictures.wire_bps


@settings(deadline=None)
@given(WITH_PICTURES, ROOMS, st.floats(1, 2), PAYLOADS)
def test_more_room_never_means_less(at: tuple[View, int], room: float, more: float, payload: int) -> None:
    view, step = at
    one, two = made(step, view, room, payload), made(step, view, room * more, payload)
    assert two.wire_bps >= one.wire_bps
    assert two.fps >= one.fps
    assert two.bitrate >= 0.97 * one.bitrate  # a picture more a second has a header more


@settings(deadline=None)
@given(VIEWS, ROOMS, st.floats(0, 1e6))
def test_what_may_be_risen_to_may_be_stayed_on_and_more_room_is_never_a_lower_step(
    view: View, room: float, more: float
) -> None:
    rise, stay = highest(view, room, rising=True), highest(view, room, rising=False)
    assert rise <= stay
    assert LADDERS[view][stay].least <= room
    assert stay <= highest(view, room + more, rising=False)
    assert rise <= highest(view, room + more, rising=True)


def test_the_steps_of_a_talk() -> None:
    def at(kbit: float) -> str:
        return LADDERS[View.TALK][highest(View.TALK, room_bps(kbit * 1_000, 0.0, 1.0), rising=True)].name

    assert [at(kbit) for kbit in (12, 16, 24, 32, 48, 64, 100, 150, 500)] == [
        *("speech", "speech", "stills", "stills", "video-320", "video-320", "video-480", "video-640", "video-640")
    ]


def test_detail_is_larger_and_slower_and_motion_smaller_and_quicker_than_talk() -> None:
    for kbit in (60, 100, 200, 400):
        room, payload = room_bps(kbit * 1_000, 0.0, 1.0), payload_bytes(kbit * 1_000)
        detail, talk, motion = (
            made(highest(view, room, rising=True), view, room, payload)
            for view in (View.DETAIL, View.TALK, View.MOTION)
        )
        assert detail.width > motion.width
        assert detail.width >= talk.width >= motion.width
        assert detail.fps < talk.fps < motion.fps


# What is left for them


@settings(deadline=None)
@given(LINKS, LOSSES, BURSTS)
def test_speech_room_repairs_and_reports_are_within_the_link(link: float, loss: float, burst: float) -> None:
    speech, room = speech_share(link, loss, burst), room_bps(link, loss, burst)
    assert 0 <= speech <= media_budget(link) + 1e-6
    assert room >= 0
    whole = speech + room * (1 + repair_share(loss)) + link * FEEDBACK_SHARE + CONSENT_BPS
    assert whole <= link * (1 + 1e-9) + 1


@settings(deadline=None)
@given(LINKS, st.floats(1, 2))
def test_a_wider_link_never_takes_from_speech_or_pictures(link: float, more: float) -> None:
    assert speech_share(link * more, 0.0, 1.0) >= speech_share(link, 0.0, 1.0)
    assert room_bps(link * more, 0.0, 1.0) >= room_bps(link, 0.0, 1.0) - 1


@settings(deadline=None)
@given(LINKS, st.floats(0, 0.5), st.floats(0, 0.5), BURSTS)
def test_more_loss_never_leaves_speech_less(link: float, loss: float, more: float, burst: float) -> None:
    assert speech_share(link, loss + more, burst) >= speech_share(link, loss, burst)
    assert 0 <= repair_share(loss) <= repair_share(loss + more) <= 0.35


@pytest.mark.parametrize(("kbit", "bitrate"), [(24, 8_000), (32, 10_000), (48, 12_000), (100, 16_000), (500, 28_000)])
def test_speech_beside_pictures_is_good(kbit: int, bitrate: int) -> None:
    speech = choose_speech(speech_share(kbit * 1_000, 0.0, 1.0), 0.0, 1.0, None)
    assert speech.bitrate >= bitrate
    assert speech.frame_ms <= 60


SPEECHES = st.builds(Speech, st.integers(6_000, 32_000), st.sampled_from([20, 40, 60, 120]))


@settings(deadline=None)
@given(st.floats(1_000, 2_000_000), st.sampled_from(STEPS), SPEECHES, LOSSES, st.booleans())
def test_the_split_never_exceeds_the_link(
    link: float, at: tuple[View, int], speech: Speech, loss: float, paused: bool
) -> None:
    view, step = at
    rung = Rung("x", speech, pictures_of(step, view, room_bps(link, loss, 1.0), payload_bytes(link)))
    parts = split(link, rung, loss, paused)
    each = (parts.speech_bps, parts.repair_bps, parts.pictures_bps, parts.data_bps, parts.feedback_bps)
    assert all(part >= 0 for part in each)
    assert sum(each) <= link * (1 + 1e-9)
    assert parts.repair_bps <= parts.pictures_bps * repair_share(loss) + 1e-6
    if rung.pictures is not None:
        assert parts.pictures_bps <= rung.pictures.wire_bps
    if paused:
        assert parts.pictures_bps == parts.repair_bps == parts.data_bps == 0


def test_packets_of_pictures_are_short_on_thin_links() -> None:
    assert payload_bytes(10_000) == 100
    assert payload_bytes(1e6) == 1_100
    for link in (24_000, 32_000, 48_000, 64_000):
        assert (payload_bytes(link) + PACKET_OVERHEAD_BYTES) * 8 / link <= 0.06


# When a rung changes


TALK = LADDERS[View.TALK]
LOTS = 400_000.0


def risen(now: float = 0.0, room: float = LOTS) -> Rungs:
    return Rungs().fit(room, room, now, may_rise=True)


TRACE = st.lists(
    st.tuples(st.floats(0.05, 8.0), st.sampled_from([0.0, 2e3, 5e3, 14e3, 30e3, 60e3, 200e3, 700e3]), st.booleans()),
    min_size=1,
    max_size=80,
)


@settings(max_examples=200, deadline=None)
@given(TRACE, VIEWS)
def test_at_most_one_change_up_in_20_s_down_at_once_and_no_rise_where_none_may_be(
    trace: list[tuple[float, float, bool]], view: View
) -> None:
    state, now, ups, narrow = Rungs(view=view), 0.0, list[float](), None
    for gap, room, may_rise in trace:
        now += gap
        before, state = state, state.fit(room, 0.9 * room, now, may_rise=may_rise)
        least = LADDERS[view][state.step].least
        if room >= 0.96 * LADDERS[view][STILLS].least:
            narrow = None
        elif before.step:
            narrow = now if narrow is None else narrow
        awaits = state.step == STILLS and narrow is not None and now - narrow < NARROW_S
        assert room >= 0.96 * least or awaits, "down at once; held stills alone wait a little"
        if state.step > before.step:
            assert may_rise
            assert now >= before.rests_until
            assert now >= before.not_before or state.step == STILLS < before.failed
            assert 0.9 * room >= LADDERS[view][state.step].enter
            ups.append(now)
        elif state.step < before.step:
            assert state.cause is Cause.LINK_THIN
            lowest = STILLS if awaits else SPEECH_ONLY
            assert state.step == max(lowest, highest(view, room, rising=False)), "no further than it must"
            settling = before.free_until is not None and now < before.free_until
            assert settling or state.rests_until >= now + RETURN_AFTER_S
        assert HOLD_FIRST_S <= state.hold_s <= HOLD_LONGEST_S
    settled = [at for at in ups if at >= ups[0] + SETTLING_S]
    assert all(later - sooner >= UP_EVERY_S for sooner, later in itertools.pairwise(settled))
    if settled:
        last_free = max(at for at in ups if at < ups[0] + SETTLING_S)
        assert settled[0] - last_free >= UP_EVERY_S


def test_while_it_settles_a_start_may_rise_again_and_then_no_more() -> None:
    state = risen(0.0, 20_000.0)
    assert TALK[state.step].name == "video-320"
    again = state.fit(LOTS, LOTS, SETTLING_S - 0.1, may_rise=True)
    assert TALK[again.step].name == "video-640"
    assert state.fit(LOTS, LOTS, SETTLING_S + 0.1, may_rise=True).step == state.step
    assert state.fit(LOTS, LOTS, UP_EVERY_S, may_rise=True).step > state.step


def test_one_try_that_falls_in_several_steps_has_failed_once_and_stills_may_come_back_meanwhile() -> None:
    state = risen(0.0).fit(17_000.0, 17_000.0, SETTLING_S + 1, may_rise=True)
    state = state.fit(1_000.0, 1_000.0, SETTLING_S + 3, may_rise=True)
    state = state.fit(1_000.0, 1_000.0, SETTLING_S + 3 + NARROW_S, may_rise=True)
    assert (state.step, state.failed, state.hold_s) == (SPEECH_ONLY, risen().step, 2 * HOLD_FIRST_S)
    assert state.not_before == SETTLING_S + 1 + HOLD_FIRST_S
    assert state.fit(LOTS, LOTS, UP_EVERY_S, may_rise=True).step == STILLS
    assert state.fit(LOTS, LOTS, state.not_before, may_rise=True).step > STILLS


def test_a_failed_try_doubles_the_hold_and_what_holds_a_minute_makes_it_short_again() -> None:
    state, now, holds = risen(0.0), SETTLING_S + 1, list[float]()
    for _ in range(5):
        fell = state.fit(5_000.0, 5_000.0, now, may_rise=True)
        assert fell.step == STILLS
        holds.append(fell.not_before - now)
        early = fell.fit(LOTS, LOTS, fell.not_before - 0.01, may_rise=True)
        assert early.step == STILLS
        now = max(fell.not_before, (fell.up_at or 0.0) + UP_EVERY_S)
        state = fell.fit(LOTS, LOTS, now, may_rise=True)
        assert TALK[state.step].name == "video-640"
        now += IN_VAIN_S - 0.1
    assert holds == pytest.approx([20, 40, 80, 80, 80])
    proven_at = (state.up_at or 0.0) + PROVEN_S
    assert state.fit(LOTS, LOTS, proven_at - 1, may_rise=True).hold_s == HOLD_LONGEST_S
    assert state.fit(LOTS, LOTS, proven_at + 1, may_rise=True).hold_s == HOLD_FIRST_S


def test_a_rung_that_held_for_a_while_comes_back_soon() -> None:
    fell = risen(0.0).fit(5_000.0, 5_000.0, 30.0, may_rise=True)
    assert fell.hold_s == HOLD_FIRST_S
    assert fell.fit(LOTS, LOTS, 30.0 + RETURN_AFTER_S - 0.01, may_rise=True).step == fell.step
    back = fell.fit(LOTS, LOTS, 30.0 + RETURN_AFTER_S, may_rise=True)
    assert back.step > fell.step
    assert back.cause is Cause.LINK_RECOVERED


def test_a_lost_link_is_no_failure_of_the_pictures() -> None:
    lost = risen(0.0).speech_alone(Cause.LINK_LOST, 3.0)
    assert (lost.step, lost.cause, lost.hold_s, lost.not_before) == (SPEECH_ONLY, Cause.LINK_LOST, HOLD_FIRST_S, 0.0)
    back = lost.fit(LOTS, LOTS, 3.5, may_rise=True)
    assert TALK[back.step].name == "video-640"
    assert back.cause is Cause.LINK_RECOVERED


def test_pictures_that_nobody_wanted_come_back_at_once_and_by_no_cause_of_the_link() -> None:
    off = risen(0.0).speech_alone(None, 3.0)
    assert (off.step, off.cause) == (SPEECH_ONLY, Cause.START)
    assert off.fit(LOTS, LOTS, 3.1, may_rise=True).step > STILLS
    assert Rungs().speech_alone(None, 1.0) == Rungs()


def test_stills_after_a_cut_are_called_what_they_are() -> None:
    lost = risen(0.0).speech_alone(Cause.LINK_LOST, 3.0)
    assert lost.is_unsaid
    stills = lost.fit(5_000.0, 5_000.0, 4.0, may_rise=True)
    assert (stills.step, stills.cause) == (STILLS, Cause.LINK_THIN)
    first = Rungs().fit(5_000.0, 5_000.0, 1.0, may_rise=True)
    assert (first.step, first.cause, first.is_unsaid) == (STILLS, Cause.START, True)
    assert first.thin().cause is Cause.LINK_THIN
    assert risen(0.0).thin().cause is Cause.START, "moving pictures need no excuse"


def test_what_is_kept_is_kept_a_little_below_its_least() -> None:
    state = risen(0.0, 80_000.0)
    least = TALK[state.step].least
    assert state.fit(0.97 * least, 0.97 * least, 30.0, may_rise=True).step == state.step
    assert state.fit(0.95 * least, 0.95 * least, 30.0, may_rise=True).step < state.step


@pytest.mark.parametrize(("view", "name"), [(View.DETAIL, "video-960"), (View.MOTION, "video-480")])
def test_another_wish_of_what_to_see_is_followed_at_once(view: View, name: str) -> None:
    state = risen(0.0, 160_000.0)
    assert TALK[state.step].name == "video-640"
    other = state.look(view).fit(160_000.0, 160_000.0, 10.0, may_rise=True)
    assert LADDERS[view][other.step].name == name
    assert state.look(View.TALK) is state
    assert state.look(view).hold_s == state.hold_s
    back = other.look(View.TALK).fit(160_000.0, 160_000.0, 10.1, may_rise=True)
    assert TALK[back.step].name == "video-640"


@settings(deadline=None)
@given(st.floats(1, 5_000_000))
def test_rates_go_in_steps_so_that_a_decision_is_not_new_with_every_message(room: float) -> None:
    pictures = made(highest(View.TALK, LOTS, rising=True), View.TALK, room, 1_100)
    exponent = math.log(pictures.wire_bps, 1.03)
    assert abs(exponent - round(exponent)) < 0.01


def test_runs_of_losses_are_met_with_short_frames_and_copies_that_talk_can_wait_for() -> None:
    """A run of five packets takes less time among short frames; single losses of the same number take less room."""
    runs, single = speech_share(150_000, 0.05, 2.4), speech_share(150_000, 0.05, 1.1)
    assert single < runs <= 0.55 * media_budget(150_000)
    speech = choose_speech(runs, 0.05, 2.4, None)
    assert speech.frame_ms == 20
    assert 80 <= speech.redundancy * speech.distance * speech.frame_ms <= 150
    assert choose_speech(single, 0.05, 1.1, None).distance == 1
