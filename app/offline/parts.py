"""PURE: what may be part of a submission (roles, media types, sizes, how many) and in which order the files go."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from app.offline.errors import OfflineError
from app.wire.intake import MAX_BLOBS, PartRole

T = TypeVar("T")

MAX_NAME = 200
MAX_WORDS_PARTS = 12
"""Kept free for what a finished draft's text, forms and readings become."""
MAX_PARTS = MAX_BLOBS - 1 - MAX_WORDS_PARTS
MAX_TOTAL_BYTES = 224 * 1024 * 1024
"""Of all clear bytes together: with padding (12 %) and seals it stays under what a provider opens in memory."""

TEXT, FHIR = "text/plain", "application/fhir+json"
JPEG, PNG, WEBP, AVIF, HEIC = "image/jpeg", "image/png", "image/webp", "image/avif", "image/heic"
PDF, CLIP, VOICE = "application/pdf", "video/mp4", "audio/ogg"

_MB = 1024 * 1024
_MOST = {
    TEXT: _MB,
    FHIR: _MB,
    JPEG: 64 * _MB,
    PNG: 64 * _MB,
    WEBP: 64 * _MB,
    AVIF: 64 * _MB,
    HEIC: 64 * _MB,
    PDF: 32 * _MB,
    CLIP: 24 * _MB,
    VOICE: 8 * _MB,
}
PICTURES = frozenset({JPEG, PNG, WEBP, AVIF, HEIC})
_TYPES = {
    PartRole.CONTENT: frozenset({*PICTURES, PDF, CLIP, VOICE}),
    PartRole.WORDS: frozenset({TEXT, FHIR}),
    PartRole.THUMBNAIL: PICTURES,
    PartRole.COPY: PICTURES,
    PartRole.ORIGINAL: PICTURES,
}
_NAMES_ANOTHER = frozenset({PartRole.THUMBNAIL, PartRole.ORIGINAL})

_PLACE = {
    PartRole.WORDS: 0,
    PartRole.THUMBNAIL: 1,
    PartRole.COPY: 2,
    PartRole.CONTENT: 2,
    PartRole.ORIGINAL: 3,
}


class PartRefused(OfflineError):
    """A part that no submission may hold: its kind, its size, or one too many. `sentence` says which."""

    def __init__(self, sentence: str, detail: str = "") -> None:
        self.sentence = sentence
        super().__init__(detail)


@dataclass(frozen=True)
class Part:
    """One thing to send, clear, in memory alone. `of`: the `blob` of which this is a thumbnail or the original."""

    data: bytes = field(repr=False)
    name: str
    media_type: str
    role: PartRole = PartRole.CONTENT
    of: str | None = None
    blob: str = field(default_factory=lambda: secrets.token_hex(16))


@dataclass(frozen=True)
class Held:
    """How much there is already: parts, and their clear bytes."""

    parts: int = 0
    size: int = 0


def check_part(part: Part, held: Held, blobs: Iterable[str]) -> Held:
    """What is held with `part` added to `held`. `blobs`: of the parts that are there. Raises :class:`PartRefused`."""
    if part.media_type not in _TYPES[part.role]:
        raise PartRefused("This kind of file cannot be sent.", f"{part.media_type} as {part.role}")
    most = _MOST[part.media_type]
    if not 0 < len(part.data) <= most:
        words = f"This file is too large: up to {most // _MB} MB can be sent." if part.data else "This file is empty."
        raise PartRefused(words, f"{len(part.data)} bytes")
    if (part.of is not None) != (part.role in _NAMES_ANOTHER) or (part.of is not None and part.of not in set(blobs)):
        raise PartRefused("This file belongs to another one that is not there.", f"{part.role} of {part.of}")
    if held.parts >= MAX_PARTS:
        raise PartRefused(f"Up to {MAX_PARTS} things can be sent at once. Please send these first.")
    size = held.size + len(part.data)
    if size > MAX_TOTAL_BYTES:
        raise PartRefused("This is too much to be sent at once. Please send what is there first.", f"{size} bytes")
    return Held(held.parts + 1, size)


def in_order(things: Iterable[T], role: Callable[[T], PartRole]) -> list[T]:
    """Words first, then thumbnails, what a provider looks at, originals; else as they came."""
    return sorted(things, key=lambda thing: _PLACE[role(thing)])


def plain_name(name: str) -> str:
    """A file's name as the wire allows it: file systems know longer ones, and some that are no UTF-8."""
    return name.encode("utf-8", "replace").decode("utf-8")[:MAX_NAME]


_PDF_WITHIN = 1024  # readers look for a PDF's mark in so many first bytes (ISO 32000-1 annex H.3)
_BEGINNINGS = (
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (8, b"WEBP", WEBP),
    (4, b"ftypavif", AVIF),
    (4, b"ftypmif1", AVIF),
    (4, b"ftyphe", HEIC),
    (4, b"ftyp", CLIP),
    (0, b"OggS", VOICE),
)


def media_type_of(data: bytes) -> str:
    """By the first bytes, not by a name; whether it holds is for the checks of each kind. Raises PartRefused."""
    for place, mark, media_type in _BEGINNINGS:
        if data[place : place + len(mark)] == mark:
            return media_type
    if b"%PDF-" in data[:_PDF_WITHIN]:
        return PDF
    raise PartRefused("This kind of file cannot be sent.")
