"""Every private name of aiortc 1.16.0 and aioice 0.13.0 that we use, held by tests/media/test_rtc_contract.py.

Nothing here changes a class or a module of theirs: each hook is set on one object.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from aioice import stun
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.jitterbuffer import JitterFrame
from aiortc.rtp import RtpPacket

LOOPBACK = "127.0.0.1"
CONSENT_INTERVAL_S = 5.0
CONSENT_EXPIRY_S = 30.0
"""RFC 7675 section 5.1: consent lasts 30 s from the last answer."""

FORCE_KEY_FRAME = "_RTCRtpSender__force_keyframe"
SENDER_ENCODER = "_RTCRtpSender__encoder"
REPAIR_TYPE = "_RTCRtpSender__rtx_payload_type"
REPAIR_SEQUENCE = "_RTCRtpSender__rtx_sequence_number"
SENDER_MID = "_RTCRtpSender__mid"
SENDER_EXTENSIONS = "_RTCRtpSender__rtp_header_extensions_map"
JITTER_BUFFER = "_RTCRtpReceiver__jitter_buffer"
DECODER_QUEUE = "_RTCRtpReceiver__decoder_queue"
RECEIVER_CODECS = "_RTCRtpReceiver__codecs"
TIMESTAMP_MAPPER = "_RTCRtpReceiver__timestamp_mapper"
REMOTE_STREAMS = "_RTCRtpReceiver__remote_streams"
HANDLE_RTP = "_handle_rtp_packet"


class RtpPacketLike(Protocol):
    """What we use of aiortc.rtp.RtpPacket."""

    sequence_number: int
    timestamp: int
    marker: int
    payload_type: int
    payload: bytes
    ssrc: int
    padding_size: int


def dtls_of(pc: RTCPeerConnection) -> Any:
    """The one DTLS transport of a max-bundle connection."""
    return pc.getTransceivers()[0].receiver.transport


def ice_of(pc: RTCPeerConnection) -> Any:
    """The aioice.Connection under it."""
    return dtls_of(pc).transport._connection


# Sending


def take_key_frame_request(sender: RTCRtpSender) -> bool:
    """Whether the far side asked for a key frame (PLI or FIR, RFC 4585) since the last look."""
    wanted = bool(getattr(sender, FORCE_KEY_FRAME))
    setattr(sender, FORCE_KEY_FRAME, False)
    return wanted


def use_packer(sender: RTCRtpSender, packer: Any) -> None:
    """`packer.pack(av.Packet) -> (payloads, timestamp)` instead of the stock encoder, for a track of ready packets."""
    setattr(sender, SENDER_ENCODER, packer)


def ssrcs_of(sender: RTCRtpSender) -> tuple[int, int]:
    """(media, retransmissions)."""
    return sender._ssrc, sender._rtx_ssrc


def padding_packet(sender: RTCRtpSender, timestamp: int, padding: int) -> bytes | None:
    """An RTP packet of `padding` bytes of padding alone (RFC 3550 section 5.1); None if no repairs were negotiated.

    It takes the next number of the repair stream (RFC 4588): the pictures' own stream, its NACKs and its loss counts
    do not see it, and no number is used twice (SRTP would repeat its key stream).
    """
    payload_type = getattr(sender, REPAIR_TYPE)
    if payload_type is None:
        return None
    sequence = getattr(sender, REPAIR_SEQUENCE)
    setattr(sender, REPAIR_SEQUENCE, (sequence + 1) & 0xFFFF)
    packet = RtpPacket(payload_type=payload_type, sequence_number=sequence, timestamp=timestamp, ssrc=sender._rtx_ssrc)
    packet.padding_size = padding
    packet.extensions.mid = getattr(sender, SENDER_MID)
    return bytes(packet.serialize(getattr(sender, SENDER_EXTENSIONS)))


def on_send(
    pc: RTCPeerConnection, gate: Callable[[bytes], Awaitable[bool]], follow: Callable[[bytes], bytes | None]
) -> None:
    """`gate` sees each RTP and RTCP packet before encryption, may wait, and says whether it goes out; `follow` may
    then give one to be sent right behind it.
    """
    dtls = dtls_of(pc)
    stock = dtls._send_rtp

    async def send(data: bytes) -> None:
        if await gate(data):
            await stock(data)
            behind = follow(data)
            if behind is not None:
                await stock(behind)

    dtls._send_rtp = send


# Receiving


def on_packet(receiver: RTCRtpReceiver, observe: Callable[[RtpPacketLike], bool]) -> None:
    """`observe` sees each RTP packet of this receiver as it arrives, retransmissions included, and says whether the
    stock receiver is to see it.
    """
    stock = getattr(receiver, HANDLE_RTP)

    async def handle(packet: Any, arrival_time_ms: int) -> None:
        if observe(packet):
            await stock(packet, arrival_time_ms=arrival_time_ms)

    setattr(receiver, HANDLE_RTP, handle)


class Assembler(Protocol):
    def __call__(self, packet: RtpPacketLike, data: bytes) -> tuple[list[tuple[bytes, int]], bool]:
        """From a packet and its depayloaded data: frames (data, RTP time) ready for the decoder in order, and whether
        to ask for a key frame.
        """


def use_assembler(receiver: RTCRtpReceiver, assemble: Assembler) -> None:
    """In the place of the stock jitter buffer, which stalls speech for 16 packets after one loss."""
    setattr(receiver, JITTER_BUFFER, _Feeder(receiver, assemble))


class _Feeder:
    def __init__(self, receiver: RTCRtpReceiver, assemble: Assembler) -> None:
        self._receiver, self._assemble = receiver, assemble

    def add(self, packet: Any) -> tuple[bool, JitterFrame | None]:
        """The stock interface gives one frame back for each packet; several may be ready, so they go in directly."""
        frames, wants_key = self._assemble(packet, packet._data)
        codec = getattr(self._receiver, RECEIVER_CODECS)[packet.payload_type]
        mapper = getattr(self._receiver, TIMESTAMP_MAPPER)
        for data, timestamp in frames:
            frame = JitterFrame(data, mapper.map(timestamp))
            getattr(self._receiver, DECODER_QUEUE).put((codec, frame))
        return wants_key, None


def is_repair(receiver: RTCRtpReceiver, packet: RtpPacketLike) -> bool:
    """Whether this is a retransmission (RFC 4588)."""
    codec = getattr(receiver, RECEIVER_CODECS).get(packet.payload_type)
    return codec is not None and bool(codec.name.lower() == "rtx")


@dataclass(frozen=True)
class StreamCounters:
    packets_received: int
    packets_lost: int
    jitter_ticks: int


def stream_counters(receiver: RTCRtpReceiver) -> StreamCounters:
    """Cumulative figures of the first (media) stream of this receiver; zeros before the first packet."""
    for stream in getattr(receiver, REMOTE_STREAMS).values():
        return StreamCounters(stream.packets_received, stream.packets_lost, stream.jitter)
    return StreamCounters(0, 0, 0)


# ICE


class DatagramGate:
    """Lets datagrams in that are STUN, or come from an address that the peer's signed offer or an authenticated check
    has named. Anything else could be a forged DTLS ClientHello, which would end the call.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.dropped = 0

    def accepts(self, data: bytes, address: tuple[str, int]) -> bool:
        if data[:1] and data[0] < 4:
            return True  # STUN (RFC 7983)
        if any(pair.remote_addr == address for pair in self._connection._check_list):
            return True
        self.dropped += 1
        return False

    def watch(self) -> None:
        """Call once after gathering, when the sockets exist."""
        for protocol in self._connection._protocols:
            self._wrap(protocol)

    def _wrap(self, protocol: Any) -> None:
        stock = protocol.datagram_received

        def received(data: bytes, address: tuple[Any, ...]) -> None:
            if self.accepts(data, (address[0], address[1])):
                stock(data, address)

        protocol.datagram_received = received


