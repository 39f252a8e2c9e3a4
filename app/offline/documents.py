"""Lab reports and letters, as PDF or as pictures, are hostile until drawn: a limited child process makes JPEGs.

All functions block (up to :data:`TIME_S`): call them in an executor. No clear byte on disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.offline import document_child
from app.offline.child import ChildFailed, Limits, run_child
from app.offline.errors import OfflineError
from app.offline.parts import PDF, PartRefused, media_type_of
from app.offline.photos import check_photo, clean_copy

MAX_DOCUMENT_BYTES = 32 * 1024 * 1024
MAX_PAGES = 40
PAGE_SIDE = 2000
"""Pixels of a page's longer side: 170 in an inch of A4, fine print stays readable."""
MAX_SAFE_BYTES = 64 * 1024 * 1024
MEMORY_BYTES = 1024 * 1024 * 1024
CPU_S = 60
TIME_S = 90.0


class DocumentBroken(OfflineError):
    """It begins as a PDF does, but is not drawn within the limits."""

    sentence = "This document is damaged and cannot be opened."


class DocumentLocked(OfflineError):
    """Encrypted, and opened by a password alone."""

    sentence = "This document is locked with a password. Please save it without one, or take a photo of it."


class DocumentTooLarge(OfflineError):
    """More bytes or pages than are safe to open, or to send."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__()


@dataclass(frozen=True)
class DocumentInfo:
    """What a document that can be drawn is: `media_type` from its content, and its pages (1 for a picture)."""

    media_type: str
    pages: int


@dataclass(frozen=True)
class SafePage:
    """One page as a JPEG of our own making, `width` and `height` in pixels."""

    jpeg: bytes = field(repr=False)
    width: int
    height: int


def is_pdf(data: bytes) -> bool:
    """By its content; a picture that has a PDF's mark somewhere is a picture."""
    try:
        return media_type_of(data) == PDF
    except PartRefused:
        return False


def check_document(data: bytes) -> DocumentInfo:
    """For the sender: whether these bytes are a PDF or a picture that can be drawn.

    Raises :class:`DocumentBroken`, :class:`DocumentLocked`, :class:`DocumentTooLarge`, or as photos.check_photo.
    """
    if not is_pdf(data):
        return DocumentInfo(check_photo(data).media_type, 1)
    answer, _ = _run_child(data, 0)
    return DocumentInfo(PDF, int(answer["pages"]))


def front_page(data: bytes, side: int) -> tuple[DocumentInfo, SafePage]:
    """For the sender: a PDF as :func:`check_document`, and its first page, no side over `side` pixels.

    Raises as :func:`check_document`, :class:`DocumentBroken` for what is no PDF.
    """
    if not is_pdf(data):
        raise DocumentBroken("no PDF")
    answer, body = _run_child(data, 0, side)
    width, height, size = answer["sizes"][0]
    if size != len(body) or not body:
        raise DocumentBroken("the child's answer is not whole")
    return DocumentInfo(PDF, int(answer["pages"])), SafePage(body, width, height)


def safe_document(data: bytes, side: int = PAGE_SIDE) -> tuple[SafePage, ...]:
    """For the provider: every page as a picture that is safe for any decoder. Raises as :func:`check_document`."""
    if not 64 <= side <= 2 * PAGE_SIDE:
        raise ValueError(f"a page's longer side has 64 to {2 * PAGE_SIDE} pixels")
    if not is_pdf(data):
        copy = clean_copy(data, side)
        return (SafePage(copy.jpeg, copy.width, copy.height),)
    answer, body = _run_child(data, side)
    pages, place = [], 0
    for width, height, size in answer["sizes"]:
        pages.append(SafePage(body[place : place + size], width, height))
        place += size
    if place != len(body) or len(pages) != answer["pages"]:
        raise DocumentBroken("the child's answer is not whole")
    return tuple(pages)


def _refusal(why: str, detail: str) -> OfflineError:
    match why:
        case "locked":
            return DocumentLocked(detail)
        case "pages":
            return DocumentTooLarge(f"This document has {int(detail):,} pages. Up to {MAX_PAGES} can be sent.")
    return DocumentBroken(detail)


def _run_child(data: bytes, side: int, front: int = 0) -> tuple[dict[str, Any], bytes]:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise DocumentTooLarge(
            f"This document is too large: up to {MAX_DOCUMENT_BYTES // (1024 * 1024)} MB can be sent."
        )
    limits = Limits(MEMORY_BYTES, CPU_S, TIME_S)
    try:
        answer, body = run_child(document_child, MAX_PAGES, side, MAX_SAFE_BYTES, front, data=data, limits=limits)
    except ChildFailed as exc:
        raise DocumentBroken(str(exc)) from exc
    if not answer["ok"]:
        raise _refusal(answer["why"], answer["detail"])
    return answer, body
