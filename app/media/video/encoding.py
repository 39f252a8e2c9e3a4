"""Which encoder: by what the far side takes, and by how fast this machine was measured to be."""

from __future__ import annotations

from app.media.rate.ladder import Pictures
from app.media.video.av1 import Av1Encoder
from app.media.video.codecs import VideoCodec
from app.media.video.encoder import PictureEncoder
from app.media.video.frames import fit
from app.media.video.speed import SHARE, Speeds
from app.media.video.vp8 import Vp8Encoder


def open_encoder(codec: VideoCodec, pictures: Pictures, source: tuple[int, int], speeds: Speeds) -> PictureEncoder:
    """An encoder that keeps the shape of a picture of `source` (width, height) within the rung's box. Raises
    Av1Missing or Av1Error.
    """
    width, height = fit(*source, pictures.width, pictures.height)
    if codec is VideoCodec.VP8:
        return Vp8Encoder(width, height, pictures.fps, pictures.bitrate)
    share, outgrown = next((share, most) for least, share, most in _CLASSES if pictures.bitrate > least)
    preset = speeds.preset(width * height, max(pictures.fps, _FPS_ALLOWED_FOR), share)
    return Av1Encoder(width, height, pictures.fps, pictures.bitrate, preset, outgrown)


_FPS_ALLOWED_FOR = 20.0
"""A rung's frame rate grows with its bitrate while its encoder stays."""
_WIDE_BPS, _WIDER_BPS, _OUTGROWN = 125_000, 300_000, 1.08
_CLASSES = (
    (_WIDER_BPS, SHARE, None),
    (_WIDE_BPS, 0.42, round(_OUTGROWN * _WIDER_BPS)),
    (0, SHARE, round(_OUTGROWN * _WIDE_BPS)),
)
"""(above bit/s, share of a core, outgrown at bit/s). From 125 kbit/s on a key picture is cheap, and a slower preset
worth a new encoder. From 300 on each picture takes half as long again, and a quicker preset hardly shows: 640x480 at
380 kbit/s has an SSIM of 0.970 in place of 0.972, in 10 ms in place of 18, and each picture is made in time."""
