"""What a packet is, from its clear first bytes, so that the demo can show that media went through the thin link."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import StrEnum

_UDP_PROTOCOL = 17
_TCP_PROTOCOL = 6
_UDP_HEADER = 8


class Kind(StrEnum):
    RTP = "rtp"  # media, sealed by SRTP; its header is clear
    RTCP = "rtcp"
    DTLS = "dtls"  # key exchange and data channels
    STUN = "stun"  # ICE checks, consent and TURN itself
    TCP = "tcp"
    OTHER = "other"


# RFC 7983 section 7: the first byte tells the protocols apart that share a media port.
_FIRST_BYTE: tuple[tuple[range, Kind], ...] = (
    (range(0, 4), Kind.STUN),
    (range(20, 64), Kind.DTLS),
    (range(64, 80), Kind.STUN),  # TURN ChannelData around something that is not looked into
    (range(128, 192), Kind.RTP),
)
_RTCP_TYPES = range(192, 224)  # RFC 5761 section 4, as the whole second byte


def of_datagram(payload: bytes) -> Kind:
    """The kind of a UDP payload."""
    if not payload:
        return Kind.OTHER
    kind = next((kind for first, kind in _FIRST_BYTE if payload[0] in first), Kind.OTHER)
    if kind is Kind.RTP and len(payload) > 1 and payload[1] in _RTCP_TYPES:
        return Kind.RTCP
    return kind


def of_turn_client(data: bytes) -> Kind:
    """The kind of what a TURN client sends or gets: ChannelData (RFC 8656 section 12.4) counts as what it carries."""
    if len(data) > 4 and 0x40 <= data[0] < 0x50:
        return of_datagram(data[4:])
    return of_datagram(data)


def of_packet(packet: bytes) -> Kind:
    """The kind of an IPv4 packet (RFC 791); fragments but the first, and what is cut short, are OTHER."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return Kind.OTHER
    header = (packet[0] & 0x0F) * 4
    if packet[9] == _TCP_PROTOCOL:
        return Kind.TCP
    (fragment,) = struct.unpack_from("!H", packet, 6)
    if packet[9] != _UDP_PROTOCOL or fragment & 0x1FFF:
        return Kind.OTHER
    return of_datagram(packet[header + _UDP_HEADER :])


@dataclass
class KindTally:
    """Packets and bytes by kind, as delivered at the far end."""

    packets: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    octets: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))

    def count(self, kind: Kind, size: int) -> None:
        self.packets[kind] += 1
        self.octets[kind] += size
