"""Photos in a draft and at one touch: sealed at the shutter, whole after a sudden end, gone when taken again."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.offline.draft_files import file_address
from app.offline.errors import DiskFull
from app.offline.life import Held
from app.offline.parts import AVIF, JPEG
from app.presenters.drafting import Drafting
from app.presenters.photo_making import copies_of, to_jpeg
from app.presenters.photo_shot import Kept, Photo, chosen_copy
from app.presenters.quick import QuickPhotos
from app.presenters.sending import SendingDesk
from app.presenters.views import PhotoPhase
from app.wire.intake import PartRole
from tests.offline.offline_kit import every_byte
from tests.offline.test_documents import pdf
from tests.presenters.sending_kit import Sending, sending

RGB = np.asarray(cv2.resize(np.random.default_rng(1).integers(0, 255, (30, 40, 3), np.uint8), (1600, 1200)), np.uint8)
TAKEN = to_jpeg(RGB)
COPIES = copies_of(RGB, (640, 1024, 2048))
PHOTO = Photo(PhotoPhase.REVIEW, copies=COPIES, side=640)


def roles(at: Sending) -> list[PartRole]:
    return [part.named.role for part in at.draft.parts]


def test_the_chosen_copy_comes_to_what_was_sealed_at_the_shutter(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            await at.begin()
            sealed = await at.drafting.take(TAKEN)
            assert roles(at) == [PartRole.CONTENT]
            assert TAKEN not in every_byte(at.at.profile.folder)
            blob = await at.drafting.keep_photo(Kept(sealed, *chosen_copy(PHOTO, None), note="By a bank card."))
            await at.settled()
            assert roles(at) == [PartRole.ORIGINAL, PartRole.COPY, PartRole.THUMBNAIL]
            copy = next(part.named for part in at.draft.parts if part.named.role is PartRole.COPY)
            assert (copy.blob, copy.size, at.draft.note) == (blob, len(COPIES.copies[0].data), "By a bank card.")
            assert at.drafting.view().parts[0].thumbnail.startswith(b"\xff\xd8")

    asyncio.run(run())


def test_killed_between_the_shutter_and_use_the_photo_is_in_the_draft_and_is_made_light(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            draft = (await at.begin()).draft
            await at.drafting.take(TAKEN)
            again = Drafting(at.around)  # the next start
            again.about_of = lambda draft: ""
            await again.open()
            assert [row.draft for row in again.rows()] == [draft]
            again.open_draft(draft)
            await at.settled()
            assert {part.named.role for part in again.draft.parts} == {
                PartRole.COPY,
                PartRole.THUMBNAIL,
                PartRole.ORIGINAL,
            }
            assert len(again.view().parts) == 1
            original = next(part.named for part in again.draft.parts if part.named.role is PartRole.ORIGINAL)
            assert (original.media_type, original.size) == (JPEG, len(TAKEN))

    asyncio.run(run())


def test_sent_before_it_was_made_light_it_is_made_light_first_and_its_answer_goes_along(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            draft = (await at.begin()).draft
            sealed = await at.drafting.take(TAKEN)
            answer = {"valueAttachment": {"contentType": JPEG, "url": file_address(sealed.blob)}}
            response = {"resourceType": "QuestionnaireResponse", "status": "completed"}
            response["item"] = [{"linkId": "1", "answer": [answer]}]
            await at.drafting.change(at.drafting.book.set_answers(draft, "http://f", json.dumps(response)))
            at.drafting.send_draft("")
            await at.settled()
            assert at.sent == [draft]
            (main,) = [row for row in await at.at.submissions() if row.submission == draft]
            manifest, data = at.at.read(main)
            assert [blob.role for blob in manifest.blobs] == [PartRole.WORDS, PartRole.THUMBNAIL, PartRole.COPY]
            assert manifest.blobs[2].media_type == AVIF
            assert file_address(manifest.blobs[2].blob).encode() in data[0]

    asyncio.run(run())


def one_touch(at: Sending) -> tuple[QuickPhotos, SendingDesk]:
    desk = SendingDesk(at.around, None, lambda: None, lambda event: None)
    desk.drafting = at.drafting
    desk.quick = QuickPhotos(at.around, at.drafting)
    return desk.quick, desk


def test_at_one_touch_it_waits_for_the_word_stands_among_the_drafts_and_goes_with_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            quick, desk = one_touch(at)
            await quick.open()
            sealed = await quick.take(TAKEN, "visit00000000001")
            assert TAKEN not in every_byte(at.at.profile.folder)
            await at.settled()
            assert (at.sent, quick.rows()) == ([], ())
            again, quick_again = Drafting(at.around), QuickPhotos(at.around, at.drafting)
            await again.open()
            await quick_again.open()  # killed: the next start
            await at.settled()
            assert [(row.draft, row.title) for row in again.rows()] == [(sealed.draft, "Photo")]
            assert at.sent == []
            assert await quick.keep(PHOTO, sealed)
            await at.settled()
            assert at.sent == [sealed.draft]
            (held,) = [row for row in await at.at.submissions() if row.amends == sealed.draft]
            assert at.at.read(held)[1] == [TAKEN]
            dropped = await quick.take(TAKEN, None)
            files = at.at.files()
            await desk.photo_dropped(dropped)
            assert len(files - at.at.files()) == 1
            assert await at.at.book.drafts() == ()
            await desk.photo_dropped(dropped)  # gone already

    asyncio.run(run())


def test_taken_again_in_a_draft_what_was_sealed_goes_and_the_rest_stays(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            await at.begin()
            _quick, desk = one_touch(at)
            first, second = await at.drafting.take(TAKEN), await at.drafting.take(TAKEN)
            await desk.photo_dropped(second)
            assert [part.named.blob for part in at.draft.parts] == [first.blob]

    asyncio.run(run())


def test_a_full_disk_at_the_shutter_is_said_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise DiskFull("28")

    async def run() -> None:
        async with sending(tmp_path) as at:
            await at.begin()
            quick, _desk = one_touch(at)
            await quick.open()
            monkeypatch.setattr("app.offline.finishing.write_blob", full)
            assert await at.drafting.take(TAKEN) is None
            assert await quick.take(TAKEN, None) is None
            assert at.said == [DiskFull.sentence] * 2
            assert (at.draft.parts, at.at.files()) == ((), set())

    asyncio.run(run())


def test_chosen_files_go_by_their_kind(tmp_path: Path) -> None:
    photo, letter = tmp_path / "rash.jpg", tmp_path / "letter.pdf"
    photo.write_bytes(TAKEN)
    letter.write_bytes(pdf())
    answers = tmp_path / "answers.json"
    answers.write_text('{"resourceType": "QuestionnaireResponse", "status": "completed"}')

    async def run() -> None:
        async with sending(tmp_path / "p") as at:
            await at.begin()
            at.drafting.add_to_draft([photo, letter])
            await at.settled()
            assert (at.picked, {part.named.name for part in at.draft.parts}) == ([photo], {"letter.pdf"})
            quick, _desk = one_touch(at)
            await quick.open()
            await quick.files([letter, answers], "visit00000000001")
            await at.settled()
            assert at.said[-1].startswith("answers.json: Answers and readings go by")
            (name,) = at.sent
            (row,) = await at.at.submissions()
            assert (row.submission, row.purpose, row.visit_id) == (name, "file", "visit00000000001")
            assert row.held is Held.NO

    asyncio.run(run())
