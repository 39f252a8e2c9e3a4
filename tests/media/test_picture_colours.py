"""Colours from the camera to the screen: whatever matrix and range a picture has, its patches stay as they were."""

from __future__ import annotations

import fractions
import itertools
from collections.abc import Iterator

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from app.media.rate.ladder import Pictures
from app.media.video.codecs import VideoCodec
from app.media.video.encoding import open_encoder
from app.media.video.frames import Reshaper, luma, to_rgb
from app.media.video.speed import Speeds

PATCHES = (
    (235, 20, 20), (20, 235, 20), (20, 20, 235), (255, 255, 255), (0, 0, 0), (128, 128, 128),
    (200, 150, 120), (30, 90, 180), (235, 180, 40), (120, 60, 140), (90, 60, 50), (250, 220, 200),
)  # fmt: skip
SIDE, HEIGHT = 32, 64
WIDTH = SIDE * len(PATCHES)
MATRICES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 2: (0.299, 0.114)}
"""Kr and Kb by matrix coefficients (ITU-T H.273); 2 is unspecified."""
LIMITED, FULL = 1, 2


def chart() -> NDArray[np.uint8]:
    return np.repeat(np.repeat(np.array([PATCHES], np.uint8), SIDE, axis=1), HEIGHT, axis=0)


