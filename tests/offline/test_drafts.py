"""Drafts: sealed at capture, whole after any end, finished once, sealed anew for a new care team."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest

from app.offline import finishing
from app.offline.capture import Part
from app.offline.draft import MAX_FORM_BYTES, MAX_NOTE, Draft, DraftEmpty, DraftGone
from app.offline.drafts import DraftBook
from app.offline.errors import BlobAltered, BlobMissing, DiskFull, SealBroken, StoreFailed, WriteFailed
from app.offline.finishing import original_of
from app.offline.keys import DeviceKeys
from app.offline.life import Held, Life
from app.offline.outbox import OutboxSubmission
from app.offline.parts import AVIF, FHIR, JPEG, MAX_PARTS, PDF, TEXT, PartRefused
from app.offline.purposes import OLDER, Purpose, purpose_of
from app.offline.readings import Measure, typed
from app.offline.readings_fhir import from_bundle
from app.offline.recovery import sweep
from app.offline.store import Setting, Store, StoreCore
from app.offline.vault import open_blob, open_manifest
from app.wire.intake import Manifest, PartRole
from app.wire.signed import Context, sign
from app.wire.trust import CareTeamMember
from tests.offline.offline_kit import (
    CANARY,
    NOW,
    PATIENT,
    Clinic,
    after_commit,
    before_commit,
    every_byte,
    open_device,
)

PHOTO = b"\xff\xd8\xff" + CANARY * 50
PULSE = typed(Measure.PULSE, "62", "/min", NOW).reading


class Desk:
    """A device with its store open, its draft book, and what the provider makes of a submission."""

    def __init__(self, folder: Path, clinic: Clinic) -> None:
        self.clinic = clinic
        device = open_device(folder, clinic)
        self.profile, self.keys = device.profile, device.keys
        device.core.close()
        self.store: Store

    async def open(self) -> None:
        self.store = await Store.open(self.profile.store_path, self.profile.key_file.read_bytes())
        self.book = DraftBook(self.store, self.profile.blobs)

    async def submissions(self) -> tuple[OutboxSubmission, ...]:
        return await self.store.call(StoreCore.submissions)

    def read(self, submission: OutboxSubmission, keys: DeviceKeys | None = None) -> tuple[Manifest, list[bytes]]:
        identity = (keys or self.clinic.provider).identity
        files = [(self.profile.blobs / row.file).read_bytes() for row in submission.blobs]
        manifest = open_manifest(files[0], identity, {PATIENT: self.keys.ed25519})
        return manifest, [
            open_blob(data, identity, blob) for data, blob in zip(files[1:], manifest.blobs, strict=True)
        ]

    def files(self) -> set[str]:
        return {path.name for path in self.profile.blobs.iterdir()}

    async def whole(self) -> tuple[Draft, ...]:
        """After a new start and a sweep: every file is named, every part opens, nothing clear is on the disk."""
        await self.store.close()
        await self.open()
        await self.store.call(sweep, self.profile.blobs)
        drafts = await self.book.drafts()
        assert self.files() == await self.store.call(StoreCore.blob_files)
        for part in (part for draft in drafts for part in draft.parts):
            open_blob((self.profile.blobs / part.file).read_bytes(), self.keys.identity, part.named)
        assert CANARY not in every_byte(self.profile.folder)
        return drafts

    async def new_team(self) -> DeviceKeys:
        """Another member joins: the list has version 2."""
        made = DeviceKeys.generate()
        member = CareTeamMember(device_id="provider00000002", ed25519=made.ed25519, age_recipient=made.age_recipient)
        team = self.clinic.team().model_copy(update={"version": 2, "members": (*self.clinic.team().members, member)})
        signed = sign(team, Context.CARE_TEAM, self.clinic.root)
        await self.store.put(Setting.CARE_TEAM, signed.model_dump_json().encode())
        return made


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    made = Desk(folder / "profile", Clinic())
    await made.open()
    try:
        yield made
    finally:
        await made.store.close()
        made.profile.close()


def photo(name: str = "wound.jpg") -> Part:
    return Part(PHOTO, name, JPEG)


def test_a_draft_of_all_kinds_becomes_one_submission_words_first(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.WOUND_CHECK, "visit00000000001", answers="reply00000000001")).draft
            await at.book.add_part(draft, Part(b"%PDF-" + CANARY, "lab.pdf", PDF))
            copy = Part(b"copy" + CANARY, "a.avif", AVIF, PartRole.COPY)
            await at.book.add_parts(
                draft,
                [
                    copy,
                    Part(b"small", "a-small.jpg", JPEG, PartRole.THUMBNAIL, copy.blob),
                    Part(PHOTO, "a.jpg", JPEG, PartRole.ORIGINAL, copy.blob),
                ],
            )
            await at.book.set_note(draft, "It itches. " + CANARY.decode())
            await at.book.set_answers(draft, "http://clinic/form", '{"resourceType":"QuestionnaireResponse"}')
            await at.book.set_readings(draft, [PULSE])
            await at.book.set_urgent(draft, True)
            (kept,) = await at.whole()
            assert kept.readings == (PULSE,)
            assert await at.book.finish(draft) == draft
            assert await at.book.finish(draft) == draft
            first, later = await at.submissions()
            assert (first.life, first.urgent, first.answers) == (Life.FINISHED, True, "reply00000000001")
            assert await at.store.call(original_of, copy.blob) == later.submission
            assert await at.store.call(original_of, "f" * 32) is None
            assert (later.life, later.held, later.amends) == (Life.HELD, Held.UNTIL_ASKED, draft)
            manifest, clear = at.read(first)
            assert [row.role for row in first.blobs[1:]] == [blob.role for blob in manifest.blobs]
            assert (manifest.submission, manifest.urgent, manifest.visit_id) == (draft, True, "visit00000000001")
            assert (manifest.answers, manifest.purpose) == ("reply00000000001", "wound-check")
            assert manifest.note == "It itches. " + CANARY.decode()
            assert [blob.role for blob in manifest.blobs] == [
                PartRole.WORDS, PartRole.WORDS, PartRole.THUMBNAIL, PartRole.CONTENT, PartRole.COPY
            ]  # fmt: skip
            assert clear[0] == b'{"resourceType":"QuestionnaireResponse"}'
            assert from_bundle(clear[1]) == (PULSE,)
            assert clear[2:] == [b"small", b"%PDF-" + CANARY, b"copy" + CANARY]
            assert manifest.blobs[2].of == manifest.blobs[4].blob == copy.blob
            original, clear = at.read(later)
            assert (original.amends, original.blobs[0].of, clear) == (draft, copy.blob, [PHOTO])
            assert (original.note, original.urgent, original.answers) == ("", False, None)
            assert await at.whole() == ()
            with pytest.raises(DraftGone):
                await at.book.add_part(draft, photo())

    asyncio.run(main())


@pytest.mark.parametrize(("choice", "life"), [(Held.UNTIL_GOOD_LINK, Life.HELD), (Held.NO, Life.FINISHED)])
def test_each_original_is_a_submission_of_its_own(tmp_path: Path, choice: Held, life: Life) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.WOUND_CHECK)).draft
            copies = [Part(b"copy" + CANARY, f"{n}.avif", AVIF, PartRole.COPY) for n in range(2)]
            for copy in copies:
                await at.book.add_parts(draft, [copy, Part(PHOTO, "o.jpg", JPEG, PartRole.ORIGINAL, copy.blob)])
            await at.book.finish(draft, originals=choice)
            first, *later = await at.submissions()
            assert [(row.life, row.held, len(row.blobs)) for row in later] == [(life, choice, 2)] * 2
            assert [await at.store.call(original_of, copy.blob) for copy in copies] == [r.submission for r in later]
            assert len(first.blobs) == 3
            assert await at.whole() == ()

    asyncio.run(main())


def test_answers_that_are_too_long_are_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.RESULTS)).draft
            await at.book.set_answers(draft, "http://clinic/form", "{}")
            with pytest.raises(PartRefused, match="too long"):
                await at.book.set_answers(draft, "http://clinic/form", "é" * MAX_FORM_BYTES)
            assert (await at.book.draft(draft)).forms == {"http://clinic/form": "{}"}
            assert (await at.book.set_answers(draft, "http://clinic/form", None)).forms == {}

    asyncio.run(main())


def test_a_long_note_goes_as_a_part_of_its_own(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.NEW_PROBLEM, amends="submission000001")).draft
            with pytest.raises(DraftEmpty):
                await at.book.finish(draft)
            await at.book.set_note(draft, "é" * (MAX_NOTE + 1))
            await at.book.finish(draft)
            (row,) = await at.submissions()
            manifest, clear = at.read(row)
            assert (manifest.note, manifest.amends, clear) == (
                "", "submission000001", ["é".encode() * (MAX_NOTE + 1)]
            )  # fmt: skip
            assert manifest.blobs[0].media_type == TEXT

    asyncio.run(main())


def test_a_part_that_is_removed_takes_its_own_with_it_and_leaves_no_file(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.RESULTS)).draft
            copy = Part(b"copy", "a.jpg", JPEG, PartRole.COPY)
            small = Part(b"small", "s.jpg", JPEG, PartRole.THUMBNAIL, copy.blob)
            await at.book.add_parts(draft, [copy, small])
            await at.book.add_part(draft, photo())
            after = await at.book.remove_part(draft, copy.blob)
            assert [part.named.name for part in after.parts] == ["wound.jpg"]
            assert at.files() == set(after.files)
            assert await at.book.remove_part(draft, copy.blob) == after
            await at.book.discard(draft)
            await at.book.discard(draft)
            assert at.files() == set()
            assert await at.whole() == ()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (Part(b"", "a.jpg", JPEG), "empty"),
        (Part(b"x", "a.exe", "application/x-msdownload"), "This kind"),
        (Part(b"x", "a.txt", TEXT), "This kind"),
        (Part(bytes(1024 * 1024 + 1), "a.json", FHIR, PartRole.WORDS), "up to 1 MB"),
        (Part(b"x", "a.jpg", JPEG, PartRole.THUMBNAIL, "0" * 32), "belongs to another"),
        (Part(b"x", "a.jpg", JPEG, PartRole.THUMBNAIL), "belongs to another"),
    ],
)
def test_what_no_submission_may_hold_is_refused_with_a_sentence(tmp_path: Path, part: Part, words: str) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.RESULTS)).draft
            with pytest.raises(PartRefused, match=words):
                await at.book.add_parts(draft, [photo(), part])
            assert (await at.whole())[0].empty

    asyncio.run(main())


def test_more_parts_than_a_submission_takes_are_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.RESULTS)).draft
            with pytest.raises(PartRefused, match=f"Up to {MAX_PARTS} things"):
                await at.book.add_parts(draft, [photo() for _ in range(MAX_PARTS + 1)])
            assert (await at.whole())[0].empty

    asyncio.run(main())


def test_two_changes_at_once_both_count(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.RESULTS)).draft
            await asyncio.gather(
                at.book.add_part(draft, photo("1")),
                at.book.set_note(draft, "words"),
                at.book.add_part(draft, photo("2")),
                at.book.set_urgent(draft, True),
            )
            (found,) = await at.whole()
            assert {part.named.name for part in found.parts} == {"1", "2"}
            assert (found.note, found.urgent) == ("words", True)

    asyncio.run(main())


def test_a_change_while_it_is_being_finished_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.RESULTS)).draft
            await at.book.add_part(draft, photo())
            make, loop, late = finishing._make, asyncio.get_running_loop(), iter(["at the last moment"])

            def meanwhile(*given: object) -> object:
                for note in late:
                    asyncio.run_coroutine_threadsafe(at.book.set_note(draft, note), loop).result(10)
                return make(*given)  # type: ignore[arg-type]

            monkeypatch.setattr(finishing, "_make", meanwhile)
            await at.book.finish(draft)
            (row,) = await at.submissions()
            assert at.read(row)[0].note == "at the last moment"
            assert await at.whole() == ()

    asyncio.run(main())


def test_parts_sealed_to_an_older_care_team_are_sealed_anew(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.RESULTS)).draft
            await at.book.add_part(draft, photo("1"))
            newcomer = await at.new_team()
            await at.book.add_part(draft, photo("2"))
            told: list[tuple[int, int]] = []
            await at.book.finish(draft, lambda done, of: told.append((done, of)))
            (row,) = await at.submissions()
            for keys in (newcomer, at.clinic.provider, at.keys):
                assert at.read(row, keys)[1] == [PHOTO, PHOTO]
            assert told == [(0, 1)]
            assert await at.whole() == ()

    asyncio.run(main())


def test_a_draft_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.RESULTS)).draft
            await at.book.add_part(draft, photo())
            body = await at.store.call(StoreCore.document, "draft", draft)
            newer = body.replace(b'"version":1', b'"version":2')
            await at.store.call(StoreCore.put_documents, "draft", {draft: newer})
            assert await at.whole() == ()
            assert len(at.files()) == 1
            assert await at.store.call(StoreCore.document, "draft", draft) == newer

    asyncio.run(main())


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


def test_purposes_old_and_new_are_read() -> None:
    assert purpose_of("refill") is Purpose.REFILL
    assert purpose_of("photo") is None
    assert not OLDER & {purpose.value for purpose in Purpose}
