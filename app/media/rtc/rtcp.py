"""PURE: RTCP datagrams, compound (RFC 3550 section 6.1) or reduced-size (RFC 5506), to typed parts and back.

aiortc.rtp's parsers are not used: they take transport feedback for a NACK, know packet types to 208 only (RFC 5761
section 4 gives RTCP 192..223), and some malformed input raises struct.error.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.media.events import PeerState
from app.media.rtc import peer_state
from app.media.rtc.errors import BadRtcp
from app.media.rtc.twcc import parse_feedback

LARGEST_DATAGRAM = 1500
MOST_PARTS = 32
MOST_LOST = 1024
"""Packets that one NACK may ask for."""

_SR, _RR, _SDES, _BYE, _APP, _RTPFB, _PSFB = range(200, 207)
_NACK, _TRANSPORT_CC = 1, 15  # RFC 4585 section 6.2.1; draft-holmer section 3.1
_PLI, _FIR, _AFB = 1, 4, 15  # RFC 4585 section 6.3.1, RFC 5104 section 4.3.1, RFC 4585 section 6.4
_CNAME = 1
_BLOCK = struct.Struct("!IB3sIIII")
_SENDER = struct.Struct("!IQIII")
_LARGEST_MANTISSA = 0x3FFFF


@dataclass(frozen=True)
class ReportBlock:
    """RFC 3550 section 6.4.1. `fraction_lost` in 1/256, `jitter` in RTP ticks, `lsr` and `dlsr` in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    packets_lost: int
    highest: int
    jitter: int
    lsr: int
    dlsr: int


@dataclass(frozen=True)
class SenderReport:
    """`ntp`: 64-bit NTP time, of whatever clock the sender uses (app/media/rtc/ntp.py)."""

    ssrc: int
    ntp: int
    rtp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True)
class ReceiverReport:
    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True)
class SourceDescription:
    """Section 6.5: the CNAME of one source; other items are passed over."""

    ssrc: int
    cname: str


@dataclass(frozen=True)
class Goodbye:
    ssrcs: tuple[int, ...]


@dataclass(frozen=True)
class Nack:
    """RFC 4585 section 6.2.1: 16-bit sequence numbers of `media`."""

    sender: int
    media: int
    lost: tuple[int, ...]


@dataclass(frozen=True)
class PictureLoss:
    sender: int
    media: int


@dataclass(frozen=True)
class FullIntraRequest:
    """RFC 5104 section 4.3.1: (ssrc, command sequence number of 8 bits) of each stream asked for a key frame."""

    sender: int
    entries: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Remb:
    """draft-alvestrand-rmcat-remb-03: what the receiver thinks the path carries, bit/s, for these streams together."""

    sender: int
    bitrate: int
    ssrcs: tuple[int, ...]


@dataclass(frozen=True)
class TransportCc:
    """`fci` is what twcc.parse_feedback reads and twcc.Recorder.flush gives; a parsed part's is known to be sound."""

    sender: int
    media: int
    fci: bytes


@dataclass(frozen=True)
class PeerStateReport:
    """An APP packet (RFC 3550 section 6.7) named "TLIN"."""

    ssrc: int
    state: PeerState


Part = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Goodbye
    | Nack
    | PictureLoss
    | FullIntraRequest
    | Remb
    | TransportCc
    | PeerStateReport
)


def is_rtcp(data: bytes) -> bool:
    """Whether an SRTP-like datagram (first byte 128..191) is RTCP: RFC 5761 section 4."""
    return len(data) >= 2 and 192 <= data[1] <= 223


# Reading


def parse_rtcp(data: bytes) -> tuple[Part, ...]:
    """The parts we know, in order; packets of other types, formats and names are passed over. Raises BadRtcp."""
    if not 4 <= len(data) <= LARGEST_DATAGRAM:
        raise BadRtcp(f"an RTCP datagram of {len(data)} bytes")
    parts: list[Part] = []
    for kind, count, body in _packets(data):
        read = _READERS.get(kind)
        if read is not None:
            parts += read(body, count)
        if len(parts) > MOST_PARTS:
            raise BadRtcp("too many parts")
    return tuple(parts)


