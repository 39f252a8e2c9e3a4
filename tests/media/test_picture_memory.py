"""A long visit leaves nothing behind: a stream through decoder, sink and slot; encoders opened and closed."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest

from app.media.devices import DeviceSpec, Sinks
from app.media.picture_sink import PictureSink
from app.media.rate.ladder import Pictures
from app.media.video import av1_rtp, vp8_rtp
from app.media.video.assembly import WholeFrame
from app.media.video.codecs import VideoCodec
from app.media.video.decoder import PictureDecoder
from app.media.video.encoding import open_encoder
from app.media.video.speed import Speeds

FASTEST = Speeds(((12, 0.01),))
SIZES = ((320, 240), (480, 360), (160, 120))
_MOST_GROWTH = 12e6
"""Bytes; one leaked picture in ten of a round would be more."""


def resident() -> int:
    """Bytes of this process in memory (Linux)."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def noise(n: int, width: int = 640, height: int = 480) -> av.VideoFrame:
    planes = np.random.default_rng(n).integers(60, 180, (height * 3 // 2, width), np.uint8)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def stream(codec: VideoCodec, size: tuple[int, int]) -> list[WholeFrame]:
    encoder = open_encoder(codec, Pictures(*size, 15, 200_000, 200_000), (640, 480), FASTEST)
    made = [encoder.encode(noise(n), key=n == 0).data for n in range(10)]
    encoder.close()
    read = av1_rtp.is_key_frame if codec is VideoCodec.AV1 else vp8_rtp.is_key_frame
    return [WholeFrame(codec, data, n, read(data)) for n, data in enumerate(made) if data]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read as Linux tells it")
def test_thousands_of_pictures_through_decoder_sink_and_slot_leave_nothing() -> None:
    """Both codecs and three sizes in turn: each change of rung or codec makes new buffers."""
    rounds = [frame for codec in VideoCodec for size in SIZES for frame in stream(codec, size)]

    async def run() -> tuple[int, int]:
        with ThreadPoolExecutor(2) as pool:
            sinks = Sinks(DeviceSpec("none"))
            sink = PictureSink(sinks, pool)
            shown = asyncio.Event()

            def emit(frame: av.VideoFrame, _timestamp: int) -> None:
                sink.show(frame)
                shown.set()

            decoder = PictureDecoder(pool, emit, lambda: None)
            tasks = [asyncio.create_task(decoder.run()), asyncio.create_task(sink.run())]

            async def once(times: int) -> int:
                for _ in range(times):
                    for frame in rounds:
                        shown.clear()
                        decoder.add(frame)
                        await shown.wait()
                return resident()

            async with asyncio.timeout(60):
                warm = await once(8)
                after = await once(40)
            assert sink.shown + sink.dropped >= 40 * len(rounds)
            assert sinks.remote.latest() is not None
            sink.stop()
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await decoder.close()
        return warm, after

    warm, after = asyncio.run(run())
    assert after - warm < _MOST_GROWTH


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read as Linux tells it")
@pytest.mark.parametrize("codec", list(VideoCodec))
def test_encoders_opened_and_closed_again_and_again_leave_nothing(codec: VideoCodec) -> None:
    """A visit with a flapping camera opens some hundreds; an encoder of 320x240 takes tens of megabytes."""
    picture = noise(1)

    def cycle(times: int) -> int:
        for n in range(times):
            size = SIZES[n % len(SIZES)]
            encoder = open_encoder(codec, Pictures(*size, 15, 100_000, 100_000), (640, 480), FASTEST)
            encoder.encode(picture, key=True)
            encoder.close()
        return resident()

    warm = cycle(9)
    assert cycle(30) - warm < _MOST_GROWTH
