"""The pacer's order, pace and window; the log of what was sent; which packets are asked for again."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.media.rate.feedback import Kind
from app.media.rtc.nack import MOST_MISSING, MOST_PATIENT_TRIES, MOST_TRIES, NackTracker
from app.media.rtc.pacer import MOST_QUEUED_BYTES, WORDS_WAIT_S, Allowance, Go, Pacer, Wait
from app.media.rtc.sent import MOST_KEPT, SentLog
from app.media.rtc.unwrap import Unwrapper, distance


def _drain(pacer: Pacer[str], until: float, in_flight: int = 0) -> list[tuple[float, str]]:
    now, out = 0.0, []
    while now < until:
        turn = pacer.next(now, in_flight)
        if isinstance(turn, Go):
            out.append((now, turn.item))
        elif turn.seconds is None:
            break
        else:
            now += max(turn.seconds, 1e-9)
    return out


def test_repairs_go_before_pictures_and_pictures_before_data_at_the_rate() -> None:
    pacer: Pacer[str] = Pacer(80_000, 10_000)
    for kind, name in ((Kind.DATA, "d"), (Kind.PICTURES, "p1"), (Kind.PICTURES, "p2"), (Kind.REPAIR, "r")):
        assert pacer.push(kind, 1_000, name)
    assert pacer.backlog_s == pytest.approx(0.4)
    got = _drain(pacer, 10)
    assert [name for _, name in got] == ["r", "p1", "p2", "d"]
    assert [round(at, 3) for at, _ in got] == [0, 0.1, 0.2, 0.3], "one after the other, no bursts"
    assert pacer.next(9.0, 0) == Wait(None)


def test_speech_that_left_at_once_is_taken_off_what_pictures_may_send() -> None:
    pacer: Pacer[str] = Pacer(80_000, 10_000)
    pacer.push(Kind.PICTURES, 1_000, "p")
    pacer.spent(500, 0.0)
    assert pacer.next(0.0, 0) == Wait(pytest.approx(0.05))
    assert pacer.next(0.05, 0) == Go(Kind.PICTURES, "p")
    pacer.push(Kind.PICTURES, 1_000, "q")
    pacer.spent(1_000_000, 1.0)
    assert pacer.next(1.0, 0) == Wait(0.5), "a debt has an end"


def test_at_another_rate_the_rest_of_a_wait_is_as_long_as_that_one_says() -> None:
    pacer: Pacer[str] = Pacer(30_000, 10_000)
    pacer.push(Kind.PICTURES, 1_000, "p")
    pacer.spent(1_500, 0.0)
    pacer.change(120_000, 5_000, 0.2)
    assert pacer.next(0.2, 0) == Wait(pytest.approx(0.05)), "200 ms of 400 were left, at a quarter of the rate"
    pacer.change(12_000, 5_000, 0.2)
    assert pacer.next(0.2, 0) == Wait(pytest.approx(0.5)), "a debt has an end"
    assert pacer.next(0.7, 4_001) == Wait(pytest.approx(0.02)), "the window is the new one"


def test_the_window_stops_pictures_but_not_repairs_nor_an_idle_link() -> None:
    pacer: Pacer[str] = Pacer(1e6, 1_500)
    pacer.push(Kind.PICTURES, 1_000, "p")
    assert isinstance(pacer.next(0.0, 600), Wait)
    assert pacer.next(0.0, 500) == Go(Kind.PICTURES, "p")
    pacer.push(Kind.PICTURES, 2_000, "large")
    assert pacer.next(1.0, 0) == Go(Kind.PICTURES, "large"), "else it would wait for ever"
    pacer.push(Kind.REPAIR, 1_000, "r")
    assert pacer.next(2.0, 50_000) == Go(Kind.REPAIR, "r")


def test_what_is_held_stays_and_repairs_pass() -> None:
    pacer: Pacer[str] = Pacer(1e6, 10_000)
    pacer.push(Kind.PICTURES, 1_000, "p")
    pacer.held = True
    turn = pacer.next(0.0, 0)
    assert isinstance(turn, Wait)
    assert turn.seconds is not None, "it is looked at again soon"
    pacer.push(Kind.REPAIR, 100, "r")
    assert pacer.next(0.0, 0) == Go(Kind.REPAIR, "r")
    pacer.held = False
    assert pacer.next(1.0, 0) == Go(Kind.PICTURES, "p")


def test_words_go_first_pass_a_hold_and_mind_no_window() -> None:
    pacer: Pacer[str] = Pacer(80_000, 500)
    for kind, name in ((Kind.DATA, "d"), (Kind.PICTURES, "p"), (Kind.REPAIR, "r"), (Kind.WORDS, "w")):
        pacer.push(kind, 100, name)
    pacer.held = True
    assert pacer.next(0.0, 9_999) == Go(Kind.WORDS, "w")
    assert pacer.next(0.005, 9_999) == Wait(pytest.approx(0.005)), "words keep the link's pace too"
    assert pacer.next(0.01, 9_999) == Go(Kind.REPAIR, "r")
    assert isinstance(pacer.next(0.02, 0), Wait), "bulk waits for the queue on the link to go"
    pacer.held = False
    assert [name for _, name in _drain(pacer, 1.0)] == ["p", "d"]


def test_where_speech_takes_the_whole_link_a_word_waits_less_than_a_second_and_pictures_wait_on() -> None:
    pacer: Pacer[str] = Pacer(10_000, 10_000)
    for kind, name in ((Kind.PICTURES, "p"), (Kind.WORDS, "w1"), (Kind.WORDS, "w2")):
        assert pacer.push(kind, 100, name)
    went: list[tuple[float, str]] = []
    for beat in range(60):  # a packet of speech of 120 ms each 120 ms
        now = beat * 0.12
        pacer.spent(150, now)
        while isinstance(turn := pacer.next(now, 0), Go):
            went.append((now, turn.item))
    assert [name for _, name in went] == ["w1", "w2"]
    assert went[0][0] <= WORDS_WAIT_S + 0.12
    assert WORDS_WAIT_S <= went[1][0] - went[0][0] <= WORDS_WAIT_S + 0.24, "one packet at a time"


def test_a_full_queue_says_so_and_clearing_makes_room() -> None:
    pacer: Pacer[str] = Pacer(1e6, 1_500)
    assert pacer.push(Kind.PICTURES, MOST_QUEUED_BYTES, "p")
    assert not pacer.push(Kind.DATA, 1, "d")
    assert pacer.queued(Kind.PICTURES) == MOST_QUEUED_BYTES
    pacer.clear(Kind.PICTURES)
    assert pacer.push(Kind.DATA, 1, "d")
    with pytest.raises(KeyError):
        pacer.push(Kind.SPEECH, 1, "s")
    with pytest.raises(ValueError, match="above zero"):
        Pacer(0, 1)


@given(
    st.lists(st.tuples(st.sampled_from([Kind.REPAIR, Kind.PICTURES, Kind.DATA]), st.integers(60, 1_200)), max_size=40),
    st.floats(10_000, 1e6),
)
def test_never_more_than_the_rate(packets: list[tuple[Kind, int]], rate: float) -> None:
    pacer: Pacer[str] = Pacer(rate, 1 << 30)
    sizes = {}
    for i, (kind, size) in enumerate(packets):
        sizes[str(i)] = size
        pacer.push(kind, size, str(i))
    got = _drain(pacer, 1e6)
    assert len(got) == len(packets)
    sent = 0
    for at, name in got:
        assert sent * 8 <= at * rate * 1.000001 + 1e-6
        sent += sizes[name]


def test_an_allowance_saves_up_a_second_at_most() -> None:
    allowance = Allowance(8_000)
    assert allowance.take(0.0, 1_000)
    assert not allowance.take(0.0, 1)
    assert allowance.take(0.5, 500)
    assert allowance.take(100.0, 1_000)
    assert not allowance.take(100.0, 100)


def test_feedback_becomes_results_once_each_and_what_was_lost_may_come_late() -> None:
    log = SentLog()
    for i in range(4):
        assert log.add(i * 0.1, 100 + i, Kind.SPEECH, cluster=7 if i == 1 else None) == i
    assert log.in_flight == 406
    told = log.on_feedback([(0, 5.0), (1, None), (2, 5.2)], 0.5)
    assert [(r.number, r.arrived_at, r.size, r.cluster) for r in told.results] == [
        (0, 5.0, 100, None),
        (1, None, 101, 7),
        (2, 5.2, 102, None),
    ]
    assert log.in_flight == 103
    assert told.rtt_s == pytest.approx(0.3)
    assert log.on_feedback([(0, 5.0), (1, None)], 0.6).results == ()
    assert [r.number for r in log.on_feedback([(1, 5.3)], 0.7).results] == [1]
    assert log.on_feedback([(0, None)], 0.8).results == (), "a receipt stands"
    assert log.on_feedback([(900, 1.0)], 0.9).results == (), "never sent"


def test_numbers_wrap_and_memory_is_bounded() -> None:
    log = SentLog()
    for i in range(0x10000 + 50):
        log.add(i * 0.001, 10, Kind.PICTURES)
    assert log.in_flight <= 10 * MOST_KEPT
    told = log.on_feedback([(49, 1.0)], 70.0)
    assert [r.number for r in told.results] == [0x10000 + 49]
    assert log.in_flight == 0
    log.add(200.0, 10, Kind.SPEECH)
    assert log.in_flight == 10
    assert log.on_feedback([(20, 1.0)], 200.0).results == (), "forgotten after 20 s"
    assert log.least_trip is None


def test_a_gap_is_asked_for_after_a_moment_and_three_times_at_most() -> None:
    tracker = NackTracker()
    for sequence in (65_534, 65_535, 2):
        tracker.add(sequence, 0.0)
    assert tracker.due(0.0, 0.1) == [], "it may only be out of order"
    assert tracker.due(0.03, 0.1) == [0, 1]
    assert tracker.due(0.05, 0.1) == []
    assert tracker.due(0.06, 0.1) == [0, 1], "where some is lost, the first request is made twice"
    assert tracker.due(0.10, 0.1) == []
    tracker.add(0, 0.12)
    assert tracker.due(0.2, 0.1) == []
    assert tracker.due(0.27, 0.1) == [1]
    assert tracker.due(0.58, 0.1) == [1]
    assert tracker.requested == 4 + (MOST_TRIES - 1)
    assert tracker.due(0.98, 0.1) == []
    assert tracker.due(2.0, 0.1) == []
    tracker.add(2 + MOST_MISSING + 5, 3.0)
    assert tracker.due(4.0, 0.1) == [], "a leap is a new beginning"
    tracker.restart()
    tracker.add(50, 5.0)
    tracker.add(52, 5.0)
    assert tracker.due(5.1, 0.1) == [51]


def test_a_packet_that_is_of_use_for_long_is_asked_for_more_often_and_ever_less_so() -> None:
    tracker = NackTracker()
    tracker.add(1, 0.0)
    tracker.add(3, 0.0)
    times = [now / 50 for now in range(1000) if tracker.due(now / 50, 0.2, 15.0)]
    assert len(times) == MOST_PATIENT_TRIES
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps == sorted(gaps)
    assert gaps[0] == pytest.approx(0.32, abs=0.03)
    assert times[-1] < 15


def test_the_packet_after_the_newest_may_be_missed_too_and_old_ones_are_of_no_use() -> None:
    tracker = NackTracker()
    tracker.expect(9, 0.0)
    assert tracker.due(1.0, 0.1) == [], "nothing has begun"
    for sequence in (65_530, 65_535):
        tracker.add(sequence, 1.0)
    for _ in range(3):
        tracker.expect(0, 1.0)
    tracker.expect(5, 1.0)
    tracker.forget_before(65_534)
    assert tracker.due(1.1, 0.1) == [65_534, 0]
    tracker.add(0, 1.2)
    tracker.add(65_534, 1.2)
    tracker.add(2, 1.3)
    assert tracker.due(1.4, 0.1) == [1]
    quick = NackTracker()
    quick.add(0, 0.0)
    quick.expect(1, 0.5)
    quick.add(1, 0.6)
    quick.add(3, 0.7)
    assert quick.due(0.705, 0.1) == [2], "what came late, and no later one before it, was not out of order"


def test_a_picture_may_be_among_what_was_lost_before_speech_and_is_asked_for_once_until_that_is_certain() -> None:
    tracker = NackTracker()
    assert not tracker.suspect(1, 0.0), "nothing has begun"
    tracker.add(65_535, 1.0)
    assert tracker.suspect(2, 1.0)
    assert tracker.missing_since == 1.0
    assert tracker.due(1.01, 0.1) == [0, 1]
    assert tracker.due(1.5, 0.1) == [], "a guess is asked for once"
    tracker.add(0, 1.5)
    assert tracker.loss == 0.0, "it was speech that was lost"
    assert not tracker.suspect(4, 1.5), "guesses are bounded"
    tracker.add(2, 1.6)
    assert tracker.loss > 0.0, "a later one is here: the guess was right"
    assert tracker.due(1.6, 0.1) == [1]
    tracker.add(1, 1.7, repaired=True)
    assert tracker.missing_since is None
    assert tracker.suspect(1, 1.8), "what came in its turn is no disorder"
    tracker.add(5, 2.0)
    tracker.add(4, 2.01)
    assert not tracker.suspect(1, 2.1), "where packets overtake each other nothing is concluded"


@given(st.integers(0, 0xFFFF), st.integers(-0x8000, 0x7FFF))
def test_distance_is_the_shorter_way_round(a: int, ahead: int) -> None:
    assert distance(a, (a + ahead) & 0xFFFF) == ahead


@given(st.lists(st.integers(-30_000, 30_000), max_size=50), st.integers(0, 0xFFFF))
def test_unwrapping_follows_every_step(steps: list[int], first: int) -> None:
    unwrapper = Unwrapper(16)
    true = unwrapper.add(first)
    for step in steps:
        true += step
        assert unwrapper.add(true % 0x10000) == true
    with pytest.raises(ValueError, match="fit"):
        unwrapper.add(0x10000)
