"""Every private name of aiortc and aioice that rtc/private.py uses: a new version that moves one fails here."""

from __future__ import annotations

import asyncio
import inspect
from importlib.metadata import version
from typing import Any

import aioice.ice
import aioice.stun
import aiortc
import aiortc.jitterbuffer
import aiortc.rtcrtpreceiver
import av
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.codecs.vpx import VpxPayloadDescriptor, vp8_depayload
from aiortc.rtp import RtpPacket

from app.media.rtc import private
from app.media.rtc.transport import configuration
from app.media.video.vp8 import packetize
from app.wire.visits import IceConfig, IceServer


def _pc() -> RTCPeerConnection:
    pc = RTCPeerConnection(configuration(IceConfig()))
    pc.addTransceiver("audio", "sendrecv")
    pc.addTransceiver("video", "sendrecv")
    return pc


def test_the_versions_are_those_that_were_read() -> None:
    assert version("aiortc") == "1.16.0"
    assert version("aioice").startswith("0.13")


def test_private_names_exist_where_we_reach_for_them() -> None:
    async def run() -> None:
        pc = _pc()
        sender, receiver = pc.getSenders()[1], pc.getReceivers()[1]
        for name in (
            private.FORCE_KEY_FRAME,
            private.SENDER_ENCODER,
            private.REPAIR_TYPE,
            private.REPAIR_SEQUENCE,
            private.SENDER_MID,
            private.SENDER_EXTENSIONS,
            "_ssrc",
            "_rtx_ssrc",
            "_send_keyframe",
        ):
            assert hasattr(sender, name), name
        for name in (
            private.JITTER_BUFFER,
            private.DECODER_QUEUE,
            private.RECEIVER_CODECS,
            private.TIMESTAMP_MAPPER,
            private.REMOTE_STREAMS,
            private.HANDLE_RTP,
        ):
            assert hasattr(receiver, name), name
        dtls, ice = private.dtls_of(pc), private.ice_of(pc)
        assert isinstance(ice, aioice.ice.Connection)
        assert hasattr(dtls, "_send_rtp")
        for name in (
            "_check_list",
            "_nominated",
            "_protocols",
            "_query_consent_task",
            "_transport_policy",
            "get_component_candidates",
            "query_consent",
            "build_request",
            "remote_password",
        ):
            assert hasattr(ice, name), name
        await pc.close()

    asyncio.run(run())


def test_shapes_of_what_we_call_and_replace() -> None:
    def parameters(function: Any) -> list[str]:
        return list(inspect.signature(function).parameters)

    receiver = aiortc.RTCRtpReceiver
    assert parameters(receiver._handle_rtp_packet) == ["self", "packet", "arrival_time_ms"]
    assert parameters(aiortc.jitterbuffer.JitterBuffer.add) == ["self", "packet"]
    assert parameters(aiortc.jitterbuffer.JitterFrame) == ["data", "timestamp"]
    assert parameters(aiortc.rtcrtpreceiver.TimestampMapper.map) == ["self", "timestamp"]
    assert parameters(aioice.ice.Connection.get_component_candidates) == ["self", "component", "addresses", "timeout"]
    assert parameters(aioice.ice.Connection.build_request) == ["self", "pair", "nominate"]
    assert parameters(aioice.ice.StunProtocol.datagram_received) == ["self", "data", "addr"]
    assert "retransmissions" in parameters(aioice.ice.StunProtocol.request)
    source = inspect.getsource(aiortc.RTCRtpSender._next_encoded_frame)
    assert ".pack(data)" in source, "ready packets go through the encoder's pack()"
    source = inspect.getsource(aioice.ice.Connection.connect)
    assert "self.query_consent()" in source, "consent is looked up on the object"
    source = inspect.getsource(aioice.ice.Connection.gather_candidates)
    assert "self.get_component_candidates(" in source, "gathering is looked up on the object"


def test_a_picture_loss_indication_sets_the_flag_that_we_take() -> None:
    async def run() -> None:
        pc = _pc()
        sender = pc.getSenders()[1]
        assert not private.take_key_frame_request(sender)
        sender._send_keyframe()
        assert private.take_key_frame_request(sender)
        assert not private.take_key_frame_request(sender)
        await pc.close()

    asyncio.run(run())


def test_a_track_of_packets_goes_through_our_packer() -> None:
    class Packer:
        def pack(self, packet: Any) -> tuple[list[bytes], int]:
            return [bytes(packet)], 77

    class Track(aiortc.MediaStreamTrack):
        kind = "video"

        async def recv(self) -> Any:
            return av.Packet(b"ours")

    async def run() -> None:
        pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        sender = pc.addTransceiver(Track(), "sendrecv").sender
        private.use_packer(sender, Packer())
        frame = await sender._next_encoded_frame(aiortc.rtcrtpparameters.RTCRtpCodecParameters("video/VP8", 90000))
        assert frame is not None
        assert (frame.payloads, frame.timestamp) == ([b"ours"], 77)
        await pc.close()

    asyncio.run(run())


