"""RTP out with a real encoder, on simulated time: what becomes of waiting pictures when the link or the far side loses
what they build on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiortc.rtp import RtpPacket
from moving_pictures import captured
from virtual_time import Inline, run_virtually

from app.media.rate import controller
from app.media.rate.controller import Decision
from app.media.rate.ladder import Pictures
from app.media.rate.split import Split
from app.media.rtc.outbound import Outbound
from app.media.rtc.sdp import Formats
from app.media.rtc.unwrap import Unwrapper
from app.media.video.assembly import FrameAssembler, VideoPacket, WholeFrame
from app.media.video.codecs import VideoCodec
from app.media.video.frames import CapturedFrame

FORMATS = {VideoCodec.AV1: Formats(opus=111, av1=45, av1_rtx=46), VideoCodec.VP8: Formats(opus=111, vp8=96, rtx=97)}
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
        await asyncio.sleep(at)
        sender.use(24_000.0 if lower is STILLS else 80_000.0, lower)
        await asyncio.sleep(6)

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
            await asyncio.sleep(2.01)
            sender.use(lower, replace(MOVING, bitrate=round(0.8 * lower), wire_bps=round(0.9 * lower)))
            await asyncio.sleep(10)

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
            await asyncio.sleep(0.1)
            sender.outbound.on_picture_loss(time.monotonic(), 0.3)
        assert time.monotonic() > 1.0, "it takes a while to leave"
        await asyncio.sleep(0.8)
        assert sender.outbound.pictures.key_frames == 1
        sender.outbound.on_picture_loss(time.monotonic(), 0.3)
        await asyncio.sleep(0.1)
        assert sender.outbound.pictures.key_frames == 2, "asked for after that, another comes, and at once"

    sender.play(script, monkeypatch)
    assert sender.holes() <= 1


def test_pictures_that_wait_before_the_key_picture_asked_for_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(VideoCodec.AV1)

    async def script() -> None:
        sender.use(300_000, MOVING)
        await asyncio.sleep(2.01)
        sender.outbound.on_picture_loss(time.monotonic(), 0.3)
        await asyncio.sleep(1)

    sender.play(script, monkeypatch)
    after = [frame for t, frame in sender.frames if t > 2.015]
    assert after[0].key
    assert not any(frame.key for frame in after[1:])
    assert len(after) >= 12
