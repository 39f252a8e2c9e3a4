"""RTP packets to whole frames: order, loss, repair, waiting for it, giving up."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_stream import av1_unit, frame_of, number_of, packets_of, stream, vp8_frame

from app.media.video.assembly import MAX_PACKETS, FrameAssembler, VideoPacket, WholeFrame
from app.media.video.codecs import BadPayload, VideoCodec
from app.media.video.patience import ASK_AGAIN_S, REORDERED_S, repair_wait

BOTH = pytest.mark.parametrize("codec", list(VideoCodec))
RTT = 0.1
STEP = 0.02


class Receiver:
    """An assembler with its clock: `feed` gives packets at a time, `wait` ticks as RTCP's turn does."""

    def __init__(self, rtt: float | None = RTT) -> None:
        self.assembler, self.rtt, self.now = FrameAssembler(), rtt, 0.0
        self.got: list[WholeFrame] = []
        self.asked: list[float] = []

    def feed(self, *packets: VideoPacket) -> None:
        for packet in packets:
            self._note(*self.assembler.add(packet, self.now, self.rtt))

    def wait(self, until: float) -> None:
        while self.now + STEP < until:
            self.now += STEP
            self._note(*self.assembler.tick(self.now, self.rtt))
        self.now = until

    def _note(self, frames: list[WholeFrame], asks: bool) -> None:
        self.got += frames
        if asks:
            self.asked.append(self.now)

    @property
    def numbers(self) -> list[int]:
        return [number_of(frame) for frame in self.got]


@BOTH
def test_packets_in_order_give_every_frame_and_ask_for_nothing(codec: VideoCodec) -> None:
    side = Receiver()
    for n, picture in enumerate(stream(50, codec=codec)):
        side.wait(n / 15)
        side.feed(*picture)
    side.wait(10)
    assert side.numbers == list(range(50))
    assert [frame.key for frame in side.got] == [True] + [False] * 49
    assert {frame.codec for frame in side.got} == {codec}
    assert not side.asked
    assert side.assembler.tail(10) is None


@given(st.randoms(use_true_random=False), st.integers(1, 12), st.sampled_from(list(VideoCodec)))
def test_any_small_reordering_gives_the_same_frames(rnd: random.Random, reach: int, codec: VideoCodec) -> None:
    head, *rest = stream(12, codec=codec)
    tail = [p for picture in rest for p in picture]
    tail = [p for _, p in sorted(enumerate(tail), key=lambda item: item[0] + rnd.random() * reach)]
    side = Receiver()
    side.feed(*head, *tail)
    assert side.numbers == list(range(12))
    assert not side.asked


def test_a_repair_in_time_releases_all_that_waited() -> None:
    pictures = stream(6)
    side = Receiver()
    side.feed(*pictures[0], pictures[1][0], *pictures[1][2:])
    for n, picture in enumerate(pictures[2:], 1):
        side.wait(n * 0.06)
        side.feed(*picture)
    assert side.numbers == [0]
    side.feed(pictures[1][1])
    assert side.numbers == list(range(6))
    assert not side.asked


@BOTH
def test_what_stays_lost_asks_for_a_key_frame_and_goes_on_from_it(codec: VideoCodec) -> None:
    side = Receiver()
    for n, picture in enumerate(stream(60, key_every=40, size=500, codec=codec)):
        side.wait(n * 0.1)
        if n != 5:
            side.feed(*picture)
    assert side.numbers == [0, 1, 2, 3, 4, *range(40, 60)]
    assert side.asked[0] == pytest.approx(0.6 + repair_wait(RTT), abs=2 * STEP)
    assert all(b - a >= ASK_AGAIN_S for a, b in itertools.pairwise(side.asked))
    assert len(side.asked) == 3, "again and again until it comes"
    assert side.assembler.dropped == 1


def test_a_stream_joined_in_the_middle_asks_at_once() -> None:
    pictures = stream(30, key_every=25, size=300)[3:]
    side = Receiver()
    side.feed(*pictures[0])
    assert (side.got, side.asked) == ([], [0.0])
    for n, picture in enumerate(pictures[1:]):
        side.wait(n * 0.01)
        side.feed(*picture)
    assert side.numbers == list(range(25, 30))
    assert side.asked == [0.0]


def test_nothing_is_asked_for_before_anything_came() -> None:
    side = Receiver()
    side.wait(5)
    assert not side.asked