def coded(matrix: int, colour_range: int, pixels: str = "yuv420p") -> av.VideoFrame:
    """The chart in YUV by the formulas of H.273, as a camera or a decoder would give it."""
    kr, kb = MATRICES[matrix]
    r, g, b = np.moveaxis(chart().astype(float) / 255, 2, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    chroma = [(part / (2 * (1 - k)))[::2, ::2] for part, k in ((b - y, kb), (r - y, kr))]
    offset, scale, swing = (16, 219, 224) if colour_range == LIMITED else (0, 255, 255)
    planes = [offset + scale * y, *(128 + swing * c for c in chroma)]
    whole = np.concatenate([np.clip(np.round(p), 0, 255).astype(np.uint8).reshape(-1) for p in planes])
    frame = av.VideoFrame.from_ndarray(whole.reshape(HEIGHT * 3 // 2, WIDTH), format=pixels)
    frame.colorspace, frame.color_range = matrix, colour_range
    return frame


def packed(pixels: str) -> av.VideoFrame:
    picture = chart() if pixels == "rgb24" else np.ascontiguousarray(chart()[:, :, ::-1])
    return av.VideoFrame.from_ndarray(picture, format=pixels)


def worst(rgb: NDArray[np.uint8]) -> int:
    """The largest error in the middle of a patch, in levels."""
    scale = rgb.shape[1] / WIDTH
    found = [rgb[rgb.shape[0] // 2, round((n + 0.5) * SIDE * scale)] for n in range(len(PATCHES))]
    return int(np.abs(np.array(found, int) - np.array(PATCHES)).max())


def _sources() -> Iterator[tuple[str, av.VideoFrame]]:
    for matrix, colour_range in itertools.product(MATRICES, (LIMITED, FULL)):
        yield f"yuv420p matrix {matrix} range {colour_range}", coded(matrix, colour_range)
    yield "yuvj420p of a camera that gives JPEG", coded(5, FULL, "yuvj420p")
    untold = coded(2, FULL, "yuvj420p")
    untold.color_range = 0
    yield "yuvj420p that says nothing of itself", untold
    for pixels in ("bgr24", "rgb24"):
        yield pixels, packed(pixels)


SOURCES = dict(_sources())


@pytest.mark.parametrize("source", SOURCES)
def test_every_kind_of_picture_comes_to_the_screen_as_it_was(source: str) -> None:
    assert worst(to_rgb(SOURCES[source], Reshaper())) <= 3


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (WIDTH // 2, HEIGHT // 2)])
def test_what_is_encoded_is_limited_601_whatever_comes_in(source: str, size: tuple[int, int]) -> None:
    shaped = Reshaper().reshape(SOURCES[source], *size, "yuv420p")
    assert (shaped.width, shaped.height, shaped.format.name) == (*size, "yuv420p")
    wanted = coded(6, LIMITED)
    plane = luma(shaped)
    middles = [(n + 0.5) * SIDE for n in range(len(PATCHES))]
    found = [int(plane[size[1] // 2, round(x * size[0] / WIDTH)]) for x in middles]
    assert found == pytest.approx([int(luma(wanted)[HEIGHT // 2, round(x)]) for x in middles], abs=2)
    shaped.colorspace, shaped.color_range = 6, LIMITED
    assert worst(to_rgb(shaped, Reshaper())) <= 3


def test_a_plain_picture_of_the_right_size_is_not_copied() -> None:
    frame = coded(6, LIMITED)
    assert Reshaper().reshape(frame, WIDTH, HEIGHT, "yuv420p") is frame


@pytest.mark.parametrize("codec", list(VideoCodec))
@pytest.mark.parametrize("source", ["yuv420p matrix 1 range 1", "yuv420p matrix 1 range 2", "bgr24"])
def test_colours_through_encoder_and_decoder(codec: VideoCodec, source: str) -> None:
    """At a rate that leaves no error of coding worth the name."""
    encoder = open_encoder(codec, Pictures(WIDTH, HEIGHT, 15, 2_000_000, 2_000_000), (WIDTH, HEIGHT), Speeds())
    decoder = av.CodecContext.create("libdav1d" if codec is VideoCodec.AV1 else "vp8", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    sent = [encoder.encode(SOURCES[source], key=n == 0).data for n in range(8)]
    shown = [picture for data in sent if data for picture in decoder.decode(av.Packet(data))]
    decoder.decode(None)
    encoder.close()
    assert worst(to_rgb(shown[-1], Reshaper())) <= 3


@pytest.mark.parametrize("colour_range", [LIMITED, FULL])
def test_a_far_side_that_encodes_709_or_full_range_in_av1_is_seen_right(colour_range: int) -> None:
    """Colour as the AV1 sequence header tells it (section 5.5.2), from another encoder than ours."""
    codec = av.CodecContext.create("libsvtav1", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.bit_rate, codec.thread_count, codec.time_base = 2_000_000, 1, fractions.Fraction(1, 15)
    codec.colorspace, codec.color_range = 1, colour_range
    codec.options = {"preset": "10", "svtav1-params": "rc=2:pred-struct=1:rtc=1:lp=1"}
    decoder = av.CodecContext.create("libdav1d", "r")
    shown = []
    for n in range(6):
        frame = coded(1, colour_range)
        frame.pts, frame.time_base = n, codec.time_base
        shown += [picture for packet in codec.encode(frame) for picture in decoder.decode(av.Packet(bytes(packet)))]
    codec.encode(None)
    decoder.decode(None)
    assert (shown[-1].colorspace, shown[-1].color_range) == (1, colour_range)
    assert worst(to_rgb(shown[-1], Reshaper())) <= 3


@pytest.mark.parametrize("matrix", [0, 3, 8, 10, 14, 15, 255])
def test_a_matrix_that_nobody_knows_is_no_error(matrix: int) -> None:
    """It comes from the far side's header: an exception would end the pictures of the visit."""
    frame = coded(6, LIMITED)
    frame.colorspace = matrix
    assert worst(to_rgb(frame, Reshaper())) <= 3
    assert frame.colorspace == matrix
    assert luma(Reshaper().reshape(frame, 64, 32, "yuv420p")).shape == (32, 64)


@pytest.mark.parametrize(("colour_range", "black", "white"), [(LIMITED, 16, 235), (0, 16, 235), (FULL, 0, 255)])
def test_grey_pictures_have_black_and_white(colour_range: int, black: int, white: int) -> None:
    """AV1 may be monochrome."""
    planes = np.full((32, 48), black, np.uint8)
    planes[:, 24:] = white
    frame = av.VideoFrame.from_ndarray(planes, format="gray")
    frame.color_range = colour_range
    rgb = to_rgb(frame, Reshaper())
    assert rgb[16, 8].tolist() == pytest.approx([0, 0, 0], abs=2)
    assert rgb[16, 40].tolist() == pytest.approx([255, 255, 255], abs=2)
    assert luma(frame)[16, [8, 40]].tolist() == [black, white]


def test_a_picture_on_show_shares_no_memory_with_the_next_one() -> None:
    """Else it would tear: the screen paints while the next one is converted."""
    reshaper = Reshaper()
    first = to_rgb(coded(6, LIMITED), reshaper)
    kept = first.copy()
    white = coded(6, LIMITED)
    white.planes[0].update(bytes([235]) * white.planes[0].buffer_size)
    second = to_rgb(white, reshaper)
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)
