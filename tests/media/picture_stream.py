"""Made-up streams of either codec, as packets: true headers, and bodies that tell which picture it is."""

from __future__ import annotations

from app.media.video import av1_rtp, vp8_rtp
from app.media.video.assembly import VideoPacket, WholeFrame
from app.media.video.av1_obu import DELIMITER, put_leb128
from app.media.video.codecs import VideoCodec

SEQUENCE = bytes.fromhex("000000043cffbc4af90040")
"""The sequence header of SVT-AV1 for 320 x 240."""


def vp8_frame(number: int, key: bool, size: int = 1500, sides: tuple[int, int] = (640, 480)) -> bytes:
    """RFC 6386 section 9.1: three bytes of tag, then start code and sides in a key frame."""
    sized = b"".join(side.to_bytes(2, "little") for side in sides)
    head = bytes([0 if key else 1, number & 0xFF, 0]) + (b"\x9d\x01\x2a" + sized if key else b"")
    return head.ljust(size, b"\0")


def obu(kind: int, payload: bytes, extension: int | None = None) -> bytes:
    """With a size field."""
    head = bytes([kind << 3 | 2 | (4 if extension is not None else 0)])
    return head + (b"" if extension is None else bytes([extension])) + put_leb128(len(payload)) + payload


def av1_unit(number: int, key: bool, size: int = 1500, sequence: bytes = SEQUENCE) -> bytes:
    """A temporal unit: delimiter, sequence header before a key frame, one frame."""
    frame = obu(6, bytes([0x10 if key else 0x30, number & 0xFF]).ljust(max(2, size - 16), b"\0"))
    return DELIMITER + (obu(1, sequence) if key else b"") + frame


def frame_of(codec: VideoCodec, number: int, key: bool, size: int = 1500) -> bytes:
    return vp8_frame(number, key, size) if codec is VideoCodec.VP8 else av1_unit(number, key, size)


def packets_of(
    codec: VideoCodec, data: bytes, sequence: int, timestamp: int, number: int, limit: int = 600
) -> list[VideoPacket]:
    cut = vp8_rtp.packetize(data, number, limit) if codec is VideoCodec.VP8 else av1_rtp.packetize(data, limit)
    last = len(cut) - 1
    return [
        VideoPacket.read(codec, (sequence + i) & 0xFFFF, timestamp & 0xFFFFFFFF, i == last, payload)
        for i, payload in enumerate(cut)
    ]


def stream(
    frames: int,
    *,
    codec: VideoCodec = VideoCodec.VP8,
    key_every: int = 1000,
    size: int = 1500,
    first: int = 65500,
    ticks: int = 6000,
) -> list[list[VideoPacket]]:
    """The packets of each picture; numbers and times wrap around soon."""
    pictures: list[list[VideoPacket]] = []
    for n in range(frames):
        data = frame_of(codec, n, n % key_every == 0, size)
        made = packets_of(codec, data, first, (1 << 32) - 5 * ticks + n * ticks, n)
        pictures.append(made)
        first += len(made)
    return pictures


def number_of(frame: WholeFrame) -> int:
    """Which picture it is (0 to 255), from its body."""
    if frame.codec is VideoCodec.VP8:
        return frame.data[1]
    at = len(DELIMITER) + (len(SEQUENCE) + 2 if frame.key else 0) + 1
    while frame.data[at] & 0x80:
        at += 1
    return frame.data[at + 2]
