"""What a patient's device sent is foreign: it is decoded in limited processes and shown as copies. All block."""

from __future__ import annotations

from app.offline.clips import front_of
from app.offline.documents import front_page, safe_document
from app.offline.errors import OfflineError
from app.offline.parts import plain_name
from app.offline.photos import clean_copy
from app.presenters.review_views import OpenedPicture, PartKind

THUMBNAIL_SIDE = 320


class NotShown(OfflineError):
    """A kind of file that this version has no view for."""

    sentence = "This kind of file cannot be shown here."


def thumbnail(data: bytes) -> bytes:
    """A small JPEG of our own making. Raises as photos.check_photo."""
    return clean_copy(data, THUMBNAIL_SIDE).jpeg


def preview(kind: PartKind, data: bytes) -> bytes:
    """The thumbnail of what came without one: a document's first page, one of a clip's first pictures.

    Raises as photos.check_photo, documents.check_document and clips.check_clip.
    """
    match kind:
        case PartKind.PICTURE:
            return thumbnail(data)
        case PartKind.DOCUMENT:
            return front_page(data, THUMBNAIL_SIDE)[1].jpeg
        case PartKind.CLIP:
            return thumbnail(front_of(data)[1])
    raise NotShown(kind.value)


def pages(kind: PartKind, name: str, data: bytes) -> tuple[OpenedPicture, ...]:
    """A picture's one page or a document's many. Raises as photos.check_photo and documents.check_document."""
    name = plain_name(name)
    match kind:
        case PartKind.PICTURE:
            return (OpenedPicture(name, clean_copy(data).jpeg),)
        case PartKind.DOCUMENT:
            return tuple(OpenedPicture(name, page.jpeg) for page in safe_document(data))
    raise NotShown(kind.value)
