"""Parts of a still across a channel that is cut anywhere: each arrives once, byte for byte, the preview first."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from closer_link import MemoryLink
from hypothesis import given, settings
from hypothesis import strategies as st

from app.media.closer import life, sending
from app.media.closer.life import BadStep, Life, Step
from app.media.closer.messages import (
    CHUNK_BYTES,
    Answer,
    Ask,
    BadCloser,
    Chunk,
    Given,
    Grade,
    Have,
    Part,
    Withdraw,
    read,
    write,
)
from app.media.closer.taker import Taker

ASK, OTHER = "00112233445566ff", "ffeeddccbbaa0011"
RNG = np.random.default_rng(5)
PARTS = tuple(RNG.bytes(size) for size in (4_700, 31_003, 90_001))
GRADES = (Grade.PREVIEW, Grade.MIDDLE, Grade.FULL)


def offer_all(link: MemoryLink, ask: str = ASK, parts: tuple[bytes, ...] = PARTS) -> None:
    for place, data in enumerate(parts):
        link.giver.offer(ask, data, GRADES[place], (320, 240), place, len(parts))


def agreed(link: MemoryLink, ask: str = ASK) -> MemoryLink:
    link.connect()
    link.taker.ask(ask, "photo")
    link.run(0.3, 0.0)
    link.giver.answer(ask, Given.AGREED)
    return link


def test_the_preview_comes_first_within_three_seconds_at_64_kbit_s():
    """20 kbit/s beside speech, 150 ms one way, a tenth of the bytes for headers of chunks and words."""
    link = agreed(MemoryLink(rate=2_500, delay=0.15))
    began = link.now
    offer_all(link)
    link.run(60, 2_300)
    assert [whole.grade for _, whole in link.wholes] == list(GRADES)
    assert [whole.data for _, whole in link.wholes] == list(PARTS)
    assert link.wholes[0][0] - began <= 3.0
    assert (link.giver.life(ASK), link.taker.life(ASK)) == (Life.DONE, Life.DONE)
    assert not link.giver.busy
    assert link.carried["taker"] < 1.06 * sum(map(len, PARTS))


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.tuples(st.floats(0.0, 9.0), st.floats(0.0, 3.0)), max_size=6),
    delay=st.sampled_from((0.0, 0.1, 0.7)),
    rate=st.sampled_from((4_000.0, 20_000.0)),
)
def test_whatever_is_cut_each_part_arrives_once_and_whole(cuts, delay, rate):
    link = MemoryLink(rate=rate, delay=delay)
    link.taker.ask(ASK, "photo")  # before there is a channel at all
    link.connect()
    given_answer = False
    for live, dead in (*cuts, (0.0, 0.0)):
        steps = [live, 400.0] if (live, dead) == (0.0, 0.0) else [live]
        for seconds in steps:
            link.run(min(seconds, 2.0), rate)
            if not given_answer and link.giver.life(ASK) is Life.ASKED:
                link.giver.answer(ASK, Given.AGREED)
                offer_all(link, parts=tuple(part[:9_000] for part in PARTS))
                given_answer = True
            if seconds > 2.0:
                link.run(40.0, rate)
        if dead:
            link.cut()
            link.run(dead, rate)
            link.connect()
    assert [whole.data for _, whole in link.wholes] == [part[:9_000] for part in PARTS]
    assert (link.giver.life(ASK), link.taker.life(ASK)) == (Life.DONE, Life.DONE)
    assert link.refused == []
    assert link.giver.sending.under_way == 0


def test_it_goes_on_from_the_acknowledged_byte_on_a_new_transport():
    link = agreed(MemoryLink(rate=5_000, delay=0.1))
    offer_all(link)
    link.run(12, 5_000)
    before = link.carried["taker"]
    link.cut()
    link.connect()
    link.run(60, 5_000)
    assert link.taker.life(ASK) is Life.DONE
    rest = sum(map(len, PARTS)) - before
    assert link.carried["taker"] - before < rest * 1.06 + 10_000, "no more than a window is sent twice"


def test_never_more_under_way_than_a_window():
    link = agreed(MemoryLink())
    link.delay = 30.0
    offer_all(link)
    link.run(10, 3_000)
    assert 0 < link.giver.sending.under_way <= 4_500 + CHUNK_BYTES


def test_nothing_goes_without_an_allowance():
    link = agreed(MemoryLink())
    offer_all(link)
    link.run(20, 0.0)
    assert link.wholes == []
    link.run(20, 50_000.0)
    assert len(link.wholes) == 3


def test_a_new_still_goes_before_the_rest_of_an_old_one():
    link = agreed(MemoryLink(rate=3_000))
    offer_all(link)
    link.run(15, 3_000)
    link.taker.ask(OTHER, "photo")
    link.run(2, 3_000)
    link.giver.answer(OTHER, Given.AGREED)
    offer_all(link, OTHER)
    link.run(4, 3_000)
    assert [(w.ask, w.grade) for _, w in link.wholes][-1] == (OTHER, Grade.PREVIEW)
    link.run(200, 3_000)
    assert sorted((w.ask, w.grade) for _, w in link.wholes) == sorted((a, g) for a in (ASK, OTHER) for g in GRADES)


def test_a_changed_byte_is_found_and_the_part_comes_again():
    link = agreed(MemoryLink())
    spoilt = []
    carry = link.taker.on_data

    def spoil(data: bytes, now: float) -> None:
        if data[:1] == b"\x01" and not spoilt:
            spoilt.append(data)
            data = data[:-1] + bytes([data[-1] ^ 1])
        carry(data, now)

    link.taker.on_data = spoil
    offer_all(link)
    link.run(30, 50_000)
    assert [whole.data for _, whole in link.wholes] == list(PARTS)


def test_what_never_comes_whole_is_given_up_and_left_to_the_outbox():
    link = agreed(MemoryLink())
    carry = link.taker.on_data
    link.taker.on_data = lambda data, now: carry(data[:-1] + b"?" if data[:1] == b"\x01" else data, now)
    offer_all(link)
    link.run(60, 50_000)
    assert link.wholes == []
    assert link.taker.life(ASK) is Life.LATER
    assert link.giver.life(ASK) is Life.WITHDRAWN
    assert not link.giver.busy


def test_withdrawing_stops_the_bytes_and_frees_the_memory():
    link = agreed(MemoryLink(rate=5_000))
    offer_all(link)
    link.run(3, 5_000)
    link.taker.withdraw(ASK)
    link.run(3, 5_000)
    assert link.giver.life(ASK) is Life.WITHDRAWN
    assert not link.giver.busy
    assert link.giver.sending.queue == ()
    assert link.refused == []


@pytest.mark.parametrize("answer", [Given.NOT_NOW, Given.FAILED])
def test_an_answer_that_was_lost_is_said_again(answer):
    link = MemoryLink()
    link.connect()
    link.taker.ask(ASK, "photo")
    link.run(0.5, 0.0)
    if answer is Given.FAILED:
        link.giver.answer(ASK, Given.AGREED)
    link.giver.answer(ASK, answer)
    link.cut()
    assert link.taker.life(ASK) is Life.ASKED
    link.connect()
    link.run(0.5, 0.0)
    assert link.taker.life(ASK) is (Life.REFUSED if answer is Given.NOT_NOW else Life.FAILED)


def test_the_end_of_the_call_leaves_what_was_agreed_to_later():
    link = agreed(MemoryLink(rate=5_000))
    offer_all(link)
    link.run(2, 5_000)
    link.giver.end_call()
    link.taker.end_call()
    assert (link.giver.life(ASK), link.taker.life(ASK)) == (Life.LATER, Life.LATER)
    assert not link.giver.busy


PART = Part(
    ask=ASK, part=0, parts=1, grade=Grade.PREVIEW, size=3, sha256=hashlib.sha256(b"abc").hexdigest(), width=1, height=1
)


def taker() -> tuple[Taker, list[bytes]]:
    said: list[bytes] = []
    side = Taker(lambda data: not said.append(data), lambda whole: None)
    side.ask(ASK, "photo")
    return side, said


@pytest.mark.parametrize(
    "messages",
    [
        [PART.model_copy(update={"ask": OTHER})],
        [Chunk(ASK, 0, 0, b"abc")],
        [PART, Chunk(ASK, 0, 2, b"bc")],
        [PART, PART.model_copy(update={"size": 4})],
        [PART, PART.model_copy(update={"part": 1, "parts": 2})],
        [PART.model_copy(update={"parts": 2}), PART.model_copy(update={"part": 1, "parts": 2})],
        [Have(ask=ASK, part=0, offset=0)],
        [Answer(ask=OTHER, answer=Given.AGREED)],
    ],
)
def test_what_was_not_asked_for_is_refused(messages):
    side, _ = taker()
    for message in messages[:-1]:
        side.on_data(write(message), 0.0)
    with pytest.raises(BadCloser):
        side.on_data(write(messages[-1]), 0.0)


def test_a_part_larger_than_its_grade_allows_is_refused():
    with pytest.raises(BadCloser):
        read(write(PART.model_copy(update={"size": 65_537})))
    with pytest.raises(BadCloser):
        read(json.dumps({"type": "ask", "ask": ASK, "what": "photo", "more": 1}).encode())
    with pytest.raises(BadCloser):
        read(b"{" + b" " * 3_000)


@given(st.binary(max_size=60), st.integers(0, 60))
def test_no_bytes_bring_down_either_side(noise, cut):
    for good in (write(PART), write(Chunk(ASK, 0, 0, b"abc")), write(Ask(ask=ASK, what="photo")), b""):
        data = good[:cut] + noise
        for on_data in (taker()[0].on_data, MemoryLink().giver.on_data):
            try:
                on_data(data, 0.0)
            except BadCloser:
                continue


def test_more_asks_than_a_person_can_answer_are_refused():
    link = MemoryLink()
    for number in range(16):
        link.giver.on_data(write(Ask(ask=f"{number:016x}", what="photo")), 0.0)
    with pytest.raises(BadCloser):
        link.giver.on_data(write(Ask(ask=ASK, what="photo")), 0.0)
    link.giver.on_data(write(Withdraw(ask=f"{3:016x}")), 0.0)
    link.giver.on_data(write(Ask(ask=ASK, what="photo")), 0.0)
    assert len(link.giver.asks) == 16


def test_the_table_raises_on_what_it_does_not_name():
    with pytest.raises(BadStep):
        life.step(Life.ASKED, Step.WHOLE)
    for state in life.OVER - {Life.LATER}:
        assert life.step(state, Step.WITHDRAW) is state


def test_an_acknowledgement_beyond_the_end_is_refused():
    state = sending.add(sending.Sending(), PART)
    with pytest.raises(BadCloser):
        sending.acknowledge(state, Have(ask=ASK, part=0, offset=4))
    with pytest.raises(BadCloser):
        sending.acknowledge(state, Have(ask=ASK, part=0, offset=2, whole=True))
