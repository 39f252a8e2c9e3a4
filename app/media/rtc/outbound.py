"""RTP out: speech at once, everything else through the pacer; each packet numbered, counted and remembered."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace

import numpy as np
from aiortc.rtp import RtpPacket
from numpy.typing import NDArray

from app.media.rate.controller import Decision, Probe
from app.media.rate.feedback import Kind
from app.media.rate.ladder import Rung
from app.media.rtc.dtls import DTLS_OVERHEAD, SRTP_OVERHEAD
from app.media.rtc.pacer import Allowance, Go, Pacer
from app.media.rtc.picture_out import EncodedPicture, PictureSource
from app.media.rtc.rtp import extensions_of
from app.media.rtc.sdp import Formats
from app.media.rtc.sent import SentLog
from app.media.rtc.speech_out import SpeechSource
from app.media.video.codecs import VideoCodec
from app.media.video.frames import CapturedFrame
from app.media.video.speed import Speeds

IP_UDP_BYTES = 28
_HISTORY = 256
_PADDING_MOST = 240
_REPAIR_SHARE = 0.45
_HELD_UNDER = 0.35
_AHEAD, _AHEAD_FROM_BPS = 1.06, 56_000.0
_SHORT_FRAME_MS = 60
_FIRST_PACE, _FIRST_WINDOW = 30_000.0, 3_000
_MOST_UNNUMBERED = 8_000


@dataclass
class RtpStream:
    """One SSRC that we send (RFC 3550); numbers and times begin anywhere."""

    ssrc: int
    clock: int
    sequence: int = field(default_factory=lambda: secrets.randbits(15))
    offset: int = field(default_factory=lambda: secrets.randbits(31))
    packets: int = 0
    octets: int = 0
    newest: tuple[int, float] | None = None
    """(RTP time, monotonic s) of the same moment, for sender reports."""

    def packet(self, payload_type: int, timestamp: int, payload: bytes, *, marker: bool = False) -> RtpPacket:
        """`timestamp` without the stream's offset."""
        made = RtpPacket(
            payload_type=payload_type,
            marker=int(marker),
            sequence_number=self.sequence,
            timestamp=(timestamp + self.offset) & 0xFFFFFFFF,
            ssrc=self.ssrc,
            payload=payload,
        )
        self.sequence = (self.sequence + 1) & 0xFFFF
        return made

    def rtp_time(self, now: float) -> int:
        """RTP time (with offset) of the moment `now` (monotonic s)."""
        if self.newest is None:
            return self.offset
        stamp, at = self.newest
        return (stamp + self.offset + round((now - at) * self.clock)) & 0xFFFFFFFF


