"""PURE: redundant audio data in one RTP payload, RFC 2198 section 3."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from app.media.rtc.errors import BadRed

MOST_BLOCKS = 32
LONGEST_OFFSET = (1 << 14) - 1
"""In RTP ticks: 341 ms at 48 kHz."""
LONGEST_BLOCK = (1 << 10) - 1
"""Bytes of an earlier block; the last one may be longer."""
_FOLLOWS = 0x80


@dataclass(frozen=True)
class Block:
    """`timestamp_offset`: how many RTP ticks before the packet's own timestamp; 0 in the last (primary) block."""

    payload_type: int
    timestamp_offset: int
    payload: bytes


def pack_red(blocks: Sequence[Block]) -> bytes:
    """The RTP payload; the earlier blocks first, oldest first, the primary last. Raises BadRed for what does not fit
    (14 bits of offset, 10 bits of length).
    """
    if not 1 <= len(blocks) <= MOST_BLOCKS:
        raise BadRed(f"{len(blocks)} blocks")
    *earlier, primary = blocks
    if primary.timestamp_offset or not 0 <= primary.payload_type <= 0x7F:
        raise BadRed("the last block has no offset, and a payload type of 7 bits")
    heads = bytearray()
    for block in earlier:
        fits = 0 <= block.timestamp_offset <= LONGEST_OFFSET and len(block.payload) <= LONGEST_BLOCK
        if not fits or not 0 <= block.payload_type <= 0x7F:
            raise BadRed("a block with an offset or a length that does not fit")
        rest = block.timestamp_offset << 10 | len(block.payload)
        heads += struct.pack("!I", (_FOLLOWS | block.payload_type) << 24 | rest)
    heads.append(primary.payload_type)
    return bytes(heads) + b"".join(block.payload for block in blocks)


def parse_red(payload: bytes) -> tuple[Block, ...]:
    """The blocks as they stand, the primary last; any may be empty. Raises BadRed."""
    heads: list[tuple[int, int, int]] = []
    at = 0
    while at < len(payload) and payload[at] & _FOLLOWS:
        if at + 4 > len(payload) or len(heads) == MOST_BLOCKS - 1:
            raise BadRed("block headers without an end")
        (word,) = struct.unpack_from("!I", payload, at)
        heads.append((word >> 24 & 0x7F, word >> 10 & LONGEST_OFFSET, word & LONGEST_BLOCK))
        at += 4
    if at >= len(payload):
        raise BadRed("no primary block")
    primary_type = payload[at]
    at += 1
    blocks: list[Block] = []
    for payload_type, offset, length in heads:
        if at + length > len(payload):
            raise BadRed("a block longer than the payload")
        blocks.append(Block(payload_type, offset, payload[at : at + length]))
        at += length
    blocks.append(Block(primary_type, 0, payload[at:]))
    return tuple(blocks)
