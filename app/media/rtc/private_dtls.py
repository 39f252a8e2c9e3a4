"""The private names of aiortc 1.16.0's DTLS transport that we use; tests/media/test_rtc_contract.py holds each."""

from __future__ import annotations

from typing import Any

from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import SRTP_AES128_CM_SHA1_80, SRTPProtectionProfile
from OpenSSL import SSL

CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"
"""aiortc's own without those in CBC mode with SHA-1."""


_LARGEST_RECORD = 1_500


class AeadCertificate(RTCCertificate):
    """A certificate whose handshakes offer and take AEAD ciphers alone."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_cipher_list(CIPHERS)
        return context


def use_short_tags(dtls: RTCDtlsTransport) -> None:
    """SRTP with HMAC-SHA1-80 alone: 10 bytes a packet where AES-GCM takes 16; everyone has it (RFC 8827 6.5)."""
    dtls._srtp_profiles = [SRTP_AES128_CM_SHA1_80]


def set_role(dtls: RTCDtlsTransport, role: str) -> None:
    dtls._set_role(role)


def outbound(dtls: RTCDtlsTransport) -> Any | None:
    """pylibsrtp.Session; None before the handshake is done."""
    return dtls._tx_srtp


def inbound(dtls: RTCDtlsTransport) -> Any | None:
    return dtls._rx_srtp


def seal(dtls: RTCDtlsTransport, data: bytes) -> bytes:
    """One DTLS record of application data, for one datagram. Raises SSL.Error when it cannot be made."""
    connection: Any = dtls._ssl
    connection.send(data)
    return bytes(connection.bio_read(_LARGEST_RECORD))