class Outbound:
    """`send` takes one RTP datagram in clear and says whether it went out. All on the loop."""

    def __init__(
        self,
        formats: Formats,
        ssrcs: tuple[int, int, int],
        *,
        ours: bool,
        send: Callable[[bytes], bool],
        executor: Executor,
        newest: Callable[[], CapturedFrame | None],
        decision: Decision,
        speeds: Speeds = Speeds(),  # noqa: B008 - frozen
    ) -> None:
        self._formats, self._ours, self._send = formats, ours, send
        self.audio, self.video, self.rtx = (
            RtpStream(ssrcs[0], 48_000),
            RtpStream(ssrcs[1], 90_000),
            RtpStream(ssrcs[2], 90_000),
        )
        self.log = SentLog()
        self.speech = SpeechSource(decision.rung.speech)
        self.speech.connect(formats, ours=ours)
        self._pacer: Pacer[RtpPacket | bytes] = Pacer(_FIRST_PACE, _FIRST_WINDOW)
        self._queued = asyncio.Event()
        self._video = _chosen(formats, speeds)
        self.pictures = PictureSource(
            executor, newest, lambda: self._pacer.backlog_s, self._on_picture,
            codec=formats.video.get(self._video or 0, VideoCodec.VP8), speeds=speeds,
        )  # fmt: skip
        self._video_rtx = None if self._video is None else formats.repair_of(self._video)
        self._repairs = Allowance(_FIRST_PACE)
        self._history: OrderedDict[int, RtpPacket] = OrderedDict()
        self._extensions = extensions_of(formats.cc_id)
        self._probe: Probe | None = None
        self._clusters = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._carry: Callable[[bytes], bool] = lambda data: False
        self._left: Callable[[], None] = lambda: None
        self._unnumbered = 0
        self._silent = False
        self.sent_bytes = 0
        self.sent_packets = 0
        self.by_kind: dict[Kind, int] = dict.fromkeys(Kind, 0)
        self.repaired = 0

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._pace()), loop.create_task(self.pictures.run())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def use(self, decision: Decision, rung: Rung, *, muted: bool) -> None:
        """The rate decision, and the rung with what people want; a muted person costs next to nothing (DTX)."""
        self.speech.use(replace(rung.speech, dtx=True) if muted or rung.silent else rung.speech)
        self._silent = rung.silent
        # The whole link's pace: what leaves without waiting (speech, RTCP) is taken off it packet by packet. Where a
        # packet is short, a little ahead of the link, so that it is never idle while pictures wait.
        ahead = _AHEAD if decision.split.link_bps > _AHEAD_FROM_BPS else 1.0
        self._pacer.rate, self._pacer.window = ahead * decision.split.link_bps, decision.window_bytes
        split = decision.split
        wanted = 0.0 if rung.pictures is None else _HELD_UNDER * rung.pictures.wire_bps
        self.pictures.held, self._pacer.held = split.pictures_bps <= wanted, split.pictures_bps + split.data_bps <= 0
        self._repairs.rate = max(4_000.0, decision.split.pictures_bps * _REPAIR_SHARE)
        self.pictures.limit = decision.payload_bytes
        pictures = rung.pictures if self._video is not None else None
        if pictures is None and self.pictures.pictures is not None:
            self._pacer.clear(Kind.PICTURES)
            self._pacer.clear(Kind.REPAIR)
        if pictures != self.pictures.pictures:
            self.pictures.use(pictures)
        if decision.probe is not None:
            self._probe = decision.probe

    @property
    def in_flight(self) -> int:
        """Bytes sent and not yet told of; 0 for a far side that never tells."""
        return self.log.in_flight if self._formats.transport_cc else 0

    # Speech

    def feed(self, place: int, chunk: NDArray[np.int16], now: float) -> None:
        """20 ms of the microphone; `place` counts samples since its start."""
        self.audio.newest = (place + len(chunk), now)
        for made in self.speech.feed(place, np.zeros_like(chunk) if self._silent else chunk):
            packet = self.audio.packet(made.payload_type, made.timestamp, made.payload, marker=made.fresh)
            probe, self._probe = self._probe, None
            cluster = None
            if probe is not None and self._is_probing:
                self._clusters += 1
                cluster = self._clusters
            self._transmit(Kind.SPEECH, packet, now, cluster)
            if probe is not None and cluster is not None:
                self._send_probe(probe, cluster, now)
        if self._probe is not None and self.speech.frame_ms > _SHORT_FRAME_MS and self._is_probing:
            # The next speech packet is far off, and the start should not wait for it.
            probe, self._probe = self._probe, None
            self._clusters += 1
            self._send_probe(replace(probe, packets=probe.packets + 1), self._clusters, now)

    @property
    def _is_probing(self) -> bool:
        return self._video_rtx is not None and self._formats.cc_id is not None

    def _send_probe(self, probe: Probe, cluster: int, now: float) -> None:
        """Back to back behind a speech packet: pictures that wait anyway, else padding alone on the repair stream."""
        assert self._video_rtx is not None
        size, left = probe.packet_bytes * probe.packets, probe.packets
        while size > 0 and isinstance(packet := self._pacer.take(Kind.PICTURES, now), RtpPacket):
            size -= self._size(packet)
            left -= 1
            self._remember(packet)
            self._transmit(Kind.PICTURES, packet, now, cluster)
        for _ in range(left if size > 0 else 0):
            packet = self.rtx.packet(self._video_rtx, 0, b"")
            packet.padding_size = max(1, min(_PADDING_MOST, probe.packet_bytes - self._size(packet)))
            self._transmit(Kind.PROBE, packet, now, cluster)

    # Pictures

    def _on_picture(self, picture: EncodedPicture) -> None:
        assert self._video is not None
        self.video.newest = (picture.timestamp, picture.timestamp / self.video.clock)
        last = len(picture.payloads) - 1
        for i, payload in enumerate(picture.payloads):
            packet = self.video.packet(self._video, picture.timestamp, payload, marker=i == last)
            if not self._pacer.push(Kind.PICTURES, self._size(packet), packet):
                self.pictures.want_key()  # what was not queued is missed like a loss
        self._queued.set()

    def on_nack(self, lost: list[int], now: float) -> None:
        """The far side asks for pictures' packets again (RFC 4585), sent as RTX (RFC 4588) as far as allowed."""
        if self._video_rtx is None or self.pictures.pictures is None:
            return
        for sequence in lost:
            packet = self._history.get(sequence)
            if packet is None or not self._repairs.take(now, self._size(packet) + 2):
                continue
            payload = sequence.to_bytes(2, "big") + packet.payload
            again = self.rtx.packet(
                self._video_rtx, packet.timestamp - self.rtx.offset, payload, marker=bool(packet.marker)
            )
            if self._pacer.push(Kind.REPAIR, self._size(again), again):
                self.repaired += 1
        self._queued.set()

    # Data channels

    def carry_data(self, carry: Callable[[bytes], bool], left: Callable[[], None]) -> None:
        """`carry` sends one SCTP packet, given in clear; `left()` is called when one has gone from the queue."""
        self._carry, self._left = carry, left

    def push_data(self, kind: Kind, data: bytes) -> bool:
        """An SCTP packet, as WORDS or DATA; False, and nothing kept, when the queue is full."""
        queued = self._pacer.push(kind, data_size(data), data)
        self._queued.set()
        return queued

    def queued(self, kind: Kind) -> int:
        """Bytes on the wire that wait to be sent."""
        return self._pacer.queued(kind)

    def _transmit_data(self, kind: Kind, data: bytes, now: float) -> None:
        size = data_size(data)
        if self._carry(data):
            # No number of its own: the next numbered packet answers for it in what the link was seen to carry.
            self._unnumbered = min(_MOST_UNNUMBERED, self._unnumbered + size)
            self.count(size, now, paced=True)
            self.by_kind[kind] += size
        self._left()

    async def _pace(self) -> None:
        while True:
            turn = self._pacer.next(time.monotonic(), self.in_flight)
            if isinstance(turn, Go):
                if isinstance(turn.item, bytes):
                    self._transmit_data(turn.kind, turn.item, time.monotonic())
                    continue
                if turn.kind is Kind.PICTURES:
                    self._remember(turn.item)
                self._transmit(turn.kind, turn.item, time.monotonic(), None)
                continue
            if turn.seconds is not None:
                await asyncio.sleep(turn.seconds)
                continue
            self._queued.clear()
            await self._queued.wait()

    def _remember(self, packet: RtpPacket) -> None:
        """For repairs."""
        self._history[packet.sequence_number] = packet
        while len(self._history) > _HISTORY:
            self._history.popitem(last=False)

    # The wire

    def _size(self, packet: RtpPacket) -> int:
        extension = 8 if self._formats.cc_id is not None else 0
        return len(packet.payload) + packet.padding_size + 12 + extension + SRTP_OVERHEAD + IP_UDP_BYTES

    def _transmit(self, kind: Kind, packet: RtpPacket, now: float, cluster: int | None) -> None:
        size = self._size(packet)
        beside = 0
        if cluster is None:  # a probe's sizes are to be exact
            beside, self._unnumbered = self._unnumbered, 0
        packet.extensions.transport_sequence_number = self.log.add(now, size + beside, kind, cluster) & 0xFFFF
        if not self._send(packet.serialize(self._extensions)):
            return
        stream = {self.audio.ssrc: self.audio, self.video.ssrc: self.video}.get(packet.ssrc, self.rtx)
        stream.packets += 1
        stream.octets += len(packet.payload)
        self.count(size, now, paced=kind in (Kind.PICTURES, Kind.REPAIR))
        self.by_kind[kind] += size

    def count(self, size: int, now: float, *, paced: bool = False) -> None:
        """Bytes that left, every header in; what was not paced is taken off what pictures may send next."""
        self.sent_bytes += size
        self.sent_packets += 1
        if not paced:
            self._pacer.spent(size, now)


def _chosen(formats: Formats, speeds: Speeds) -> int | None:
    """The payload type of our pictures: the far side's best that this machine is quick enough for."""
    able = [number for number, codec in formats.video.items() if codec is not VideoCodec.AV1 or speeds.can_av1]
    return next(iter(able), next(iter(formats.video), None))


def data_size(data: bytes) -> int:
    """Bytes on the wire of one SCTP packet."""
    return len(data) + DTLS_OVERHEAD + IP_UDP_BYTES
