"""A person's file as what a submission can hold: told by its content, checked in a limited process, bounded.

The functions block (a child process may take a minute): call them in an executor.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.offline.clips import check_voice, front_of
from app.offline.documents import front_page
from app.offline.draft import MAX_FORM_BYTES
from app.offline.errors import OfflineError
from app.offline.lighten import light_parts
from app.offline.parts import CLIP, JPEG, PDF, PICTURES, VOICE, Part, PartRefused, media_type_of
from app.offline.photo_copy import (
    DEFAULT_SIDE,
    FEWER_SIDES,
    THUMBNAIL_SIDE,
    PhotoCopies,
    anew,
    at_side,
    file_copies,
    wanted_of,
)
from app.offline.photo_strip import CannotStrip, stripped
from app.offline.photos import PhotoBroken, Wanted, check_photo, made_from
from app.offline.readings import Reading
from app.offline.readings_fhir import from_bundle
from app.wire.intake import PartRole

log = logging.getLogger(__name__)

_JPEG_QUALITY = 85
MAX_FILE_BYTES = 64 * 1024 * 1024
_BEGINNING = 2048
_PHOTO_ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".heif"})


class FileUnreadable(OfflineError):
    """It is not there, is no file, or may not be read."""

    sentence = "This file cannot be read."


class FormBroken(OfflineError):
    """JSON that is neither answers to a form nor a collection of readings (FHIR R4)."""

    sentence = "This file holds no answers to a form and no readings."


@dataclass(frozen=True)
class Answers:
    """A QuestionnaireResponse: `form` is the canonical address it answers, or one made of its hash; `response` its
    JSON."""

    form: str
    response: str


@dataclass(frozen=True)
class Measured:
    """Readings out of a FHIR Bundle."""

    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class Parts:
    """What is to be added to a draft in one call."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Pick:
    """A person's photo, opened. `copies` with its original; None: none can be made, and it goes as `whole`."""

    name: str
    copies: PhotoCopies | None
    whole: Part | None = None

    @property
    def held(self) -> int:
        """Bytes in memory."""
        if self.copies is None:
            return len(self.whole.data) if self.whole is not None else 0
        made = (*self.copies.copies, self.copies.thumbnail, self.copies.original)
        return sum(len(one.data) for one in made if one is not None)

    def parts(self, side: int) -> tuple[Part, ...]:
        """What goes: the copy of at most `side` pixels, its thumbnail, its original; or the one part there is."""
        if self.copies is None:
            assert self.whole is not None
            return (self.whole,)
        light, small = light_parts(self.name, at_side(self.copies, side), self.copies.thumbnail)
        whole = self.copies.original
        assert whole is not None
        return light, small, Part(whole.data, self.name, whole.media_type, PartRole.ORIGINAL, of=light.blob)


Found = Parts | Answers | Measured


def read_file(path: Path) -> Found:
    """Reads and checks a file. Raises :class:`FileUnreadable`, :class:`PartRefused`, or as the check of its kind."""
    return found_in(_read(path), path.name)


def by_kind(paths: Sequence[Path]) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Photos, and others, by their first bytes; what nobody knows goes by its name, what cannot be read is an
    other."""
    pictures = tuple(path for path in paths if _is_picture(path))
    return pictures, tuple(path for path in paths if path not in pictures)


def _is_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return media_type_of(file.read(_BEGINNING)) in PICTURES
    except PartRefused:
        return path.suffix.lower() in _PHOTO_ENDINGS  # then it is said that it is no photo
    except OSError:
        return False


def read_pick(path: Path) -> Pick:
    """A photo, opened in the limited child, with its copies of all sizes. Of all that is kept of it, where and by whom
    it was taken stays here.

    Raises :class:`FileUnreadable`, PartRefused, NotAPhoto, PhotoTooLarge or PhotoBroken.
    """
    return pick_in(_read(path), path.name)


def pick_in(data: bytes, name: str, sides: Sequence[int] = FEWER_SIDES) -> Pick:
    """As :func:`read_pick`, of bytes. Where no copy can be made of a photo that is one, it goes as it is."""
    try:
        made = file_copies(data, sides)
    except PhotoBroken as exc:
        log.info("no copy of a photo file: %s", exc.detail)
        media_type = check_photo(data).media_type
        try:
            return Pick(name, None, Part(stripped(data), name, media_type))
        except CannotStrip:
            whole = anew(data)[1]
            return Pick(name, None, Part(whole.data, name, whole.media_type))
    return Pick(name, made if made.original is not None else replace(made, original=anew(data)[1]))


def _read(path: Path) -> bytes:
    """One byte more than allowed tells that it is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise FileUnreadable(str(exc)) from exc
    if len(data) > MAX_FILE_BYTES:
        raise PartRefused(f"This file is too large: up to {MAX_FILE_BYTES // 2**20} MB can be sent.")
    return data


