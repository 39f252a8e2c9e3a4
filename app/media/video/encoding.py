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
    wide = pictures.bitrate > _WIDE_BPS
    preset = speeds.preset(width * height, max(pictures.fps, _FPS_ALLOWED_FOR), _WIDE_SHARE if wide else SHARE)
    outgrown = None if wide else round(_OUTGROWN * _WIDE_BPS)
    return Av1Encoder(width, height, pictures.fps, pictures.bitrate, preset, outgrown)


_FPS_ALLOWED_FOR = 20.0
"""A rung's frame rate grows with its bitrate while its encoder stays."""
_WIDE_BPS, _OUTGROWN = 125_000, 1.08
"""From here on a key picture is cheap, and a slower preset worth a new encoder and more of the core."""
_WIDE_SHARE = 0.42
