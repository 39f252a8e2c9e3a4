"""Drafts: sealed at capture, finished once, sealed anew for a new care team."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Literal

import pytest

from app.offline import drafts, finishing
from app.offline.capture import Part
from app.offline.draft import MAX_FORM_BYTES, MAX_NOTE, DraftEmpty, DraftGone
from app.offline.draft_files import file_address
from app.offline.errors import SealBroken
from app.offline.finishing import original_of
from app.offline.life import Held, Life
from app.offline.parts import AVIF, CLIP, FHIR, JPEG, MAX_PARTS, PDF, TEXT, PartRefused
from app.offline.purposes import OLDER, Purpose, purpose_of
from app.offline.readings import Measure, typed
from app.offline.readings_fhir import from_bundle
from app.offline.sealing import STREAM_FROM, SealedFile
from app.offline.sealing_process import SealingProcess
from app.offline.store import StoreCore
from app.offline.vault import SealedBytes
from app.wire.intake import PartRole
from tests.offline.draft_kit import PHOTO, desk, photo
from tests.offline.offline_kit import (
    CANARY,
    NOW,
)

PULSE = typed(Measure.PULSE, "62", "/min", NOW).reading


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


CLIP_BYTES = (CANARY + bytes(range(256))) * 20_000


def test_a_large_part_is_sealed_in_the_limited_child_and_again_for_a_new_team(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children: list[str] = []
    begin = SealingProcess.__init__

    def begun(process: SealingProcess, do: Literal["seal", "open"], *rest: Any) -> None:
        children.append(do)
        begin(process, do, *rest)

    monkeypatch.setattr(SealingProcess, "__init__", begun)

    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.WOUND_CHECK)).draft
            assert len(CLIP_BYTES) >= STREAM_FROM
            await at.book.add_parts(draft, [Part(CLIP_BYTES, "a.mp4", CLIP), photo()])
            assert children == ["seal"], "the photo is small"
            (kept,) = await at.whole()
            assert len(kept.parts) == 2
            newcomer = await at.new_team()
            await at.book.finish(draft)
            assert sorted(children) == ["open", "seal", "seal"]
            (row,) = await at.submissions()
            for keys in (newcomer, at.clinic.provider, at.keys):
                assert at.read(row, keys)[1] == [CLIP_BYTES, PHOTO]
            assert await at.whole() == ()

    asyncio.run(main())


def test_a_large_part_that_is_not_taken_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.WOUND_CHECK)).draft
            gone = drafts.seal_stream

            async def too_late(*given: Any) -> SealedFile:
                made = await gone(*given)
                await at.book.discard(draft)
                return made

            monkeypatch.setattr(drafts, "seal_stream", too_late)
            with pytest.raises(DraftGone):
                await at.book.add_part(draft, Part(CLIP_BYTES, "a.mp4", CLIP))
            assert at.files() == set()
            monkeypatch.setattr(drafts, "seal_stream", gone)
            draft = (await at.book.begin(Purpose.WOUND_CHECK)).draft

            def no_photo(*given: object) -> SealedBytes:
                raise SealBroken("no")

            monkeypatch.setattr(drafts, "seal", no_photo)
            with pytest.raises(SealBroken):
                await at.book.add_parts(draft, [Part(CLIP_BYTES, "a.mp4", CLIP), photo()])
            assert at.files() == set()

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


def test_purposes_old_and_new_are_read() -> None:
    assert purpose_of("refill") is Purpose.REFILL
    assert purpose_of("photo") is None
    assert not OLDER & {purpose.value for purpose in Purpose}


def _response(*files: str, status: str = "completed") -> str:
    answers = [{"valueAttachment": {"contentType": JPEG, "url": file_address(blob)}} for blob in files]
    items = [{"linkId": "1", "answer": [{"valueDecimal": "7.10"}]}]
    items += [{"linkId": "2", "answer": answers}] if answers else []
    whole = {"resourceType": "QuestionnaireResponse", "status": status, "item": items}
    return json.dumps(whole).replace('"7.10"', "7.10")


def test_a_photo_and_the_answer_that_it_is_go_together(tmp_path: Path) -> None:
    async def main() -> None:
        async with desk(tmp_path) as at:
            draft = (await at.book.begin(Purpose.NEW_PROBLEM)).draft
            copies = [Part(b"copy%d" % n + CANARY, "a.avif", AVIF, PartRole.COPY) for n in range(3)]
            smalls = [Part(b"small", "a.jpg", JPEG, PartRole.THUMBNAIL, copy.blob) for copy in copies]
            await at.book.add_parts(draft, [*copies, *smalls])
            first, second, third = (copy.blob for copy in copies)
            await at.book.set_answers(draft, "http://a", _response(first, second))
            await at.book.set_answers(draft, "http://b", _response(second))
            after = await at.book.set_answers(draft, "http://a", _response(second))  # the first is taken out
            assert {part.named.of or part.named.blob for part in after.parts} == {second, third}
            after = await at.book.set_answers(draft, "http://a", None)
            assert len(after.parts) == 4, "the other form has it still"
            assert len(at.files()) == 4, "and what went is on the disk no more"
            after = await at.book.remove_part(draft, second)
            assert {part.named.of or part.named.blob for part in after.parts} == {third}
            assert json.loads(after.forms["http://b"]) == json.loads(_response(status="in-progress"))
            assert "7.10" in after.forms["http://b"], "digits have a meaning"
            await at.book.set_answers(draft, "http://b", "no response urn:uuid:")
            assert (await at.book.set_answers(draft, "http://b", None)).parts == after.parts

    asyncio.run(main())
