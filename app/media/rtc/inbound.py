"""RTP in: parsed and counted; speech goes to the playout at once, pictures through assembly to the decoder."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor

import av
from aiortc.rtp import RtpPacket

from app.media.audio.playout import SpeechPacket
from app.media.rate.receive_side import ReceiveSide
from app.media.rtc.dtls import SRTP_OVERHEAD
from app.media.rtc.errors import BadRed, BadRtp
from app.media.rtc.nack import NackTracker
from app.media.rtc.outbound import IP_UDP_BYTES
from app.media.rtc.reception import ReceptionStatistics
from app.media.rtc.red import parse_red
from app.media.rtc.rtp import extensions_of, parse_rtp
from app.media.rtc.sdp import Formats
from app.media.rtc.twcc import Recorder
from app.media.rtc.unwrap import Unwrapper
from app.media.video.assembly import FrameAssembler, VideoPacket, WholeFrame
from app.media.video.codecs import BadPayload
from app.media.video.decoder import PictureDecoder


class Inbound:
    """`speech(packet, now)` and `picture(frame, RTP time)` take what came; `ask_key()` asks the far side for a key
    frame. Malformed packets are counted and dropped.
    """

    def __init__(
        self,
        formats: Formats,
        executor: Executor,
        speech: Callable[[SpeechPacket, float], None],
        picture: Callable[[av.VideoFrame, int], None],
        ask_key: Callable[[], None],
    ) -> None:
        self._formats = formats
        self._speech = speech
        self._ask_key = ask_key
        self.missed: Callable[[], None] = lambda: None
        """Called when a packet of pictures is newly missing."""
        self.probed: Callable[[float], None] = lambda now: None
        """Called when a packet of a probe has come."""
        self.recorder = Recorder()
        self.receive_side = ReceiveSide()
        self.audio = ReceptionStatistics(48_000)
        self.video = ReceptionStatistics(90_000)
        self.nacks = NackTracker()
        self.assembler = FrameAssembler()
        self.decoder = PictureDecoder(executor, picture, self.assembler.need_key)
        self._codecs, self._repairs = formats.video, formats.repairs
        self._rtt_s: float | None = None
        self._extensions = extensions_of(formats.cc_id)
        self._audio_sequence, self._audio_time = Unwrapper(16), Unwrapper(32)
        self._task: asyncio.Task[None] | None = None
        self.received_bytes = 0
        self.received_packets = 0
        self.malformed = 0
        self.frames = 0
        self.redundant_blocks = 0
        self.keys_asked = 0
        self.audio_at: float | None = None
        self.video_at: float | None = None
        self.audio_ssrc: int | None = None
        self.video_ssrc: int | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self.decoder.run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.decoder.close()

    def tick(self, now: float, rtt_s: float | None) -> None:
        """Time goes on, perhaps without a packet: once in each turn of RTCP. `rtt_s`: the round trip; None: the other
        side repairs nothing.
        """
        self._rtt_s = rtt_s
        tail = self.assembler.tail(now)
        if tail is not None:
            self.nacks.expect(tail, now)
        self._hand_on(*self.assembler.tick(now, rtt_s))

    @property
    def missing_since(self) -> float | None:
        """Since when (monotonic s) something of the pictures has been missing, or may be; None: nothing is."""
        missed = None if self._rtt_s is None else self.nacks.missing_since
        return self.assembler.stuck_since if missed is None else missed

    def missing(self, now: float) -> list[int]:
        """Numbers of pictures' packets to ask for again now (NACK); none where nothing is repaired."""
        if self._rtt_s is None:
            return []
        return self.nacks.due(now, self._rtt_s, self.assembler.worth_repairing_s(self._rtt_s))

    def on_rtp(self, data: bytes, now: float) -> None:
        """One RTP packet in clear, authenticated, as it arrived at `now` (monotonic s)."""
        self.received_bytes += len(data) + SRTP_OVERHEAD + IP_UDP_BYTES
        self.received_packets += 1
        self.receive_side.add(len(data) + SRTP_OVERHEAD + IP_UDP_BYTES, now)
        try:
            packet = parse_rtp(data, self._extensions)
        except BadRtp:
            self.malformed += 1
            return
        number, kind = packet.extensions.transport_sequence_number, packet.payload_type
        if number is not None:
            lost = self.recorder.ahead(number) - 1
            self.recorder.add(number, now)
            if lost > 0 and kind not in self._codecs and self.nacks.suspect(lost, now):
                self.missed()
        if kind in (self._formats.opus, self._formats.red):
            self._on_speech(packet, now)
        elif kind in self._codecs:
            self._on_picture(packet, now)
        elif kind in self._repairs:
            self._on_repair(packet, now)

    def _on_speech(self, packet: RtpPacket, now: float) -> None:
        if self.audio_ssrc != packet.ssrc:
            self.audio_ssrc = packet.ssrc
            self.audio = ReceptionStatistics(48_000)
            self._audio_sequence, self._audio_time = Unwrapper(16), Unwrapper(32)
        self.audio_at = now
        self.audio.add(packet.sequence_number, packet.timestamp, now)
        sequence = self._audio_sequence.add(packet.sequence_number)
        timestamp = self._audio_time.add(packet.timestamp)
        self.receive_side.speech(now, timestamp / 48_000)
        if packet.payload_type == self._formats.opus:
            self._speech(SpeechPacket(sequence, timestamp, packet.payload), now)
            return
        try:
            blocks = parse_red(packet.payload)
        except BadRed:
            self.malformed += 1
            return
        for block in blocks:  # oldest first, the primary last
            if block.payload_type != self._formats.opus or not block.payload:
                continue
            earlier = block.timestamp_offset > 0
            self.redundant_blocks += earlier
            number = -1 if earlier else sequence
            self._speech(SpeechPacket(number, timestamp - block.timestamp_offset, block.payload, earlier), now)

    def _on_picture(self, packet: RtpPacket, now: float) -> None:
        if self.video_ssrc != packet.ssrc:
            self.video_ssrc = packet.ssrc
            self.video = ReceptionStatistics(90_000)
            self.nacks.restart()
            self.assembler.restart()
        self.video.add(packet.sequence_number, packet.timestamp, now)
        self._take_picture(packet, packet.payload_type, packet.payload, packet.sequence_number, now)

    def _on_repair(self, packet: RtpPacket, now: float) -> None:
        """RFC 4588: the original's number, then its payload. Nothing at all is a probe of the link."""
        if len(packet.payload) > 2:
            original = int.from_bytes(packet.payload[:2], "big")
            self._take_picture(packet, self._repairs[packet.payload_type], packet.payload[2:], original, now)
        else:
            self.probed(now)

    def _take_picture(self, packet: RtpPacket, kind: int, payload: bytes, sequence: int, now: float) -> None:
        """`kind`, `sequence` and `payload` of the original, which a repair carries."""
        if self.nacks.add(sequence, now, repaired=packet.payload_type in self._repairs):
            self.missed()
        self.video_at = now
        try:
            read = VideoPacket.read(self._codecs[kind], sequence, packet.timestamp, bool(packet.marker), payload)
        except BadPayload:
            self.malformed += 1
            return
        self._hand_on(*self.assembler.add(read, now, self._rtt_s))

    def _hand_on(self, frames: list[WholeFrame], wants_key: bool) -> None:
        for frame in frames:
            self.frames += 1
            self.decoder.add(frame)
        if self.assembler.wanted_from is not None:
            self.nacks.forget_before(self.assembler.wanted_from)
        if wants_key:
            self.keys_asked += 1
            self._ask_key()
