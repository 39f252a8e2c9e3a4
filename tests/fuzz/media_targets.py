"""What is fuzzed of the media path: for each parser valid samples, and the errors that it may raise.

A new parser of foreign bytes gets a row in TARGETS.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aioice import stun
from aioice.candidate import Candidate
from aioice.ice import Connection, StunProtocol
from aiortc import RTCIceCandidate
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtcsctptransport import (
    DataChunk,
    HeartbeatChunk,
    InitChunk,
    ReconfigChunk,
    SackChunk,
    crc32c,
    parse_packet,
    serialize_packet,
)
from aiortc.rtp import HeaderExtensions, HeaderExtensionsMap, RtpPacket

from app.media.events import Cause, Modality, PeerState
from app.media.rtc import sdp
from app.media.rtc.errors import BadRed, BadRtcp, BadRtp, BadSctp, BadSignal
from app.media.rtc.gate import DatagramGate
from app.media.rtc.peer_state import pack_state, parse_state
from app.media.rtc.private_sctp import HOSTILE
from app.media.rtc.red import MOST_BLOCKS, Block, pack_red, parse_red
from app.media.rtc.rtcp import (
    FullIntraRequest,
    Goodbye,
    Nack,
    PeerStateReport,
    PictureLoss,
    ReceiverReport,
    Remb,
    ReportBlock,
    SenderReport,
    SourceDescription,
    TransportCc,
    build_rtcp,
    parse_rtcp,
)
from app.media.rtc.rtp import parse_rtp
from app.media.rtc.sctp_check import check
from app.media.rtc.twcc import MOST_STATUSES, Recorder, build_feedback, parse_feedback
from app.media.video import av1_rtp, vp8_rtp
from app.media.video.assembly import MAX_PACKETS, FrameAssembler, VideoPacket
from app.media.video.codecs import MAX_SIDE, BadPayload, VideoCodec
from app.media.video.payloads import PAYLOAD_FORMATS


@dataclass(frozen=True)
class Target:
    """`run` takes the bytes and may raise `errors` alone; what it asserts is a failure too."""

    name: str
    run: Callable[[bytes], object]
    samples: tuple[bytes, ...]
    errors: tuple[type[Exception], ...]


_STATE = PeerState(True, False, Modality.AUDIO, Cause.LINK_THIN, True, False, True)
_ARRIVALS = [1.0, None, 1.02, 1.5, None, None, 1.49, 9.0, *[9.1] * 20, *[None] * 40, 9.2]
_FEEDBACK = tuple(
    build_feedback(base, arrivals, 7) for base, arrivals in ((1, [5.0]), (65530, _ARRIVALS), (9, [3.0] * 300))
)
_BLOCKS = (ReportBlock(5, 10, -3, 70_000, 40, 9, 9), ReportBlock(6, 0, 3, 7, 4, 0, 0))
_PARTS = (
    [SenderReport(1, 1 << 40, 2, 3, 4, _BLOCKS), SourceDescription(1, "someone@somewhere")],
    [ReceiverReport(1, _BLOCKS), TransportCc(1, 2, _FEEDBACK[1]), PeerStateReport(1, _STATE)],
    [Nack(1, 2, (1, 2, 30, 65535)), PictureLoss(1, 2), FullIntraRequest(1, ((2, 3),)), Remb(1, 50_000, (2, 3))],
    [TransportCc(1, 2, _FEEDBACK[0])],
    [Goodbye((1, 2))],
)
_URIS = (
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "urn:ietf:params:rtp-hdrext:toffset",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
)


def _extensions() -> HeaderExtensionsMap:
    known = HeaderExtensionsMap()
    known.configure(
        RTCRtpParameters(headerExtensions=[RTCRtpHeaderExtensionParameters(i + 1, uri) for i, uri in enumerate(_URIS)])
    )
    return known


_EXTENSIONS = _extensions()


def _rtp_samples() -> tuple[bytes, ...]:
    packet = RtpPacket(111, 1, 65535, 0xFFFFFFFF, 5, b"speech" * 5)
    packet.extensions = HeaderExtensions(5, (True, 30), "0", None, None, None, 77)
    plain = RtpPacket(96, 0, 1, 2, 3, b"x" * 40)
    plain.csrc = [1, 2]
    padded = RtpPacket(97)
    padded.padding_size = 240
    return bytes(packet.serialize(_EXTENSIONS)), bytes(plain.serialize()), bytes(padded.serialize(_EXTENSIONS))


def _red(data: bytes) -> None:
    blocks = parse_red(data)
    assert len(blocks) <= MOST_BLOCKS
    assert sum(len(block.payload) for block in blocks) < len(data)


def _feedback(data: bytes) -> None:
    assert len(parse_feedback(data).arrivals) <= MOST_STATUSES


def _recorder() -> Callable[[bytes], None]:
    """Numbers that go to and fro by a few, and sometimes jump; three bytes for each packet."""
    recorder = Recorder()
    number, now = [0], [0.0]

    def run(data: bytes) -> None:
        for place in range(0, len(data) - 2, 3):
            step, jump, pause = data[place : place + 3]
            number[0] = (number[0] + (step - 100) // 8 + (jump > 250) * 30_000) & 0xFFFF
            now[0] += pause / 50
            recorder.add(number[0], now[0])
        assert recorder.pending <= MOST_STATUSES
        messages = recorder.flush(500)
        assert sum(map(len, messages)) <= 500
        for message in messages:
            parse_feedback(message)

    return run


# Pictures: the payloads of one picture, each with two bytes of length before it


def _picture(codec: VideoCodec) -> Callable[[bytes], None]:
    form = PAYLOAD_FORMATS[codec]

    def run(data: bytes) -> None:
        payloads, at = [], 0
        while at + 2 <= len(data):
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            payloads.append(data[at + 2 : end])
            at = end
        for payload in payloads:
            form.starts_frame(payload)
            form.starts_key_frame(payload)
            _refused(form.check, payload)
        _refused(form.read_frame, data)
        frame = form.depacketize(payloads)
        assert len(frame) <= 9 * len(data) + 2
        form.read_frame(frame)
        for size in (av1_rtp.key_frame_size(frame), vp8_rtp.key_frame_size(frame)):
            assert size is None or codec is VideoCodec.VP8 or max(size) <= MAX_SIDE

    return run


def _refused(run: Callable[[bytes], object], data: bytes) -> None:
    with contextlib.suppress(BadPayload):
        run(data)


def _packetized(data: bytes) -> None:
    """What can be sent at all comes back the same."""
    payloads = av1_rtp.packetize(data, 50)
    assert all(len(payload) <= 50 for payload in payloads)
    if payloads:
        again = av1_rtp.depacketize(payloads)
        assert av1_rtp.depacketize(av1_rtp.packetize(again, 1200)) == again


def _framed(payloads: list[bytes]) -> bytes:
    return b"".join(len(payload).to_bytes(2, "big") + payload for payload in payloads)


_AV1_UNIT = bytes.fromhex("12000a0b000000043cffbc4af9004032" + "51" + "10" * 81)
_AV1 = (
    _framed(av1_rtp.packetize(_AV1_UNIT, 40)),
    _framed(av1_rtp.packetize(_AV1_UNIT, 200)),
    _framed([bytes.fromhex("0003301122022833")]),
    _framed([bytes.fromhex("3003301122033428012833"), bytes.fromhex("10320101")]),
)
_VP8_KEY = bytes.fromhex("1002009d012a8002e001") + b"x" * 60
_VP8 = (_framed(vp8_rtp.packetize(_VP8_KEY, 5, 40)), _framed([bytes.fromhex("90f08102030401"), b"\0abc"]))


def _assembler() -> Callable[[bytes], None]:
    """Twelve bytes make a packet: its number, time, flags, and the payload; it never holds more than it may."""
    assembler = FrameAssembler()
    now = [0.0]

    def run(data: bytes) -> None:
        for at in range(0, len(data) - 3, 12):
            sequence, stamp, flags = data[at], data[at + 1], data[at + 2]
            codec = VideoCodec.AV1 if flags & 1 else VideoCodec.VP8
            payload = data[at + 3 : at + 12]
            number = sequence << 8 if flags & 0x80 else sequence
            packet = VideoPacket(
                number, stamp << 20, bool(flags & 2), codec, payload, bool(flags & 4), bool(flags & 8)
            )
            now[0] += stamp / 1000
            assembler.add(packet, now[0], None if flags & 16 else 0.1)
            assembler.tail(now[0])
            assert len(assembler._packets) <= MAX_PACKETS

    return run


# STUN, through the gate into aioice

_PASSWORD, _USER = "p" * 22, "ours"


class _Wire(asyncio.DatagramTransport):
    def sendto(self, data: Any, addr: Any = None) -> None: ...


def _gate() -> Callable[[bytes], None]:
    """An odd first byte takes the rest as signed by a peer who knows our password."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    connection = Connection(ice_controlling=True, local_username=_USER, local_password=_PASSWORD)
    protocol = StunProtocol(connection)
    asyncio.set_event_loop(None)
    loop.close()
    protocol.connection_made(_Wire())
    protocol.local_candidate = Candidate("1", 1, "udp", 1, "127.0.0.1", 1, "host")
    clock = [0.0]
    gate = DatagramGate(connection, lambda data, now: None, lambda: clock[0])
    gate.attach(protocol)

    def run(data: bytes) -> None:
        clock[0] += 1.0
        if data[:1] and data[0] & 1:
            data = _signed(data[1:])
        protocol.datagram_received(data, ("127.0.0.1", 7 + len(data) % 50))
        assert connection._queue.qsize() <= 64
        assert len(connection._early_checks) <= 100

    return run


