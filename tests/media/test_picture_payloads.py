"""AV1 and VP8 in RTP: vectors after the rules of the specifications, round trips, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_stream import SEQUENCE, av1_unit, obu, vp8_frame

from app.media.video import av1_rtp, vp8_rtp
from app.media.video.av1_obu import DELIMITER, get_leb128, put_leb128, read_obus, read_sequence_header
from app.media.video.codecs import MAX_SIDE, BadPayload

# AV1: what arrives. Elements are OBUs of type 6 (header 30 without, 32 with a size field) and 5 (28 and 2a).

ONE, TWO = "30aabb", "28cc"
ONE_SIZED, TWO_SIZED = "3202aabb", "2a01cc"
VECTORS = [
    ("one element, its length by W = 1", ["10" + ONE], ONE_SIZED),
    ("one element, its length told (W = 0)", ["00" + "03" + ONE], ONE_SIZED),
    ("two elements, W = 0: both lengths", ["00" + "03" + ONE + "02" + TWO], ONE_SIZED + TWO_SIZED),
    ("two elements, W = 2: one length", ["20" + "03" + ONE + TWO], ONE_SIZED + TWO_SIZED),
    ("three elements, W = 3", ["30" + "02" + TWO + "03" + ONE + TWO], TWO_SIZED + ONE_SIZED + TWO_SIZED),
    ("four elements need W = 0", ["00" + ("02" + TWO) * 4], TWO_SIZED * 4),
    ("N: a coded video sequence begins", ["18" + ONE], ONE_SIZED),
    ("a fragment over three packets", ["50" + "30aa", "d0" + "bb", "90" + "ccdd"], "3204aabbccdd"),
    ("a whole OBU, then one in fragments", ["60" + "02" + TWO + "30", "90" + "aabb"], TWO_SIZED + ONE_SIZED),
    ("a fragment's end, then a whole OBU", ["50" + "30aa", "a0" + "01" + "bb" + TWO], ONE_SIZED + TWO_SIZED),
    ("packets with whole OBUs each", ["10" + ONE, "10" + TWO], ONE_SIZED + TWO_SIZED),
    ("an OBU that kept its size field", ["10" + ONE_SIZED], ONE_SIZED),
    ("a length of two bytes for no need", ["00" + "8300" + ONE], ONE_SIZED),
    ("an extension header stays", ["10" + "3428aabb"], "362802aabb"),
    ("delimiters, tile lists and padding are ignored", ["00" + "0110" + "0240ff" + "0278ff" + "03" + ONE], ONE_SIZED),
]


@pytest.mark.parametrize(("payloads", "whole"), [v[1:] for v in VECTORS], ids=[v[0] for v in VECTORS])
def test_payloads_of_av1_become_the_temporal_unit(payloads: list[str], whole: str) -> None:
    assert av1_rtp.depacketize([bytes.fromhex(p) for p in payloads]).hex() == "1200" + whole


REFUSED = [
    ("nothing", []),
    ("an empty payload", [""]),
    ("an aggregation header alone", ["10"]),
    ("the beginning is missing", ["90" + "bb"]),
    ("the end is missing", ["50" + "30aa"]),
    ("the middle is missing", ["50" + "30aa", "10" + ONE]),
    ("a fragment's end that nobody began", ["10" + ONE, "90" + "bb"]),
    ("N within a picture", ["10" + ONE, "18" + ONE]),
    ("N within an OBU", ["50" + "30aa", "98" + "bb"]),
    ("a length beyond the packet", ["00" + "09" + ONE]),
    ("a length of zero", ["20" + "00" + ONE]),
    ("fewer elements than W says", ["30" + "03" + ONE]),
    ("a length that does not end", ["00" + "ffffffffffffffffff" + ONE]),
    ("a length of more than 32 bits", ["00" + "ffffffff7f" + ONE]),
    ("the forbidden bit", ["10" + "b0aabb"]),
    ("a size field beyond the element", ["10" + "3209aabb"]),
    ("a size field before its end", ["10" + "3201aabb"]),
    ("an extension that is not there", ["10" + "34"]),
    ("nothing but a delimiter", ["10" + "10"]),
]


@pytest.mark.parametrize("payloads", [v[1] for v in REFUSED], ids=[v[0] for v in REFUSED])
def test_what_breaks_the_rules_of_av1_is_refused_in_one_way(payloads: list[str]) -> None:
    with pytest.raises(BadPayload):
        av1_rtp.depacketize([bytes.fromhex(p) for p in payloads])


# AV1: what we send


def test_a_small_picture_is_one_packet_with_n_only_on_a_key_frame() -> None:
    assert [p.hex() for p in av1_rtp.packetize(av1_unit(7, False, 20), 100)] == ["10" + "303007" + "00" * 2]
    key = av1_rtp.packetize(av1_unit(7, True, 20), 100)
    assert [p.hex() for p in key] == ["28" + "0c" + "08" + SEQUENCE.hex() + "301007" + "00" * 2]
    shown = obu(1, SEQUENCE) + obu(6, b"\x90")
    assert av1_rtp.packetize(shown, 100)[0][0] == 0x20, "a frame shown again is no beginning, sequence header or not"


def test_a_long_picture_is_cut_alike_and_every_later_packet_goes_on_within_an_obu() -> None:
    payloads = av1_rtp.packetize(av1_unit(1, True, 3000), 600)
    assert len(payloads) == 6
    assert max(map(len, payloads)) - min(map(len, payloads)) <= 12
    assert [p[0] & 0xC8 for p in payloads] == [0x48] + [0xC0] * 4 + [0x80]
    for limit in range(16, 60):
        cut = av1_rtp.packetize(av1_unit(1, True, 40), limit)
        assert all(p[0] & 0x80 for p in cut[1:]), limit


def test_delimiters_tile_lists_and_padding_are_not_sent_and_nothing_else_is_nothing() -> None:
    unit = DELIMITER + obu(8, b"tiles") + obu(6, b"frame") + obu(15, b"padding")
    assert [p.hex() for p in av1_rtp.packetize(unit, 100)] == ["1030" + b"frame".hex()]
    assert av1_rtp.packetize(DELIMITER, 100) == []
    assert av1_rtp.packetize(b"", 100) == []
    with pytest.raises(BadPayload):
        av1_rtp.packetize(b"\x32\x7f", 100)
    with pytest.raises(ValueError, match="room"):
        av1_rtp.packetize(unit, 15)


OBUS = st.lists(
    st.builds(obu, st.integers(0, 15), st.binary(max_size=400), st.none() | st.integers(0, 0xFF)), max_size=8
)


@given(OBUS, st.integers(16, 1200))
@settings(max_examples=150, deadline=None)
def test_av1_payloads_join_to_what_was_sent_and_keep_the_limit(obus: list[bytes], limit: int) -> None:
    kept = [one for one in obus if one[0] >> 3 not in (2, 8, 15)]
    payloads = av1_rtp.packetize(DELIMITER + b"".join(obus), limit)
    assert all(len(p) <= limit for p in payloads)
    if not kept:
        assert payloads == []
        return
    assert av1_rtp.depacketize(payloads) == DELIMITER + b"".join(kept)
    assert av1_rtp.starts_frame(payloads[0])
    fewest = -(-sum(len(p) - 1 for p in payloads) // (limit - 1))
    assert len(payloads) <= fewest + -(-len(kept) // 3) + len(kept) // 8 + 1


@given(OBUS.filter(bool), st.integers(16, 200), st.data())
@settings(deadline=None)
def test_a_picture_with_a_packet_missing_is_refused_or_cut_between_obus(
    obus: list[bytes], limit: int, data: st.DataObject
) -> None:
    """Where OBUs end with packets a gap cannot be seen here: the assembler knows it by the numbers."""
    payloads = av1_rtp.packetize(b"".join(obus), limit)
    if len(payloads) < 2:
        return
    without = data.draw(st.integers(0, len(payloads) - 1))
    left = payloads[:without] + payloads[without + 1 :]
    whole = list(read_obus(av1_rtp.depacketize(payloads)))
    try:
        got = list(read_obus(av1_rtp.depacketize(left)))
    except BadPayload:
        return
    if payloads[without][0] & 0xC0 != 0xC0:  # a whole fragment out of the middle leaves no trace in the payloads
        assert all(one in whole for one in got)


# AV1: headers


def sequence_header(bits: str, width_bits: int, height_bits: int, width: int, height: int) -> bytes:
    """`bits` up to frame_width_bits_minus_1."""
    bits += f"{width_bits - 1:04b}{height_bits - 1:04b}{width - 1:0{width_bits}b}{height - 1:0{height_bits}b}"
    bits += "0" * (-len(bits) % 8) + "0" * 16
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


PLAIN = "000" + "0" + "0" + "0" + "0" + "00000" + "0" * 12 + "00101"
"""Profile 0, no timing, no display delay, one operating point of level 5."""


def test_the_size_is_read_past_everything_that_may_stand_before_it() -> None:
    model = "1" + "00100" + "0" * 42
    rich = "000" + "0" + "0" + "1" + "0" * 64 + "1" + "010" + model + "1" + "00001"
    rich += "0" * 12 + "01001" + "1" + "1" + "0" * 11 + "1" + "0011" + "0001" + "0" * 8 + "00011" + "0" + "0"
    for bits in (PLAIN, rich, "000" + "1" + "1" + "00000"):
        header = read_sequence_header(sequence_header(bits, 10, 9, 640, 360))
        assert (header.width, header.height) == (640, 360)
        assert header.reduced == (bits[4] == "1")
    assert read_sequence_header(SEQUENCE).width == 320


@pytest.mark.parametrize(
    "payload",
    [
        sequence_header("001" + PLAIN[3:], 10, 9, 640, 360),
        sequence_header("000" + "0" + "1" + "00000", 10, 9, 640, 360),
        sequence_header(PLAIN, 16, 16, 65536, 65536),
        sequence_header(PLAIN, 11, 11, MAX_SIDE + 1, 16),
        sequence_header(PLAIN, 11, 11, 16, MAX_SIDE + 1),
        sequence_header(PLAIN[:12] + "0011" + "0" * 8 + "00101", 10, 9, 640, 360),
        sequence_header("00000" + "1" + "0" * 64 + "1" + "0" * 40, 10, 9, 640, 360),
        SEQUENCE[:4],
        b"",
    ],
    ids=["profile", "reduced", "gigabytes", "wide", "tall", "layers", "uvlc", "cut", "empty"],
)
def test_a_sequence_header_that_we_do_not_decode_is_refused(payload: bytes) -> None:
    unit = av1_unit(0, True, 60, payload)
    with pytest.raises(BadPayload):
        read_sequence_header(payload)
    with pytest.raises(BadPayload):
        av1_rtp.read_frame(unit)
    assert av1_rtp.key_frame_size(unit) is None
    assert not av1_rtp.is_usable_key_frame(unit)
    assert not any(av1_rtp.starts_key_frame(p) for p in av1_rtp.packetize(unit, 100))


@pytest.mark.parametrize(
    ("first", "key"),
    [("10", True), ("00", False), ("30", False), ("50", False), ("70", False), ("90", False), ("80", False)],
    ids=["key", "hidden key", "inter", "intra only", "switch", "shown again", "shown again too"],
)
def test_only_a_key_frame_that_is_shown_is_a_beginning(first: str, key: bool) -> None:
    for kind in (3, 6):
        unit = DELIMITER + obu(1, SEQUENCE) + obu(kind, bytes.fromhex(first) + b"rest")
        assert av1_rtp.is_key_frame(unit) is av1_rtp.read_frame(unit) is key
        assert av1_rtp.key_frame_size(unit) == ((320, 240) if key else None)
        assert av1_rtp.starts_key_frame(av1_rtp.packetize(unit, 100)[0]) is key
    assert not av1_rtp.is_key_frame(DELIMITER + obu(6, bytes.fromhex(first))), "no sequence header"
    assert not av1_rtp.is_key_frame(obu(6, bytes.fromhex(first)) + obu(1, SEQUENCE)), "too late"
    assert not av1_rtp.is_key_frame(b"\xff")


@given(st.integers(0, (1 << 32) - 1), st.binary(max_size=3))
def test_leb128_goes_there_and_back(number: int, rest: bytes) -> None:
    assert get_leb128(rest + put_leb128(number) + rest, len(rest)) == (number, len(rest) + len(put_leb128(number)))


# VP8


@given(st.binary(min_size=1, max_size=5000), st.integers(0, 0x7FFF), st.integers(64, 1300))
def test_vp8_payloads_join_to_the_frame_and_keep_the_limit(data: bytes, picture_id: int, limit: int) -> None:
    payloads = vp8_rtp.packetize(data, picture_id, limit)
    assert vp8_rtp.depacketize(payloads) == data
    assert all(len(p) <= limit for p in payloads)
    assert [vp8_rtp.starts_frame(p) for p in payloads] == [True] + [False] * (len(payloads) - 1)
    assert vp8_rtp.is_key_frame(data) == (data[0] & 1 == 0)


@pytest.mark.parametrize(
    "descriptor",
    ["10", "9000", "908001", "90808001", "904001", "902001", "901001", "90c00102", "90f0010203", "90f081020304"],
)
def test_every_descriptor_of_rfc_7741_is_passed_over(descriptor: str) -> None:
    payload = bytes.fromhex(descriptor) + b"\x01frame"
    assert vp8_rtp.depacketize([payload]) == b"\x01frame"
    for length in range(len(descriptor) // 2 + 1):
        with pytest.raises(BadPayload):
            vp8_rtp.check(payload[:length])


def test_vp8_pictures_have_one_beginning() -> None:
    start, middle, other_partition = b"\x10\x01a", b"\x00b", b"\x11c"
    assert vp8_rtp.depacketize([start, middle, other_partition]) == b"\x01abc"
    for payloads in ([], [middle], [other_partition], [start, start]):
        with pytest.raises(BadPayload):
            vp8_rtp.depacketize(payloads)


def test_vp8_key_frames_tell_their_size() -> None:
    frame = vp8_frame(0, True, 30, (640, 480))
    assert vp8_rtp.key_frame_size(frame) == (640, 480)
    assert vp8_rtp.read_frame(frame)
    assert vp8_rtp.starts_key_frame(vp8_rtp.packetize(frame, 1, 100)[0])
    assert not vp8_rtp.read_frame(vp8_frame(1, False, 30))
    assert not vp8_rtp.starts_key_frame(b"\x90\x80")
    for bad in (b"", frame[:9], frame.replace(b"\x9d", b"\x9e"), vp8_frame(0, True, 30, (0, 480))):
        with pytest.raises(BadPayload):
            vp8_rtp.read_frame(bad)
        assert not vp8_rtp.is_usable_key_frame(bad)
