"""Photos whose numbers mean other colours than sRGB: a phone's Display P3, shown alike on every screen."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

from app.offline.photo_colour import colours_of, of_profile
from app.offline.photo_copy import file_copies
from app.offline.photo_strip import stripped
from app.offline.photos import Wanted, made_from
from tests.offline import photo_files as files

# Primaries of Display P3 and sRGB, each in CIE xy, and their white (D65).
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
SRGB = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
D65, D50 = (0.3127, 0.3290), (0.9642, 1.0, 0.8249)


def to_xyz(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Columns in XYZ under D65, by the definition: red, green and blue together are white."""
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    white = np.array([D65[0] / D65[1], 1.0, (1 - D65[0] - D65[1]) / D65[1]])
    return columns * np.linalg.solve(columns, white)


def adapted(matrix: np.ndarray) -> np.ndarray:
    """To D50 by Bradford's transform, as profiles hold it."""
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    scale = cone @ np.array(D50) / (cone @ matrix.sum(axis=1))
    return np.linalg.inv(cone) @ np.diag(scale) @ cone @ matrix


def linear(values: np.ndarray) -> np.ndarray:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def written(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def as_p3(bgr: np.ndarray) -> np.ndarray:
    """The numbers that a P3 camera writes for what `bgr` shows in sRGB."""
    turn = np.linalg.inv(to_xyz(P3)) @ to_xyz(SRGB)
    return np.round(written(linear(bgr[..., ::-1] / 255) @ turn.T) * 255).astype(np.uint8)[..., ::-1]


PARA = b"para" + struct.pack(">IHH5i", 0, 3, 0, *(round(v * 65536) for v in (2.4, 0.94787, 0.05213, 0.0774, 0.04045)))
TABLE = b"curv" + struct.pack(">II", 0, 1024)
TABLE += struct.pack(">1024H", *(round(float(v) * 65535) for v in linear(np.arange(1024) / 1023)))


def icc(primaries: tuple[tuple[float, float], ...], curve: bytes = PARA) -> bytes:
    matrix = adapted(to_xyz(primaries))
    columns = (b"XYZ " + struct.pack(">I3i", 0, *(round(v * 65536) for v in matrix[:, n])) for n in range(3))
    tags = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)) | dict.fromkeys(
        (b"rTRC", b"gTRC", b"bTRC"), curve
    )
    table, body = b"", b""
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    rest = struct.pack(">I", len(tags)) + table + body
    head = struct.pack(">I8x4s4s4s12x4s", 128 + len(rest), b"mntr", b"RGB ", b"XYZ ", b"acsp")
    return head + bytes(128 - len(head)) + rest


def skin() -> np.ndarray:
    """Colours that both spaces have: skins, a rash, a green and a blue sheet; as broad patches."""
    patches = [(137, 172, 224), (90, 120, 170), (60, 60, 190), (80, 160, 90), (170, 110, 70), (235, 235, 235)]
    row = np.repeat(np.array(patches, np.uint8)[None], 64, axis=0)
    return np.repeat(row, 32, axis=1)


def in_jpeg(image: np.ndarray, profile: bytes, parts: int = 1) -> bytes:
    plain, step = files.encoded(".jpg", image, cv2.IMWRITE_JPEG_QUALITY, 98), -(-len(profile) // parts)
    pieces = [profile[at : at + step] for at in range(0, len(profile), step)]
    blocks = [
        files.segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(pieces)]) + piece)
        for number, piece in enumerate(pieces, start=1)
    ]
    return plain[:2] + b"".join(reversed(blocks)) + plain[2:]


def in_png(image: np.ndarray, profile: bytes) -> bytes:
    plain, body = files.encoded(".png", image), b"iCCP" + b"P3\0\0" + zlib.compress(profile)
    return plain[:33] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + plain[33:]


def seen(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(int)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference in the middles of the patches."""
    return float(np.abs(one[32, 16::32].astype(int) - other[32, 16::32].astype(int)).max())


@pytest.mark.parametrize(
    "data",
    [in_jpeg(as_p3(skin()), icc(P3, TABLE), parts=3), in_png(as_p3(skin()), icc(P3))],
    ids=["jpeg-in-parts", "png"],
)
def test_a_phones_p3_is_shown_in_its_own_colours(data: bytes) -> None:
    assert apart(seen(data), skin()) > 12, "the numbers alone look dull"
    photo = file_copies(data, (640,))
    assert apart(seen(photo.copies[0].data), skin()) <= 6, "AVIF at quality 60"
    assert photo.original is not None
    kept = made_from(photo.original.data, (Wanted("a", "jpeg", 0, 98),))[1][0]
    assert apart(seen(kept.data), skin()) <= 3, "the original keeps its profile, and is shown by it"
    assert colours_of(stripped(data)) == colours_of(data)
    assert colours_of(kept.data) is None


def test_what_srgb_does_not_have_is_cut_to_its_edge_and_turns_are_kept() -> None:
    red = np.zeros((40, 64, 3), np.uint8)
    red[:, :32] = (0, 0, 255)
    plain = in_jpeg(red, icc(P3))
    data = plain[:2] + files.segment(0xE1, b"Exif\0\0" + files.tiff(6)) + plain[2:]
    (made,) = made_from(data, (Wanted("a", "jpeg", 0, 98),))[1]
    picture = seen(made.data)
    assert picture.shape == (64, 40, 3)
    assert picture[10, 20].tolist()[2] >= 250
    assert max(picture[10, 20].tolist()[:2]) <= 6
    assert picture[60, 20].max() <= 6


def test_srgb_itself_is_left_alone() -> None:
    assert of_profile(icc(SRGB)) is None
    assert of_profile(icc(SRGB, TABLE)) is None
    assert colours_of(files.jpeg(files.corners())) is None
    assert of_profile(icc(P3)) is not None


def test_an_avif_or_heic_says_it_by_code_points() -> None:
    data = bytearray(files.avif(files.corners()))
    at = data.index(b"nclx")
    assert colours_of(bytes(data)) is None
    data[at + 4 : at + 8] = struct.pack(">HH", 12, 13)
    found, known = colours_of(bytes(data)), of_profile(icc(P3))
    assert found is not None
    assert known is not None
    assert np.allclose(found.matrix, known.matrix, atol=2e-3)
    assert np.allclose(found.curves, known.curves, atol=2e-3)
    data[at + 4 : at + 8] = struct.pack(">HH", 9, 16)  # HDR
    assert colours_of(bytes(data)) is None


def test_a_broken_profile_counts_as_none_and_the_photo_still_opens() -> None:
    whole = icc(P3)
    changed = (whole[:at] + bytes([value]) + whole[at + 1 :] for at in range(0, len(whole), 7) for value in (0, 0xFF))
    for broken in (*(whole[:at] for at in range(0, len(whole), 7)), *changed):
        found = of_profile(broken)
        assert found is None or all(abs(value) <= 10 for row in found.matrix for value in row)
    bomb = in_png(files.corners(), bytes(64 * 1024 * 1024))
    assert colours_of(bomb) is None
    made_from(bomb, (Wanted("a", "jpeg", 0, 90),))
    for curve in (b"para" + bytes(8), b"curv" + struct.pack(">II", 0, 1 << 31), b"curv" + bytes(4), b"mft2"):
        data = in_jpeg(files.corners(), icc(P3, curve))
        assert colours_of(data) is None