def prepare_ice(pc: RTCPeerConnection, bind_address: str | None) -> None:
    """Before gathering: host candidates on `bind_address` alone, or on loopback when the machine has no other address;
    and consent that expires by time.
    """
    connection = ice_of(pc)
    stock_gather = connection.get_component_candidates

    async def gather(component: int, addresses: list[str], timeout: int = 5) -> Any:
        if connection._transport_policy.name == "ALL":
            addresses = [bind_address] if bind_address else addresses or [LOOPBACK]
        return await stock_gather(component, addresses, timeout)

    connection.get_component_candidates = gather
    connection.query_consent = lambda: keep_consent(connection)


async def keep_consent(
    connection: Any, interval_s: float = CONSENT_INTERVAL_S, expiry_s: float = CONSENT_EXPIRY_S
) -> None:
    """RFC 7675 with answers that may be late: a slow link is not a dead one (aioice issue 58)."""
    answered = time.monotonic()
    asking: set[asyncio.Task[None]] = set()

    async def ask(pair: Any) -> None:
        nonlocal answered
        request = connection.build_request(pair, nominate=False)
        key = connection.remote_password.encode()
        try:
            await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=3)
        except (stun.TransactionError, OSError):
            return
        answered = time.monotonic()

    try:
        while time.monotonic() - answered < expiry_s:
            await asyncio.sleep(interval_s * (0.8 + 0.4 * random.random()))  # noqa: S311 - spread, not secrecy
            for pair in connection._nominated.values():
                task = asyncio.create_task(ask(pair))
                asking.add(task)
                task.add_done_callback(asking.discard)
    finally:
        for task in asking:
            task.cancel()
    connection._query_consent_task = None
    await connection.close()


def selected_types(pc: RTCPeerConnection) -> tuple[str, str] | None:
    """Types (host, srflx, relay) of the local and remote candidates in use; None before there is a pair."""
    for pair in ice_of(pc)._nominated.values():
        return pair.local_candidate.type, pair.remote_candidate.type
    return None


def heard_consent(pc: RTCPeerConnection) -> bool:
    """Whether the transport still has a nominated pair."""
    return bool(ice_of(pc)._nominated)


def close_sockets(pc: RTCPeerConnection) -> None:
    """The last resort when an orderly close does not end in time."""
    for protocol in list(ice_of(pc)._protocols):
        protocol.transport.close()