def test_padding_alone_goes_on_the_repair_stream_and_a_stock_receiver_drops_it() -> None:
    async def run() -> None:
        pc = _pc()
        sender = pc.getSenders()[1]
        assert private.padding_packet(sender, 5, 240) is None, "no repairs were negotiated"
        setattr(sender, private.REPAIR_TYPE, 98)
        setattr(sender, private.REPAIR_SEQUENCE, 0xFFFF)
        for sequence in (0xFFFF, 0):
            data = private.padding_packet(sender, 5, 240)
            assert data is not None
            packet = RtpPacket.parse(data)
            assert (packet.payload, packet.padding_size, packet.timestamp) == (b"", 240, 5)
            assert (packet.payload_type, packet.sequence_number, packet.ssrc) == (98, sequence, sender._rtx_ssrc)
        await pc.close()

    asyncio.run(run())
    source = inspect.getsource(aiortc.RTCRtpReceiver._handle_rtp_packet)
    dropped = source.index("len(packet.payload) < 2")
    assert dropped < source.index("__nack_generator.add"), "an empty repair is dropped before NACK and jitter buffer"


def test_our_payloads_are_read_by_the_stock_depacketizer() -> None:
    data = bytes(range(256)) * 8
    payloads = packetize(data, 0x1234, 500)
    assert b"".join(vp8_depayload(p) for p in payloads) == data
    descriptor, _ = VpxPayloadDescriptor.parse(payloads[0])
    assert (descriptor.partition_start, descriptor.partition_id, descriptor.picture_id) == (1, 0, 0x1234)
    descriptor, _ = VpxPayloadDescriptor.parse(payloads[1])
    assert descriptor.partition_start == 0


def test_the_header_extension_that_the_wire_count_assumes() -> None:
    packet = RtpPacket(payload_type=96)
    packet.extensions.mid = "0"
    extensions = aiortc.rtp.HeaderExtensionsMap()
    parameters = aiortc.rtcrtpparameters.RTCRtpParameters(
        headerExtensions=list(aiortc.codecs.HEADER_EXTENSIONS["audio"])
    )
    extensions.configure(parameters)
    assert len(packet.serialize(extensions)) == 20


@pytest.mark.parametrize("policy", ["all", "relay"])
def test_the_clinics_servers_are_used_and_never_the_built_in_one(policy: Any) -> None:
    server = IceServer(urls=("turn:10.0.0.1:3478?transport=udp",), username="u", credential="c")
    made = configuration(IceConfig(servers=(server,), policy=policy))
    assert made.iceTransportPolicy.value == policy
    assert made.iceServers is not None
    assert made.iceServers[0].urls == ["turn:10.0.0.1:3478?transport=udp"]
    assert configuration(IceConfig()).iceServers == []


def test_a_machine_with_loopback_alone_has_a_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: [])

    async def run() -> str:
        pc = _pc()
        private.prepare_ice(pc, None)
        await pc.setLocalDescription()
        sdp = pc.localDescription.sdp
        await pc.close()
        return str(sdp)

    assert " 127.0.0.1 " in asyncio.run(run())


def test_consent_expires_by_time_and_late_answers_count() -> None:
    class Protocol:
        def __init__(self, answers: int) -> None:
            self.left = answers

        async def request(self, *_: Any, **how: Any) -> None:
            assert how["retransmissions"] == 3
            self.left -= 1
            if self.left < 0:
                raise aioice.stun.TransactionTimeout

    class Pair:
        remote_addr = ("127.0.0.1", 9)

        def __init__(self, answers: int) -> None:
            self.protocol = Protocol(answers)

    class Connection:
        remote_password = "p" * 22
        _query_consent_task: object = object()

        def __init__(self, answers: int) -> None:
            self._nominated = {1: Pair(answers)}
            self.closed = False

        def build_request(self, pair: Any, nominate: bool) -> None:
            assert not nominate

        async def close(self) -> None:
            assert self._query_consent_task is None, "closing must not cancel the task that closes"
            self.closed = True

    async def run(answers: int) -> int:
        connection = Connection(answers)
        await private.keep_consent(connection, interval_s=0.02, expiry_s=0.2)
        assert connection.closed
        return -connection._nominated[1].protocol.left

    assert asyncio.run(run(10)) >= 6, "unanswered for the whole time, not six times in a row"
