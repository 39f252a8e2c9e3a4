"""Photos at one touch: saved before anything is made of them, light copies first, the whole one held, none lost."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import cv2
import numpy as np
import pytest

from app.offline import lighten, photo_copy, photos
from app.offline.draft import MAX_DRAFTS, DraftGone
from app.offline.drafts import DraftBook
from app.offline.errors import DiskFull, StoreFailed
from app.offline.from_file import pick_in
from app.offline.life import Held, Life
from app.offline.parts import AVIF, JPEG, PNG
from app.offline.photo_copy import DEFAULT_SIDE
from app.offline.photos import NotAPhoto, PhotoBroken, Wanted
from app.offline.purposes import Purpose
from app.offline.quick import QuickBook
from app.offline.store import StoreCore
from app.wire.intake import PartRole
from tests.offline.draft_kit import Desk, desk
from tests.offline.offline_kit import CANARY, after_commit, before_commit, every_byte

VISIT = "visit00000000001"


def picture(width: int = 320, height: int = 240) -> np.ndarray:
    rough = np.random.default_rng(1).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    return np.asarray(cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def jpeg(image: np.ndarray | None = None) -> bytes:
    done, data = cv2.imencode(".jpg", picture() if image is None else image, [cv2.IMWRITE_JPEG_QUALITY, 92])
    assert done
    return bytes(data)


def told(data: bytes) -> bytes:
    """With an EXIF part that tells something."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + CANARY
    return data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]


def book(at: Desk) -> QuickBook:
    return QuickBook(at.store, at.profile.blobs, at.book)


async def used(at: Desk, jpeg: bytes) -> str:
    """Taken, and found good by the person."""
    draft = await book(at).take(jpeg, "photo.jpg", VISIT)
    return (await at.book.confirm(draft.draft)).draft


async def added(at: Desk, data: bytes) -> str:
    return (await book(at).put((await asyncio.to_thread(pick_in, data, "rash.jpg")).parts(DEFAULT_SIDE), VISIT)).draft


async def sent(at: Desk, name: str) -> list[tuple[PartRole, str, bytes]]:
    """The submission that goes now, as the provider opens it."""
    row = next(row for row in await at.submissions() if row.submission == name)
    assert (row.life, row.purpose, row.visit_id) == (Life.FINISHED, "photo", VISIT)
    manifest, data = at.read(row)
    return [(blob.role, blob.media_type, one) for blob, one in zip(manifest.blobs, data, strict=True)]


async def held(at: Desk, name: str) -> list[bytes]:
    found = [row for row in await at.submissions() if row.amends == name]
    assert all((row.life, row.held) == (Life.HELD, Held.UNTIL_ASKED) for row in found)
    return [data for row in found for data in at.read(row)[1]]


def test_saved_at_once_then_light_first_and_the_whole_one_held(tmp_path: Path) -> None:
    taken = jpeg()

    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = await used(at, taken)
            (waiting,) = await at.whole()  # a new start: it survives
            assert [part.named.role for part in waiting.parts] == [PartRole.CONTENT]
            assert await book(at).left() == (waiting,)
            assert await book(at).finish(draft) == draft
            small, copy = await sent(at, draft)
            assert (small[:2], copy[:2]) == ((PartRole.THUMBNAIL, AVIF), (PartRole.COPY, AVIF))
            shown = photos.made_from(copy[2], (Wanted("a", "jpeg", 0, 95),))[1][0]
            assert (shown.width, shown.height) == (320, 240)
            assert await held(at, draft) == [taken], "the very bytes that were taken"
            assert (await at.whole(), await book(at).left()) == ((), ())
            with pytest.raises(DraftGone):
                await book(at).finish("0" * 32)

    asyncio.run(main())


def test_where_no_copy_can_be_made_it_goes_as_it_was_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = jpeg()

    def fail(*_: object) -> None:
        raise PhotoBroken("the child ended with -9")

    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = await used(at, taken)
            monkeypatch.setattr(photo_copy, "made_from", fail)
            await book(at).finish(draft)
            assert await sent(at, draft) == [(PartRole.CONTENT, JPEG, taken)]
            file = await added(at, told(taken))
            await book(at).finish(file)
            ((role, kind, data),) = await sent(at, file)
            assert (role, kind) == (PartRole.CONTENT, JPEG)
            assert CANARY not in data, "not even then is told where it was taken"
            assert CANARY not in every_byte(at.profile.folder)

    asyncio.run(main())


