"""PURE: AV1's open bitstream units, as far as RTP and a careful receiver need them.

Section numbers are those of the AV1 Bitstream & Decoding Process Specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.media.video.codecs import MAX_SIDE, BadPayload

SEQUENCE_HEADER, TEMPORAL_DELIMITER, FRAME_HEADER, FRAME, REDUNDANT_HEADER, TILE_LIST, PADDING = 1, 2, 3, 6, 7, 8, 15
"""obu_type, section 6.2.2."""
DELIMITER = bytes([TEMPORAL_DELIMITER << 3 | 2, 0])
"""A temporal delimiter OBU with its size field: what each temporal unit begins with (section 7.5)."""

_FORBIDDEN, _HAS_EXTENSION, _HAS_SIZE = 0x80, 0x04, 0x02
_KEY_FRAME = 0
_MOST_LEB_BYTES, _MOST_LEB = 8, (1 << 32) - 1


def put_leb128(number: int) -> bytes:
    """Section 4.10.5, in as few bytes as it takes."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def get_leb128(data: bytes, at: int) -> tuple[int, int]:
    """(number, place behind it). Raises BadPayload: cut short, longer than 8 bytes, or 32 bits are not enough."""
    number = 0
    for i, byte in enumerate(data[at : at + _MOST_LEB_BYTES]):
        number |= (byte & 0x7F) << 7 * i
        if not byte & 0x80:
            if number > _MOST_LEB:
                break
            return number, at + i + 1
    raise BadPayload("a leb128 number that is cut short or too large")


@dataclass(frozen=True)
class Obu:
    """`header`: 1 or 2 bytes, the size flag cleared."""

    header: bytes
    payload: bytes

    @property
    def type(self) -> int:
        return self.header[0] >> 3 & 0xF

    @property
    def without_size(self) -> bytes:
        """As RTP carries it."""
        return self.header + self.payload

    @property
    def with_size(self) -> bytes:
        """The low-overhead format (section 5.2), as decoders take it."""
        head = bytes([self.header[0] | _HAS_SIZE]) + self.header[1:]
        return head + put_leb128(len(self.payload)) + self.payload


def read_obu(data: bytes, at: int = 0) -> tuple[Obu, int]:
    """(the OBU at this place, the place behind it); one without a size goes on to the end. Raises BadPayload."""
    if at >= len(data):
        raise BadPayload("there is no OBU")
    first = data[at]
    if first & _FORBIDDEN:
        raise BadPayload("an OBU's forbidden bit is set")
    body = at + 2 if first & _HAS_EXTENSION else at + 1
    header = bytes([first & ~_HAS_SIZE]) + data[at + 1 : body]
    end = len(data)
    if first & _HAS_SIZE:
        size, start = get_leb128(data, body)
        body, end = start, start + size
    if not body <= end <= len(data):
        raise BadPayload("an OBU is cut short")
    return Obu(header, data[body:end]), end


def read_obus(data: bytes) -> Iterator[Obu]:
    """Those of a temporal unit, one after the other. Raises BadPayload."""
    at = 0
    while at < len(data):
        obu, at = read_obu(data, at)
        yield obu


class _Bits:
    """f(n) of section 4.10.2. Raises BadPayload at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._number, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise BadPayload("a header is cut short")
        self._left -= count
        return self._number >> self._left & (1 << count) - 1

    def take_uvlc(self) -> None:
        """Section 4.10.3; the number itself is of no use here."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros >= 32:
                raise BadPayload("a number that is too large")
        self.take(zeros)


@dataclass(frozen=True)
class SequenceHeader:
    """max_frame_width and max_frame_height; `reduced`: reduced_still_picture_header."""

    width: int
    height: int
    reduced: bool


def read_sequence_header(payload: bytes) -> SequenceHeader:
    """Section 5.5.1 up to the size of the pictures. Raises BadPayload for anything that we do not decode: another
    profile than 0, layers in space, a side longer than MAX_SIDE.
    """
    bits = _Bits(payload[:1024])
    if bits.take(3):
        raise BadPayload("an AV1 profile other than 0")
    still, reduced = bits.take(1), bool(bits.take(1))
    if reduced:
        if not still:
            raise BadPayload("a reduced header for what is no still picture")
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(width_bits) + 1, bits.take(height_bits) + 1
    if max(width, height) > MAX_SIDE:
        raise BadPayload(f"pictures of {width} x {height}")
    return SequenceHeader(width, height, reduced)


def _skip_operating_points(bits: _Bits) -> None:
    """From timing_info_present_flag on (sections 5.5.1, 5.5.3 to 5.5.5)."""
    delay_bits = 0
    if bits.take(1):  # timing_info
        bits.take(64)
        if bits.take(1):
            bits.take_uvlc()
        if bits.take(1):  # decoder_model_info
            delay_bits = bits.take(5) + 1
            bits.take(42)
    display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        if bits.take(12) >> 8 > 1:
            raise BadPayload("layers in space")
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if display_delay and bits.take(1):
            bits.take(4)


def starts_with_key_frame(header: bytes, *, reduced: bool) -> bool:
    """Whether a frame header (section 5.9.2; a frame OBU begins with one) is that of a key frame that is shown: a
    point where decoding may begin. Raises BadPayload.
    """
    if reduced:
        return True
    bits = _Bits(header[:1])
    show_existing_frame, frame_type, show_frame = bits.take(1), bits.take(2), bits.take(1)
    return not show_existing_frame and frame_type == _KEY_FRAME and bool(show_frame)
