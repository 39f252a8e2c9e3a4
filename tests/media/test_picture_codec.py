"""Which codec pictures go by, and what is done when its encoder fails or stands still."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from picture_studio import QUICK, SLOW, Studio, rung

from app.media.rate import controller
from app.media.rtc import picture_out
from app.media.rtc.outbound import Outbound
from app.media.rtc.sdp import Formats
from app.media.video.av1 import Av1Encoder
from app.media.video.codecs import VideoCodec
from app.media.video.encoder import PictureEncoder
from app.media.video.encoding import open_encoder
from app.media.video.speed import Speeds
from app.media.video.svt import Av1Error, Av1Missing, Av1Stalled
from tests.virtual_loop import passes


@pytest.mark.parametrize("error", [Av1Error("SVT-AV1 refused to start (0x1)"), Av1Missing("no library")])
def test_an_encoder_that_fails_ends_no_visit(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    studio = Studio(VideoCodec.AV1)
    fails = True

    def opening(*args: Any) -> PictureEncoder:
        if fails:
            raise error
        return open_encoder(*args)

    monkeypatch.setattr(picture_out, "open_encoder", opening)

    async def script() -> None:
        nonlocal fails
        studio.source.use(rung())
        await passes(1)
        assert studio.source.pictures is None
        fails = False
        studio.source.use(rung())
        await passes(1)

    studio.play(script)
    assert len(studio.made) >= 13
    assert [r.levelno for r in caplog.records] == [logging.ERROR], "told once"


def test_an_encoder_that_stands_still_once_is_replaced_by_one_like_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    studio = Studio(VideoCodec.AV1)
    encode = Av1Encoder.encode
    stalls = [False] * 5 + [True] + [False] * 1_000

    def at_times(self: Av1Encoder, *args: Any, **kwargs: Any) -> Any:
        if stalls.pop(0):
            raise Av1Stalled("SVT-AV1 does not answer any more")
        return encode(self, *args, **kwargs)

    monkeypatch.setattr(Av1Encoder, "encode", at_times)

    async def script() -> None:
        studio.source.use(rung())
        await passes(1)

    studio.play(script)
    assert [made.key for _, made in studio.made[:7]] == [True, *[False] * 4, True, False]
    assert {made.codec for _, made in studio.made} == {VideoCodec.AV1}
    assert not caplog.records, "it mended itself"


AV1_AND_VP8 = {"av1": 45, "av1_rtx": 46, "vp8": 96, "rtx": 97}


@pytest.mark.parametrize(
    ("taken", "speeds", "codec"),
    [
        (AV1_AND_VP8, QUICK, VideoCodec.AV1),
        (AV1_AND_VP8, Speeds(), VideoCodec.AV1),  # not measured yet
        (AV1_AND_VP8, SLOW, VideoCodec.VP8),
        ({"vp8": 96}, QUICK, VideoCodec.VP8),
        ({"av1": 45}, QUICK, VideoCodec.AV1),
        ({"av1": 45}, SLOW, VideoCodec.AV1),  # slow pictures are better than none
    ],
)
def test_av1_goes_to_those_who_take_it_from_machines_that_can(
    taken: dict[str, int], speeds: Speeds, codec: VideoCodec
) -> None:
    with ThreadPoolExecutor(1) as pool:
        outbound = Outbound(
            Formats(opus=111, **taken),
            (1, 2, 3),
            ours=True,
            send=lambda _: True,
            executor=pool,
            newest=lambda: None,
            decision=controller.start(0.0).decision,
            speeds=speeds,
        )
    assert outbound.pictures.codec is codec