# How long a repair is waited for


def test_the_wait_follows_the_round_trip() -> None:
    assert repair_wait(None) == REORDERED_S
    for rtt in (0.02, 0.1, 0.3, 0.6, 2.0):
        assert repair_wait(rtt) > rtt + 0.1, "at least one repair has time to come"
    assert repair_wait(0.1) > 2 * 0.1 + 0.1, "where it is quick, two"
    assert repair_wait(0.6) < 2 * 0.6, "where it is slow, a key frame is asked for before a second try"


def test_moving_pictures_on_a_long_round_trip_ask_early_and_still_take_the_repair() -> None:
    pictures = stream(30, size=500)
    side = Receiver(0.6)
    for n, picture in enumerate(pictures[:20]):
        side.wait(n / 15)
        if n != 3:
            side.feed(*picture)
    assert side.asked == [pytest.approx(4 / 15 + repair_wait(0.6), abs=2 * STEP)]
    side.feed(*pictures[3])
    assert side.numbers == list(range(20)), "late, but nothing is missing any more"


STILL_S = 4.0


def _stills(side: Receiver, count: int, lost: dict[int, int]) -> list[list[VideoPacket]]:
    """Pictures of eight packets, one every 4 s; `lost`: picture -> place of the packet that does not come."""
    pictures = stream(count, size=4000, ticks=round(STILL_S * 90_000))
    for n, picture in enumerate(pictures):
        for place, packet in enumerate(picture):
            side.wait(n * STILL_S + place * 0.2)
            if lost.get(n) != place:
                side.feed(packet)
    return pictures


@pytest.mark.parametrize("place", [0, 3])
def test_a_still_waits_for_its_repair_while_nothing_better_comes(place: int) -> None:
    side = Receiver(0.6)
    pictures = _stills(side, 3, {2: place})
    side.wait(3 * STILL_S)
    assert (side.numbers, side.asked) == ([0, 1], [])
    assert side.assembler.worth_repairing_s(0.6) > STILL_S
    side.feed(pictures[2][place])
    side.wait(4 * STILL_S)
    assert (side.numbers, side.asked) == ([0, 1, 2], [])


def test_a_still_that_is_not_repaired_costs_a_key_frame_once_the_next_has_begun() -> None:
    side = Receiver(0.6)
    _stills(side, 4, {2: 3})
    side.wait(5 * STILL_S)
    assert side.asked[0] == pytest.approx(3 * STILL_S + repair_wait(0.6), abs=2 * STEP)
    assert side.numbers == [0, 1], "nothing that builds on what is missing"


def test_the_next_still_has_begun_though_its_first_packet_is_lost_too() -> None:
    side = Receiver(0.6)
    _stills(side, 4, {2: 3, 3: 0})
    side.wait(5 * STILL_S)
    assert side.asked[0] == pytest.approx(3 * STILL_S + 0.2 + repair_wait(0.6), abs=2 * STEP)


def test_the_tail_of_a_still_is_missed_in_silence_and_in_the_end_a_key_frame_is_asked_for_ever_less_often() -> None:
    side = Receiver(RTT)
    pictures = stream(3, size=4000, ticks=round(STILL_S * 90_000))
    side.feed(*pictures[0])
    side.wait(STILL_S)
    for packet in pictures[1][:-1]:
        side.feed(packet)
        assert side.assembler.tail(side.now) is None, "its packets are merely not all there yet"
        side.wait(side.now + 0.2)
    last = side.now - 0.2
    side.wait(last + 0.7)
    assert side.assembler.tail(side.now) == pictures[1][-1].sequence
    side.wait(60)
    # Its interval is 4 s: twice that without a next picture is long enough.
    assert side.asked[0] == pytest.approx(last + 8 + repair_wait(RTT), abs=0.7)
    gaps = [round(b - a, 1) for a, b in itertools.pairwise(side.asked)]
    assert gaps[:4] == [1, 2, 4, 8]
    side.feed(pictures[1][-1])
    assert side.numbers == [0, 1], "better late than never"
    assert side.assembler.tail(side.now) is None


def test_a_whole_key_frame_behind_a_hole_is_shown_without_asking() -> None:
    side = Receiver()
    pictures = stream(8, key_every=4, size=1500)
    for n, picture in enumerate(pictures):
        side.wait(n * 0.066)
        side.feed(*picture[: 1 if n == 3 else None])
    assert side.numbers == [0, 1, 2, 4, 5, 6, 7]
    assert not side.asked
    assert side.assembler.wanted_from is not None
    side.feed(*pictures[3])
    assert side.numbers[-1] == 7, "what comes after it was given up is dropped"


