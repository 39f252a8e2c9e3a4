"""RTCP: known layouts, round trips of every part, compound and reduced-size datagrams, and what is refused."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.media.events import Cause, Modality, PeerState, View
from app.media.rtc.errors import BadRtcp
from app.media.rtc.peer_state import pack_state, parse_state, subtype_of
from app.media.rtc.rtcp import (
    LARGEST_DATAGRAM,
    MOST_LOST,
    MOST_PARTS,
    FullIntraRequest,
    Goodbye,
    Nack,
    Part,
    PeerStateReport,
    PictureLoss,
    ReceiverReport,
    Remb,
    ReportBlock,
    SenderReport,
    SourceDescription,
    TransportCc,
    build_rtcp,
    is_rtcp,
    parse_rtcp,
)
from app.media.rtc.twcc import build_feedback

_u8, _u32, _u64 = st.integers(0, 0xFF), st.integers(0, 0xFFFFFFFF), st.integers(0, (1 << 64) - 1)
_blocks = st.lists(
    st.builds(ReportBlock, _u32, _u8, st.integers(-(1 << 23), (1 << 23) - 1), _u32, _u32, _u32, _u32), max_size=4
).map(tuple)
_states = st.builds(
    PeerState,
    st.booleans(),
    st.booleans(),
    st.sampled_from(Modality),
    st.sampled_from(Cause),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(View),
)
_fcis = st.builds(
    build_feedback,
    st.integers(0, 0xFFFF),
    st.lists(st.none() | st.floats(5, 9), max_size=20).map(lambda at: [*at, 7.0]),
    _u8,
)
_lost = st.sets(st.integers(0, 0xFFFF), min_size=1, max_size=20).map(lambda lost: tuple(sorted(lost)))
_ssrcs = st.lists(_u32, max_size=5).map(tuple)
_parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(SenderReport, _u32, _u64, _u32, _u32, _u32, _blocks),
    st.builds(ReceiverReport, _u32, _blocks),
    st.builds(SourceDescription, _u32, st.text(max_size=60)),
    st.builds(Goodbye, _ssrcs),
    st.builds(Nack, _u32, _u32, _lost),
    st.builds(PictureLoss, _u32, _u32),
    st.builds(FullIntraRequest, _u32, st.lists(st.tuples(_u32, _u8), min_size=1, max_size=3).map(tuple)),
    st.builds(Remb, _u32, st.integers(0, 0x3FFFF) | st.just(0x3FFFF << 20), _ssrcs),
    st.builds(TransportCc, _u32, _u32, _fcis),
    st.builds(PeerStateReport, _u32, _states),
)


@given(st.lists(_parts, min_size=1, max_size=4))
def test_round_trip(parts: list[Part]) -> None:
    data = build_rtcp(parts)
    assert len(data) % 4 == 0
    assert is_rtcp(data)
    assert parse_rtcp(data) == tuple(parts)


# Layouts from the RFCs' figures
LAYOUTS: list[tuple[str, Part]] = [
    (
        "81c8 000c 00000001 83aa7e80 80000000 00000bb8 00000064 00001770"
        "00000002 40 fffffd 0001ffff 00000010 12345678 00010000",
        SenderReport(
            1,
            0x83AA7E8080000000,
            3000,
            100,
            6000,
            (ReportBlock(2, 64, -3, 0x1FFFF, 16, 0x12345678, 0x10000),),
        ),
    ),
    ("80c9 0001 00000001", ReceiverReport(1)),
    ("81ca 0003 00000001 01 04 61626364 0000", SourceDescription(1, "abcd")),
    ("81ca 0003 00000001 01 05 6162636465 00", SourceDescription(1, "abcde")),
    ("81ca 0004 00000001 01 06 616263646566 00000000", SourceDescription(1, "abcdef")),
    ("82cb 0002 00000001 00000002", Goodbye((1, 2))),
    ("81cd 0004 00000001 00000002 fffe 0005 0020 0000", Nack(1, 2, (65534, 65535, 1, 32))),
    ("81ce 0002 00000001 00000002", PictureLoss(1, 2)),
    ("84ce 0004 00000001 00000000 00000009 05 000000", FullIntraRequest(1, ((9, 5),))),
    ("8fce 0005 00000001 00000000 52454d42 01 063d09 00000009", Remb(1, 0x23D09 << 1, (9,))),
    (
        "8fcd 0005 00000001 00000002 0099 0001 3de802 17 2001 94 00",
        TransportCc(1, 2, bytes.fromhex("009900013de8021720019400")),
    ),
    (
        "81cc 0003 00000001 544c494e 01 15 02 06",
        PeerStateReport(1, PeerState(True, False, Modality.AUDIO, Cause.OTHER_CHOSE, True, False, True, View.DETAIL)),
    ),
    (
        "80cc 0003 00000001 544c494e 01 15 02 06",
        PeerStateReport(1, PeerState(True, False, Modality.AUDIO, Cause.OTHER_CHOSE, True, False, True)),
    ),
]


@pytest.mark.parametrize(("text", "part"), LAYOUTS)
def test_known_layouts(text: str, part: Part) -> None:
    data = bytes.fromhex(text)
    assert parse_rtcp(data) == (part,)
    assert build_rtcp([part]) == data


def test_feedback_with_rtcp_padding_as_libwebrtc_sends_it() -> None:
    data = bytes.fromhex("afcd 0005 00000001 00000002 0099 0001 3de802 17 2001 94 01")
    (part,) = parse_rtcp(data)
    assert part == TransportCc(1, 2, bytes.fromhex("009900013de802172001 94"))


@pytest.mark.parametrize(
    "text",
    [
        "80cf 0001 00000001",  # XR
        "81d0 0001 00000001",
        "83cd 0002 00000001 00000002",  # a feedback format that we do not know
        "83ce 0002 00000001 00000002",
        "8fce 0003 00000001 00000002 4c4e544b",  # application feedback that is no REMB
        "80cc 0003 00000001 41424344 01000000",  # another application's packet
        "80cc 0003 00000001 544c494e 02ffffff",  # a later version of ours
    ],
)
def test_what_we_do_not_know_is_passed_over(text: str) -> None:
    data = bytes.fromhex(text)
    assert parse_rtcp(data) == ()
    assert parse_rtcp(data + build_rtcp([PictureLoss(1, 2)])) == (PictureLoss(1, 2),)


def test_other_source_items_and_several_sources() -> None:
    data = bytes.fromhex("82ca 0005 00000001 02 01 78 01 01 61 0000 00000002 01 00 0000")
    assert parse_rtcp(data) == (SourceDescription(1, "a"), SourceDescription(2, ""))


def test_extensions_behind_the_blocks_are_allowed() -> None:
    assert parse_rtcp(bytes.fromhex("80c9 0002 00000001 deadbeef")) == (ReceiverReport(1),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "80c9",
        "40c9 0001 00000001",  # version 1
        "80c9 0002 00000001",  # longer than it is
        "80c9 0001 00000001 80",
        "80c9 0000",
        "81c9 0001 00000001",  # a block is missing
        "80c8 0001 00000001",
        "81c8 0006" + "00" * 24,
        "a0c9 0001 00000005",  # more padding than body
        "a0c9 0001 00000000",
        "a0c9 0000",
        "81ca 0001 00000001",  # no end
        "81ca 0002 00000001 01 09 6162",
        "82ca 0002 00000001 00 000000",
        "82cb 0001 00000001",
        "81cd 0001 00000001",
        "81cd 0002 00000001 00000002",  # a NACK for nothing
        "8fcd 0002 00000001 00000002",
        "8fcd 0004 00000001 00000002 0001 0000 000000 00",
        "81ce 0001 00000001",
        "84ce 0003 00000001 00000000 00000009",
        "8fce 0003 00000001 00000000 52454d42",
        "8fce 0004 00000001 00000000 52454d42 02 000000",  # two streams, none named
        "80cc 0001 00000001",
        "80cc 0002 00000001 544c494e",
        "80cc 0003 00000001 544c494e 01 20 00 00",
        "80cc 0003 00000001 544c494e 01 00 04 00",
        "80cc 0003 00000001 544c494e 01 00 00 07",
    ],
)
def test_malformed_datagrams_are_refused(text: str) -> None:
    with pytest.raises(BadRtcp):
        parse_rtcp(bytes.fromhex(text))


def test_sizes_are_bounded() -> None:
    with pytest.raises(BadRtcp):
        parse_rtcp(bytes.fromhex("80c90001 00000001") * (LARGEST_DATAGRAM // 8 + 1))
    with pytest.raises(BadRtcp):
        parse_rtcp(bytes.fromhex("80c90001 00000001") * (MOST_PARTS + 1))
    many = struct.pack("!HH", 0, 0xFFFF) * (MOST_LOST // 17 + 1)
    with pytest.raises(BadRtcp):
        parse_rtcp(struct.pack("!BBHII", 0x81, 205, 2 + len(many) // 4, 1, 2) + many)


@pytest.mark.parametrize(
    "part",
    [
        ReceiverReport(1 << 32),
        ReceiverReport(1, (ReportBlock(1, 0, 1 << 23, 0, 0, 0, 0),)),
        ReceiverReport(1, (ReportBlock(1, 0, 0, 0, 0, 0, 0),) * 32),
        SourceDescription(1, "x" * 256),
        Remb(1, -1, ()),
        Remb(1, 1 << 82, ()),
        Nack(1, 2, (65536,)),
        TransportCc(1, 2, bytes(1600)),
    ],
)
def test_what_does_not_fit_is_not_built(part: Part) -> None:
    with pytest.raises(BadRtcp):
        build_rtcp([part])


def test_which_datagrams_are_rtcp() -> None:
    assert [kind for kind in range(256) if is_rtcp(bytes((0x80, kind)))] == list(range(192, 224))
    assert not is_rtcp(b"\x80")


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parts = parse_rtcp(data)
    except BadRtcp:
        return
    assert len(parts) <= MOST_PARTS


@given(_states)
def test_a_peers_state_in_four_bytes(state: PeerState) -> None:
    assert len(pack_state(state)) == 4
    assert parse_state(pack_state(state), subtype_of(state)) == state
    older = parse_state(pack_state(state))  # which does not look at the subtype
    assert older == replace(state, wish=View.TALK)


def test_a_wish_of_a_later_version_is_none() -> None:
    data = bytes.fromhex("9fcc 0003 00000001 544c494e 01 15 02 06")
    (part,) = parse_rtcp(data)
    assert isinstance(part, PeerStateReport)
    assert part.state.wish is View.TALK
