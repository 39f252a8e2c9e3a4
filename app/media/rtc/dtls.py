"""DTLS-SRTP (RFC 5764) on aiortc's transport: tightened, and its keys used directly, without its RTP router."""

from __future__ import annotations

from typing import Literal

import pylibsrtp
from aiortc import RTCDtlsTransport, RTCIceTransport
from OpenSSL import SSL

from app.media.rtc import private_dtls
from app.media.rtc.errors import BadSrtp, NotConnected
from app.media.rtc.rtcp import is_rtcp

DtlsRole = Literal["auto", "client", "server"]
SRTP_OVERHEAD = 10
"""Bytes of tag on each RTP packet."""
SRTCP_OVERHEAD = 14
"""Bytes of index and tag on each RTCP datagram."""
DTLS_OVERHEAD = 37
"""Bytes of header, nonce and tag on each record of data (RFC 6347 section 4.1 with AES-GCM, RFC 5288; the other
cipher takes 8 less).
"""
LARGEST_DATAGRAM = 1500
MOST_STREAMS = 32
"""SSRCs that are taken from one peer: libsrtp keeps a context for each."""


def make_dtls(ice: RTCIceTransport, role: DtlsRole = "auto") -> RTCDtlsTransport:
    """With a certificate of its own. `role`: what the SDP's setup attribute says of our side (RFC 8842 section 5.3);
    `auto` follows ICE: the controlling side is the server. `set_dtls_role` may change it until `start()`.
    """
    dtls = RTCDtlsTransport(ice, [private_dtls.AeadCertificate.generateCertificate()])
    private_dtls.use_short_tags(dtls)
    private_dtls.set_role(dtls, role)
    return dtls


def set_dtls_role(dtls: RTCDtlsTransport, role: DtlsRole) -> None:
    private_dtls.set_role(dtls, role)


def is_connected(dtls: RTCDtlsTransport) -> bool:
    return dtls.state == "connected"


def protect(dtls: RTCDtlsTransport, data: bytes) -> bytes:
    """RTP or RTCP in clear, as it goes on the wire. Raises NotConnected, or BadSrtp if it is too long or no RTP."""
    session = private_dtls.outbound(dtls)
    if session is None or not is_connected(dtls):
        raise NotConnected("no SRTP keys")
    try:
        return bytes(session.protect_rtcp(data) if is_rtcp(data) else session.protect(data))
    except (pylibsrtp.Error, ValueError, TypeError) as exc:
        raise BadSrtp(str(exc)) from exc


def seal(dtls: RTCDtlsTransport, data: bytes) -> bytes:
    """A datagram of application data, here an SCTP packet (RFC 8261). Raises NotConnected."""
    if not is_connected(dtls):
        raise NotConnected("no DTLS keys")
    try:
        return private_dtls.seal(dtls, data)
    except SSL.Error as exc:
        raise NotConnected(str(exc)) from exc


class Opener:
    """Opens what comes in on one DTLS transport."""

    def __init__(self, dtls: RTCDtlsTransport) -> None:
        self._dtls = dtls
        self._streams: set[bytes] = set()

    def open(self, data: bytes) -> tuple[Literal["rtp", "rtcp"], bytes]:
        """(which, in clear). Raises NotConnected before the keys are there, and BadSrtp for anything forged, copied,
        malformed or too long, and for a stream beyond MOST_STREAMS.
        """
        session = private_dtls.inbound(self._dtls)
        if session is None or not is_connected(self._dtls):
            raise NotConnected("no SRTP keys")
        if not 12 <= len(data) <= LARGEST_DATAGRAM:
            raise BadSrtp(f"a datagram of {len(data)} bytes")
        control = is_rtcp(data)
        stream = data[4:8] if control else data[8:12]
        if stream not in self._streams and len(self._streams) >= MOST_STREAMS:
            raise BadSrtp("too many streams")
        try:
            clear = bytes(session.unprotect_rtcp(data) if control else session.unprotect(data))
        except (pylibsrtp.Error, ValueError, TypeError) as exc:
            raise BadSrtp(str(exc)) from exc
        self._streams.add(stream)
        return ("rtcp" if control else "rtp"), clear
