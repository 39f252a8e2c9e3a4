"""Photos at one touch: saved first, made lighter afterwards, finished without a person.

A photo that was just taken is a draft of one sealed part: when :meth:`QuickBook.take` returns, it is on the disk, and
the screen may say "Saved". :meth:`QuickBook.finish` makes its copy and thumbnail in the limited child; what was taken
becomes the copy's original and is held until it is asked for. Where no copy can be made it goes as it is. A sudden end
leaves the draft: :meth:`QuickBook.left` finds it at the next start.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from app.offline.draft import Draft, DraftPart
from app.offline.drafts import DraftBook
from app.offline.errors import OfflineError, StoreFailed
from app.offline.finishing import read_sealed
from app.offline.from_file import photo_parts
from app.offline.keys import device_keys
from app.offline.life import Held
from app.offline.parts import PICTURES, Part, media_type_of
from app.offline.photo_copy import DEFAULT_SIDE, anew, file_copies
from app.offline.photo_strip import CannotStrip, stripped
from app.offline.photos import NotAPhoto, PhotoBroken, check_photo
from app.offline.purposes import Quick
from app.offline.store import Store
from app.offline.vault import open_blob
from app.wire.intake import PartRole

log = logging.getLogger(__name__)


class QuickBook:
    """On the I/O loop. All raise what :class:`DraftBook` raises; then nothing was kept, or what was kept stays."""

    def __init__(self, store: Store, blobs: Path, book: DraftBook) -> None:
        self._store, self._blobs, self._book = store, blobs, book

    async def take(self, jpeg: bytes, name: str, visit_id: str | None) -> Draft:
        """A picture of our own camera, encoded by us (upright, no metadata): sealed and on the disk."""
        return await self._begin([Part(jpeg, name, "image/jpeg")], visit_id)

    async def add(self, data: bytes, name: str, visit_id: str | None) -> Draft:
        """A photo from a file: copy, thumbnail and original, or without a copy where none can be made; of all of
        them, where and by whom it was taken stays here. Raises NotAPhoto, PhotoTooLarge or PhotoBroken, too.
        """
        return await self._begin(await asyncio.to_thread(file_parts, data, name), visit_id)

    async def left(self) -> tuple[Draft, ...]:
        """Those that are not finished yet, oldest first; an empty one, of a sudden end, is thrown away."""
        found = [draft for draft in await self._book.drafts() if draft.quick]
        for draft in found:
            if draft.empty:
                await self._book.discard(draft.draft)
        return tuple(draft for draft in found if not draft.empty)

    async def finish(self, draft: str) -> str:
        """Into the outbox, with a copy if one can be made; returns the submission's id, which is the draft's.

        Raises as DraftBook.finish; the draft stays, and may be finished again.
        """
        found = await self._book.draft(draft)
        taken = next((part for part in found.parts if part.named.role is PartRole.CONTENT), None)
        if taken is not None:
            clear = await self._clear(taken)
            try:
                parts = await asyncio.to_thread(_copies, clear, taken.named.name)
                await self._book.add_copies(draft, taken.named.blob, parts)
            except StoreFailed:
                raise
            except OfflineError as exc:  # what was taken matters more than how light it is
                log.info("no copy of a photo: %s", exc.detail or type(exc).__name__)
        return await self._book.finish(draft, originals=Held.UNTIL_ASKED)

    async def _begin(self, parts: list[Part], visit_id: str | None) -> Draft:
        draft = await self._book.begin(Quick.PHOTO, visit_id=visit_id)
        try:
            return await self._book.add_parts(draft.draft, parts)
        except Exception:  # not a cancellation: what is being saved while the app ends is kept, and finished later
            await self._book.discard(draft.draft)
            raise

    async def _clear(self, part: DraftPart) -> bytes:
        keys = await self._store.call(device_keys)
        sealed = await asyncio.to_thread(read_sealed, self._blobs, part)
        return await asyncio.to_thread(open_blob, sealed, keys.identity, part.named)


def file_parts(data: bytes, name: str) -> list[Part]:
    """What a photo from outside is sent as; blocks. Raises NotAPhoto, PhotoTooLarge, PhotoBroken or PartRefused."""
    try:
        if media_type_of(data) not in PICTURES:
            raise NotAPhoto(name)
    except OfflineError as exc:
        raise NotAPhoto(type(exc).__name__) from exc
    try:
        return list(photo_parts(data, name))
    except PhotoBroken as exc:
        log.info("no copy of a photo file: %s", exc.detail)
    media_type = check_photo(data).media_type
    try:
        return [Part(stripped(data), name, media_type)]
    except CannotStrip:
        whole = anew(data)[1]
        return [Part(whole.data, name, whole.media_type)]


def _copies(jpeg: bytes, name: str) -> list[Part]:
    made = file_copies(jpeg, (DEFAULT_SIDE,))
    (copy,) = made.copies
    light = Part(copy.data, name, copy.media_type, PartRole.COPY)
    return [light, Part(made.thumbnail.data, name, made.thumbnail.media_type, PartRole.THUMBNAIL, of=light.blob)]
