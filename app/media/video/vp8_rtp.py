"""PURE: VP8 in RTP (RFC 7741), and what a frame's header says (RFC 6386 section 9.1)."""

from __future__ import annotations

from collections.abc import Sequence

from app.media.video.codecs import MAX_SIDE, BadPayload

_X, _START, _PARTITION = 0x80, 0x10, 0x07
_I, _L, _T_OR_K = 0x80, 0x40, 0x30
_LONG_ID = 0x80
_START_CODE = b"\x9d\x01\x2a"


def packetize(data: bytes, picture_id: int, limit: int) -> list[bytes]:
    """RTP payloads of at most `limit` bytes, alike in size, with a 15-bit picture id (RFC 7741 section 4.2)."""
    room = limit - 4
    if room < 1:
        raise ValueError("the limit leaves no room for pictures")
    count = -(-len(data) // room)
    size = -(-len(data) // count) if count else 0
    descriptor = bytes([0x80, 0x80 | (picture_id >> 8) & 0x7F, picture_id & 0xFF])
    return [
        bytes([0x90 if start == 0 else 0x80]) + descriptor + data[start : start + size]
        for start in range(0, len(data), max(1, size))
    ]


def depacketize(payloads: Sequence[bytes]) -> bytes:
    """The frame that the payloads of one picture carry, all of them and in order. Raises BadPayload."""
    if not payloads or not starts_frame(payloads[0]):
        raise BadPayload("the picture has no beginning")
    if any(starts_frame(payload) for payload in payloads[1:]):
        raise BadPayload("a picture begins within another")
    return b"".join(payload[_descriptor(payload) :] for payload in payloads)


def check(payload: bytes) -> None:
    """Raises BadPayload when it is malformed by itself."""
    _descriptor(payload)


def _descriptor(payload: bytes) -> int:
    """Length of the payload descriptor (RFC 7741 section 4.2). Raises BadPayload; something must follow it."""
    length = 1
    if payload and payload[0] & _X:
        extension = payload[1] if len(payload) > 1 else 0
        length = 2 + bool(extension & _L) + bool(extension & _T_OR_K)
        if extension & _I:
            length += 2 if len(payload) > 2 and payload[2] & _LONG_ID else 1
    if len(payload) <= length:
        raise BadPayload("a VP8 payload ends within its descriptor, or with it")
    return length


def starts_frame(payload: bytes) -> bool:
    """Whether an RTP payload is the start of a frame: S = 1 and partition 0 (RFC 7741 section 4.2)."""
    return bool(payload) and bool(payload[0] & _START) and not payload[0] & _PARTITION


def starts_key_frame(payload: bytes) -> bool:
    """Whether an RTP payload is the start of a key frame that may be decoded."""
    try:
        return starts_frame(payload) and is_usable_key_frame(payload[_descriptor(payload) :])
    except BadPayload:
        return False


def is_key_frame(frame: bytes) -> bool:
    """Whether VP8 data (no RTP descriptor) is a key frame (RFC 6386 section 9.1)."""
    return bool(frame) and not frame[0] & 1


def key_frame_size(frame: bytes) -> tuple[int, int] | None:
    """(width, height) that a key frame declares, 14 bits each (RFC 6386 section 9.1); None for any other data."""
    if len(frame) < 10 or not is_key_frame(frame) or frame[3:6] != _START_CODE:
        return None
    width, height = int.from_bytes(frame[6:8], "little"), int.from_bytes(frame[8:10], "little")
    return width & 0x3FFF, height & 0x3FFF


def is_usable_key_frame(frame: bytes) -> bool:
    """A key frame whose pictures are no larger than a screen: 16383 x 16383 would take gigabytes to decode."""
    size = key_frame_size(frame)
    return size is not None and all(0 < side <= MAX_SIDE for side in size)


def read_frame(frame: bytes) -> bool:
    """Whether it is a key frame. Raises BadPayload for what must not reach a decoder: no size but a key frame's."""
    if not frame:
        raise BadPayload("an empty frame")
    key = is_key_frame(frame)
    if key and not is_usable_key_frame(frame):
        raise BadPayload("a key frame that is malformed, or larger than any screen")
    return key
