"""PURE: what of an SCTP packet (RFC 9260) goes no further: aiortc's parser runs for ever on an empty parameter, and
spends seconds on the gaps of one acknowledgement.
"""

from __future__ import annotations

import struct

from app.media.rtc.errors import BadSctp

HEADER_BYTES, CHUNK_HEADER_BYTES = 12, 4
INIT, INIT_ACK, SACK, HEARTBEAT = 1, 2, 3, 4
MOST_GAPS = 4_096
"""TSNs that the gap blocks of one SACK may name together; our window holds far fewer."""
LONGEST_ECHO = 400
"""Bytes of a chunk whose content we send back: a HEARTBEAT, and an INIT ACK with its cookie."""
_PARAMETERS_AT = {INIT: 16, INIT_ACK: 16, HEARTBEAT: 0, 5: 0, 6: 0, 9: 0, 130: 0}
"""Chunk types that hold parameters (or causes of an error), and where these begin in the chunk's value."""


def check(data: bytes) -> None:
    """Raises BadSctp for a packet, in clear, that must not be read further. Bounded work: a look at each parameter."""
    if len(data) < HEADER_BYTES + CHUNK_HEADER_BYTES:
        raise BadSctp(f"a packet of {len(data)} bytes")
    at = HEADER_BYTES
    while at + CHUNK_HEADER_BYTES <= len(data):
        kind, _, length = struct.unpack_from("!BBH", data, at)
        if length < CHUNK_HEADER_BYTES or at + length > len(data):
            raise BadSctp(f"a chunk of {length} bytes")
        _check_chunk(kind, data[at + CHUNK_HEADER_BYTES : at + length])
        at += length + -length % 4


def _check_chunk(kind: int, value: bytes) -> None:
    if kind in (INIT_ACK, HEARTBEAT) and len(value) > LONGEST_ECHO:
        raise BadSctp("more to be sent back than we do")
    if kind == SACK:
        _check_gaps(value)
    elif kind in _PARAMETERS_AT:
        _check_parameters(value[_PARAMETERS_AT[kind] :])


def _check_parameters(body: bytes) -> None:
    at = 0
    while at + 4 <= len(body):
        length = int.from_bytes(body[at + 2 : at + 4], "big")
        if length < 4:
            raise BadSctp("a parameter shorter than its header")
        at += length + -length % 4


def _check_gaps(value: bytes) -> None:
    if len(value) < 12:
        raise BadSctp("a SACK that is cut short")
    blocks, copies = struct.unpack_from("!HH", value, 8)
    if len(value) < 12 + 4 * (blocks + copies):
        raise BadSctp("a SACK that is cut short")
    named = 0
    for start, end in struct.iter_unpack("!HH", value[12 : 12 + 4 * blocks]):
        if not 0 < start <= end:
            raise BadSctp("a gap block that ends before it begins")
        named += end - start + 1
    if named > MOST_GAPS:
        raise BadSctp("gap blocks over more than we send")
