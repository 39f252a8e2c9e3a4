"""Photos and files at one touch: saved first, made lighter afterwards, finished without a person.

A photo just taken is a draft of one sealed part that waits for the person's word: when :meth:`QuickBook.take`
returns, it is on the disk, and the screen may say "Saved". At the word (`DraftBook.confirm`) it is one that
:meth:`QuickBook.finish` finishes: with the copy that the person chose, or with one made in the limited child. What was
taken becomes the copy's original and is held until it is asked for; where no copy can be made it goes as it is. A
sudden end leaves the draft: :meth:`QuickBook.left` finds it at the next start; one without the person's word stands
among what was begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.offline.draft import Draft
from app.offline.drafts import DraftBook
from app.offline.life import Held
from app.offline.lighten import lighten
from app.offline.parts import PICTURES, Part
from app.offline.purposes import Quick
from app.offline.store import Store


class QuickBook:
    """On the I/O loop. All raise what :class:`DraftBook` raises; then nothing was kept, or what was kept stays."""

    def __init__(self, store: Store, blobs: Path, book: DraftBook) -> None:
        self._store, self._blobs, self._book = store, blobs, book

    async def take(self, jpeg: bytes, name: str, visit_id: str | None) -> Draft:
        """A picture of our own camera, encoded by us (upright, no metadata): sealed and on the disk. It waits."""
        return await self._begin([Part(jpeg, name, "image/jpeg")], Quick.PHOTO, visit_id, waits=True)

    async def put(self, parts: Sequence[Part], visit_id: str | None) -> Draft:
        """A photo or a file that was checked (:func:`app.offline.from_file.read_pick`): what a person chose goes."""
        pictures = all(part.media_type in PICTURES for part in parts)
        return await self._begin(parts, Quick.PHOTO if pictures else Quick.FILE, visit_id)

    async def left(self) -> tuple[Draft, ...]:
        """Those that are not finished yet, oldest first; an empty one, of a sudden end, is thrown away."""
        found = [draft for draft in await self._book.drafts() if isinstance(draft.purpose, Quick)]
        for draft in found:
            if draft.empty:
                await self._book.discard(draft.draft)
        return tuple(draft for draft in found if draft.quick and not draft.empty)

    async def finish(self, draft: str, originals: Held = Held.UNTIL_ASKED, rate: float | None = None) -> str:
        """Into the outbox, with a copy if one can be made; returns the submission's id, which is the draft's.

        `originals`: as DraftBook.finish; `rate` (bytes/s): today's, by which a copy is chosen where nobody chose.
        Raises as DraftBook.finish; the draft stays, and may be finished again.
        """
        await lighten(self._store, self._blobs, self._book, await self._book.draft(draft), rate)
        return await self._book.finish(draft, originals=originals)

    async def _begin(
        self, parts: Sequence[Part], purpose: Quick, visit_id: str | None, *, waits: bool = False
    ) -> Draft:
        draft = await self._book.begin(purpose, visit_id=visit_id, waits=waits)
        try:
            return await self._book.add_parts(draft.draft, parts)
        except Exception:  # not a cancellation: what is being saved while the app ends is kept, and finished later
            await self._book.discard(draft.draft)
            raise
