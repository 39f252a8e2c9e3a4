"""PURE: AV1 in RTP (AOMedia, "RTP Payload Format For AV1", version 1.0, sections 4 and 5).

A temporal unit is one picture here: the encoder uses no layers. Section numbers are those of that text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.media.video.av1_obu import (
    DELIMITER,
    FRAME,
    FRAME_HEADER,
    PADDING,
    SEQUENCE_HEADER,
    TEMPORAL_DELIMITER,
    TILE_LIST,
    Obu,
    SequenceHeader,
    get_leb128,
    put_leb128,
    read_obu,
    read_obus,
    read_sequence_header,
    starts_with_key_frame,
)
from app.media.video.codecs import BadPayload

_Z, _Y, _W_SHIFT, _N = 0x80, 0x40, 4, 0x08
_MOST_COUNTED = 3
"""W has two bits: so many OBU elements a packet may hold whose last one needs no length (section 4.4)."""
_NOT_SENT = (TEMPORAL_DELIMITER, TILE_LIST, PADDING)
LEAST_LIMIT = 16


def packetize(temporal_unit: bytes, limit: int) -> list[bytes]:
    """RTP payloads of at most `limit` bytes, alike in size; none for a temporal unit with nothing to send.

    Raises BadPayload for what is no temporal unit, ValueError for a limit under LEAST_LIMIT.
    """
    if limit < LEAST_LIMIT:
        raise ValueError("the limit leaves no room for pictures")
    obus = [obu.without_size for obu in read_obus(temporal_unit) if obu.type not in _NOT_SENT]
    if not obus:
        return []
    fewest = len(_fill(obus, limit))
    size = max(LEAST_LIMIT, -(-sum(map(len, obus)) // fewest) + 1)
    while len(_fill(obus, size)) > fewest:
        size += 1
    packets = _fill(obus, size)
    new = is_key_frame(temporal_unit)
    return [
        _payload(packet, n=new and i == 0, z=packet.continues, y=i < len(packets) - 1 and packets[i + 1].continues)
        for i, packet in enumerate(packets)
    ]


class _Packet(list[bytes]):
    """OBU elements; `continues`: the first is no OBU's beginning."""

    continues = False

    def room(self, size: int) -> int:
        """For one more element, once those before it have their lengths; 0 when they are as many as W counts."""
        if len(self) >= _MOST_COUNTED:
            return 0
        return size - 1 - sum(len(put_leb128(len(element))) + len(element) for element in self)


def _fill(obus: Sequence[bytes], size: int) -> list[_Packet]:
    """As much in each packet as fits in `size` bytes.

    A packet ends within an OBU rather than behind it: receivers without the dependency descriptor take the first
    packet with Z = 0 for a picture's first.
    """
    packets = [_Packet()]
    for place, obu in enumerate(obus):
        at = 0
        while at < len(obu):
            room = packets[-1].room(size)
            if room < 1:
                packets.append(_Packet())
                packets[-1].continues = at > 0
                continue
            end = min(len(obu), at + room)
            packets[-1].append(obu[at:end])
            if end == len(obu) and place < len(obus) - 1 and end - at > 1 and packets[-1].room(size) < 1:
                end -= 1
                packets[-1][-1] = obu[at:end]
                packets.append(_Packet())
                packets[-1].continues = True
            at = end
    return packets


def _payload(elements: Sequence[bytes], *, n: bool, z: bool, y: bool) -> bytes:
    head = _Z * z | _Y * y | len(elements) << _W_SHIFT | _N * n
    body = b"".join(put_leb128(len(element)) + element for element in elements[:-1])
    return bytes([head]) + body + elements[-1]


def check(payload: bytes) -> None:
    """Raises BadPayload when it is malformed by itself."""
    _elements(payload)


