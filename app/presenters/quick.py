"""Photos and files at one touch, from the home page or in a visit: saved at once, made ready and sent by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from pathlib import Path

from app.offline.draft import Draft, DraftGone
from app.offline.errors import OfflineError
from app.offline.photos import MAX_PHOTO_BYTES, NotAPhoto
from app.offline.quick import QuickBook
from app.presenters.drafting import Drafting
from app.presenters.sending_around import SendingAround
from app.presenters.sending_words import purpose_title, when_words
from app.presenters.views import ItemStage, ItemView, Level

log = logging.getLogger(__name__)

SAVED = "Saved. It is sent as soon as the connection allows."
OTHER_FILES = "Other files go by “Send something” on the first page."
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

    async def photo(self, jpeg: bytes, visit_id: str | None) -> bool:
        """A photo just taken; False when it was not saved, which is said."""
        try:
            self._soon(await self._book.take(jpeg, "photo.jpg", visit_id))
        except OfflineError as exc:
            self._around.say(str(exc), Level.BAD)
            return False
        self._around.say(SAVED, Level.GOOD)
        return True

    async def files(self, paths: Sequence[Path], visit_id: str | None) -> None:
        """One after the other, until one is refused, which is said."""
        for path in paths:
            try:
                data = await asyncio.to_thread(_read, path)
                self._soon(await self._book.add(data, path.name, visit_id))
            except NotAPhoto as exc:
                self._around.say(f"{path.name}: {exc} {OTHER_FILES}", Level.WARN)
                return
            except OfflineError as exc:
                self._around.say(f"{path.name}: {exc}", Level.WARN)
                return
            except OSError:
                self._around.say(f"{path.name}: This file cannot be read.", Level.WARN)
                return
        if paths:
            self._around.say(SAVED, Level.GOOD)

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
                    await self._drafting.sent(await self._book.finish(draft))
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


def _read(path: Path) -> bytes:
    """A file a person chose; one byte more than allowed tells the check that it is too large."""
    with path.open("rb") as file:
        return file.read(MAX_PHOTO_BYTES + 1)
