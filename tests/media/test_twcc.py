"""Transport-wide feedback: layouts worked out by hand from the draft, round trips, and what is refused."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.media.rtc.errors import BadRtcp
from app.media.rtc.twcc import MOST_STATUSES, TICKS_PER_S, Recorder, build_feedback, parse_feedback


def fci(text: str) -> bytes:
    return bytes.fromhex(text)


# base, count, reference time, feedback count | chunks | deltas | padding
VECTORS = [
    # One packet as Chromium tells it: a run of one small delta of 37 ms, one byte of RTCP padding.
    (fci("0099 0001 3de802 17 2001 94 01"), 0x99, 0x17, [0x3DE802 * 0.064 + 0.037]),
    # The draft's one-bit example (0x9f1c), without the two lost packets at its end.
    (
        fci("0001 000c 000001 00 9f1c 00 04 04 04 04 14 04 04 0000"),
        1,
        0,
        [None, 0.064, 0.065, 0.066, 0.067, 0.068, None, None, None, 0.073, 0.074, 0.075],
    ),
    # Two-bit symbols: small, large (+64 ms), lost, large (-1 tick); reference time 2 units.
    (fci("ffff 0004 000002 ff d880 04 0100 ffff 00"), 0xFFFF, 0xFF, [0.129, 0.193, None, 0.19275]),
    # A run of 20 received at once, and a run of 100 lost before one.
    (fci("0005 0014 000000 01 2014 00") + bytes(19) + b"\0\0", 5, 1, [0.0] * 20),
    (fci("0005 0065 000000 02 0064 2001 01 000000"), 5, 2, [*[None] * 100, 0.00025]),
]


@pytest.mark.parametrize(("data", "base", "feedback_count", "arrivals"), VECTORS)
def test_known_layouts_are_read(data: bytes, base: int, feedback_count: int, arrivals: list[float | None]) -> None:
    told = parse_feedback(data)
    assert (told.base, told.count, told.feedback_count) == (base, len(arrivals), feedback_count)
    assert [number for number, _ in told.arrivals] == [(base + i) & 0xFFFF for i in range(len(arrivals))]
    for (_, got), wanted in zip(told.arrivals, arrivals, strict=True):
        assert got == (None if wanted is None else pytest.approx(wanted, abs=1e-9))


@pytest.mark.parametrize(("data", "base", "feedback_count", "arrivals"), VECTORS[1:])
def test_known_layouts_are_built(data: bytes, base: int, feedback_count: int, arrivals: list[float | None]) -> None:
    late = [None if at is None else at + 1e-6 for at in arrivals]  # on the safe side of the tick
    assert build_feedback(base, late, feedback_count) == data + bytes(-len(data) % 4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0001 0001 000000 00 20",  # no whole chunk
        "0001 0000 000000 00 2001 00 00",  # no packet
        "0001 07d1 000000 00 07d1 0000",  # more statuses than we take
        "0001 ffff 000000 00 1fff 1fff 1fff 1fff 1fff 1fff 1fff 1fff",
        "0001 0001 000000 00 2000 00 00",  # a run of none
        "0001 0001 000000 00 2002 00 00",  # a run past the count
        "0001 0010 000000 00 bfff 00 00",  # chunks for 14 of 16
        "0001 0002 000000 00 2002 00",  # a delta is missing
        "0001 0001 000000 00 4001 00",  # half a delta
        "0001 0001 000000 00 6001 0000",  # the reserved status
        "0001 0001 000000 00 f000 0000",
        "0001 0001 000000 00 2001 00 00000000",  # more left over than padding
    ],
)
def test_malformed_feedback_is_refused(text: str) -> None:
    with pytest.raises(BadRtcp):
        parse_feedback(fci(text))


@given(st.binary(max_size=120))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        told = parse_feedback(data)
    except BadRtcp:
        return
    assert told.count == len(told.arrivals) <= MOST_STATUSES


def test_the_reference_time_is_put_near_what_was_told_before() -> None:
    wrap = (1 << 24) * 0.064
    data = build_feedback(1, [wrap + 1.0], 0)
    ((_, plain),) = parse_feedback(data).arrivals
    ((_, unwrapped),) = parse_feedback(data, near=wrap - 5.0).arrivals
    assert plain == pytest.approx(1.0, abs=3e-4)
    assert unwrapped == pytest.approx(wrap + 1.0, abs=3e-4)
    ((_, before),) = parse_feedback(build_feedback(1, [wrap - 1.0], 0), near=wrap + 5.0).arrivals
    assert before == pytest.approx(wrap - 1.0, abs=3e-4)


_gaps = st.one_of(st.none(), st.integers(-200, 2000), st.integers(-0x8000, 0x7FFF))


@given(st.integers(0, 0xFFFF), st.lists(_gaps, max_size=300), st.integers(0, 255))
def test_round_trip(base: int, gaps: list[int | None], feedback_count: int) -> None:
    now = 40_000_000
    ticks: list[int | None] = []
    for gap in gaps:
        now += gap or 0
        ticks.append(None if gap is None else now)
    ticks.append(now)
    data = build_feedback(base, [None if t is None else (t + 0.5) / TICKS_PER_S for t in ticks], feedback_count)
    told = parse_feedback(data)
    assert len(data) % 4 == 0
    assert (told.base, told.count, told.feedback_count) == (base, len(ticks), feedback_count)
    assert [None if at is None else round(at * TICKS_PER_S) for _, at in told.arrivals] == ticks


@pytest.mark.parametrize("arrivals", [[], [None], [1.0, None], [1.0, 10.0], [10.0, 1.0], [1.0] * (MOST_STATUSES + 1)])
def test_what_one_message_cannot_tell_is_not_built(arrivals: list[float | None]) -> None:
    with pytest.raises(ValueError, match="fit"):
        build_feedback(0, arrivals, 0)


# The receiver's side


def told(messages: list[bytes]) -> dict[int, float | None]:
    """The last word on each number."""
    known: dict[int, float | None] = {}
    for message in messages:
        for number, at in parse_feedback(message).arrivals:
            if at is not None or number not in known:
                assert known.get(number) is None, "received twice"
                known[number] = at
    return known


def test_each_packet_is_told_once_and_a_gap_as_lost() -> None:
    recorder = Recorder()
    assert recorder.flush() == []
    for number, at in ((65534, 1.0), (65535, 1.02), (1, 1.06)):
        assert recorder.add(number, at)
    assert not recorder.add(65535, 1.07), "a copy"
    (message,) = recorder.flush()
    assert [(n, at is not None) for n, at in parse_feedback(message).arrivals] == [
        (65534, True),
        (65535, True),
        (0, False),
        (1, True),
    ]
    assert recorder.flush() == []
    recorder.add(2, 1.08)
    (message,) = recorder.flush()
    again = parse_feedback(message)
    assert [n for n, _ in again.arrivals] == [2]
    assert again.feedback_count == 1


def test_a_late_packet_is_told_as_received_after_all() -> None:
    recorder = Recorder()
    for number in (10, 11, 13, 14):
        recorder.add(number, 1.0)
    first = recorder.flush()
    recorder.add(12, 1.3)
    second = recorder.flush()
    recorder.add(15, 1.4)
    recorder.add(14, 1.5)
    third = recorder.flush()
    assert [n for n, _ in parse_feedback(second[0]).arrivals] == [12]
    assert [n for n, _ in parse_feedback(third[0]).arrivals] == [15]
    assert told(first)[12] is None
    assert all(at is not None for at in told(first + second + third).values())


def test_late_and_new_go_into_one_message_and_what_lies_between_stays_told() -> None:
    recorder = Recorder()
    for number in (1, 3, 4):
        recorder.add(number, 1.0)
    recorder.flush()
    recorder.add(2, 1.1)
    recorder.add(5, 1.1)
    (message,) = recorder.flush()
    assert [(n, at is not None) for n, at in parse_feedback(message).arrivals] == [
        (2, True),
        (3, False),
        (4, False),
        (5, True),
    ]


def test_a_pause_that_no_delta_spans_starts_a_new_message() -> None:
    recorder = Recorder()
    recorder.add(1, 1.0)
    recorder.add(4, 20.0)
    messages = recorder.flush()
    assert len(messages) == 2
    assert told(messages) == {1: 1.0, 2: None, 3: None, 4: 20.0}


def test_the_limit_holds_and_the_rest_waits() -> None:
    recorder = Recorder()
    chance = random.Random(3)
    at = 0.0
    for number in range(500):
        at += chance.choice((0.001, 0.1))
        if chance.random() < 0.8 or number in (0, 499):
            recorder.add(number, at)
    assert recorder.flush(11) == []
    all_messages: list[bytes] = []
    while recorder.pending:
        messages = recorder.flush(100)
        assert messages
        assert sum(map(len, messages)) <= 100
        all_messages += messages
    whole = told(all_messages)
    assert sorted(whole) == list(range(500))
    assert recorder.flush() == []


def test_memory_stays_bounded_when_nobody_asks_and_when_numbers_jump() -> None:
    recorder = Recorder()
    for number in range(20_000):
        recorder.add(number & 0xFFFF, number / 100)
    assert recorder.pending == MOST_STATUSES
    recorder.flush()
    for number in range(20_000, 40_000):
        recorder.add(number & 0xFFFF, number / 100)
        if number % 10 == 0:
            recorder.flush()
    assert len(recorder._told) <= 2 * MOST_STATUSES
    assert not recorder.add(39_999 - MOST_STATUSES, 400.0), "too late to matter"
    assert recorder.add((40_000 + 30_000) & 0xFFFF, 401.0)
    (message,) = recorder.flush()
    assert parse_feedback(message).count == 1, "a new beginning is no loss"


@given(st.integers(0, 0xFFFF), st.integers(0, 1 << 32))
def test_however_the_network_shuffles_each_packet_is_told_once(first: int, seed: int) -> None:
    chance = random.Random(seed)
    sent = [(first + i, i * 0.02 + chance.random() ** 4 * chance.choice((0.03, 1.0))) for i in range(200)]
    received = [packet for packet in sent if chance.random() < 0.8]
    recorder = Recorder()
    messages: list[bytes] = []
    arrived = {}
    for number, at in sorted(received, key=lambda packet: packet[1]):
        assert recorder.add(number & 0xFFFF, at)
        arrived[number & 0xFFFF] = at
        if chance.random() < 0.1:
            messages += recorder.flush(chance.choice((60, 1000)))
    while recorder.pending:
        messages += recorder.flush()
    whole = told(messages)
    assert {n for n, at in whole.items() if at is not None} == set(arrived)
    for number, at in arrived.items():
        assert whole[number] == pytest.approx(at, abs=1 / TICKS_PER_S)
    lost = {n for n, at in whole.items() if at is None}
    assert lost <= {n & 0xFFFF for n, _ in sent}


def test_what_feedback_costs() -> None:
    """A second of speech at 60 ms a packet in one message: with every header 28 + 12 + FCI + 14 bytes."""
    recorder = Recorder()
    for number in range(17):
        recorder.add(number, number * 0.06)
    (message,) = recorder.flush()
    assert len(message) == 28
