"""RTP packets by aiortc's parser (RFC 3550 section 5.1, header extensions RFC 8285), its failures made one."""

from __future__ import annotations

import struct

from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensionsMap, RtpPacket

from app.media.rtc.errors import BadRtp
from app.media.rtc.sdp import TRANSPORT_CC


def parse_rtp(data: bytes, extensions: HeaderExtensionsMap) -> RtpPacket:
    """Raises BadRtp; aiortc raises struct.error for a header extension of an unexpected length."""
    try:
        return RtpPacket.parse(data, extensions)
    except (ValueError, struct.error) as exc:
        raise BadRtp(str(exc)) from exc


def extensions_of(cc_id: int | None) -> HeaderExtensionsMap:
    """The one header extension that is negotiated, the transport-wide sequence number; None: not even that."""
    known = HeaderExtensionsMap()
    if cc_id is not None:
        number = RTCRtpHeaderExtensionParameters(cc_id, TRANSPORT_CC)
        known.configure(RTCRtpParameters(headerExtensions=[number]))
    return known