def _packets(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(packet type, count or format, body without padding)."""
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise BadRtcp("an RTCP header cut short")
        first, kind, words = struct.unpack_from("!BBH", data, at)
        end = at + 4 + words * 4
        if first >> 6 != 2 or end > len(data):
            raise BadRtcp("not RTCP version 2, or cut short")
        body = data[at + 4 : end]
        if first & 0x20:  # libwebrtc pads feedback this way
            if not body or not 1 <= body[-1] <= len(body):
                raise BadRtcp("padding of the wrong length")
            body = body[: -body[-1]]
        yield kind, first & 0x1F, body
        at = end


def _unpack(form: str, data: bytes, at: int = 0) -> tuple[Any, ...]:
    try:
        return struct.unpack_from(form, data, at)
    except struct.error as exc:
        raise BadRtcp("an RTCP packet cut short") from exc


def _read_blocks(body: bytes, at: int, count: int) -> tuple[ReportBlock, ...]:
    if len(body) < at + count * _BLOCK.size:  # profile-specific extensions may follow (section 6.4.3)
        raise BadRtcp("a report cut short")
    blocks = []
    for place in range(at, at + count * _BLOCK.size, _BLOCK.size):
        ssrc, fraction, lost, *rest = _BLOCK.unpack_from(body, place)
        blocks.append(ReportBlock(ssrc, fraction, int.from_bytes(lost, "big", signed=True), *rest))
    return tuple(blocks)


def _read_sr(body: bytes, count: int) -> list[Part]:
    ssrc, ntp, rtp, packets, octets = _unpack(_SENDER.format, body)
    return [SenderReport(ssrc, ntp, rtp, packets, octets, _read_blocks(body, _SENDER.size, count))]


def _read_rr(body: bytes, count: int) -> list[Part]:
    (ssrc,) = _unpack("!I", body)
    return [ReceiverReport(ssrc, _read_blocks(body, 4, count))]


def _read_sdes(body: bytes, count: int) -> list[Part]:
    parts: list[Part] = []
    at = 0
    for _ in range(count):
        (ssrc,) = _unpack("!I", body, at)
        at += 4
        while True:
            (item,) = _unpack("!B", body, at)
            if item == 0:  # the end of the list, and zeros up to the next 32 bits
                at += 4 - at % 4
                break
            (length,) = _unpack("!B", body, at + 1)
            value = body[at + 2 : at + 2 + length]
            if len(value) < length:
                raise BadRtcp("a source description cut short")
            if item == _CNAME:
                parts.append(SourceDescription(ssrc, value.decode("utf-8", "replace")))
            at += 2 + length
    return parts


def _read_bye(body: bytes, count: int) -> list[Part]:
    return [Goodbye(_unpack(f"!{count}I", body))]


def _read_app(body: bytes, subtype: int) -> list[Part]:
    ssrc, name = _unpack("!I4s", body)
    if name != peer_state.NAME:
        return []
    state = peer_state.parse_state(body[8:], subtype)
    return [] if state is None else [PeerStateReport(ssrc, state)]


def _read_rtpfb(body: bytes, fmt: int) -> list[Part]:
    sender, media = _unpack("!II", body)
    fci = body[8:]
    if fmt == _TRANSPORT_CC:
        parse_feedback(fci)
        return [TransportCc(sender, media, fci)]
    if fmt == _NACK:
        return [Nack(sender, media, _read_nack(fci))]
    return []


def _read_nack(fci: bytes) -> tuple[int, ...]:
    if not fci or len(fci) % 4:
        raise BadRtcp("a NACK of the wrong length")
    lost: list[int] = []
    for first, mask in struct.iter_unpack("!HH", fci):
        lost.append(first)
        lost += [(first + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1]
        if len(lost) > MOST_LOST:
            raise BadRtcp("a NACK for too many packets")
    return tuple(lost)


def _read_psfb(body: bytes, fmt: int) -> list[Part]:
    sender, media = _unpack("!II", body)
    fci = body[8:]
    if fmt == _PLI:
        return [PictureLoss(sender, media)]
    if fmt == _FIR:
        if not fci or len(fci) % 8:
            raise BadRtcp("a full intra request of the wrong length")
        return [FullIntraRequest(sender, tuple(struct.iter_unpack("!IBxxx", fci)))]
    if fmt == _AFB and fci[:4] == b"REMB":
        count, high, low = _unpack("!BBH", fci, 4)
        ssrcs = _unpack(f"!{count}I", fci, 8)
        return [Remb(sender, ((high & 3) << 16 | low) << (high >> 2), ssrcs)]
    return []


_READERS: dict[int, Callable[[bytes, int], list[Part]]] = {
    _SR: _read_sr,
    _RR: _read_rr,
    _SDES: _read_sdes,
    _BYE: _read_bye,
    _APP: _read_app,
    _RTPFB: _read_rtpfb,
    _PSFB: _read_psfb,
}


# Building


def build_rtcp(parts: Sequence[Part]) -> bytes:
    """One datagram of these parts in this order; the caller keeps to the order of RFC 3550 section 6.1 where it is a
    compound one. Raises BadRtcp if a value does not fit its field or the datagram is over LARGEST_DATAGRAM.
    """
    try:
        data = b"".join(_WRITERS[type(part)](part) for part in parts)
    except (struct.error, OverflowError) as exc:
        raise BadRtcp(f"a value that does not fit its field: {exc}") from exc
    if len(data) > LARGEST_DATAGRAM:
        raise BadRtcp(f"an RTCP datagram of {len(data)} bytes")
    return data


def _packet(kind: int, count: int, body: bytes) -> bytes:
    if count > 0x1F:
        raise BadRtcp("more than 31 entries in one RTCP packet")
    body += bytes(-len(body) % 4)
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def _write_blocks(blocks: Sequence[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(b.ssrc, b.fraction_lost, b.packets_lost.to_bytes(3, "big", signed=True), *_timing(b))
        for b in blocks
    )


def _timing(block: ReportBlock) -> tuple[int, int, int, int]:
    return block.highest, block.jitter, block.lsr, block.dlsr


def _write_sr(part: SenderReport) -> bytes:
    head = _SENDER.pack(part.ssrc, part.ntp, part.rtp, part.packets & 0xFFFFFFFF, part.octets & 0xFFFFFFFF)
    return _packet(_SR, len(part.reports), head + _write_blocks(part.reports))


def _write_rr(part: ReceiverReport) -> bytes:
    return _packet(_RR, len(part.reports), struct.pack("!I", part.ssrc) + _write_blocks(part.reports))


def _write_sdes(part: SourceDescription) -> bytes:
    name = part.cname.encode()
    return _packet(_SDES, 1, struct.pack("!IBB", part.ssrc, _CNAME, len(name)) + name + b"\0")


def _write_bye(part: Goodbye) -> bytes:
    return _packet(_BYE, len(part.ssrcs), struct.pack(f"!{len(part.ssrcs)}I", *part.ssrcs))


def _write_nack(part: Nack) -> bytes:
    pairs: list[list[int]] = []
    for number in part.lost:
        after = (number - pairs[-1][0] - 1) & 0xFFFF if pairs else 16
        if after < 16:
            pairs[-1][1] |= 1 << after
        else:
            pairs.append([number, 0])
    fci = b"".join(struct.pack("!HH", *pair) for pair in pairs)
    return _packet(_RTPFB, _NACK, struct.pack("!II", part.sender, part.media) + fci)


def _write_transport_cc(part: TransportCc) -> bytes:
    return _packet(_RTPFB, _TRANSPORT_CC, struct.pack("!II", part.sender, part.media) + part.fci)


def _write_pli(part: PictureLoss) -> bytes:
    return _packet(_PSFB, _PLI, struct.pack("!II", part.sender, part.media))


def _write_fir(part: FullIntraRequest) -> bytes:
    fci = b"".join(struct.pack("!IBxxx", ssrc, number) for ssrc, number in part.entries)
    return _packet(_PSFB, _FIR, struct.pack("!II", part.sender, 0) + fci)


def _write_remb(part: Remb) -> bytes:
    exponent = max(0, part.bitrate.bit_length() - _LARGEST_MANTISSA.bit_length())
    mantissa = part.bitrate >> exponent
    head = struct.pack("!II4sB", part.sender, 0, b"REMB", len(part.ssrcs))
    head += struct.pack("!BH", exponent << 2 | mantissa >> 16, mantissa & 0xFFFF)
    return _packet(_PSFB, _AFB, head + struct.pack(f"!{len(part.ssrcs)}I", *part.ssrcs))


def _write_state(part: PeerStateReport) -> bytes:
    body = struct.pack("!I4s", part.ssrc, peer_state.NAME) + peer_state.pack_state(part.state)
    return _packet(_APP, peer_state.subtype_of(part.state), body)


_WRITERS: dict[type, Callable[[Any], bytes]] = {
    SenderReport: _write_sr,
    ReceiverReport: _write_rr,
    SourceDescription: _write_sdes,
    Goodbye: _write_bye,
    Nack: _write_nack,
    PictureLoss: _write_pli,
    FullIntraRequest: _write_fir,
    Remb: _write_remb,
    TransportCc: _write_transport_cc,
    PeerStateReport: _write_state,
}
