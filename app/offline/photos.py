"""Photos from outside are hostile until decoded: header first, then a limited child process. No clear byte on disk.

All functions block (up to :data:`TIME_S`): call them in an executor.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field

from app.offline import photo_child
from app.offline.child import child_command, child_environment
from app.offline.errors import OfflineError
from app.offline.photo_header import Header, HeaderError, HeifFound, read_header

MAX_PHOTO_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 50_000_000
MEMORY_BYTES = 1536 * 1024 * 1024
CPU_S = 20
TIME_S = 30.0
MAX_SIDE = 65_500


class NotAPhoto(OfflineError):
    """The bytes are no JPEG, PNG, WebP or AVIF."""

    sentence = "This file is not a photo that can be opened."


class HeicPhoto(NotAPhoto):
    """HEIC or HEIF."""

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
    """A JPEG of our own making: upright, without metadata, from the pixels alone."""

    jpeg: bytes = field(repr=False)
    width: int
    height: int


def check_photo(data: bytes) -> PhotoInfo:
    """Whether these foreign bytes are a photo that decodes.

    Raises :class:`NotAPhoto`, :class:`PhotoTooLarge` or :class:`PhotoBroken`. What follows the picture in the file
    (cameras append films and maps) is not looked at: who shows the photo shows it as `media_type` and nothing else.
    """
    header = _bounded_header(data)
    found, _ = _run_child(data, 0)
    if found != (header.width, header.height):
        raise PhotoBroken(f"{header.width}x{header.height} decodes as {found[0]}x{found[1]}")
    return PhotoInfo(header.media_type, header.width, header.height)


def clean_copy(data: bytes, max_side: int = 2048) -> CleanCopy:
    """A copy that is safe for any decoder (a provider's screen), no side over `max_side`. Raises as check_photo."""
    if not 1 <= max_side <= MAX_SIDE:
        raise ValueError(f"a JPEG's side has 1 to {MAX_SIDE} pixels")
    _bounded_header(data)
    (width, height), jpeg = _run_child(data, max_side)
    return CleanCopy(jpeg, width, height)


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


def _run_child(data: bytes, side: int) -> tuple[tuple[int, int], bytes]:
    """Runs the child by its file: `-I` keeps the environment and the working folder off its path."""
    command = child_command(photo_child, MEMORY_BYTES, CPU_S, side, memory=MEMORY_BYTES, cpu=CPU_S)
    try:
        child = subprocess.run(
            command,
            check=False,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIME_S,
            env=child_environment() | {"OPENCV_IO_MAX_IMAGE_PIXELS": str(MAX_PIXELS)},
        )
    except subprocess.TimeoutExpired as exc:
        raise PhotoBroken(f"not decoded within {TIME_S:.0f} s") from exc
    line, newline, body = child.stdout.partition(b"\n")
    if child.returncode != 0 or not newline:
        raise PhotoBroken(f"the child ended with {child.returncode}")
    answer = json.loads(line)
    if not answer["ok"]:
        raise PhotoBroken(answer["why"])
    return (int(answer["width"]), int(answer["height"])), body
