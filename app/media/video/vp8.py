"""VP8 by libvpx through FFmpeg: the encoder of one rung."""

from __future__ import annotations

import fractions

import av
from av.video.frame import PictureType

from app.media.video.frames import Reshaper, fit

CLOCK = 90_000
_TIME_BASE = fractions.Fraction(1, CLOCK)


class Vp8Encoder:
    """One open encoder; a change of size, rate or shape needs a new one (and so a key frame).

    `bitrate` in bit/s. Used from one executor thread at a time.
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

    def encode(self, frame: av.VideoFrame, pts: int, key: bool) -> tuple[bytes, bool]:
        """(payload, is it a key frame); `pts` in 1/90000 s. Empty bytes when the encoder dropped the picture."""
        picture = self._reshaper.reshape(frame, self.width, self.height, "yuv420p")
        if picture is frame:  # the frame is shared with other threads, and what follows is written into it
            picture = av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
        picture.pts, picture.time_base = pts, _TIME_BASE
        picture.pict_type = PictureType.I if key else PictureType.NONE
        packets = self._codec.encode(picture)
        return b"".join(bytes(p) for p in packets), any(p.is_keyframe for p in packets)


def encoder_for(frame: av.VideoFrame, box: tuple[int, int], fps: float, bitrate: int) -> Vp8Encoder:
    """An encoder that keeps the picture's shape within the rung's box (width, height)."""
    width, height = fit(frame.width, frame.height, *box)
    return Vp8Encoder(width, height, fps, bitrate)
