"""The codecs of moving pictures that we take, and what holds for each of them."""

from __future__ import annotations

from enum import Enum

MAX_SIDE = 1920
"""No side of a received picture is longer: what a header claims beyond that would take gigabytes to decode."""


class VideoCodec(Enum):
    """The value is the encoding name in SDP (RFC 7741 section 6.1, AV1 RTP payload format section 7.2.1)."""

    VP8 = "VP8"
    AV1 = "AV1"


class BadPayload(ValueError):
    """An RTP payload, or the picture put together from several, that breaks the rules of its format."""
