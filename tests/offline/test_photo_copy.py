"""Copies: one run of the child for all sizes, upright, without metadata; and which one is offered on which link."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.offline import photo_child, photo_copy, photos
from app.offline.photo_copy import PhotoCopies, anew, at_side, camera_copies, choices, default_copy, file_copies
from app.offline.photo_header import read_header
from app.offline.photo_heif import plan
from app.offline.photos import Encoded, HeicPhoto, PhotoBroken, check_photo, clean_copy
from tests.offline import photo_files as files

HEIC = (Path(__file__).parents[1] / "vectors" / "heic" / "hopper.heic").read_bytes()
HOPPER = cv2.imread(str(Path(__file__).parents[2] / "app" / "demo" / "media" / "hopper.jpg"))
HOPPER_SMALL = cv2.resize(HOPPER[40:424], (128, 96), interpolation=cv2.INTER_AREA)


def shown(encoded: Encoded) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(encoded.data, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape[:2] == (encoded.height, encoded.width)
    return image


def boxed(kind: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def grid_of(heic: bytes, width: int, height: int, turn: int) -> bytes:
    """A file as phones write it: the picture of `heic` as each of 2x2 tiles of a grid, cut to a size, turned."""
    found = plan(heic)
    tile = b"".join(heic[at : at + size] for at, size in found.tiles[0])
    config = heic[found.settings[0] : sum(found.settings)]
    description = struct.pack(">BBBBHH", 0, 0, 1, 1, width, height)
    infe = [boxed(b"infe", struct.pack(">IHH4sB", 2 << 24, n, 0, b"hvc1", 0)) for n in range(1, 5)]
    infe.append(boxed(b"infe", struct.pack(">IHH4sB", 2 << 24, 5, 0, b"grid", 0)))
    sizes = [boxed(b"ispe", struct.pack(">III", 0, w, h)) for w, h in ((found.width, found.height), (width, height))]
    ipco = boxed(b"ipco", boxed(b"hvcC", config), *sizes, boxed(b"irot", bytes([turn])))
    ipma = struct.pack(">II", 0, 5) + b"".join(struct.pack(">HBBB", n, 2, 1, 2) for n in range(1, 5))
    ipma += struct.pack(">HBBB", 5, 2, 3, 4)
    iref = boxed(b"iref", bytes(4), boxed(b"dimg", struct.pack(">HH4H", 5, 4, 1, 2, 3, 4)))

    def whole(at: int) -> bytes:
        places = b"".join(struct.pack(">HHHHII", n, 0, 0, 1, at, len(tile)) for n in range(1, 5))
        places += struct.pack(">HHHHII", 5, 1, 0, 1, 0, len(description))
        meta = boxed(
            b"meta",
            bytes(4),
            boxed(b"pitm", struct.pack(">IH", 0, 5)),
            boxed(b"iinf", struct.pack(">IH", 0, 5), *infe),
            boxed(b"iloc", struct.pack(">IHH", 1 << 24, 0x4400, 5), places),
            boxed(b"iprp", ipco, boxed(b"ipma", ipma)),
            iref,
            boxed(b"idat", description),
        )
        return boxed(b"ftyp", b"heic", bytes(4), b"mif1") + meta + boxed(b"mdat", tile)

    return whole(len(whole(0)) - len(tile))


def test_one_run_makes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, run = [], subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: runs.append(a) or run(*a, **k))
    picture = cv2.resize(HOPPER, (1920, 2400), interpolation=cv2.INTER_CUBIC)
    data = files.jpeg(files.stored_for(picture, 6), 6)
    photo = file_copies(data)
    assert len(runs) == 1
    assert [max(copy.width, copy.height) for copy in photo.copies] == [640, 1024, 2048, 2400]
    assert photo.original is not None
    for made in (*photo.copies, photo.thumbnail, photo.original):
        assert files.CANARY not in made.data
        assert read_header(made.data).media_type == made.media_type
    for made in (*photo.copies, photo.thumbnail):
        assert made.media_type == "image/avif"
        like = cv2.resize(picture, (made.width, made.height), interpolation=cv2.INTER_AREA)
        assert np.abs(shown(made).astype(int) - like).mean() < 9, "upright, and the same picture"
    assert 2000 < len(photo.thumbnail.data) < 8000
    assert max(photo.thumbnail.width, photo.thumbnail.height) == photo_copy.THUMBNAIL_SIDE


def test_a_small_photo_has_one_copy_in_its_own_size() -> None:
    photo = file_copies(files.png(files.corners(300, 200)))
    assert [(copy.width, copy.height) for copy in photo.copies] == [(300, 200)]


def test_what_goes_over_a_thin_line_is_coded_with_more_effort_than_the_largest_copy() -> None:
    grain = np.random.default_rng(1).normal(0, 12, (2000, 3000, 1))
    image = np.clip(cv2.resize(HOPPER, (3000, 2000)) + grain, 0, 255).astype(np.uint8)
    small, large = camera_copies(image, (2048, 3000), original=False).copies
    for copy, speed in ((small, 6), (large, 9)):
        picture = photo_child.fitted(image, max(copy.width, copy.height))
        settings = [cv2.IMWRITE_AVIF_QUALITY, photo_copy.COPY_QUALITY, cv2.IMWRITE_AVIF_SPEED, speed]
        assert cv2.imencode(".avif", picture, settings)[1].tobytes() == copy.data


def test_without_avif_the_copies_are_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "haveImageWriter", lambda name: name != ".avif")
    photo = camera_copies(HOPPER)
    assert {photo.thumbnail.media_type, *(copy.media_type for copy in photo.copies)} == {"image/jpeg"}
    assert np.abs(shown(photo.copies[0]).astype(int) - HOPPER).mean() < 6


def test_a_cameras_own_pixels_need_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a child was started"))
    photo = camera_copies(HOPPER)
    assert photo.original is not None
    assert (photo.original.media_type, photo.original.width, photo.width) == ("image/jpeg", 512, 512)
    assert np.abs(shown(photo.original).astype(int) - HOPPER).mean() < 3


def photo_of(**sizes: int) -> PhotoCopies:
    copies = tuple(Encoded(name, bytes(size), "image/avif", int(name[1:]), 10) for name, size in sizes.items())
    return PhotoCopies(4000, 3000, copies[0], copies, None)


@pytest.mark.parametrize(
    ("speed", "side"), [(None, 2048), (50_000.0, 2048), (1000.0, 2048), (800.0, 1024), (100.0, 1024), (0.0, 2048)]
)
def test_the_link_decides_what_is_offered(speed: float | None, side: int) -> None:
    photo = photo_of(s640=15_000, s1024=40_000, s2048=110_000, s3072=220_000)
    found = choices([photo], speed)
    assert [(choice.side, choice.size) for choice in found if choice.offered] == [
        (side, {640: 15_000, 1024: 40_000, 2048: 110_000}[side])
    ]
    assert found[-1].seconds == (220_000 / speed if speed else None)
    assert default_copy(photo_of(s300=9000), 10.0).width == 300


def test_several_photos_have_their_sizes_together() -> None:
    large, small = photo_of(s640=15_000, s1024=40_000, s2048=110_000), photo_of(s800=9_000)
    found = choices([large, small, large], 1000.0)
    assert [(choice.side, choice.size) for choice in found] == [(640, 39_000), (1024, 89_000), (2048, 229_000)]
    assert [choice.side for choice in found if choice.offered] == [2048], "two minutes for each of them"
    assert [at_side(photo, 1024).width for photo in (large, small)] == [1024, 800]


@pytest.mark.parametrize(
    ("data", "size"),
    [(HEIC, (128, 96)), (grid_of(HEIC, 250, 180, 0), (250, 180)), (grid_of(HEIC, 250, 180, 3), (180, 250))],
)
def test_phones_heic_is_opened_and_stripped(data: bytes, size: tuple[int, int]) -> None:
    assert check_photo(data).media_type == "image/heic"
    photo = file_copies(data)
    copy = photo.copies[-1]
    assert (copy.width, copy.height) == size
    part = np.rot90(shown(copy), 1 if size[0] < size[1] else 0)[:96, :128]
    assert np.abs(part.astype(int) - HOPPER_SMALL).mean() < 9
    assert photo.original is not None
    assert files.CANARY not in photo.original.data
    assert len(photo.original.data) == len(data)
    assert file_copies(photo.original.data).copies[-1].data == copy.data, "the stripped one shows the same"


def test_heic_that_lies_ends_in_a_sentence() -> None:
    assert HEIC.count(files.CANARY) == 2
    at = HEIC.index(b"ispe") + 8
    for width, height in ((30_000, 30_000), (200, 96), (0, 5)):
        with pytest.raises((photos.PhotoTooLarge, PhotoBroken, photos.NotAPhoto)):
            check_photo(HEIC[:at] + struct.pack(">II", width, height) + HEIC[at + 8 :])
    with pytest.raises(HeicPhoto):
        check_photo(HEIC.replace(b"hvc1", b"avc1"))
    with pytest.raises((PhotoBroken, HeicPhoto)):
        check_photo(HEIC[:-1500])


@pytest.mark.parametrize("kind", [".png", ".avif", ".webp"])
def test_what_is_see_through_shows_paper(kind: str) -> None:
    image = np.dstack([files.corners(), np.full((64, 96), 255, np.uint8)])
    image[:, :48, 3] = 0
    copy = shown(file_copies(files.encoded(kind, image)).copies[-1])
    assert copy[:, 2:40].min() > 235
    assert copy[4:28, 56:90, 1].min() > 200
    assert copy[4:28, 56:90, 2].max() < 60


@pytest.mark.parametrize("deep", [True, False])
def test_sixteen_bits_and_grey(deep: bool) -> None:
    image = files.corners().astype(np.uint16) * 257 if deep else cv2.cvtColor(files.corners(), cv2.COLOR_BGR2GRAY)
    copy = shown(file_copies(files.encoded(".png", image)).copies[-1])
    like = files.corners() if deep else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    assert np.abs(copy.astype(int) - like).mean() < 6


def test_deep_avif() -> None:
    deep = files.encoded(".avif", files.corners().astype(np.uint16) * 4, cv2.IMWRITE_AVIF_DEPTH, 10)
    copy = shown(file_copies(deep).copies[-1])
    assert np.abs(copy.astype(int) - files.corners()).mean() < 6


def test_an_original_can_be_made_anew() -> None:
    info, whole = anew(files.webp(files.stored_for(files.corners(), 8), 8))
    assert (info.width, info.height) == (64, 96)
    assert (whole.width, whole.height, whole.media_type) == (96, 64, "image/jpeg")
    assert np.abs(shown(whole).astype(int) - files.corners()).mean() < 6


def test_the_small_is_made_from_the_large_one() -> None:
    made = photo_child.make(HOPPER, [["a", "jpeg", 400, 90], ["b", "jpeg", 100, 90]])
    direct = cv2.resize(HOPPER, (85, 100), interpolation=cv2.INTER_AREA)
    assert (
        np.abs(
            shown(Encoded(*dataclasses.astuple(Encoded(made[1][0], made[1][4], *made[1][1:4])))).astype(int) - direct
        ).mean()
        < 6
    )


@pytest.mark.parametrize("maker", [files.jpeg, files.png, files.webp, files.avif], ids=lambda maker: maker.__name__)
def test_cut_short_files_end_in_a_sentence_or_a_copy(maker: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample: three cuts of each kind go through the real child, many through the same code in this process."""
    data = maker(files.corners())  # type: ignore[operator]
    sentences = {"."}
    for cut in (len(data) // 3, len(data) // 2, len(data) * 9 // 10):
        try:
            copy = clean_copy(data[:cut])
        except photos.OfflineError as error:
            sentences.add(str(error)[-1])
            continue
        assert max(copy.width, copy.height) == 96
    assert sentences == {"."}
    monkeypatch.setattr(photos, "_run_child", in_process)
    for cut in range(0, len(data), 11):
        try:
            info, _ = photos.made_from(data[:cut], photo_copy.wanted_of((640,)))
        except photos.OfflineError:
            continue
        assert (info.width, info.height) == (96, 64)


def in_process(data: bytes, job: dict) -> tuple[tuple[int, int], tuple[Encoded, ...]]:
    try:
        image = photo_child.decoded(data, job["heif"])
    except (cv2.error, OSError, ValueError) as exc:
        raise PhotoBroken(str(exc)) from exc
    return (image.shape[1], image.shape[0]), ()
