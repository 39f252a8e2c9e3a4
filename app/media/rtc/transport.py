"""One WebRTC transport of a visit: a peer connection with our encoders, receive path, feedback channel and ICE rules.

A visit may use several in turn, each under its own `call` id; session.py decides when.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Literal

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from app.media.audio.opus import packet_samples
from app.media.rate.arrivals import Arrivals
from app.media.rate.capacity import PROBE_PADDING_BYTES
from app.media.rate.ladder import VIDEO_PAYLOAD_BYTES, Rung
from app.media.rtc import private
from app.media.rtc.errors import SDP_ERRORS, BadReport, BadSignal
from app.media.rtc.pacer import Allowance, Pacer
from app.media.rtc.report import LinkReport, pack_report, parse_report
from app.media.rtc.tracks import AudioPacker, AudioTrack, VideoPacker, VideoTrack
from app.media.video.assembly import FrameAssembler, VideoPacket
from app.media.video.frames import CapturedFrame
from app.wire.visits import IceConfig

log = logging.getLogger(__name__)

_IP_UDP = 28
_SRTP_TAG = 10
_RTP_HEADER = 20  # 12, and the mid extension
_PACING_THIN, _PACING_WIDE, _WIDE_BPS = 1.3, 1.8, 60_000
"""Pictures leave at this multiple of their rung's rate, so a key frame spreads out and speech passes between."""
_CLOSE_S = 3.0
_CHANNEL_BACKLOG = 200  # bytes: a report that would wait behind another is not sent at all

TransportState = Literal["new", "connected", "dead"]


@dataclass(frozen=True)
class TransportHooks:
    """What a transport tells its session; all on the loop."""

    state: Callable[[PeerTransport, TransportState], None]
    report: Callable[[PeerTransport, LinkReport], None]
    sound: Callable[[PeerTransport, int, NDArray[np.int16]], None]
    picture: Callable[[PeerTransport, av.VideoFrame], None]
    newest: Callable[[], CapturedFrame | None]