def _signed(data: bytes) -> bytes:
    body = data[20:] + bytes(-len(data[20:]) % 4)
    head = data[:20].ljust(20, b"\0")
    data = stun.set_body_length(head + body, len(body) + stun.INTEGRITY_LENGTH)
    return data + b"\0\x08\0\x14" + stun.message_integrity(head + body, _PASSWORD.encode())


def _stun_samples() -> tuple[bytes, ...]:
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, b"t" * 12)
    request.attributes |= {"USERNAME": f"{_USER}:them", "PRIORITY": 5, "ICE-CONTROLLED": 7}
    unsigned = bytes(request)
    request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity(_PASSWORD.encode())
    response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, b"u" * 12)
    response.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", 9)
    response.add_message_integrity(_PASSWORD.encode())
    refused = stun.Message(stun.Method.ALLOCATE, stun.Class.ERROR, b"v" * 12)
    refused.attributes |= {"ERROR-CODE": (401, "no"), "REALM": "here", "NONCE": b"n"}
    data = stun.Message(stun.Method.DATA, stun.Class.INDICATION, b"w" * 12)
    data.attributes |= {"XOR-PEER-ADDRESS": ("::1", 9), "DATA": b"hello"}
    return (b"\1" + unsigned, *(bytes(message) for message in (request, response, refused, data)))