def test_a_key_frame_with_a_hole_of_its_own_is_waited_for_like_any_other() -> None:
    side = Receiver()
    pictures = stream(12, key_every=6, size=1500)
    for n, picture in enumerate(pictures):
        side.wait(n * 0.066)
        side.feed(*(p for i, p in enumerate(picture) if (n, i) not in {(3, 1), (6, 1)}))
    side.feed(pictures[6][1])
    assert side.numbers == [0, 1, 2, *range(6, 12)]
    assert not side.asked


def test_where_nothing_is_repaired_a_key_frame_is_asked_for_at_once() -> None:
    side = Receiver(None)
    for n, picture in enumerate(stream(8, size=300)):
        side.wait(n * 0.066)
        if n != 3:
            side.feed(*picture)
    assert side.asked[0] == pytest.approx(4 * 0.066 + REORDERED_S, abs=2 * STEP)


def test_a_decoder_that_lost_its_reference_gets_nothing_before_a_key_frame_and_it_is_asked_for_until_it_comes() -> (
    None
):
    side = Receiver()
    for n, picture in enumerate(stream(60, key_every=50, size=300)):
        side.wait(n * 0.066)
        if n == 10:
            side.assembler.need_key()
        side.feed(*picture)
    assert side.numbers == [*range(10), *range(50, 60)]
    assert side.asked[0] == pytest.approx(0.66, abs=0.04)
    assert len(side.asked) == 3


# Streams that change, and those that break rules


def test_a_change_of_codec_begins_with_a_key_frame() -> None:
    vp8 = [p for picture in stream(4, size=300) for p in picture]
    at = (vp8[-1].sequence + 1, vp8[-1].timestamp)
    side = Receiver()
    side.feed(*vp8)
    for i, key in enumerate((True, False, False)):
        side.feed(*packets_of(VideoCodec.AV1, av1_unit(4 + i, key, 300), at[0] + i, at[1] + 6000 * i, 4 + i))
    assert side.numbers == list(range(7)), "even at the same RTP time"
    assert [frame.codec for frame in side.got] == [VideoCodec.VP8] * 4 + [VideoCodec.AV1] * 3
    assert not side.asked
    side.feed(*packets_of(VideoCodec.VP8, vp8_frame(7, False, 300), at[0] + 3, at[1] + 18_000, 7))
    assert len(side.got) == 7, "it builds on a picture of the other codec"
    assert side.asked


def test_another_stream_may_have_any_numbers() -> None:
    side = Receiver()
    side.feed(*(p for picture in stream(4) for p in picture))
    side.assembler.restart()
    side.feed(*(p for picture in stream(4, first=40_000) for p in picture))
    assert side.numbers == [0, 1, 2, 3] * 2


def test_a_leap_of_the_numbers_is_a_new_beginning_and_not_thirty_thousand_losses() -> None:
    side = Receiver()
    side.feed(*(p for picture in stream(4) for p in picture))
    side.feed(*(p for picture in stream(8, first=20_000, key_every=5)[3:] for p in picture))
    assert side.numbers == [0, 1, 2, 3, 5, 6, 7]
    assert side.asked == [0.0]


def test_padding_between_pictures_is_passed_over() -> None:
    first, second = stream(2, size=300)
    pad = replace(first[0], sequence=second[0].sequence, payload=b"", starts=False, key=False, marker=False)
    side = Receiver()
    side.feed(*first, pad, replace(second[0], sequence=(pad.sequence + 1) & 0xFFFF))
    assert side.numbers == [0, 1]
    assert VideoPacket.read(VideoCodec.AV1, 1, 2, False, b"").starts is False


def test_pictures_without_markers_end_where_the_next_begins() -> None:
    side = Receiver()
    side.feed(*(replace(p, marker=False) for picture in stream(5) for p in picture))
    assert side.numbers == [0, 1, 2, 3]


