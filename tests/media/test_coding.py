"""Our picture encoders: rates, key frames, and pictures shared between threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.media.video.capture import SyntheticReader
from app.media.video.frames import Reshaper, fit, luma, to_rgb
from app.media.video.vp8 import Vp8Encoder, encoder_for
from app.media.video.vp8_rtp import is_key_frame


def _pictures(count: int) -> list[av.VideoFrame]:
    reader = SyntheticReader()
    frames = [reader.read(lambda _: False) for _ in range(count)]
    return [f for f in frames if f is not None]


def test_vp8_opens_with_a_key_frame_gives_one_when_asked_and_no_other() -> None:
    encoder = Vp8Encoder(320, 240, 15, 75_000)
    keys, total = [], 0
    for n, frame in enumerate(_pictures(45)):
        data, key = encoder.encode(frame, n * 6000, n == 20)
        if data:
            assert key == is_key_frame(data)
            total += len(data)
        if key:
            keys.append(n)
    assert keys == [0, 20]
    assert total * 8 / 3 < 75_000 * 1.6


def test_the_encoder_does_not_write_into_a_frame_that_others_hold() -> None:
    frame = _pictures(1)[0]
    frame.pts = 12345
    Vp8Encoder(320, 240, 15, 75_000).encode(frame, 0, True)
    assert frame.pts == 12345


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
    assert 16 <= w <= box[0]
    assert 16 <= h <= box[1]


def test_a_wide_picture_keeps_its_shape() -> None:
    frame = av.VideoFrame.from_ndarray(np.zeros((720, 1280, 3), np.uint8), format="bgr24")
    encoder = encoder_for(frame, (640, 480), 15, 100_000)
    assert (encoder.width, encoder.height) == (640, 360)
    assert luma(frame).shape == (720, 1280)
