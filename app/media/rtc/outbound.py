"""RTP out: speech at once, everything else through the pacer; each packet numbered, counted and remembered."""

from __future__ import annotations

import asyncio
import contextlib
import math
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
from app.media.rate.ladder import Pictures, Rung
from app.media.rtc.dtls import DTLS_OVERHEAD, SRTP_OVERHEAD
from app.media.rtc.pacer import Allowance, Go, Pacer
from app.media.rtc.picture_out import EncodedPicture, PictureSource, shape
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
_STALE_S = 1.5
"""Moving pictures that would leave so late are worth less than a key picture of now."""
_KEY_ON_ITS_WAY, _KEY_AT_WORK_S = 1.2, 0.1
"""So many round trips and so long after a key picture has left, who asks for one has not seen it yet."""
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
        return self.numbered(self.unnumbered(payload_type, timestamp, payload, marker=marker))

    def unnumbered(self, payload_type: int, timestamp: int, payload: bytes, *, marker: bool) -> RtpPacket:
        """As `packet`, for one that may yet be dropped: `numbered` when it leaves, so that no hole is missed."""
        return RtpPacket(
            payload_type=payload_type,
            marker=int(marker),
            timestamp=(timestamp + self.offset) & 0xFFFFFFFF,
            ssrc=self.ssrc,
            payload=payload,
        )

    def numbered(self, packet: RtpPacket) -> RtpPacket:
        packet.sequence_number = self.sequence
        self.sequence = (self.sequence + 1) & 0xFFFF
        return packet

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
            codecs=_codecs(formats, self._video), speeds=speeds,
        )  # fmt: skip
        self._video_rtx = None if self._video is None else formats.repair_of(self._video)
        self._picture_open = False  # the last of its packets to leave was not its end
        self._key_due = False  # what comes before the next key picture builds on what was dropped
        self._key_stamp: int | None = None  # RTP time of the key picture that has not left whole
        self._key_left_at = -math.inf
        self._repairs = Allowance(_FIRST_PACE)
        self._history: OrderedDict[int, RtpPacket] = OrderedDict()
        self._extensions = extensions_of(formats.cc_id)
        self._probe: Probe | None = decision.probe
        self._probed_for = decision
        self._clusters = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._carry: Callable[[bytes], bool] = lambda data: False
        self._left: Callable[[], None] = lambda: None
        self._unnumbered = 0
        self._beside = 0
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
        self._pacer.change(ahead * decision.split.link_bps, decision.window_bytes, time.monotonic())
        self._queued.set()
        split = decision.split
        wanted = 0.0 if rung.pictures is None else _HELD_UNDER * rung.pictures.wire_bps
        self.pictures.held, self._pacer.held = split.pictures_bps <= wanted, split.pictures_bps + split.data_bps <= 0
        self._repairs.rate = max(4_000.0, decision.split.pictures_bps * _REPAIR_SHARE)
        self.pictures.limit = decision.payload_bytes
        pictures = rung.pictures if self._video is not None else None
        before = self.pictures.pictures
        if pictures != before:
            self.pictures.use(pictures)
        if before is not None and self._is_stale(before, pictures):
            self._begin_anew()
        if decision.probe is not None and decision is not self._probed_for:
            self._probe, self._probed_for = decision.probe, decision

    def _is_stale(self, before: Pictures, now: Pictures | None) -> bool:
        """Whether what waits was made for a link that is no more: it would keep what fits this one waiting."""
        if now is None or before.are_stills:
            return now is None
        if shape(now) != shape(before):
            return now.wire_bps < before.wire_bps
        return not self.pictures.held and self._pacer.queued(Kind.PICTURES) * 8 > _STALE_S * self._pacer.rate

    def _begin_anew(self) -> None:
        """What waits is dropped, and the next picture is a key picture."""
        self._pacer.clear(Kind.PICTURES)
        self._pacer.clear(Kind.REPAIR)
        if self._picture_open:  # a hole tells that its end does not come
            self.video.sequence, self._picture_open = (self.video.sequence + 1) & 0xFFFF, False
        self._key_due, self._key_stamp = True, None
        self.pictures.want_key()

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
            self._leaves(packet, now)
            self._transmit(Kind.PICTURES, packet, now, cluster)
        for _ in range(left if size > 0 else 0):
            packet = self.rtx.packet(self._video_rtx, 0, b"")
            packet.padding_size = max(1, min(_PADDING_MOST, probe.packet_bytes - self._size(packet)))
            self._transmit(Kind.PROBE, packet, now, cluster)

    # Pictures

    def _on_picture(self, picture: EncodedPicture) -> None:
        number = next(number for number, codec in self._formats.video.items() if codec is picture.codec)
        if self._key_due and not picture.key:
            return
        self._key_due = False
        self.video.newest = (picture.timestamp, picture.timestamp / self.video.clock)
        last = len(picture.payloads) - 1
        for i, payload in enumerate(picture.payloads):
            packet = self.video.unnumbered(number, picture.timestamp, payload, marker=i == last)
            if not self._pacer.push(Kind.PICTURES, self._size(packet), packet):
                self._begin_anew()  # what was not queued is missed like a loss
                return
            if picture.key:
                self._key_stamp = packet.timestamp
        self._queued.set()

    def on_picture_loss(self, now: float, rtt_s: float) -> None:
        """The far side has lost its reference (PLI, RFC 4585; FIR, RFC 5104). A key picture on its way is the answer,
        and what waits before another one is of no use.
        """
        if self._key_stamp is None and now - self._key_left_at >= _KEY_ON_ITS_WAY * rtt_s + _KEY_AT_WORK_S:
            self._begin_anew()

    def on_nack(self, lost: list[int], now: float) -> None:
        """The far side asks for pictures' packets again (RFC 4585), sent as RTX (RFC 4588) as far as allowed."""
        if self._video_rtx is None or self.pictures.pictures is None:
            return
        for sequence in lost:
            packet = self._history.get(sequence)
            repair = None if packet is None else self._formats.repair_of(packet.payload_type)
            if packet is None or repair is None or not self._repairs.take(now, self._size(packet) + 2):
                continue
            payload = sequence.to_bytes(2, "big") + packet.payload
            again = self.rtx.packet(repair, packet.timestamp - self.rtx.offset, payload, marker=bool(packet.marker))
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
                    self._leaves(turn.item, time.monotonic())
                self._transmit(turn.kind, turn.item, time.monotonic(), None)
                continue
            # Until its turn, or until something is queued or the rate is another one.
            self._queued.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(turn.seconds):
                    await self._queued.wait()

    def _leaves(self, packet: RtpPacket, now: float) -> None:
        """A packet of a picture goes: it is remembered for repairs."""
        self._history[self.video.numbered(packet).sequence_number] = packet
        self._picture_open = not packet.marker
        if packet.marker and packet.timestamp == self._key_stamp:
            self._key_stamp, self._key_left_at = None, now
        while len(self._history) > _HISTORY:
            self._history.popitem(last=False)

    # The wire

    def _size(self, packet: RtpPacket) -> int:
        extension = 8 if self._formats.cc_id is not None else 0
        return len(packet.payload) + packet.padding_size + 12 + extension + SRTP_OVERHEAD + IP_UDP_BYTES

    def _transmit(self, kind: Kind, packet: RtpPacket, now: float, cluster: int | None) -> None:
        size = self._size(packet)
        data = 0
        if cluster is None:  # a probe's sizes are to be exact
            data, self._unnumbered = self._unnumbered, 0
        number = self.log.add(now, size + data, kind, cluster, self._beside)
        self._beside = 0
        packet.extensions.transport_sequence_number = number & 0xFFFF
        if not self._send(packet.serialize(self._extensions)):
            return
        stream = {self.audio.ssrc: self.audio, self.video.ssrc: self.video}.get(packet.ssrc, self.rtx)
        stream.packets += 1
        stream.octets += len(packet.payload)
        self.count(size, now, paced=kind in (Kind.PICTURES, Kind.REPAIR))
        self.by_kind[kind] += size

    def beside(self, size: int, now: float) -> None:
        """Bytes of RTCP left: they take the link as packets do, though no feedback tells of them."""
        self._beside = min(_MOST_UNNUMBERED, self._beside + size)
        self.count(size, now)

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


def _codecs(formats: Formats, chosen: int | None) -> tuple[VideoCodec, ...]:
    """That of our pictures, and VP8 where it is another and the far side takes it: its encoder needs no library of
    ours and asks little of a machine.
    """
    first = formats.video.get(chosen or 0, VideoCodec.VP8)
    return first, *(c for c in formats.video.values() if c is VideoCodec.VP8 and c is not first)


def data_size(data: bytes) -> int:
    """Bytes on the wire of one SCTP packet."""
    return len(data) + DTLS_OVERHEAD + IP_UDP_BYTES
