"""VP8 by libvpx through FFmpeg: the encoder of one rung, and its RTP payload (RFC 7741)."""

from __future__ import annotations

import fractions

import av
from av.video.frame import PictureType

from app.media.video.encoder import Encoded
from app.media.video.frames import Reshaper

CLOCK = 90_000
MAX_SIDE = 1920
"""No side of a received picture is longer."""
_TIME_BASE = fractions.Fraction(1, CLOCK)
_SLOWEST, _FASTEST = 0.6, 1.5


class Vp8Encoder:
    """One open encoder. Its bits a picture are fixed, so within a rung the frame rate follows the bitrate; a change of
    size, or one too far, needs a new encoder (and so a key frame). `bitrate` in bit/s.
    """

    def __init__(self, width: int, height: int, fps: float, bitrate: int) -> None:
        self.width, self.height, self.fps, self.bitrate = width, height, fps, bitrate
        codec = av.CodecContext.create("libvpx", "w")
        assert isinstance(codec, av.VideoCodecContext)
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.bit_rate = bitrate
        codec.framerate = fractions.Fraction(round(fps * 10), 10)
        codec.time_base = _TIME_BASE
        codec.gop_size = 3000
        codec.qmin, codec.qmax = 4, 60
        codec.thread_count = 1
        # Constant bitrate with a rate-control buffer of half a second: the link has no room for more.
        codec.options = {
            "bufsize": str(bitrate // 2),
            "rc_init_occupancy": str(bitrate // 4),
            "minrate": str(bitrate),
            "maxrate": str(bitrate),
            "cpu-used": "-6",
            "deadline": "realtime",
            "lag-in-frames": "0",
            "error-resilient": "default",
            "max-intra-rate": "500",
            "static-thresh": "1",
            "undershoot-pct": "95",
            "overshoot-pct": "15",
        }
        self._codec = codec
        self._reshaper = Reshaper()
        self._place = 0

    def pace(self, fps: float, bitrate: int) -> float | None:
        fed = bitrate / (self.bitrate / self.fps)
        return fed if _SLOWEST * fps <= fed <= _FASTEST * fps else None

    def encode(self, frame: av.VideoFrame, *, key: bool) -> Encoded:
        """The encoder counts pictures, not time: one that was held back must not make the next twice as large."""
        picture = self._reshaper.reshape(frame, self.width, self.height, "yuv420p")
        if picture is frame:  # the frame is shared with other threads, and what follows is written into it
            picture = av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
        self._place += round(CLOCK / self.fps)
        picture.pts, picture.time_base = self._place, _TIME_BASE
        picture.pict_type = PictureType.I if key else PictureType.NONE
        packets = self._codec.encode(picture)
        return Encoded(b"".join(bytes(p) for p in packets), any(p.is_keyframe for p in packets))

    def close(self) -> None:
        """Nothing is held beside memory."""


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


def starts_frame(payload: bytes) -> bool:
    """Whether an RTP payload is the start of a frame: S = 1 and partition 0 (RFC 7741 section 4.2)."""
    return bool(payload) and bool(payload[0] & 0x10) and not payload[0] & 0x07


def is_key_frame(frame: bytes) -> bool:
    """Whether VP8 data (no RTP descriptor) is a key frame (RFC 6386 section 9.1)."""
    return bool(frame) and not frame[0] & 1


def key_frame_size(frame: bytes) -> tuple[int, int] | None:
    """(width, height) that a key frame declares, 14 bits each (RFC 6386 section 9.1); None for any other data."""
    if len(frame) < 10 or not is_key_frame(frame) or frame[3:6] != b"\x9d\x01\x2a":
        return None
    width, height = int.from_bytes(frame[6:8], "little"), int.from_bytes(frame[8:10], "little")
    return width & 0x3FFF, height & 0x3FFF


def is_usable_key_frame(frame: bytes) -> bool:
    """A key frame whose pictures are no larger than a screen: 16383 x 16383 would take gigabytes to decode."""
    size = key_frame_size(frame)
    return size is not None and all(0 < side <= MAX_SIDE for side in size)
