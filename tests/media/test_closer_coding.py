"""The grades of a still: a preview that a thin link takes in two seconds, and every pixel in the end."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.media.closer import coding, share
from app.media.closer.messages import MOST_BYTES, Grade
from app.media.video.capture import SyntheticReader
from app.media.video.still_checks import luma_of, sharpness

MEDIA = Path(__file__).parents[2] / "app/demo/media"


def photo(name: str) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(MEDIA / name)), cv2.COLOR_BGR2RGB)


def decoded(data: bytes) -> np.ndarray:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize("name", ["collins.jpg", "hopper.jpg"])
def test_the_preview_is_small_and_shows_the_face(name):
    rgb = photo(name)
    coded = coding.preview(rgb)
    assert len(coded.data) <= coding.PREVIEW_BYTES
    assert max(coded.width, coded.height) >= 320
    small = cv2.resize(rgb, (coded.width, coded.height), interpolation=cv2.INTER_AREA)
    assert cv2.PSNR(small, decoded(coded.data)) > 28


def test_a_thinner_link_gets_a_smaller_first_look():
    assert share.preview_bytes(39_000.0) == coding.PREVIEW_BYTES, "what 64 kbit/s leave beside speech"
    most = share.preview_bytes(13_000.0)
    assert most == 2_000
    coded = coding.preview(photo("hopper.jpg"), most)
    assert len(coded.data) <= most
    assert max(coded.width, coded.height) == 320


def test_noise_too_makes_a_preview_that_fits():
    noise = np.random.default_rng(3).integers(0, 255, (600, 800, 3), np.uint8)
    assert len(coding.preview(noise).data) <= coding.PREVIEW_BYTES


def test_the_full_one_has_every_pixel_of_a_12_megapixel_still():
    rgb = SyntheticReader("12mp").shoot(lambda seconds: False).to_ndarray(format="rgb24")
    middle, full = coding.middle(rgb), coding.full(rgb)
    assert (middle.width, middle.height) == (1024, 768)
    assert len(middle.data) <= coding.MIDDLE_BYTES
    assert (full.width, full.height) == (4032, 3024)
    assert len(full.data) <= coding.FULL_BYTES <= MOST_BYTES[Grade.FULL]
    back = decoded(full.data)
    assert back.shape == (3024, 4032, 3)
    fine = luma_of(back)[30:60].astype(int)
    assert np.abs(np.diff(fine, axis=1)).mean() > 60, "lines of one pixel are still told apart"
    assert sharpness(luma_of(decoded(middle.data))) > 0
    record = decoded(coding.original(rgb))
    assert np.abs(np.diff(luma_of(record)[30:60].astype(int), axis=1)).mean() > 90


def test_a_picture_smaller_than_its_grades_is_not_blown_up():
    coded = coding.middle(photo("hopper.jpg")[:100, :120])
    assert (coded.width, coded.height) == (120, 100)
