"""Photos and files at one touch, from the home page or in a visit: saved at once, made ready and sent by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection, Sequence
from pathlib import Path

from app.offline.draft import Draft, DraftGone
from app.offline.errors import OfflineError
from app.offline.from_file import Parts, read_file
from app.offline.lighten import light_parts
from app.offline.parts import Part
from app.offline.quick import QuickBook
from app.presenters.drafting import Drafting
from app.presenters.photo_shot import Photo, SealedPhoto, chosen_copy
from app.presenters.sending_around import SendingAround
from app.presenters.sending_words import purpose_title, when_words
from app.presenters.views import ItemStage, ItemView, Level

log = logging.getLogger(__name__)

SAVED = "Saved. It is sent as soon as the connection allows."
OTHER_FILES = "Answers and readings go by “Send something” on the first page."
_AGAIN_S = (5.0, 30.0, 120.0, 600.0)
"""When finishing failed (a full disk, most likely), it is tried again after so long; the last for ever."""


class QuickPhotos:
    """On the I/O loop; opened once the device is enrolled."""

    def __init__(self, around: SendingAround, drafting: Drafting) -> None:
        self._around, self._drafting = around, drafting
        self._book: QuickBook
        self._waiting: dict[str, Draft] = {}
        self._finished: set[str] = set()
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """What the app's last end has left is finished."""
        account = self._around.account()
        self._book = QuickBook(account.store, account.profile.blobs, self._drafting.book)
        for draft in await self._book.left():
            self._soon(draft)

    async def take(self, jpeg: bytes, visit_id: str | None) -> SealedPhoto | None:
        """A photo at its shutter: on the disk, and waiting for the person's word; None: refused, which is said."""
        try:
            draft = await self._book.take(jpeg, "photo.jpg", visit_id)
        except OfflineError as exc:
            self._around.say(str(exc), Level.BAD)
            return None
        return SealedPhoto(draft.draft, draft.parts[0].named.blob)

    async def keep(self, photo: Photo, sealed: SealedPhoto) -> bool:
        """The person uses it, in the size chosen; False when that could not be kept, which is said."""
        copy, thumbnail = chosen_copy(photo, self._around.rate())
        try:
            draft = await self._drafting.book.confirm(sealed.draft)
        except OfflineError as exc:
            self._around.say(str(exc), Level.BAD)
            return False
        if copy is not None and thumbnail is not None:
            with contextlib.suppress(OfflineError):  # then it is made lighter as it is finished
                parts = light_parts("photo.jpg", copy, thumbnail)
                draft = await self._drafting.book.add_copies(sealed.draft, sealed.blob, parts)
        self._soon(draft)
        self._around.say(SAVED, Level.GOOD)
        return True

    async def put(self, photo: Photo, visit_id: str | None) -> bool:
        """Photos from files, in the size chosen, each an item of its own, until one is refused, which is said."""
        chosen = photo.chosen(self._around.rate())
        for pick in photo.picks:
            if not await self._put(pick.name, pick.parts(chosen.side if chosen is not None else 0), visit_id):
                return True
        self._around.say(SAVED, Level.GOOD)
        return True

    async def files(self, paths: Sequence[Path], visit_id: str | None) -> None:
        """Documents, clips and voice messages, one after the other, until one is refused, which is said."""
        for path in paths:
            try:
                found = await asyncio.to_thread(read_file, path)
            except OfflineError as exc:
                self._around.say(f"{path.name}: {exc}", Level.WARN)
                return
            if not isinstance(found, Parts):
                self._around.say(f"{path.name}: {OTHER_FILES}", Level.WARN)
                return
            if not await self._put(path.name, found.parts, visit_id):
                return
        if paths:
            self._around.say(SAVED, Level.GOOD)

    async def _put(self, name: str, parts: Sequence[Part], visit_id: str | None) -> bool:
        try:
            self._soon(await self._book.put(parts, visit_id))
        except OfflineError as exc:
            self._around.say(f"{name}: {exc}", Level.WARN)
            return False
        return True

    def rows(self) -> tuple[ItemView, ...]:
        """What is saved and not in the outbox yet, the newest first; its id stays when it gets there."""
        now = self._around.wall()
        rows = []
        for draft in reversed(self._waiting.values()):
            title = f"{purpose_title(draft.purpose)}, {when_words(draft.created_at.astimezone(now.tzinfo), now)}"
            rows.append(ItemView(draft.draft, title, ItemStage.SAVED, "Saved on this computer.", 0, 1, 0.0))
        return tuple(rows)

    def settle(self, known: Collection[str]) -> None:
        """The outbox shows these submissions: what is finished and among them is its to show now."""
        for name in self._finished.intersection(known):
            self._finished.discard(name)
            self._waiting.pop(name, None)

    def _soon(self, draft: Draft) -> None:
        self._waiting[draft.draft] = draft
        self._around.spawn(self._finish(draft.draft))

    async def _finish(self, draft: str) -> None:
        for number in range(1_000_000):
            try:
                async with self._turn:  # one child at a time
                    await self._drafting.sent(
                        await self._book.finish(draft, self._around.originals(), self._around.rate())
                    )
                self._finished.add(draft)
                break
            except DraftGone:
                self._waiting.pop(draft, None)
                break
            except OfflineError as exc:
                log.info("a photo is finished later: %s", exc.detail or type(exc).__name__)
            await asyncio.sleep(_AGAIN_S[min(number, len(_AGAIN_S) - 1)])
        self._around.kick()
        self._around.changed()
