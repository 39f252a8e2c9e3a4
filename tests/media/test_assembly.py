"""RTP packets to VP8 frames: order, loss, repair, giving up."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from app.media.video.assembly import ASK_AGAIN_S, WAIT_FOR_REPAIR_S, FrameAssembler, VideoPacket, WholeFrame
from app.media.video.vp8 import is_key_frame, packetize, starts_frame

KEY_HEADER = b"\x9d\x01\x2a" + (640).to_bytes(2, "little") + (480).to_bytes(2, "little")
"""Start code and size of a VP8 key frame (RFC 6386 section 9.1)."""


def _stream(frames: int, key_every: int = 1000, size: int = 1500, first: int = 65500) -> list[VideoPacket]:
    packets, sequence = [], first
    for n in range(frames):
        head = 0 if n % key_every == 0 else 1
        start = b"\0" + KEY_HEADER if head == 0 else b""
        data = (bytes([head, n & 0xFF]) + start).ljust(size, b"\0")
        payloads = packetize(data, n, 600)
        for i, payload in enumerate(payloads):
            packets.append(VideoPacket(sequence & 0xFFFF, n * 9000, i == len(payloads) - 1, payload, payload[4:]))
            sequence += 1
    return packets


def test_packets_in_order_give_every_frame_and_ask_for_nothing() -> None:
    assembler, got = FrameAssembler(), []
    for i, packet in enumerate(_stream(50)):
        frames, key = assembler.add(packet, i * 0.03)
        assert not key
        got += frames
    assert [f.data[1] for f in got] == list(range(50))
    assert got[0].key
    assert not got[1].key


@given(st.randoms(use_true_random=False), st.integers(1, 12))
def test_any_small_reordering_gives_the_same_frames(rnd: random.Random, reach: int) -> None:
    packets = _stream(12)
    head, tail = packets[:3], packets[3:]
    tail = [p for _, p in sorted(enumerate(tail), key=lambda item: item[0] + rnd.random() * reach)]
    assembler, got = FrameAssembler(), []
    for packet in head + tail:
        frames, key = assembler.add(packet, 0.0)
        assert not key
        got += frames
    assert [f.data[1] for f in got] == list(range(12))


def test_a_repair_in_time_releases_all_that_waited() -> None:
    packets = _stream(6)
    assembler = FrameAssembler()
    lost = packets[4]
    for packet in packets[:4] + packets[5:12]:
        frames, key = assembler.add(packet, 0.0)
        assert not key
    frames, key = assembler.add(lost, WAIT_FOR_REPAIR_S / 2)
    assert not key
    assert len(frames) == 3


def test_what_stays_lost_asks_for_a_key_frame_and_goes_on_from_it() -> None:
    packets = _stream(40, key_every=20, size=500)
    assembler, asked, got = FrameAssembler(), [], []
    for i, packet in enumerate(packets):
        if i == 5:
            continue
        now = i * 0.1
        frames, key = assembler.add(packet, now)
        got += frames
        if key:
            asked.append(now)
    numbers = [f.data[1] for f in got]
    assert numbers == [0, 1, 2, 3, 4, *range(20, 40)]
    assert asked
    assert asked[0] <= 0.6 + WAIT_FOR_REPAIR_S + 0.11
    assert all(b - a >= ASK_AGAIN_S for a, b in itertools.pairwise(asked))


def test_a_stream_joined_in_the_middle_asks_at_once() -> None:
    packets = _stream(30, key_every=25, size=300)[3:]
    assembler = FrameAssembler()
    assert assembler.add(packets[0], 0.0) == ([], True)
    got: list[WholeFrame] = []
    for i, packet in enumerate(packets[1:]):
        got += assembler.add(packet, i * 0.01)[0]
    assert [f.data[1] for f in got] == list(range(25, 30))


@given(
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 3), st.booleans(), st.binary(max_size=8)), max_size=300)
)
def test_nonsense_is_bounded_and_raises_nothing(items: list[tuple[int, int, bool, bytes]]) -> None:
    assembler = FrameAssembler()
    for i, (sequence, stamp, marker, data) in enumerate(items):
        assembler.add(VideoPacket(sequence, stamp, marker, data, data[1:]), i * 0.01)
        assert len(assembler._packets) <= 512


@given(st.binary(min_size=1, max_size=5000), st.integers(0, 0x7FFF), st.integers(64, 1300))
def test_payloads_join_to_the_frame_and_keep_the_limit(data: bytes, picture_id: int, limit: int) -> None:
    payloads = packetize(data, picture_id, limit)
    assert b"".join(p[4:] for p in payloads) == data
    assert all(len(p) <= limit for p in payloads)
    assert [starts_frame(p) for p in payloads] == [True] + [False] * (len(payloads) - 1)
    assert is_key_frame(data) == (data[0] & 1 == 0)


def test_a_key_frame_larger_than_any_screen_is_never_handed_on():
    """16383 x 16383 would take gigabytes to decode; what builds on it is dropped too, until a usable one comes."""

    def key(width, height):
        return b"\x10\x02\x00\x9d\x01\x2a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + bytes(20)

    def packet(sequence, data):
        return VideoPacket(sequence, sequence * 3000, True, b"\x90\x80\x80\x01" + data, data)

    assembler = FrameAssembler()
    assert assembler.add(packet(1, key(16383, 16383)), 0.0)[0] == []
    assert assembler.add(packet(2, b"\x11" + bytes(20)), 0.1)[0] == []
    frames, _ = assembler.add(packet(3, key(640, 480)), 0.2)
    assert [frame.key for frame in frames] == [True]
    assert assembler.add(packet(4, key(1921, 480)), 0.3)[0] == []
    assert assembler.add(packet(5, b"\x11" + bytes(20)), 0.4)[0] == []