def test_a_file_goes_light_without_what_it_tells_and_others_are_refused(tmp_path: Path) -> None:
    done, png = cv2.imencode(".png", picture())
    assert done

    async def main() -> None:
        async with desk(tmp_path) as at:
            for data, kind in ((told(jpeg()), JPEG), (bytes(png), PNG)):
                draft = await added(at, data)
                await book(at).finish(draft)
                parts = await sent(at, draft)
                assert [part[0] for part in parts] == [PartRole.THUMBNAIL, PartRole.COPY]
                (whole,) = await held(at, draft)
                assert CANARY not in whole + parts[0][2] + parts[1][2]
                assert np.array_equal(
                    cv2.imdecode(np.frombuffer(whole, np.uint8), 1), cv2.imdecode(np.frombuffer(data, np.uint8), 1)
                ), kind
            before = at.files()
            for wrong, error in ((b"Dear clinic", NotAPhoto), (b"%PDF-1.7", NotAPhoto), (jpeg()[:9000], PhotoBroken)):
                with pytest.raises(error):
                    await added(at, wrong)
            assert (at.files(), await at.book.drafts()) == (before, ())

    asyncio.run(main())


def test_a_full_disk_saves_nothing_and_a_full_list_of_drafts_is_no_hindrance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise DiskFull("28")

    async def main() -> None:
        async with desk(tmp_path) as at:
            for _ in range(MAX_DRAFTS):
                await at.book.begin(Purpose.REFILL)
            with monkeypatch.context() as patched:
                patched.setattr("app.offline.finishing.write_blob", full)
                with pytest.raises(DiskFull):
                    await book(at).take(jpeg(), "photo.jpg", VISIT)
            assert (await book(at).left(), at.files()) == ((), set())
            draft = await used(at, jpeg())
            with monkeypatch.context() as patched:
                patched.setattr("app.offline.finishing.write_blob", full)
                with pytest.raises(DiskFull):
                    await book(at).finish(draft)
            assert [one.draft for one in await book(at).left()] == [draft]
            await book(at).finish(draft)
            assert len(await sent(at, draft)) == 2

    asyncio.run(main())


@pytest.mark.parametrize("how", [before_commit, after_commit])
@pytest.mark.parametrize("well", [0, 1])
def test_a_commit_that_fails_in_the_middle_leaves_the_photo(
    tmp_path: Path, well: int, how: Callable[[apsw.Connection], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its copies are added, or as it is finished, the store's disk fails: the next start finishes it whole."""
    taken = jpeg()

    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = await used(at, taken)
            real = StoreCore._commit
            commits = iter([real] * well + [how])
            monkeypatch.setattr(StoreCore, "_commit", staticmethod(lambda db: next(commits, real)(db)))
            with pytest.raises(StoreFailed):
                await book(at).finish(draft)
            await at.whole()
            (left,) = await QuickBook(at.store, at.profile.blobs, DraftBook(at.store, at.profile.blobs)).left()
            await book(at).finish(left.draft)
            assert len(await sent(at, draft)) == 2
            assert await held(at, draft) == [taken]

    asyncio.run(main())


def test_a_12_megapixel_photo_is_on_the_disk_within_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = jpeg(picture(4000, 3000))
    digest = hashlib.sha256(taken).hexdigest()

    def never(*_: object) -> None:
        raise AssertionError("no copy is waited for")

    async def main() -> None:
        async with desk(tmp_path) as at:
            monkeypatch.setattr(lighten, "file_copies", never)
            began = time.perf_counter()
            draft = await book(at).take(taken, "photo.jpg", None)
            assert time.perf_counter() - began < 1.0
            assert [part.named.clear_sha256 for part in draft.parts] == [digest]

    asyncio.run(main())


def test_a_photo_that_nobody_has_found_good_is_kept_and_never_goes_by_itself(tmp_path: Path) -> None:
    taken = jpeg()

    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await book(at).take(taken, "photo.jpg", VISIT)).draft
            assert CANARY not in every_byte(at.profile.folder)
            assert taken not in every_byte(at.profile.folder)
            (waiting,) = await at.whole()  # killed between the shutter and the word
            assert waiting.waits
            assert await book(at).left() == ()
            assert await at.submissions() == ()
            after = await at.book.confirm(draft)
            assert await book(at).left() == (after,)
            assert "waits" not in after.to_body().decode(), "older versions of the app can read it"
            await book(at).finish(draft)
            assert await held(at, draft) == [taken]

    asyncio.run(main())


def test_at_today_s_speed_the_copy_that_nobody_chose_is_the_one_that_goes_in_time(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = await used(at, jpeg(picture(1600, 1200)))
            await book(at).finish(draft, rate=100.0)
            _small, copy = await sent(at, draft)
            shown = photos.made_from(copy[2], ())[0]
            assert (shown.width, shown.height) == (1024, 768)

    asyncio.run(main())
