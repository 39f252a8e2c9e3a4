"""A provider's shelf when the clinic's list is full: an answer that is begun is never dropped for its item's age."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest

from app.offline.inbox import InboxReader
from app.offline.review_notes import AnswerDraft, ReviewNotes
from app.offline.store import Store
from app.presenters.review_inbox import InboxShelf
from app.wire.intake import INBOX_OPENED, Inbox, InboxItem
from tests.offline.test_store_core import KEY
from tests.presenters.test_review_pure import item, manifest


class Listing:
    """The clinic's list as a test sets it."""

    def __init__(self) -> None:
        self.items: tuple[InboxItem, ...] = ()

    async def rows(self) -> Inbox:
        return Inbox(items=self.items)


@pytest.mark.parametrize("full", [True, False])
def test_an_answer_that_is_begun_is_dropped_only_when_its_item_is_certainly_gone(tmp_path: Path, full: bool) -> None:
    async def scene() -> None:
        store = await Store.open(tmp_path / "s.db", KEY)
        notes, listing = ReviewNotes(store), Listing()

        async def no_keys(device: str) -> dict[str, bytes]:
            return {}

        shelf = InboxShelf(cast(InboxReader, listing), notes, no_keys, lambda: None)
        old, other = item("old00001", 900), item("old00002", 901)
        listing.items = (old, other)
        for name in ("old00001", "old00002"):
            await notes.keep_manifest(manifest(name))
        await shelf.load()
        await shelf.fetch(None)
        await notes.keep_answer("old00001", AnswerDraft(text="Dear Ann,"))
        listing.items = tuple(item(f"new{n:05}", n) for n in range(INBOX_OPENED if full else 3))
        await shelf.fetch(None)
        assert (shelf.item("old00001") is not None) is full
        assert (await notes.answer("old00001")).text == ("Dear Ann," if full else "")
        assert shelf.item("old00002") is None
        assert set(await notes.manifests()) == ({"old00001"} if full else set())
        await store.close()

    asyncio.run(scene())
