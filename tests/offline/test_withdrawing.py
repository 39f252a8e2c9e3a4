"""A disk that fails while an item is taken back: all of it is, its originals too, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from app.offline.drafts import DraftBook
from app.offline.errors import StoreFailed
from app.offline.finishing import original_of
from app.offline.life import Life
from app.offline.parts import JPEG, Part
from app.offline.purposes import Purpose
from app.offline.store import StoreCore
from app.wire.intake import PartRole
from tests.offline.draft_kit import PHOTO
from tests.offline.offline_kit import after_commit, before_commit
from tests.offline.test_outbox_choices import kept
from tests.offline.test_outbox_worker import Scene, play


async def item_with_originals(s: Scene) -> tuple[str, ...]:
    """An item, the original of its one picture that is asked for, and that of its other one, held back."""
    book = DraftBook(s.store, s.blobs)
    draft = await book.begin(Purpose.WOUND_CHECK)
    copies = [Part(PHOTO, "a.jpg", JPEG, PartRole.COPY) for _ in range(2)]
    whole = [Part(PHOTO, "a.jpg", JPEG, PartRole.ORIGINAL, of=copy.blob) for copy in copies]
    await book.add_parts(draft.draft, [*copies, *whole])
    item = await book.finish(draft.draft)
    asked, held = [await s.store.call(original_of, copy.blob) for copy in copies]
    assert asked is not None
    assert held is not None
    await s.worker.release(asked)
    return item, asked, held


@pytest.mark.parametrize("fault", [before_commit, after_commit])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_end_in_the_middle_leaves_no_original_to_be_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[apsw.Connection], None], at: int
) -> None:
    async def scene(s: Scene) -> None:
        names = await item_with_originals(s)
        done, commit = 0, StoreCore._commit

        def failing(db: apsw.Connection) -> None:
            nonlocal done
            done += 1
            (fault if done == at else commit)(db)

        with monkeypatch.context() as patch:
            patch.setattr(StoreCore, "_commit", staticmethod(failing))
            try:
                told = await s.worker.withdraw(names[0])
            except StoreFailed:
                told = False
        lives = [(await kept(s, name)).life for name in names]
        if told or fault is after_commit:
            assert lives == [Life.WITHDRAWN] * 3
        else:
            assert lives == [Life.FINISHED, Life.FINISHED, Life.HELD], "nobody was told that it is taken back"
        assert done, "nothing was written"

    play(tmp_path, scene)


def test_what_a_provider_has_opened_keeps_its_originals(tmp_path: Path) -> None:
    async def scene(s: Scene) -> None:
        item, asked, held = await item_with_originals(s)

        def opened(core: StoreCore) -> None:
            with core._transaction() as db:
                db.execute("UPDATE submissions SET life = 'opened' WHERE id = ?", (item,))

        await s.store.call(opened)
        assert not await s.worker.withdraw(item)
        assert not await s.worker.withdraw("0" * 32)
        lives = [(await kept(s, name)).life for name in (item, asked, held)]
        assert lives == [Life.OPENED, Life.FINISHED, Life.HELD]

    play(tmp_path, scene)
