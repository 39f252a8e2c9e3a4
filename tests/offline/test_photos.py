"""Photos from outside: real ones pass, bombs and impostors are stopped before or in the limited child."""

from __future__ import annotations

import struct
import subprocess
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.offline import photos
from app.offline.photo_header import Header, HeaderError, HeifFound, read_header
from app.offline.photos import HeicPhoto, NotAPhoto, PhotoBroken, PhotoTooLarge, check_photo, clean_copy

RNG = np.random.default_rng(7)


def picture(width: int, height: int) -> np.ndarray:
    noise = RNG.integers(0, 255, (max(1, height // 8), max(1, width // 8), 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_NEAREST)


def encoded(kind: str, image: np.ndarray, *parameters: int) -> bytes:
    done, data = cv2.imencode(kind, image, parameters)
    assert done
    return data.tobytes()


def png_of(width: int, height: int, body: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("kind", "parameters", "media_type"),
    [
        (".jpg", (), "image/jpeg"),
        (".jpg", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), "image/jpeg"),
        (".png", (), "image/png"),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 80), "image/webp"),
        (".avif", (cv2.IMWRITE_AVIF_QUALITY, 60), "image/avif"),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 101), "image/webp"),  # lossless
    ],
)
def test_photos_pass_as_what_they_are(kind: str, parameters: tuple[int, ...], media_type: str) -> None:
    info = check_photo(encoded(kind, picture(321, 123), *parameters))
    assert (info.media_type, info.width, info.height) == (media_type, 321, 123)


def test_a_picture_that_claims_900_megapixels_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a child was started"))
    with pytest.raises(PhotoTooLarge) as caught:
        check_photo(png_of(30_000, 30_000, bytes(100_000)))
    assert str(caught.value) == "This picture is too large to be safe: 900 megapixels."
    with pytest.raises(PhotoTooLarge):
        clean_copy(png_of(2**31 - 1, 2**31 - 1))
    with pytest.raises(PhotoTooLarge):
        check_photo(b"\xff\xd8\xff" + bytes(photos.MAX_PHOTO_BYTES))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"This is a text file.\n" * 50,
        b"%PDF-1.7\n" + encoded(".jpg", picture(64, 64)),
        b"<html><script>alert(1)</script>" + encoded(".png", picture(64, 64)),
        b"GIF89a" + bytes(100),
        b"\x89PNG\r\n\x1a\n",
        png_of(0, 10),
    ],
)
def test_what_is_no_photo_is_named_so(data: bytes) -> None:
    with pytest.raises(NotAPhoto) as caught:
        check_photo(data)
    assert str(caught.value) == "This file is not a photo that can be opened."


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"msf1"])
def test_heic_has_its_own_sentence(brand: bytes) -> None:
    with pytest.raises(HeicPhoto, match="HEIC"):
        check_photo(b"\x00\x00\x00\x18ftyp" + brand + bytes(100))


def test_broken_and_two_faced_files() -> None:
    jpeg, png = encoded(".jpg", picture(64, 48)), encoded(".png", picture(64, 48))
    for data in (png_of(64, 48), png[:33] + jpeg, png[:60]):
        with pytest.raises(PhotoBroken) as caught:
            check_photo(data)
        assert str(caught.value) == "This photo is damaged and cannot be opened."


def test_a_photo_with_a_tail_is_a_photo_and_the_copy_has_no_tail() -> None:
    tail = b"PK\x03\x04<html>TAIL"
    jpeg = encoded(".jpg", picture(64, 48)) + tail
    assert check_photo(jpeg).media_type == "image/jpeg"
    copy = clean_copy(jpeg)
    assert b"TAIL" not in copy.jpeg
    assert (copy.width, copy.height) == (64, 48)


def test_a_second_frame_header_cannot_smuggle_a_larger_picture() -> None:
    jpeg = bytearray(encoded(".jpg", picture(64, 48)))
    at = jpeg.index(b"\xff\xc0")
    first = bytes(jpeg[at : at + 19])
    large = bytearray(first)
    large[5:9] = struct.pack(">HH", 40_000, 40_000)
    with pytest.raises(PhotoBroken):
        check_photo(bytes(jpeg[:at]) + first + bytes(large) + bytes(jpeg[at + 19 :]))


def test_the_child_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(".jpg", picture(4000, 3000))
    monkeypatch.setattr(photos, "MEMORY_BYTES", 200 * 1024 * 1024)
    with pytest.raises(PhotoBroken):
        check_photo(data)


def test_a_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "TIME_S", 0.01)
    with pytest.raises(PhotoBroken):
        check_photo(encoded(".jpg", picture(64, 48)))


def test_no_clear_byte_touches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMPDIR", "TMP", "TEMP", "HOME", "OPENCV_TEMP_PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    check_photo(encoded(".png", picture(500, 500)))
    assert list(tmp_path.iterdir()) == []


def test_a_copy_is_shrunk_upright_and_without_metadata() -> None:
    rotate_90 = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)  # orientation: a SHORT, 6
    exif = b"Exif\0\0MM" + struct.pack(">HIH", 42, 8, 1) + rotate_90 + bytes(4)
    jpeg = encoded(".jpg", picture(400, 200))
    turned = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    assert (check_photo(turned).width, check_photo(turned).height) == (400, 200)
    copy = clean_copy(turned, 100)
    assert (copy.width, copy.height) == (50, 100)
    assert b"Exif" not in copy.jpeg
    assert read_header(copy.jpeg) == Header("image/jpeg", 50, 100)


@given(st.binary(max_size=400))
def test_the_header_reader_raises_only_its_own_error(tail: bytes) -> None:
    starts = (
        b"",
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
        b"RIFF\0\0\0\0WEBPVP8X",
        b"\0\0\0\0ftyp",
    )
    for start in starts:
        try:
            header = read_header(start + tail)
        except HeaderError:
            continue
        assert header.width > 0
        assert header.height > 0


def test_heif_is_a_header_error() -> None:
    with pytest.raises(HeifFound):
        read_header(b"\0\0\0\x18ftypheic")


def test_an_avif_file_is_bounded_by_the_largest_size_that_it_names() -> None:
    small = encoded(".avif", picture(64, 48), cv2.IMWRITE_AVIF_QUALITY, 50)
    at = small.index(b"ispe") + 8
    lying = small[:at] + struct.pack(">II", 30_000, 30_000) + small[at + 8 :]
    with pytest.raises(PhotoTooLarge):
        check_photo(lying)
    for cut in range(0, len(small), 7):
        try:
            check_header = read_header(small[:cut])
        except HeaderError:
            continue
        assert (check_header.width, check_header.height) == (64, 48)
