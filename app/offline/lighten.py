"""A photo that was sealed as it was taken gets its light copy and its thumbnail; what was taken becomes the original.

So a photo is safe before anything is made of it, and a sudden end between the two costs nothing: whoever comes upon
such a photo later makes it lighter then.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from app.offline.draft import Draft, DraftPart
from app.offline.drafts import DraftBook
from app.offline.errors import OfflineError, StoreFailed
from app.offline.finishing import read_sealed
from app.offline.keys import device_keys
from app.offline.parts import PICTURES, Part
from app.offline.photo_copy import DEFAULT_SIDE, LEAST_OFFERED, PhotoCopies, default_copy, file_copies
from app.offline.photos import Encoded
from app.offline.store import Store
from app.offline.vault import open_blob
from app.wire.intake import PartRole

log = logging.getLogger(__name__)


def unlightened(draft: Draft) -> tuple[DraftPart, ...]:
    """Its photos that have no copy: just taken, or such as no copy can be made of."""
    return tuple(p for p in draft.parts if p.named.role is PartRole.CONTENT and p.named.media_type in PICTURES)


def light_parts(name: str, copy: Encoded, thumbnail: Encoded) -> tuple[Part, Part]:
    """A copy, and the thumbnail that belongs to it."""
    light = Part(copy.data, name, copy.media_type, PartRole.COPY)
    return light, Part(thumbnail.data, name, thumbnail.media_type, PartRole.THUMBNAIL, of=light.blob)


async def lighten(store: Store, blobs: Path, book: DraftBook, draft: Draft, rate: float | None = None) -> Draft:
    """The draft after each photo without a copy has got the one that is offered at `rate` (bytes/s), if it can be had.

    Each is opened with this device's key and decoded in the limited child. Where no copy can be made the photo stays
    as it was taken. Raises :class:`StoreFailed`, and :class:`DraftGone` when the draft went meanwhile.
    """
    for part in unlightened(draft):
        try:
            keys = await store.call(device_keys)
            sealed = await asyncio.to_thread(read_sealed, blobs, part)
            clear = await asyncio.to_thread(open_blob, sealed, keys.identity, part.named)
            made = await asyncio.to_thread(_copies, clear)
            parts = light_parts(part.named.name, default_copy(made, rate), made.thumbnail)
            draft = await book.add_copies(draft.draft, part.named.blob, parts)
        except StoreFailed:
            raise
        except OfflineError as exc:  # what was taken matters more than how light it is
            log.info("no copy of a photo: %s", exc.detail or type(exc).__name__)
    return draft


def _copies(clear: bytes) -> PhotoCopies:
    return file_copies(clear, (LEAST_OFFERED, DEFAULT_SIDE))