def _elements(payload: bytes) -> list[bytes]:
    """Section 4.3: the OBU elements of one payload, none of them empty. Raises BadPayload."""
    if len(payload) < 2:
        raise BadPayload("an AV1 payload with nothing in it")
    if payload[0] & _N and payload[0] & _Z:
        raise BadPayload("a coded video sequence begins within an OBU")
    counted = payload[0] >> _W_SHIFT & 0x3
    found: list[bytes] = []
    at = 1
    while at < len(payload) and (not counted or len(found) < counted):
        end = len(payload)
        if not counted or len(found) < counted - 1:
            size, at = get_leb128(payload, at)
            end = at + size
        if not at < end <= len(payload):
            raise BadPayload("an OBU element is empty or cut short")
        found.append(payload[at:end])
        at = end
    if len(found) < counted:
        raise BadPayload("fewer OBU elements than counted")
    return found


def depacketize(payloads: Sequence[bytes]) -> bytes:
    """The temporal unit that the payloads of one picture carry, all of them and in order: a temporal delimiter, then
    the OBUs with their sizes, as decoders want it. Raises BadPayload.
    """
    found = [obu.with_size for obu in map(_whole, _joined(payloads)) if obu.type not in _NOT_SENT]
    if not found:
        raise BadPayload("a picture with nothing in it")
    return DELIMITER + b"".join(found)


def _joined(payloads: Sequence[bytes]) -> Iterator[bytes]:
    """Fragments put together: Z says that the first element goes on from before, Y that the last is not all."""
    open_one: list[bytes] | None = None
    for place, payload in enumerate(payloads):
        elements = _elements(payload)
        if bool(payload[0] & _Z) != (open_one is not None):
            raise BadPayload("a fragment without the rest of its OBU")
        if place and payload[0] & _N:
            raise BadPayload("a coded video sequence begins within a picture")
        for i, element in enumerate(elements):
            pieces = [element] if open_one is None else [*open_one, element]
            open_one = None
            if i == len(elements) - 1 and payload[0] & _Y:
                open_one = pieces
            else:
                yield b"".join(pieces)
    if open_one is not None:
        raise BadPayload("the last OBU is not all there")


def _whole(element: bytes) -> Obu:
    obu, end = read_obu(element)
    if end != len(element):
        raise BadPayload("an OBU element holds more than its OBU")
    return obu


def starts_frame(payload: bytes) -> bool:
    """Whether a payload may be a picture's first: it begins with the beginning of an OBU."""
    return bool(payload) and not payload[0] & _Z


def starts_key_frame(payload: bytes) -> bool:
    """Whether a payload begins a coded video sequence that may be decoded (N, section 4.4), as far as it shows."""
    if not payload or not payload[0] & _N:
        return False
    try:
        elements = _elements(payload)
        first = read_obu(elements[0])[0]
        if first.type != SEQUENCE_HEADER:
            return False
        if len(elements) > 1 or not payload[0] & _Y:
            read_sequence_header(first.payload)
    except BadPayload:
        return False
    return True


def _read(temporal_unit: bytes) -> tuple[SequenceHeader | None, bool]:
    """(the sequence header, whether the first frame is a key frame behind it). Raises BadPayload."""
    sequence: SequenceHeader | None = None
    key: bool | None = None
    for obu in read_obus(temporal_unit):
        if obu.type == SEQUENCE_HEADER:
            sequence = read_sequence_header(obu.payload)
        elif obu.type in (FRAME, FRAME_HEADER) and key is None:
            key = sequence is not None and starts_with_key_frame(obu.payload, reduced=sequence.reduced)
    return sequence, bool(key)


def is_key_frame(temporal_unit: bytes) -> bool:
    """Whether decoding may begin with it: a sequence header, then a key frame that is shown. False for nonsense."""
    try:
        return _read(temporal_unit)[1]
    except BadPayload:
        return False


def key_frame_size(temporal_unit: bytes) -> tuple[int, int] | None:
    """(max_frame_width, max_frame_height) of a key frame's sequence header; None for any other data, and for sizes
    beyond MAX_SIDE.
    """
    try:
        sequence, key = _read(temporal_unit)
    except BadPayload:
        return None
    return (sequence.width, sequence.height) if key and sequence is not None else None


def is_usable_key_frame(temporal_unit: bytes) -> bool:
    return key_frame_size(temporal_unit) is not None


def read_frame(temporal_unit: bytes) -> bool:
    """Whether it is a key frame. Raises BadPayload for what must not reach a decoder: any sequence header in it, a
    key frame's or not, that claims what we do not decode.
    """
    return _read(temporal_unit)[1]
