"""What an RTP payload format offers the receiving side, and the table of those we take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.media.video import av1_rtp, vp8_rtp
from app.media.video.codecs import VideoCodec


@dataclass(frozen=True)
class PayloadFormat:
    """`check(payload)` and `depacketize(payloads)`, a picture's in order, raise BadPayload; `read_frame(frame)` says
    whether it is a key frame, and raises it for what must not be decoded. `starts_...` raise nothing.
    """

    check: Callable[[bytes], None]
    starts_frame: Callable[[bytes], bool]
    starts_key_frame: Callable[[bytes], bool]
    depacketize: Callable[[Sequence[bytes]], bytes]
    read_frame: Callable[[bytes], bool]


PAYLOAD_FORMATS = {
    codec: PayloadFormat(
        module.check, module.starts_frame, module.starts_key_frame, module.depacketize, module.read_frame
    )
    for codec, module in ((VideoCodec.VP8, vp8_rtp), (VideoCodec.AV1, av1_rtp))
}
