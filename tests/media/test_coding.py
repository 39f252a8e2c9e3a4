"""Our picture encoders: rates, key frames, and pictures shared between threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.media.rate.ladder import Pictures
from app.media.video.capture import SyntheticReader
from app.media.video.codecs import VideoCodec
from app.media.video.encoding import open_encoder
from app.media.video.frames import Reshaper, fit, luma, to_rgb
from app.media.video.speed import Speeds
from app.media.video.vp8 import Vp8Encoder
from app.media.video.vp8_rtp import is_key_frame


def _pictures(count: int) -> list[av.VideoFrame]:
    reader = SyntheticReader()
    frames = [reader.read(lambda _: False) for _ in range(count)]
    return [f for f in frames if f is not None]


def test_vp8_opens_with_a_key_frame_gives_one_when_asked_and_no_other() -> None:
    encoder = Vp8Encoder(320, 240, 15, 75_000)
    keys, total = [], 0
    for n, frame in enumerate(_pictures(45)):
        made = encoder.encode(frame, key=n == 20)
        if made.data:
            assert made.key == is_key_frame(made.data)
            total += len(made.data)
        if made.key:
            keys.append(n)
    assert keys == [0, 20]
    assert total * 8 / 3 < 75_000 * 1.6


def test_the_encoder_does_not_write_into_a_frame_that_others_hold() -> None:
    frame = _pictures(1)[0]
    frame.pts = 12345
    Vp8Encoder(320, 240, 15, 75_000).encode(frame, key=True)
    assert frame.pts == 12345
    same_size = frame.reformat(320, 240, "yuv420p")
    same_size.pts = 12345
    Vp8Encoder(320, 240, 15, 75_000).encode(same_size, key=True)
    assert same_size.pts == 12345


def test_vp8_has_fixed_bits_a_picture_so_the_beat_follows_the_rate_within_limits() -> None:
    encoder = Vp8Encoder(320, 240, 15, 75_000)
    assert encoder.pace(15, 75_000) == 15
    assert encoder.pace(15, 60_000) == pytest.approx(12)
    assert encoder.pace(15, 90_000) == pytest.approx(18)
    assert encoder.pace(18, 110_000) == pytest.approx(22)
    assert encoder.pace(15, 40_000) is None, "too slow: another encoder is needed"
    assert encoder.pace(15, 120_000) is None, "too quick: another encoder is needed"
    assert encoder.pace(15, 75_000) == 15, "asking changes nothing"


def test_vp8_keeps_its_bits_a_picture_however_long_pictures_are_held() -> None:
    def mean(beats: list[int]) -> float:
        encoder = Vp8Encoder(320, 240, 15, 75_000)
        frames = _pictures(45)
        made = [encoder.encode(frames[n], key=False).data for n in beats]
        return sum(map(len, made[5:])) / len(made[5:])

    assert mean(list(range(0, 45, 3))) < 2 * mean(list(range(15)))


def test_one_frame_may_be_reshaped_by_many_threads_at_once() -> None:
    """`VideoFrame.reformat` shares one scaler per frame between threads: it hung for good."""
    frames, start = _pictures(8), threading.Barrier(4)

    def work(width: int) -> int:
        reshaper = Reshaper()
        start.wait(10)
        return sum(to_rgb(frame, reshaper, width).shape[1] for frame in frames * 20)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, (320, 160, 320, 160))) == [320 * 160, 160 * 160] * 2


@given(st.integers(16, 4000), st.integers(16, 4000), st.sampled_from([(320, 240), (640, 480)]))
def test_fitting_keeps_within_the_box_with_even_sides(width: int, height: int, box: tuple[int, int]) -> None:
    w, h = fit(width, height, *box)
    assert w % 2 == h % 2 == 0
    lies = box if width >= height else (box[1], box[0])  # as the picture does
    assert 16 <= w <= lies[0]
    assert 16 <= h <= lies[1]


def test_a_wide_picture_keeps_its_shape() -> None:
    frame = av.VideoFrame.from_ndarray(np.zeros((720, 1280, 3), np.uint8), format="bgr24")
    for codec in VideoCodec:
        encoder = open_encoder(codec, Pictures(640, 480, 15, 100_000, 110_000), (1280, 720), Speeds())
        assert (encoder.width, encoder.height) == (640, 360)
        encoder.close()
    assert luma(frame).shape == (720, 1280)