def test_a_malformed_payload_is_refused_by_itself() -> None:
    for codec, payload in ((VideoCodec.VP8, b"\x90"), (VideoCodec.AV1, b"\x20\x05a")):
        with pytest.raises(BadPayload):
            VideoPacket.read(codec, 1, 2, True, payload)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 0xFFFF),
            st.integers(0, 3),
            st.booleans(),
            st.binary(max_size=8),
            st.sampled_from(VideoCodec),
        ),
        max_size=300,
    )
)
@settings(max_examples=60)
def test_nonsense_is_bounded_and_raises_nothing(items: list[tuple[int, int, bool, bytes, VideoCodec]]) -> None:
    assembler = FrameAssembler()
    for i, (sequence, stamp, marker, data, codec) in enumerate(items):
        for number in (sequence, i):
            assembler.add(VideoPacket(number, stamp, marker, codec, data, True, bool(i & 1)), i * 0.01, RTT)
        assert len(assembler._packets) <= MAX_PACKETS


def test_memory_is_bounded_while_nothing_can_be_used() -> None:
    side = Receiver()
    for picture in stream(1200, size=300, key_every=5000)[1:]:
        side.feed(*picture)
        assert len(side.assembler._packets) <= MAX_PACKETS
    assert side.got == []
    side = Receiver()
    for n, picture in enumerate(stream(1200, size=300, key_every=5000)):
        if n != 1:
            side.feed(*picture)
    assert side.numbers == [0]
    assert len(side.assembler._packets) <= MAX_PACKETS
    assert side.asked


def test_a_key_frame_larger_than_any_screen_is_never_handed_on() -> None:
    """16383 x 16383 would take gigabytes to decode; what builds on it is dropped too, until a usable one comes."""
    side = Receiver()
    frames = [
        vp8_frame(0, True, 30, (16383, 16383)),
        vp8_frame(1, False, 30),
        vp8_frame(2, True, 30, (640, 480)),
        vp8_frame(3, True, 30, (1921, 480)),
        vp8_frame(4, False, 30),
    ]
    for n, data in enumerate(frames):
        side.feed(*packets_of(VideoCodec.VP8, data, n, n * 3000, n))
    assert side.numbers == [2]


def test_a_sequence_header_of_gigabytes_is_refused_wherever_it_stands() -> None:
    huge = bytes.fromhex("00000007fffffffff94af90040")
    side = Receiver()
    side.feed(*packets_of(VideoCodec.AV1, av1_unit(0, True, 100), 0, 0, 0))
    sneaked = av1_unit(1, False, 100)[:2] + av1_unit(1, True, 100, huge)[2:17] + av1_unit(1, False, 100)[2:]
    side.feed(*packets_of(VideoCodec.AV1, sneaked, 1, 3000, 1))
    side.feed(*packets_of(VideoCodec.AV1, av1_unit(2, False, 100), 2, 6000, 2))
    side.feed(*packets_of(VideoCodec.AV1, av1_unit(3, True, 100, huge), 3, 9000, 3))
    side.feed(*packets_of(VideoCodec.AV1, av1_unit(4, True, 100), 4, 12_000, 4))
    assert side.numbers == [0, 4]


@given(st.data(), st.sampled_from(list(VideoCodec)))
@settings(max_examples=60, deadline=None)
def test_no_loss_copy_or_order_gives_a_frame_that_was_not_sent_or_lacks_its_reference(
    data: st.DataObject, codec: VideoCodec
) -> None:
    rnd = data.draw(st.randoms(use_true_random=False))
    loss, reach, key_every = rnd.random() * 0.4, rnd.random() * 20, rnd.choice((5, 9, 1000))
    size = rnd.choice((200, 1500))
    pictures = stream(40, codec=codec, key_every=key_every, size=size)
    packets = [p for picture in pictures for p in picture]
    arriving = [
        (place + rnd.random() * reach + late, p)
        for place, p in enumerate(packets)
        if rnd.random() >= loss
        for late in ([0.0, rnd.random() * 60] if rnd.random() < 0.1 else [0.0])
    ]
    side = Receiver(rnd.choice((None, 0.05, 0.6)))
    for at, packet in sorted(arriving, key=lambda item: item[0]):
        side.wait(at * 0.03)
        side.feed(packet)
    side.wait(side.now + 5)
    last = -1
    for frame, number in zip(side.got, side.numbers, strict=True):
        assert number > last
        assert frame.key or number == last + 1, "its reference was the frame before"
        assert frame.key == (number % key_every == 0)
        assert frame.data == frame_of(codec, number, frame.key, size)
        assert frame.timestamp == pictures[number][0].timestamp
        last = number
