"""Photos from outside are hostile until decoded: header first, then a limited child process. No clear byte on disk.

All functions block (up to :data:`TIME_S`): call them in an executor.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.offline import photo_child
from app.offline.child import ChildFailed, Limits, run_child
from app.offline.errors import OfflineError
from app.offline.photo_colour import colours_of
from app.offline.photo_exif import Turn, turns
from app.offline.photo_header import Header, HeaderError, HeifFound, read_header
from app.offline.photo_heif import HeifError, plan
from app.offline.photo_strip import orientation_of

MAX_PHOTO_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 50_000_000
MEMORY_BYTES = 1536 * 1024 * 1024
CPU_S = 20
TIME_S = 30.0
MAX_SIDE = 65_500
_CLEAN_QUALITY = 90


class NotAPhoto(OfflineError):
    """The bytes are no JPEG, PNG, WebP, AVIF or HEIC."""

    sentence = "This file is not a photo that can be opened."


class HeicPhoto(NotAPhoto):
    """HEIC or HEIF of a kind that is not opened here (layers, other codecs), or broken."""

    sentence = "This kind of photo (HEIC) cannot be opened here. Please choose a JPEG or PNG picture."


class PhotoBroken(OfflineError):
    """It begins as a photo does, but does not decode within the limits."""

    sentence = "This photo is damaged and cannot be opened."


class PhotoTooLarge(OfflineError):
    """More pixels or bytes than are safe to open; refused before anything is decoded."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__()


@dataclass(frozen=True)
class PhotoInfo:
    """What a photo that decodes is. Sizes in pixels as stored; `media_type` from its content, not its name."""

    media_type: str
    width: int
    height: int


@dataclass(frozen=True)
class CleanCopy:
    """A JPEG of our own making: upright, sRGB, without metadata, from the pixels alone."""

    jpeg: bytes = field(repr=False)
    width: int
    height: int


@dataclass(frozen=True)
class Encoded:
    """One encoded picture of our own making: upright, without metadata. `name` as it was asked for."""

    name: str
    data: bytes = field(repr=False)
    media_type: str
    width: int
    height: int


@dataclass(frozen=True)
class Wanted:
    """A picture to make: no side over `side` pixels (0: as large as it is), `kind` "avif" or "jpeg", quality 1-100."""

    name: str
    kind: str
    side: int
    quality: int


def check_photo(data: bytes) -> PhotoInfo:
    """Whether these foreign bytes are a photo that decodes.

    Raises :class:`NotAPhoto`, :class:`PhotoTooLarge` or :class:`PhotoBroken`. What follows the picture in the file
    (cameras append films and maps) is not looked at: who shows the photo shows it as `media_type` and nothing else.
    """
    return made_from(data, ())[0]


def clean_copy(data: bytes, max_side: int = 2048) -> CleanCopy:
    """A copy that is safe for any decoder (a provider's screen), no side over `max_side`. Raises as check_photo."""
    if not 1 <= max_side <= MAX_SIDE:
        raise ValueError(f"a JPEG's side has 1 to {MAX_SIDE} pixels")
    (copy,) = made_from(data, (Wanted("copy", "jpeg", max_side, _CLEAN_QUALITY),))[1]
    return CleanCopy(copy.data, copy.width, copy.height)


def made_from(data: bytes, wanted: Sequence[Wanted]) -> tuple[PhotoInfo, tuple[Encoded, ...]]:
    """What a foreign photo is, and pictures made of it, in the order of `wanted`: one run of the limited child.

    They are sRGB, whatever the photo's own colours are (photo_colour.py).
    Raises as :func:`check_photo`.
    """
    header = _bounded_header(data)
    heif: dict[str, Any] | None = None
    turned = list(turns(orientation_of(data)))
    shown = (header.width, header.height)
    if header.media_type in ("image/avif", "image/heic"):
        heif, turned = _planned(data, header.media_type)
    if heif is not None and heif["crop"] is not None:
        shown = heif["crop"][2:]
    colours = colours_of(data) if wanted else None
    job = {
        "turns": turned,
        "heif": heif,
        "colours": dataclasses.asdict(colours) if colours is not None else None,
        "make": [dataclasses.astuple(one) for one in wanted],
    }
    found, made = _run_child(data, job)
    if found != tuple(shown):
        raise PhotoBroken(f"{shown[0]}x{shown[1]} decodes as {found[0]}x{found[1]}")
    return PhotoInfo(header.media_type, *found), made


def _planned(data: bytes, media_type: str) -> tuple[dict[str, Any] | None, list[Turn]]:
    """The plan for HEIC; AVIF is OpenCV's to decode, which leaves out the turns that the boxes ask for."""
    try:
        found = plan(data)
    except HeifError:
        return None, []
    return (dataclasses.asdict(found) if media_type == "image/heic" else None), found.turns


def _bounded_header(data: bytes) -> Header:
    if len(data) > MAX_PHOTO_BYTES:
        raise PhotoTooLarge(f"This file is too large: {len(data) // (1024 * 1024)} MB.")
    try:
        header = read_header(data)
    except HeifFound as exc:
        raise HeicPhoto(str(exc)) from exc
    except HeaderError as exc:
        raise NotAPhoto(str(exc)) from exc
    pixels = header.width * header.height
    if pixels > MAX_PIXELS:
        raise PhotoTooLarge(f"This picture is too large to be safe: {round(pixels / 1e6):,} megapixels.")
    return header


def _run_child(data: bytes, job: dict[str, Any]) -> tuple[tuple[int, int], tuple[Encoded, ...]]:
    given, bound = json.dumps(job).encode() + b"\n" + data, {"OPENCV_IO_MAX_IMAGE_PIXELS": str(MAX_PIXELS)}
    try:
        answer, body = run_child(photo_child, data=given, limits=Limits(MEMORY_BYTES, CPU_S, TIME_S), variables=bound)
    except ChildFailed as exc:
        raise PhotoBroken(str(exc)) from exc
    if not answer["ok"]:
        raise PhotoBroken(answer["why"])
    made: list[Encoded] = []
    at = 0
    for name, media_type, width, height, size in answer["made"]:
        made.append(Encoded(name, body[at : at + size], media_type, width, height))
        at += size
    return (int(answer["width"]), int(answer["height"])), tuple(made)
