"""Real pictures through both payload formats and decoders, changes of codec, and data that is broken."""

from __future__ import annotations

import asyncio
import fractions
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from picture_stream import av1_unit

from app.media.video import av1_rtp, decoder, vp8_rtp
from app.media.video.assembly import WholeFrame
from app.media.video.capture import SyntheticReader
from app.media.video.codecs import VideoCodec
from app.media.video.decoder import MOST_WAITING, PictureDecoder
from app.media.video.frames import luma
from app.media.video.vp8 import Vp8Encoder

SIZE = (160, 120)


@cache
def _pictures(count: int = 8) -> list[av.VideoFrame]:
    reader = SyntheticReader()
    frames = [reader.read(lambda _: False) for _ in range(count)]
    return [f.reformat(*SIZE, "yuv420p") for f in frames if f is not None]


@cache
def _av1(pixels: str = "yuv420p") -> list[bytes]:
    """Temporal units of SVT-AV1 as it is used: realtime, low delay, one picture in, one out."""
    codec = av.CodecContext.create("libsvtav1", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height = SIZE
    codec.pix_fmt = pixels
    codec.bit_rate, codec.gop_size, codec.thread_count = 60_000, 3000, 1
    codec.framerate, codec.time_base = fractions.Fraction(15), fractions.Fraction(1, 90_000)
    codec.options = {"preset": "10", "svtav1-params": "rc=2:pred-struct=1:rtc=1:lp=1"}
    units = []
    for n, frame in enumerate(_pictures()):
        picture = frame.reformat(format=pixels)
        picture.pts, picture.time_base = n * 6000, codec.time_base
        units += [bytes(packet) for packet in codec.encode(picture)]
    codec.encode(None)
    return units


@cache
def _vp8() -> list[bytes]:
    encoder = Vp8Encoder(*SIZE, 15, 60_000)
    return [encoder.encode(frame, key=False).data for frame in _pictures()]


def _frames(codec: VideoCodec, data: Iterable[bytes]) -> list[WholeFrame]:
    read = av1_rtp.is_key_frame if codec is VideoCodec.AV1 else vp8_rtp.is_key_frame
    return [WholeFrame(codec, one, n, read(one)) for n, one in enumerate(data)]


class Screen:
    """What the decoder emits, and how often it lost its reference."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, NDArray[np.uint8]]] = []
        self.lost = 0

    def emit(self, frame: av.VideoFrame, timestamp: int) -> None:
        self.shown.append((timestamp, luma(frame).copy()))

    def lose(self) -> None:
        self.lost += 1


def _decode(
    frames: list[WholeFrame], done: Callable[[Screen], bool], screen: Screen | None = None
) -> tuple[Screen, PictureDecoder]:
    """Until `done`, which is asked after each picture and each loss."""
    screen = screen or Screen()

    async def run() -> PictureDecoder:
        news = asyncio.Event()

        def emit(frame: av.VideoFrame, timestamp: int) -> None:
            screen.emit(frame, timestamp)
            news.set()

        def lose() -> None:
            screen.lose()
            news.set()

        with ThreadPoolExecutor(1) as pool:
            made = PictureDecoder(pool, emit, lose)
            task = asyncio.create_task(made.run())
            for frame in frames:
                made.add(frame)
            async with asyncio.timeout(60):
                while not done(screen):
                    await news.wait()
                    news.clear()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await made.close()
            return made

    return screen, asyncio.run(run())


def _last(timestamp: int) -> Callable[[Screen], bool]:
    return lambda screen: bool(screen.shown) and screen.shown[-1][0] == timestamp


@pytest.mark.parametrize("limit", [80, 350, 1100])
def test_av1_from_the_encoder_over_rtp_is_the_picture_itself(limit: int) -> None:
    units = _av1()
    assert len(units) == len(_pictures()), "one temporal unit a picture, none held back"
    arrived = [av1_rtp.depacketize(av1_rtp.packetize(unit, limit)) for unit in units]
    assert arrived == units
    assert [av1_rtp.read_frame(unit) for unit in units] == [True] + [False] * 7
    assert av1_rtp.key_frame_size(units[0]) == SIZE
    direct = av.CodecContext.create("libdav1d", "r")
    direct.thread_count = 1
    expected = [luma(picture).copy() for unit in units for picture in direct.decode(av.Packet(unit))]
    direct.decode(None)
    screen, made = _decode(_frames(VideoCodec.AV1, arrived), _last(7))
    assert [at for at, _ in screen.shown] == list(range(8)), "each picture at once"
    for (_, got), wanted in zip(screen.shown, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert (made.keys, screen.lost) == (1, 0)


def test_the_decoder_follows_a_change_of_codec_and_back() -> None:
    frames = [*_frames(VideoCodec.VP8, _vp8()), *_frames(VideoCodec.AV1, _av1()), *_frames(VideoCodec.VP8, _vp8())]
    frames = [WholeFrame(f.codec, f.data, n, f.key) for n, f in enumerate(frames)]
    screen, made = _decode(frames, _last(len(frames) - 1))
    assert [at for at, _ in screen.shown] == list(range(len(frames)))
    assert made.keys == 3
    for (_, got), sent in zip(screen.shown, [luma(p) for p in _pictures()] * 3, strict=True):
        assert np.abs(got.astype(int) - sent).mean() < 20


@pytest.mark.parametrize("codec", list(VideoCodec))
def test_broken_data_loses_the_reference_until_the_next_key_frame(
    codec: VideoCodec, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    data = _av1() if codec is VideoCodec.AV1 else _vp8()
    broken = av1_unit(2, False, 40) if codec is VideoCodec.AV1 else b"\x01"
    frames = _frames(codec, [*data[:2], broken, *data[2:4], *data[:3]])
    screen, _ = _decode(frames, _last(7))
    assert [at for at, _ in screen.shown] == [0, 1, 5, 6, 7]
    assert screen.lost == 1
    assert "cannot be decoded" in caplog.text


def test_the_decoder_itself_takes_no_larger_picture_whatever_the_headers_let_through(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A frame may claim another size than its sequence header: that bound is the decoder's."""
    caplog.set_level(logging.INFO)
    width, height = SIZE
    monkeypatch.setitem(decoder._OPTIONS, "max_pixels", str(width * height - 1))
    for codec, data in ((VideoCodec.AV1, _av1()), (VideoCodec.VP8, _vp8())):
        screen, _ = _decode(_frames(codec, data[:1]), lambda s: s.lost > 0)
        assert screen.shown == []
    assert caplog.text.count("cannot be decoded") == 2


def test_ten_bits_are_not_shown_as_if_they_were_eight(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    screen, _ = _decode(_frames(VideoCodec.AV1, _av1("yuv420p10le")[:1]), lambda s: s.lost > 0)
    assert screen.shown == []
    assert "not shown" in caplog.text


def test_what_waits_is_bounded() -> None:
    screen = Screen()
    frames = _frames(VideoCodec.VP8, [_vp8()[0]] + [b"\x01"] * MOST_WAITING + [_vp8()[0]])
    shown, _ = _decode(frames, _last(MOST_WAITING + 1), screen)
    assert screen.lost == 1
    assert [at for at, _ in shown.shown] == [MOST_WAITING + 1]
