"""Hostile pictures of every kind that is opened: they end in a sentence or in a right copy."""

from __future__ import annotations

import struct
import subprocess
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.offline import photo_child, photos
from app.offline.photo_copy import file_copies, wanted_of
from app.offline.photos import Encoded, OfflineError, PhotoBroken, PhotoTooLarge
from tests.offline import photo_files as files
from tests.offline.test_photo_copy import HEIC, grid_of, shown

SMALL = files.corners()
GOOD = {
    "jpeg": files.jpeg(SMALL, 6),
    "progressive": files.jpeg(SMALL, 1, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "png": files.png(SMALL, 3),
    "webp": files.webp(SMALL),
    "avif": files.avif(SMALL),
    "heic": HEIC,
    "grid": grid_of(HEIC, 250, 180, 1),
}


def claims(kind: str, width: int, height: int) -> bytes:
    """A small file whose header says that the picture is so large."""
    if kind == "png":
        body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return GOOD["png"][:8] + struct.pack(">I", 13) + b"IHDR" + body + struct.pack(">I", zlib.crc32(b"IHDR" + body))
    if kind in ("jpeg", "progressive"):
        data = GOOD[kind]
        at = data.index(b"\xff\xc0" if kind == "jpeg" else b"\xff\xc2") + 5
        return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]
    if kind == "webp":
        side = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        return GOOD["webp"][:24] + side + GOOD["webp"][30:]
    data = GOOD[kind]
    if kind == "grid":
        at = data.rindex(b"idat") + 8
        return data[:at] + struct.pack(">HH", width, height) + data[at + 4 :]
    at = data.rindex(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


@pytest.mark.parametrize("kind", GOOD)
def test_a_claim_of_900_megapixels_starts_no_child(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a child was started"))
    side = 16_000 if kind == "webp" else 30_000
    with pytest.raises((PhotoTooLarge, photos.HeicPhoto)) as caught:
        file_copies(claims(kind, side, 30_000))
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "heic"])
def test_a_claim_within_bounds_that_is_not_kept(kind: str) -> None:
    """7000x7000 are allowed, so the child decides: broken, or what is there of it in that size."""
    try:
        photo = file_copies(claims(kind, 7000, 7000), (640,))
    except PhotoBroken:
        return
    assert (photo.width, photo.height) == (7000, 7000)


def in_process(data: bytes, job: dict) -> tuple[tuple[int, int], tuple[Encoded, ...]]:
    """The child's work in this process, so that many files can be tried; its limits have tests of their own."""
    try:
        image = photo_child.decoded(data, job["heif"])
    except (cv2.error, OSError, ValueError, MemoryError) as exc:
        raise PhotoBroken(str(exc)) from exc
    photo_child.make(photo_child.upright(image, job["turns"]), [["small", "jpeg", 64, 50]])
    return (image.shape[1], image.shape[0]), ()


def tried(data: bytes) -> None:
    run = photos._run_child
    photos._run_child = in_process  # type: ignore[assignment]
    try:
        info, _ = photos.made_from(data, wanted_of((640,)))
    except OfflineError as error:
        sentence = str(error)
    else:
        sentence = f"{info.width} by {info.height}."
        assert info.width * info.height <= photos.MAX_PIXELS
    finally:
        photos._run_child = run
    assert sentence.endswith(".")


@pytest.mark.parametrize("kind", GOOD)
def test_cut_at_every_nth_byte(kind: str) -> None:
    data = GOOD[kind]
    for cut in range(0, len(data), max(1, len(data) // 80)):
        tried(data[:cut])


@settings(deadline=None, max_examples=120)
@given(st.sampled_from(sorted(GOOD)), st.integers(0, 1 << 20), st.binary(min_size=1, max_size=4), st.booleans())
def test_altered_bytes(kind: str, at: int, noise: bytes, early: bool) -> None:
    data = bytearray(GOOD[kind])
    at %= min(len(data), 400) if early else len(data)
    data[at : at + len(noise)] = noise
    tried(bytes(data))


@pytest.mark.parametrize("head", [b"PK\x03\x04", b"%PDF-1.7\n", b"<svg xmlns='http://www.w3.org/2000/svg'>", b"MZ"])
def test_two_faced_files(head: bytes) -> None:
    with pytest.raises(photos.NotAPhoto):
        file_copies(head + GOOD["jpeg"])
    photo = file_copies(GOOD["jpeg"] + head * 50, (640,))
    assert photo.original is not None
    assert head not in photo.original.data[-400:]


def test_a_moving_webp_gives_its_first_picture() -> None:
    moving = cv2.Animation()
    moving.frames = [SMALL, np.zeros_like(SMALL)]
    moving.durations = [50, 50]
    done, data = cv2.imencodeanimation(".webp", moving)
    assert done
    photo = file_copies(bytes(data), (640,))
    assert photo.original is None, "it cannot be stripped: the largest copy is kept"
    assert np.abs(shown(photo.copies[0]).astype(int) - SMALL).mean() < 8


def test_broken_profile_and_exif_do_no_harm() -> None:
    data = files.encoded(".jpg", SMALL, cv2.IMWRITE_JPEG_QUALITY, 95)
    exif = files.segment(0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff" + bytes(9))
    profile = files.segment(0xE2, b"ICC_PROFILE\0\x01\x02" + b"\xff" * 40)
    photo = file_copies(data[:2] + exif + profile + data[2:], (640,))
    assert np.abs(shown(photo.copies[0]).astype(int) - SMALL).mean() < 8
