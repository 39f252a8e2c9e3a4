"""RTP out with a real encoder, on simulated time: what becomes of waiting pictures when the link or the far side loses
what they build on.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import av
import pytest
from aiortc.rtp import RtpPacket
from inline import Inline
from moving_pictures import captured

from app.media.rate import controller
from app.media.rate.controller import Decision
from app.media.rate.ladder import Pictures
from app.media.rate.split import Split
from app.media.rtc import picture_out
from app.media.rtc.control import Control
from app.media.rtc.inbound import Inbound
from app.media.rtc.ntp import compact, ntp_time
from app.media.rtc.outbound import Outbound
from app.media.rtc.rtcp import ReceiverReport, Remb, ReportBlock, SenderReport, build_rtcp, parse_rtcp
from app.media.rtc.sdp import Formats
from app.media.rtc.unwrap import Unwrapper
from app.media.video.assembly import FrameAssembler, VideoPacket, WholeFrame
from app.media.video.av1 import Av1Encoder
from app.media.video.codecs import VideoCodec
from app.media.video.encoding import open_encoder
from app.media.video.frames import CapturedFrame
from app.media.video.svt import Av1Error
from tests.virtual_loop import passes, run_virtually

FORMATS = {VideoCodec.AV1: Formats(opus=111, av1=45, av1_rtx=46), VideoCodec.VP8: Formats(opus=111, vp8=96, rtx=97)}
BOTH = Formats(opus=111, av1=45, av1_rtx=46, vp8=96, rtx=97)
MOVING = Pictures(320, 240, 15.0, 250_000, 280_000)
STILLS = Pictures(320, 240, 0.2, 8_000, 9_000)
SMALLER = Pictures(160, 120, 10.0, 60_000, 70_000)


class Sender:
    """An outbound with a camera, and the far side's assembler behind a wire that loses nothing."""

    def __init__(self, codec: VideoCodec) -> None:
        self.codec = codec
        self.sent: list[tuple[float, RtpPacket]] = []
        self.frames: list[tuple[float, WholeFrame]] = []
        self.outbound = Outbound(
            FORMATS[codec],
            (1, 2, 3),
            ours=True,
            send=self._send,
            executor=Inline(),
            newest=self._newest,
            decision=controller.start(0.0).decision,
        )
        self._far = FrameAssembler()

    def _newest(self) -> CapturedFrame:
        now = asyncio.get_running_loop().time()
        number = int(now * 30) + 1
        return captured(number, number / 30, 320, 240)

    def _send(self, data: bytes) -> bool:
        now, packet = asyncio.get_running_loop().time(), RtpPacket.parse(data)
        self.sent.append((now, packet))
        read = VideoPacket.read(
            self.codec, packet.sequence_number, packet.timestamp, bool(packet.marker), packet.payload
        )
        frames, _ = self._far.add(read, now, None)
        self.frames += [(now, frame) for frame in frames]
        return True

    def use(self, link_bps: float, pictures: Pictures) -> None:
        decision = controller.start(0.0).decision
        parts = Split(link_bps, 0.0, 0.0, float(pictures.wire_bps), 0.0, 0.0)
        rung = replace(decision.rung, pictures=pictures)
        made: Decision = replace(decision, rung=rung, split=parts, window_bytes=1_000_000)
        self.outbound.use(made, rung, muted=False)

    def holes(self) -> int:
        numbers = Unwrapper(16)
        unwrapped = [numbers.add(packet.sequence_number) for _, packet in self.sent]
        return unwrapped[-1] - unwrapped[0] + 1 - len(unwrapped)

    def play(self, script: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
        async def whole() -> None:
            with monkeypatch.context() as patched:
                patched.setattr(time, "monotonic", asyncio.get_running_loop().time)
                self.outbound.start()
                await script()
                await self.outbound.stop()

        run_virtually(whole())


@pytest.mark.parametrize("codec", list(VideoCodec))
@pytest.mark.parametrize("offset", [0.0, 0.013, 0.027, 0.041, 0.055])
@pytest.mark.parametrize("lower", [STILLS, SMALLER])
def test_after_a_fall_of_the_link_a_key_picture_comes_first_and_nothing_of_before(
    codec: VideoCodec, offset: float, lower: Pictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, at = Sender(codec), 2.0 + offset

    async def script() -> None:
        sender.use(300_000, MOVING)
        await passes(at)
        sender.use(24_000.0 if lower is STILLS else 80_000.0, lower)
        await passes(6)

    sender.play(script, monkeypatch)
    old = {packet.timestamp for t, packet in sender.sent if t <= at}
    late = [packet for t, packet in sender.sent if t > at + 0.02]
    assert late
    assert not old & {packet.timestamp for packet in late}, "what waited was dropped"
    assert sender.holes() <= 1, "one, where a picture was cut short"
    t, first = next((t, frame) for t, frame in sender.frames if t > at + 0.02)
    assert first.key
    assert t < at + 4


def test_a_fall_within_a_rung_costs_a_key_picture_only_where_what_waits_is_stale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gentle, steep = Sender(VideoCodec.AV1), Sender(VideoCodec.AV1)
    for sender, lower in ((gentle, 200_000.0), (steep, 8_000.0)):

        async def script(sender: Sender = sender, lower: float = lower) -> None:
            sender.use(300_000, MOVING)
            await passes(2.01)
            sender.use(lower, replace(MOVING, bitrate=round(0.8 * lower), wire_bps=round(0.9 * lower)))
            await passes(10)

        sender.play(script, monkeypatch)
    assert sum(frame.key for _, frame in gentle.frames) == 1
    assert sum(frame.key for _, frame in steep.frames) == 2


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_who_asks_while_the_key_picture_is_on_its_way_gets_no_other(
    codec: VideoCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = Sender(codec)

    async def script() -> None:
        sender.use(6_000, replace(STILLS, fps=0.12))
        while not sender.frames:
            await passes(0.1)
            sender.outbound.on_picture_loss(time.monotonic(), 0.3)
        assert time.monotonic() > 1.0, "it takes a while to leave"
        await passes(0.8)
        assert sender.outbound.pictures.key_frames == 1
        sender.outbound.on_picture_loss(time.monotonic(), 0.3)
        await passes(0.1)
        assert sender.outbound.pictures.key_frames == 2, "asked for after that, another comes, and at once"

    sender.play(script, monkeypatch)
    assert sender.holes() <= 1


def test_pictures_that_wait_before_the_key_picture_asked_for_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(VideoCodec.AV1)

    async def script() -> None:
        sender.use(300_000, MOVING)
        await passes(2.01)
        sender.outbound.on_picture_loss(time.monotonic(), 0.3)
        await passes(1)

    sender.play(script, monkeypatch)
    after = [frame for t, frame in sender.frames if t > 2.015]
    assert after[0].key
    assert not any(frame.key for frame in after[1:])
    assert len(after) >= 12


def test_sender_reports_come_soon_after_the_first_picture_and_more_than_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sender, told = Sender(VideoCodec.VP8), list[tuple[float, bytes]]()

    def heard(data: bytes) -> bool:
        told.append((asyncio.get_running_loop().time(), data))
        return True

    async def script() -> None:
        inbound = Inbound(FORMATS[VideoCodec.VP8], Inline(), lambda *_: None, lambda *_: None, lambda: None)
        control = Control(
            FORMATS[VideoCodec.VP8], sender.outbound, inbound, cname="us", send=heard, feedback=lambda _: None,
            peer=lambda _: None, ours=True,
        )  # fmt: skip
        control.start()
        await passes(1)
        sender.use(100_000, MOVING)
        await passes(4)
        await control.stop()

    sender.play(script, monkeypatch)
    ssrc = sender.sent[0][1].ssrc
    reports = [
        at for at, data in told for part in parse_rtcp(data) if isinstance(part, SenderReport) and part.ssrc == ssrc
    ]
    assert 1.0 < reports[0] < 1.4
    assert len(reports) >= 3
    assert reports[2] < 4.0


def controlled(told: list[bytes], *, ours: bool) -> tuple[Control, Sender, Inbound]:
    """The RTCP of a transport with transport feedback, whose speech has begun; what it sends goes to `told`."""
    formats = replace(FORMATS[VideoCodec.VP8], cc_id=3, transport_cc=True)
    sender = Sender(VideoCodec.VP8)
    inbound = Inbound(formats, Inline(), lambda *_: None, lambda *_: None, lambda: None)
    inbound.audio_ssrc = 7
    control = Control(
        formats, sender.outbound, inbound, cname="us", send=lambda data: bool(told.append(data)) or True,
        feedback=lambda _: None, peer=lambda _: None, ours=ours,
    )  # fmt: skip
    return control, sender, inbound


def ceilings(told: list[bytes]) -> list[Remb]:
    return [part for data in told for part in parse_rtcp(data) if isinstance(part, Remb)]


@pytest.mark.parametrize("ours", [True, False])
def test_a_guest_is_told_a_ceiling_though_it_has_transport_feedback(ours: bool) -> None:
    told = list[bytes]()
    control, *_ = controlled(told, ours=ours)
    control.turn(time.monotonic() + 2)
    assert [part.ssrcs for part in ceilings(told)] == ([] if ours else [(7,)])


def test_the_next_numbered_packet_answers_for_rtcp_that_left_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(VideoCodec.AV1)

    async def script() -> None:
        sender.use(300_000, MOVING)
        await passes(1)
        sender.outbound.beside(90, time.monotonic())
        await passes(1)
        told = sender.outbound.log.on_feedback(((number, 1.0) for number in range(2_000)), time.monotonic())
        assert len(told.results) > 10
        assert [result.beside for result in told.results if result.beside] == [90]

    sender.play(script, monkeypatch)


@pytest.mark.parametrize(("trip", "lowered"), [(0.1, False), (0.4, True)])
def test_a_guests_late_speech_lowers_the_ceiling_if_the_round_trip_is_longer_too(trip: float, lowered: bool) -> None:
    told = list[bytes]()
    control, sender, inbound = controlled(told, ours=False)
    start = time.monotonic()
    for tick in range(200):
        now, late = start + tick * 0.05, tick >= 100
        inbound.receive_side.add(500, now)
        inbound.receive_side.speech(now + 0.4 * late, now)
        if tick % 20 == 10:
            came = now + 0.01
            lsr = compact(ntp_time(came - (trip if late else 0.1)))
            report = ReceiverReport(9, (ReportBlock(sender.outbound.audio.ssrc, 0, 0, 0, 0, lsr, 0),))
            control.on_rtcp(build_rtcp([report]), came)
        control.turn(now)
    bitrates = [part.bitrate for part in ceilings(told)]
    assert len(bitrates) >= 8
    assert (bitrates[-1] < bitrates[4]) is lowered


class Takes:
    """The far side of a sender that may use both codecs: each packet by the codec of its payload type."""

    def __init__(self, sender: Sender) -> None:
        self.frames: list[WholeFrame] = []
        self.payload_types: list[int] = []
        self.repairs: list[int] = []
        self._far = FrameAssembler()
        sender.outbound._send = self._take

    def _take(self, data: bytes) -> bool:
        now, packet = asyncio.get_running_loop().time(), RtpPacket.parse(data)
        if packet.payload_type in BOTH.repairs:
            self.repairs.append(packet.payload_type)
            return True
        self.payload_types.append(packet.payload_type)
        codec = BOTH.video[packet.payload_type]
        read = VideoPacket.read(codec, packet.sequence_number, packet.timestamp, bool(packet.marker), packet.payload)
        self.frames += self._far.add(read, now, None)[0]
        return True

    @property
    def codecs(self) -> list[VideoCodec]:
        return [codec for codec, _ in itertools.groupby(frame.codec for frame in self.frames)]


def refuse(*_: Any, **__: Any) -> Any:
    raise Av1Error("SVT-AV1 refused a picture (0x1)")


def opens_vp8_alone(codec: VideoCodec, *given: Any) -> Any:
    return refuse() if codec is VideoCodec.AV1 else open_encoder(codec, *given)


@pytest.mark.parametrize("fails", ["opening", "encoding"])
def test_where_the_better_encoder_fails_the_other_codec_goes_on_with_a_key_picture(
    fails: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(FORMATS, VideoCodec.AV1, BOTH)
    sender = Sender(VideoCodec.AV1)
    takes = Takes(sender)

    async def script() -> None:
        if fails == "opening":
            monkeypatch.setattr(picture_out, "open_encoder", opens_vp8_alone)
        sender.use(300_000, MOVING)
        await passes(1)
        monkeypatch.setattr(Av1Encoder, "encode", refuse)
        await passes(1)
        sender.outbound.on_nack([sender.outbound.video.sequence - 1], time.monotonic())
        await passes(0.1)

    sender.play(script, monkeypatch)
    before = [] if fails == "opening" else [VideoCodec.AV1]
    assert takes.codecs == [*before, VideoCodec.VP8]
    first = next(frame for frame in takes.frames if frame.codec is VideoCodec.VP8)
    assert first.key
    decoder = Decoded()
    shown = [decoder.take(frame) for frame in takes.frames if frame.codec is VideoCodec.VP8]
    assert len(shown) >= 12
    assert all(size == (320, 240) for size in shown), "each decodes"
    assert takes.repairs == [BOTH.rtx], "repaired as what it is"
    assert [record.levelname for record in caplog.records] == ["WARNING"], "told once"


def test_an_encoder_that_fails_with_no_other_codec_on_the_far_side_ends_the_pictures_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sender = Sender(VideoCodec.AV1)

    async def script() -> None:
        sender.use(300_000, MOVING)
        await passes(1)
        monkeypatch.setattr(Av1Encoder, "encode", refuse)
        await passes(1)
        assert sender.outbound.pictures.pictures is None

    sender.play(script, monkeypatch)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


class Decoded:
    """A real decoder of VP8; `take` gives the size of the picture in a frame."""

    def __init__(self) -> None:
        self._decoder = av.CodecContext.create("vp8", "r")

    def take(self, frame: WholeFrame) -> tuple[int, int]:
        (picture,) = self._decoder.decode(av.Packet(frame.data))
        return picture.width, picture.height