def found_in(data: bytes, name: str) -> Found:
    """What a file's bytes are, checked; `name` is for people alone. Raises as :func:`read_file`."""
    if not data:
        raise PartRefused("This file is empty.")
    if data[:1] == b"{":
        return _fhir(data)
    media_type = media_type_of(data)
    return Parts(_MAKERS[media_type](data, name))


def thumbnail_of(whole: Part) -> tuple[Part, ...]:
    """The thumbnail of a document (its first page) or a clip (one of its first pictures), which is checked by that.

    Nothing where it cannot be made. Raises as documents.check_document, or NotAClip, ClipBroken or ClipTooLarge.
    """
    try:
        (made,) = made_from(_FRONTS[whole.media_type](whole.data), wanted_of(()))[1]
    except PhotoBroken as exc:
        log.info("no thumbnail: %s", exc.detail)
        return ()
    return (Part(made.data, whole.name, made.media_type, PartRole.THUMBNAIL, of=whole.blob),)


_FRONTS: dict[str, Callable[[bytes], bytes]] = {
    PDF: lambda data: front_page(data, THUMBNAIL_SIDE)[1].jpeg,
    CLIP: lambda data: front_of(data)[1],
}


def _pictured(data: bytes, name: str, media_type: str) -> tuple[Part, ...]:
    whole = Part(data, name, media_type)
    return (whole, *thumbnail_of(whole))


def _voice_parts(data: bytes, name: str) -> tuple[Part, ...]:
    check_voice(data)
    return (Part(data, name, VOICE),)


def photo_parts(data: bytes, name: str) -> tuple[Part, ...]:
    """A lighter copy in the usual size, a thumbnail, and the original, where nobody is there to choose.

    Raises NotAPhoto, PhotoTooLarge, PhotoBroken.
    """
    return pick_in(data, name, (DEFAULT_SIDE,)).parts(DEFAULT_SIDE)


_MAKERS: dict[str, Callable[[bytes, str], tuple[Part, ...]]] = {
    **dict.fromkeys(PICTURES, photo_parts),
    PDF: lambda data, name: _pictured(data, name, PDF),
    CLIP: lambda data, name: _pictured(data, name, CLIP),
    VOICE: _voice_parts,
}


def as_asked(parts: tuple[Part, ...], fits: Callable[[str], bool]) -> tuple[Part, ...]:
    """With a photo's lighter copy as JPEG where that is asked for, and AVIF is not. Blocks. Raises as photo_parts."""
    return tuple(
        _as_jpeg(part) if part.role is PartRole.COPY and not fits(part.media_type) and fits(JPEG) else part
        for part in parts
    )


def _as_jpeg(part: Part) -> Part:
    (made,) = made_from(part.data, (Wanted("copy", "jpeg", 0, _JPEG_QUALITY),))[1]
    return replace(part, data=made.data, media_type=made.media_type)


def _fhir(data: bytes) -> Answers | Measured:
    if len(data) > MAX_FORM_BYTES:
        raise FormBroken(f"{len(data)} bytes")
    try:
        resource: Any = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise FormBroken(type(exc).__name__) from exc
    match resource.get("resourceType"):
        case "Bundle":
            return Measured(from_bundle(data))
        case "QuestionnaireResponse":
            return _answers(data)
    raise FormBroken("another resource, or none")


def _answers(data: bytes) -> Answers:
    from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

    try:
        response = QuestionnaireResponse.model_validate_json(data)
    except ValidationError as exc:
        raise FormBroken(f"{exc.error_count()} faults") from exc
    nameless = "urn:sha256:" + hashlib.sha256(data).hexdigest()
    return Answers(str(response.questionnaire or nameless), data.decode())
