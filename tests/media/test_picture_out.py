"""From the camera to RTP payloads with real encoders, on simulated time: key pictures, rates, waiting."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from inline import Inline
from picture_studio import Studio, payload_bps, rung

from app.media.video import av1_rtp, vp8_rtp
from app.media.video.codecs import VideoCodec
from tests.virtual_loop import passes

BOTH = list(VideoCodec)


@pytest.mark.parametrize("codec", BOTH)
def test_another_rate_costs_no_key_picture_and_is_kept(codec: VideoCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = Studio(codec, monkeypatch)

    async def script() -> None:
        for bitrate, fps in ((90_000, 15.0), (120_000, 18.0), (70_000, 12.0)):
            studio.source.use(rung(bitrate, fps))
            await passes(4)

    studio.play(script)
    assert len(studio.opened) == len(studio.key_times()) == studio.source.key_frames == 1
    assert studio.made[0][1].key
    assert studio.source.frames == len(studio.made)
    for begin, bitrate in ((0, 90_000), (4, 120_000), (8, 70_000)):
        last = [picture for t, picture in studio.made if begin + 1.5 < t <= begin + 4]
        assert payload_bps(last, 2.5) == pytest.approx(bitrate, rel=0.3)


@pytest.mark.parametrize("codec", BOTH)
def test_payloads_join_to_the_picture_within_the_limit_and_times_are_the_cameras(codec: VideoCodec) -> None:
    studio = Studio(codec)

    async def script() -> None:
        studio.source.limit = 150
        studio.source.use(rung())
        await passes(2)

    studio.play(script)
    join = av1_rtp.depacketize if codec is VideoCodec.AV1 else vp8_rtp.depacketize
    is_key = av1_rtp.is_key_frame if codec is VideoCodec.AV1 else vp8_rtp.is_key_frame
    assert len(studio.made) >= 28
    for _, picture in studio.made:
        assert max(map(len, picture.payloads)) <= 150
        assert is_key(join(picture.payloads)) == picture.key
    stamps = [picture.timestamp for _, picture in studio.made]
    assert all(stamp % 3_000 == 0 for stamp in stamps)
    assert all(late > soon for soon, late in itertools.pairwise(stamps))
    assert all(late - soon <= 9_000 for soon, late in itertools.pairwise(stamps)), "15 of 30 a second, evenly"


def test_a_beat_that_does_not_fit_the_cameras_keeps_its_mean() -> None:
    studio = Studio(VideoCodec.VP8)

    async def script() -> None:
        studio.source.use(rung(120_000, 20.0))
        await passes(10)

    studio.play(script)
    assert len(studio.made) == pytest.approx(200, abs=6)


def test_a_new_rung_does_not_wait_for_the_next_still() -> None:
    studio = Studio(VideoCodec.AV1)

    async def script() -> None:
        studio.source.use(rung(2_000, 0.12, (320, 240)))
        await passes(13)
        assert len(studio.made) in (2, 3)
        studio.source.use(rung())
        await passes(2)
        studio.source.use(None)
        await passes(1)
        studio.source.use(rung(2_000, 0.12, (320, 240)))
        await passes(5)

    studio.play(script)
    video = [t for t, _ in studio.made if 13 <= t <= 15]
    assert video[0] < 13.05
    assert len(video) >= 28, "and none after the first is late"
    assert 16 <= studio.key_times()[-1] < 16.05


def test_the_next_still_does_not_wait_as_long_as_the_thinner_link_of_before_asked_for() -> None:
    studio = Studio(VideoCodec.AV1)

    async def script() -> None:
        studio.source.use(rung(2_000, 0.12, (320, 240)))
        await passes(1)
        studio.source.use(rung(6_000, 0.4, (320, 240)))
        await passes(4.5)

    studio.play(script)
    assert [t for t, _ in studio.made] == [pytest.approx(t, abs=0.1) for t in (0.0, 2.5, 5.0)]


@pytest.mark.parametrize("codec", BOTH)
def test_a_key_picture_comes_on_request_but_not_one_on_the_heels_of_another(codec: VideoCodec) -> None:
    studio = Studio(codec)

    async def script() -> None:
        studio.source.use(rung())
        await passes(3)
        studio.source.want_key()
        await passes(3)
        for _ in range(40):  # whoever sees nothing asks again and again
            studio.source.want_key()
            await passes(0.1)
        await passes(3)

    studio.play(script)
    first, asked, *rest = studio.key_times()
    assert first < 0.1
    assert 3 <= asked < 3.2
    assert len(rest) >= 5
    assert all(late - soon >= 0.3 for soon, late in itertools.pairwise(studio.key_times()))
    assert rest[-1] < 10.8, "one for what was asked last, and none after it"


@pytest.mark.parametrize("codec", BOTH)
def test_stopped_pictures_free_their_encoder_and_begin_with_a_key_picture(
    codec: VideoCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = Studio(codec, monkeypatch)

    async def script() -> None:
        studio.source.use(rung())
        await passes(1)
        assert studio.source.size == (160, 120)
        studio.source.use(None)
        assert studio.closed == studio.opened
        assert studio.source.size == (0, 0)
        await passes(1)
        studio.source.use(rung())
        await passes(1)

    studio.play(script)
    assert not [t for t, _ in studio.made if 1 < t < 2]
    assert studio.since(1.5)[0].key
    assert len(studio.key_times()) == 2
    assert len(studio.opened) == 2
    assert studio.closed == studio.opened, "the last one when the source ends"


@pytest.mark.parametrize("codec", BOTH)
def test_held_pictures_go_on_without_a_key_picture(codec: VideoCodec) -> None:
    studio = Studio(codec)

    async def script() -> None:
        studio.source.use(rung())
        await passes(1)
        studio.source.held = True
        await passes(2)
        studio.source.held = False
        await passes(1)

    studio.play(script)
    assert not [t for t, _ in studio.made if 1.01 < t < 2.99]
    assert len(studio.since(3)) >= 13
    assert len(studio.key_times()) == 1


def test_no_picture_is_made_to_wait_behind_others_and_the_newest_is_next() -> None:
    studio = Studio(VideoCodec.AV1)

    async def script() -> None:
        studio.source.use(rung())
        studio.backlog_s = 0.119
        await passes(1)
        studio.backlog_s = 0.2
        await passes(1)
        studio.backlog_s = 0.0
        await passes(1)

    studio.play(script)
    assert len([t for t, _ in studio.made if t < 1]) >= 13
    assert not [t for t, _ in studio.made if 1.01 < t < 1.99]
    assert len(studio.since(2)) <= 17, "it never tries to catch up"
    at, picture = next((t, picture) for t, picture in studio.made if t > 2)
    assert at < 2.05
    assert picture.timestamp / 90_000 > at - 0.05, "the newest of the camera"
    assert len(studio.key_times()) == 1


def test_vp8_opens_anew_for_a_rate_too_far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    studio = Studio(VideoCodec.VP8, monkeypatch)

    async def script() -> None:
        studio.source.use(rung(90_000))
        await passes(2)
        studio.source.use(rung(30_000))
        await passes(2)

    studio.play(script)
    assert len(studio.opened) == len(studio.key_times()) == 2
    assert payload_bps(studio.since(2.7), 1.3) < 50_000
    assert studio.closed == studio.opened


@pytest.mark.parametrize("codec", BOTH)
def test_another_size_or_a_turned_camera_needs_another_encoder(
    codec: VideoCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = Studio(codec, monkeypatch)

    async def script() -> None:
        studio.source.use(rung())
        await passes(1)
        studio.source.use(rung(size=(320, 240)))
        await passes(1)
        studio.camera = (240, 320)
        await passes(1)

    studio.play(script)
    assert [(e.width, e.height) for e in studio.opened] == [(160, 120), (320, 240), (240, 320)]
    assert len(studio.key_times()) == 3
    assert [round(t) for t in studio.key_times()] == [0, 1, 2]


def test_without_a_camera_there_is_nothing_to_send_and_with_it_again_there_is() -> None:
    studio = Studio(VideoCodec.AV1)

    async def script() -> None:
        studio.camera = None
        studio.source.use(rung())
        await passes(1)
        assert not studio.made
        studio.camera = (320, 240)
        await passes(1)

    studio.play(script)
    assert len(studio.made) >= 13


def test_what_was_encoded_as_the_pictures_stopped_is_not_sent() -> None:
    studio = Studio(VideoCodec.VP8)

    class Late(Inline):
        def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future = super().submit(call, *args, **kwargs)
            studio.source.use(None)
            return future

    studio.source._executor = Late()

    async def script() -> None:
        studio.source.use(rung())
        await passes(0.5)

    studio.play(script)
    assert not studio.made
