"""Drafts whose files, syncs or commits fail: told, and whole after any end."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from app.offline.capture import Part
from app.offline.draft import Draft, DraftGone
from app.offline.errors import BlobAltered, BlobMissing, DiskFull, SealBroken, StoreFailed, WriteFailed
from app.offline.life import Life
from app.offline.parts import JPEG
from app.offline.purposes import Purpose
from app.offline.store import StoreCore
from tests.offline.draft_kit import PHOTO, Desk, desk, photo
from tests.offline.offline_kit import (
    after_commit,
    before_commit,
)


@pytest.mark.parametrize("harm", [os.unlink, lambda path: os.truncate(path, 100)])
def test_a_part_that_is_lost_is_told_and_the_rest_stays(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.RESULTS)).draft
            first = await at.book.add_part(draft, photo("1"))
            await at.book.add_part(draft, photo("2"))
            harm(at.profile.blobs / first.files[0])
            with pytest.raises((BlobMissing, BlobAltered)):
                await at.book.finish(draft)
            await at.book.remove_part(draft, first.parts[0].named.blob)
            await at.book.finish(draft)
            (row,) = await at.submissions()
            assert [blob.name for blob in at.read(row)[0].blobs] == ["2"]

    asyncio.run(main())


def test_a_flipped_bit_is_found_when_a_part_is_sealed_anew(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.RESULTS)).draft
            path = at.profile.blobs / (await at.book.add_part(draft, photo())).files[0]
            data = bytearray(path.read_bytes())
            data[-5] ^= 1
            path.write_bytes(data)
            await at.new_team()
            with pytest.raises(SealBroken):
                await at.book.finish(draft)
            assert await at.submissions() == ()

    asyncio.run(main())


Act = Callable[[Desk, str], Awaitable[object]]
ACTS: dict[str, Act] = {
    "add": lambda at, draft: at.book.add_part(draft, photo("2")),
    "remove": lambda at, draft: at.book.remove_part(draft, "b" * 32),
    "note": lambda at, draft: at.book.set_note(draft, "other words"),
    "finish": lambda at, draft: at.book.finish(draft),
    "discard": lambda at, draft: at.book.discard(draft),
}


async def begun(at: Desk) -> Draft:
    draft = (await at.book.begin(Purpose.RESULTS)).draft
    await at.book.set_note(draft, "words")
    return await at.book.add_part(draft, Part(PHOTO, "1", JPEG, blob="b" * 32))


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_sync_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, number: int
) -> None:
    async def main() -> None:
        for at_call in (1, 2, 3):
            async with desk(tmp_path / str(at_call)) as at:
                before = await begun(at)
                real, calls = os.fsync, iter(range(1, 100))

                def fail(descriptor: int, real=real, calls=calls, at_call=at_call) -> None:
                    if next(calls) == at_call:
                        raise OSError(number, os.strerror(number))
                    real(descriptor)

                with monkeypatch.context() as patch:
                    patch.setattr(os, "fsync", fail)
                    said = await asyncio.gather(ACTS[act](at, before.draft), return_exceptions=True)
                found = await at.whole()
                if isinstance(said[0], BaseException):
                    assert isinstance(said[0], WriteFailed)
                    assert isinstance(said[0], DiskFull) == (number == errno.ENOSPC)
                    assert found == (before,)
                    assert await at.submissions() == ()

    asyncio.run(main())


@pytest.mark.parametrize("commit", [before_commit, after_commit])
@pytest.mark.parametrize("act", ["add", "finish"])
def test_a_commit_that_failed_is_undone_whatever_reached_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, commit: Callable[[apsw.Connection], None]
) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            before = await begun(at)
            real, commits = StoreCore._commit, iter([commit])
            monkeypatch.setattr(StoreCore, "_commit", staticmethod(lambda db: next(commits, real)(db)))
            with pytest.raises(StoreFailed):
                await ACTS[act](at, before.draft)
            assert await at.whole() == (before,)
            assert await at.submissions() == ()
            await at.book.finish(before.draft)
            (row,) = await at.submissions()
            assert row.life is Life.FINISHED
            assert at.read(row)[1] == [PHOTO]

    asyncio.run(main())


def test_an_undoing_that_was_cut_off_leaves_the_submission_whole(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            before = await begun(at)
            await at.book.finish(before.draft)
            await at.store.call(StoreCore.save_draft, before.draft, before.to_body(), before.files)
            assert await at.book.drafts() == ()
            with pytest.raises(DraftGone):
                await at.book.remove_part(before.draft, "b" * 32)
            await at.book.discard(before.draft)
            assert await at.book.finish(before.draft) == before.draft
            (row,) = await at.submissions()
            assert at.read(row)[1] == [PHOTO]
            assert await at.whole() == ()

    asyncio.run(main())