class PeerTransport:
    """Make it, then either `offer()` and `take_answer(sdp)`, or `answer(sdp)`; `close()` ends it in any state."""

    def __init__(
        self,
        call: str,
        ice: IceConfig,
        executor: Executor,
        hooks: TransportHooks,
        rung: Rung,
        bind_address: str | None = None,
    ) -> None:
        self.call, self.hooks = call, hooks
        self.state: TransportState = "new"
        self.made_at = time.monotonic()
        self.arrivals = Arrivals()
        self.assembler = FrameAssembler()
        self.heard_at: float | None = None
        self.audio_at: float | None = None
        self.video_at: float | None = None
        self.sent_bytes = 0
        self.probe_every: float | None = None
        """Seconds between probes of the link's capacity; None: none are sent (guests do not know them)."""
        self.probes_sent = 0
        self.probes_received = 0
        self._probed_at = 0.0
        self.bad_reports = 0
        self.frames_decoded = 0
        self.keys_decoded = 0
        self.keys_asked = 0
        self._bind_address = bind_address
        self._pc = RTCPeerConnection(configuration(ice))
        self._channel: RTCDataChannel | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pacer = Pacer(1e6)
        self._repairs = Allowance(1e6)
        self._packer = VideoPacker(VIDEO_PAYLOAD_BYTES)
        self._audio_last: int | None = None
        self._rtcp_at: datetime.datetime | None = None
        self.gate: private.DatagramGate | None = None
        self._make_tracks(executor, rung)
        self._pc.on("connectionstatechange", self._look)
        private.dtls_of(self._pc).on("statechange", self._look)
        self._pc.on("track", self._on_track)
        self.use(rung)

    def _make_tracks(self, executor: Executor, rung: Rung) -> None:
        self.audio = AudioTrack(executor, rung.speech_bps, rung.frame_ms)
        audio = self._pc.addTransceiver(self.audio, "sendrecv")
        self.video = VideoTrack(executor, self.hooks.newest, self._key_wanted)
        video = self._pc.addTransceiver(self.video, "sendrecv")
        self._video_sender = video.sender
        self._audio_ssrc = private.ssrcs_of(audio.sender)[0]
        self._video_ssrc, self._repair_ssrc = private.ssrcs_of(video.sender)
        private.use_packer(audio.sender, AudioPacker())
        private.use_packer(video.sender, self._packer)
        private.on_send(self._pc, self._gate_out, self._follow)
        private.on_packet(audio.receiver, self._on_audio_packet)
        private.on_packet(video.receiver, self._on_video_packet)
        private.use_assembler(audio.receiver, self._assemble_audio)
        private.use_assembler(video.receiver, self._assemble_video)
        self._receivers = (audio.receiver, video.receiver)

    # Signalling

    async def offer(self) -> str:
        """The SDP of the offer, all candidates gathered."""
        self._make_channel()
        return await self._local()

    async def answer(self, sdp: str) -> str:
        """Takes an offer and gives the answer's SDP. Raises BadSignal."""
        await self._remote(sdp, "offer")
        if "\nm=application" in sdp:
            self._make_channel()
        return await self._local()

    async def take_answer(self, sdp: str) -> None:
        """Raises BadSignal."""
        await self._remote(sdp, "answer")

    async def _local(self) -> str:
        private.prepare_ice(self._pc, self._bind_address)
        try:
            await self._pc.setLocalDescription()
        except SDP_ERRORS as exc:
            raise BadSignal(f"no usable local description: {exc!r}") from exc
        self.gate = private.DatagramGate(private.ice_of(self._pc))
        self.gate.watch()
        return str(self._pc.localDescription.sdp)

    async def _remote(self, sdp: str, kind: str) -> None:
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp, kind))
        except SDP_ERRORS as exc:
            raise BadSignal(f"the {kind} cannot be used: {exc!r}") from exc

    def _make_channel(self) -> None:
        channel = self._pc.createDataChannel("link", ordered=False, maxRetransmits=0, negotiated=True, id=0)
        channel.on("message", self._on_message)
        self._channel = channel

    # What is sent

    def use(self, rung: Rung) -> None:
        """Speech and pictures as the rung says, from the next frame on."""
        self.audio.use(rung.speech_bps, rung.frame_ms)
        self.video.use(rung.pictures)
        if rung.pictures is not None:
            factor = _PACING_WIDE if rung.pictures.bitrate > _WIDE_BPS else _PACING_THIN
            self._pacer.rate = rung.pictures.bitrate * factor
            self._repairs.rate = rung.pictures.bitrate * 0.3
            self._packer.limit = VIDEO_PAYLOAD_BYTES if rung.pictures.bitrate < 150_000 else 1_100

    def send_report(self, report: LinkReport) -> bool:
        """False when the channel is not open or still holds an earlier report."""
        channel = self._channel
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > _CHANNEL_BACKLOG:
            return False
        channel.send(pack_report(report))
        return True

    @property
    def has_channel(self) -> bool:
        return self._channel is not None and self._channel.readyState == "open"

    async def _gate_out(self, data: bytes) -> bool:
        """Paces pictures, bounds repairs, counts everything; `data` is RTP or RTCP in clear."""
        size = len(data) + _SRTP_TAG + _IP_UDP
        if not 192 <= data[1] <= 223:  # RTP, not RTCP (RFC 5761)
            ssrc = int.from_bytes(data[8:12], "big")
            if ssrc == self._video_ssrc:
                wait = self._pacer.wait(time.monotonic(), size)
                if wait > 0:
                    await asyncio.sleep(wait)
                if self.video.pictures is None:
                    return False
            elif ssrc == self._repair_ssrc and (
                self.video.pictures is None or not self._repairs.take(time.monotonic(), size)
            ):
                return False
        self.sent_bytes += size
        return True

    def _follow(self, data: bytes) -> bytes | None:
        """Padding right behind a speech packet, when a probe is due: the two measure the link (rate/capacity.py)."""
        now = time.monotonic()
        if self.probe_every is None or now - self._probed_at < self.probe_every:
            return None
        if 192 <= data[1] <= 223 or int.from_bytes(data[8:12], "big") != self._audio_ssrc:
            return None
        follows = int.from_bytes(data[2:4], "big")
        packet = private.padding_packet(self._video_sender, follows, PROBE_PADDING_BYTES)
        if packet is not None:
            self._probed_at = now
            self.probes_sent += 1
            self.sent_bytes += len(packet) + _SRTP_TAG + _IP_UDP
        return packet

    def _key_wanted(self) -> bool:
        return private.take_key_frame_request(self._video_sender)

    # What comes in

    def _on_audio_packet(self, packet: private.RtpPacketLike) -> bool:
        now = time.monotonic()
        self.heard_at = self.audio_at = now
        self.arrivals.bytes += _wire_size(packet)
        # A packet leaves when its last sample was captured.
        sent = (self._unwrap(packet.timestamp) + packet_samples(packet.payload)) / 48_000
        self.arrivals.add_speech(packet.sequence_number, now, sent)
        return True

    def _on_video_packet(self, packet: private.RtpPacketLike) -> bool:
        now = time.monotonic()
        self.heard_at = now
        self.arrivals.bytes += _wire_size(packet)
        repair = private.is_repair(self._receivers[1], packet)
        if repair and not packet.payload:
            # Padding alone is a probe, no picture: its RTP time names the speech packet that it follows.
            self.probes_received += 1
            self.arrivals.add_probe(packet.timestamp & 0xFFFF, _wire_size(packet), now)
            return False
        self.video_at = now
        if not repair:
            self.arrivals.pictures.add(packet.sequence_number, now)
        return True

    _stamp_high = 0
    _stamp_last: int | None = None

    def _unwrap(self, timestamp: int) -> int:
        if self._stamp_last is not None:
            if timestamp < self._stamp_last - 0x80000000:
                self._stamp_high += 1 << 32
            elif timestamp > self._stamp_last + 0x80000000:
                self._stamp_high -= 1 << 32
        self._stamp_last = timestamp
        return timestamp + self._stamp_high

    def _assemble_audio(self, packet: private.RtpPacketLike, data: bytes) -> tuple[list[tuple[bytes, int]], bool]:
        """Each packet is a frame; one that comes after a later one is too late."""
        last = self._audio_last
        if last is not None and ((packet.sequence_number - last) & 0xFFFF) in (0, *range(0x8000, 0x10000)):
            return [], False
        self._audio_last = packet.sequence_number
        return [(data, packet.timestamp)] if data else [], False

    def _assemble_video(self, packet: private.RtpPacketLike, data: bytes) -> tuple[list[tuple[bytes, int]], bool]:
        whole = VideoPacket(packet.sequence_number, packet.timestamp, bool(packet.marker), packet.payload, data)
        frames, wants_key = self.assembler.add(whole, time.monotonic())
        self.keys_decoded += sum(frame.key for frame in frames)
        self.keys_asked += wants_key
        return [(frame.data, frame.timestamp) for frame in frames], wants_key

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._spawn(self._drain(track))

    async def _drain(self, track: MediaStreamTrack) -> None:
        """Remote tracks queue without bound: they are read always, whatever becomes of the frames."""
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, av.VideoFrame):
                    self.frames_decoded += 1
                    self.hooks.picture(self, frame)
                elif isinstance(frame, av.AudioFrame):
                    channels = len(frame.layout.channels)
                    samples = frame.to_ndarray().reshape(-1, channels)[:, 0].astype(np.int16)
                    self.hooks.sound(self, int(frame.pts or 0), samples)

    def _on_message(self, data: Any) -> None:
        try:
            report = parse_report(data if isinstance(data, bytes) else b"")
        except BadReport:
            self.bad_reports += 1
            return
        self.heard_at = time.monotonic()
        self.hooks.report(self, report)

    # State

    def _look(self) -> None:
        dtls, whole = private.dtls_of(self._pc).state, self._pc.connectionState
        if self.state == "dead":
            return
        if dtls in ("closed", "failed") or whole in ("closed", "failed"):
            self._become("dead")
        elif self.state == "new" and dtls == "connected":
            self._become("connected")

    def _become(self, state: TransportState) -> None:
        self.state = state
        self.hooks.state(self, state)

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def rtcp_news(self) -> tuple[float | None, float] | None:
        """(round trip in s, fraction lost 0..1) when a receiver report came since the last call; the worse of speech
        and pictures.
        """
        reports = [r for r in (await self._pc.getStats()).values() if r.type == "remote-inbound-rtp"]
        newest = max((r.timestamp for r in reports), default=None)
        if newest is None or newest == self._rtcp_at:
            return None
        self._rtcp_at = newest
        trips = [r.roundTripTime for r in reports if r.roundTripTime is not None]
        return (max(0.0, min(trips)) if trips else None), max(r.fractionLost for r in reports) / 256

    async def w3c_stats(self) -> dict[str, dict[str, Any]]:
        """aiortc's own figures in W3C units, by part: audio_in, video_in, audio_out, video_out."""
        parts: dict[str, dict[str, Any]] = {"audio_in": {}, "video_in": {}, "audio_out": {}, "video_out": {}}
        for item in (await self._pc.getStats()).values():
            if item.type == "outbound-rtp":
                parts[f"{item.kind}_out"].update(packetsSent=item.packetsSent, bytesSent=item.bytesSent)
            elif item.type == "remote-inbound-rtp":
                # aiortc gives the 8-bit fraction and RTP ticks (RFC 3550 section 6.4.1); W3C wants a ratio and seconds
                parts[f"{item.kind}_out"].update(
                    fractionLost=item.fractionLost / 256,
                    packetsLost=item.packetsLost,
                    roundTripTime=item.roundTripTime,
                )
        for part, receiver, clock in zip(("audio_in", "video_in"), self._receivers, (48_000, 90_000), strict=True):
            count = private.stream_counters(receiver)
            parts[part].update(
                packetsReceived=count.packets_received,
                packetsLost=count.packets_lost,
                jitter=count.jitter_ticks / clock,
            )
        return parts

    def candidate_types(self) -> tuple[str, str] | None:
        return private.selected_types(self._pc)

    async def close(self) -> None:
        """Ends it within 3 s whatever happens; the far side sees a DTLS close if it can be reached."""
        self.state = "dead"
        self.video.use(None)
        try:
            await asyncio.wait_for(self._pc.close(), _CLOSE_S)
        except TimeoutError:
            log.warning("a transport did not close in %.0f s; its sockets were closed", _CLOSE_S)
            private.close_sockets(self._pc)
        except SDP_ERRORS as exc:  # some close() calls of aiortc raise in half-made states
            log.info("closing a transport: %r", exc)
            private.close_sockets(self._pc)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _wire_size(packet: private.RtpPacketLike) -> int:
    """Bytes on the wire, every header in."""
    return len(packet.payload) + packet.padding_size + _RTP_HEADER + _SRTP_TAG + _IP_UDP


def configuration(ice: IceConfig) -> RTCConfiguration:
    """Always an explicit list: without one, aiortc asks a public STUN server."""
    servers = [RTCIceServer(list(s.urls), s.username, s.credential) for s in ice.servers]
    policy = RTCIceTransportPolicy.RELAY if ice.policy == "relay" else RTCIceTransportPolicy.ALL
    return RTCConfiguration(iceServers=servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE, iceTransportPolicy=policy)
