"""What a photo says of its place and owner is taken out, the picture stays, and up stays up."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.offline import photo_child, photo_exif
from app.offline.photo_strip import CannotStrip, orientation_of, stripped
from tests.offline import photo_files as files

MAKERS = {"jpeg": files.jpeg, "png": files.png, "webp": files.webp}
ALL = [
    files.jpeg(files.corners()),
    files.png(files.corners()),
    files.webp(files.corners()),
    files.avif(files.corners()),
]


def stored(data: bytes) -> np.ndarray:
    return photo_child.decoded(data, None)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_place_goes_and_up_stays_up(make: Callable[..., bytes], orientation: int) -> None:
    picture = files.corners()
    data = make(files.stored_for(picture, orientation), orientation)
    assert data.count(files.CANARY) >= 4
    kept = stripped(data)
    assert files.CANARY not in kept
    assert b"\x04\xd2" not in kept or make is not files.jpeg, "1234, the seconds of the place"
    assert np.array_equal(stored(kept), stored(data)), "the coded picture is the same, bit by bit"
    assert orientation_of(kept) == orientation_of(data) == orientation
    shown = photo_child.upright(stored(kept), [list(turn) for turn in photo_exif.turns(orientation)])
    assert shown.shape == picture.shape
    assert np.abs(shown.astype(int) - picture).mean() < 8
    others = cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR)  # OpenCV turns by EXIF on its own here
    if make is files.jpeg:
        assert np.array_equal(others, shown), "another reader shows it the same way"


def test_a_stripped_file_is_stripped_for_good() -> None:
    for data in ALL:
        once = stripped(data)
        assert stripped(once) == once


def test_avif_loses_its_items_and_keeps_its_picture() -> None:
    data = files.avif(files.corners())
    assert data.count(files.CANARY) == 3
    kept = stripped(data)
    assert files.CANARY not in kept
    assert len(kept) == len(data)
    assert files.spans_of_pictures(kept) == files.spans_of_pictures(data) != []
    assert np.array_equal(stored(kept), stored(data))


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"\xff\xd8\xff", ALL[0][:400], ALL[1][:50], ALL[2][:60], ALL[3][:200]]
)
def test_what_is_not_understood_is_not_passed_on(data: bytes) -> None:
    with pytest.raises(CannotStrip):
        stripped(data)


def test_progressive_and_profiled_jpeg_keeps_scans_and_profile() -> None:
    data = files.jpeg(files.corners(640, 480), 1, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    profile = files.segment(0xE2, b"ICC_PROFILE\0\x01\x01" + b"colours")
    data = data[:2] + profile + data[2:]
    kept = stripped(data)
    assert b"colours" in kept
    assert kept.count(b"\xff\xda") == data.count(b"\xff\xda") > 1
    assert np.array_equal(stored(kept), stored(data))


def test_moving_webp_is_left_to_the_encoder() -> None:
    data = bytearray(files.webp(files.corners()))
    data[20] |= 0x02
    with pytest.raises(CannotStrip):
        stripped(bytes(data))


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 3), st.integers(0, 2000), st.binary(min_size=1, max_size=6))
def test_broken_files_raise_one_error_alone(which: int, at: int, noise: bytes) -> None:
    data = bytearray(ALL[which])
    at %= len(data)
    data[at : at + len(noise)] = noise
    for file in (bytes(data), bytes(data[:at])):
        try:
            kept = stripped(file)
        except CannotStrip:
            continue
        assert len(kept) <= len(file) + 200
        assert 1 <= orientation_of(kept) <= 8


@given(st.binary(max_size=300))
def test_any_exif_gives_an_orientation(tail: bytes) -> None:
    for start in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        assert photo_exif.orientation(start + tail) in range(1, 9)
    for number in range(1, 9):
        assert photo_exif.orientation(photo_exif.minimal(number)) == number