def _description(data: bytes) -> None:
    """Read as an offer, and answered if it can be."""
    remote = sdp.read(data.decode("utf-8", "replace"), "offer")
    sdp.answer(_local("client"), remote)


def _local(role: str) -> sdp.Local:
    fingerprint = RTCDtlsFingerprint("sha-256", ":".join(["A1"] * 32))
    candidate = RTCIceCandidate(1, "f", "10.0.0.1", 5000, 1, "udp", "host")
    return sdp.Local(
        RTCIceParameters("ufra", "p" * 22), [candidate], RTCDtlsParameters([fingerprint], role), 11, 22, 33, "c"
    )


def _sctp(data: bytes) -> None:
    """What passes our check aiortc's parser ends on; the checksum is mended, or nothing would come that far."""
    check(data)
    try:
        parse_packet(data[:8] + crc32c(data[:8] + bytes(4) + data[12:]).to_bytes(4, "little") + data[12:])
    except HOSTILE as exc:
        raise BadSctp(str(exc)) from exc


def _sctp_samples() -> tuple[bytes, ...]:
    message, sack, init = DataChunk(3, bytes(12) + b"words"), SackChunk(), InitChunk()
    sack.gaps, sack.duplicates = [(2, 5), (9, 9)], [7]
    init.params = [(0xC000, b""), (0x8008, b"\xc0\x82")]
    heartbeat, reset = HeartbeatChunk(), ReconfigChunk()
    heartbeat.params, reset.params = [(1, b"then")], [(13, bytes(14))]
    return tuple(serialize_packet(5000, 5000, 9, chunk) for chunk in (message, sack, init, heartbeat, reset))


_SDP = (sdp.offer(_local("auto")).encode(),)
_RTCP = tuple(build_rtcp(parts) for parts in _PARTS)
TARGETS: tuple[Target, ...] = (
    Target("rtp", lambda data: parse_rtp(data, _EXTENSIONS), _rtp_samples(), (BadRtp,)),
    Target("red", _red, (pack_red([Block(111, 960, b"ab"), Block(111, 0, b"cd" * 20)]), b"\x6f\x01\x02"), (BadRed,)),
    Target("twcc", _feedback, _FEEDBACK, (BadRtcp,)),
    Target("twcc-recorder", _recorder(), (bytes(range(90)), b"\0\1\1\0\2\1\0\4\1\0\3\xff"), ()),
    Target("rtcp", parse_rtcp, _RTCP, (BadRtcp,)),
    Target("peer-state", parse_state, (pack_state(_STATE),), (BadRtcp,)),
    Target("sdp", _description, _SDP, (BadSignal,)),
    Target("av1", _picture(VideoCodec.AV1), _AV1, (BadPayload,)),
    Target("av1-send", _packetized, (_AV1_UNIT, bytes.fromhex("1200360002303228" * 3)), (BadPayload,)),
    Target("vp8", _picture(VideoCodec.VP8), _VP8, (BadPayload,)),
    Target("assembler", _assembler(), (bytes(range(180)), bytes.fromhex("0001069090800102030405060102") * 9), ()),
    Target("sctp", _sctp, _sctp_samples(), (BadSctp,)),
    Target("stun", _gate(), _stun_samples(), ()),
)
