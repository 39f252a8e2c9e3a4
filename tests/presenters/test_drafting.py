"""What is put together for the clinic: nothing of it goes, and nothing goes away, without a word."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from app.offline.draft import MAX_TEXT
from app.offline.draft_files import file_address
from app.offline.errors import DiskFull
from app.offline.parts import AVIF, Part
from app.presenters.views import Page
from app.wire.intake import PartRole
from tests.presenters.sending_kit import sending

LONG = "x" * (MAX_TEXT + 3)


def test_a_message_that_is_too_long_is_not_cut_in_silence(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            draft = (await at.begin()).draft
            at.drafting.set_note(draft, LONG)
            await at.settled()
            assert len(at.draft.note) == MAX_TEXT
            assert "3 letters at its end are not kept" in at.drafting.view().says.text
            at.drafting.send_draft(LONG)
            await at.settled()
            assert at.sent == []
            assert "too long" in at.drafting.view().says.text
            at.drafting.leave_send()
            await at.settled()
            assert [text for text in at.said if "too long" in text], "and not when the page is left either"
            at.drafting.open_draft(draft)
            await at.settled()
            at.drafting.set_note(draft, LONG)
            await at.settled()
            at.drafting.set_note(draft, LONG[:MAX_TEXT])
            await at.settled()
            assert at.drafting.view().says is None
            at.drafting.send_draft(LONG[:MAX_TEXT])
            await at.settled()
            assert (at.sent, at.page) == ([draft], Page.HOME)

    asyncio.run(run())


def test_words_that_could_not_be_saved_are_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            draft = (await at.begin()).draft
            at.drafting.set_note(draft, "First.")
            await at.settled()

            async def full(draft: str, note: str) -> None:
                raise DiskFull("test")

            with monkeypatch.context() as broken:
                broken.setattr(at.drafting.book, "set_note", full)
                at.drafting.send_draft("First. And then.")
                await at.settled()
            assert at.sent == []
            assert at.drafting.view().says.text == DiskFull.sentence
            at.drafting.send_draft("First. And then.")
            await at.settled()
            assert at.sent == [draft]

    asyncio.run(run())


def test_a_photo_that_was_an_answer_is_missed(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            draft = (await at.begin()).draft
            photos = [Part(b"photo%d" % n, "photo", AVIF, PartRole.COPY) for n in range(2)]
            await at.drafting.change(at.drafting.book.add_parts(draft, photos))
            answer = {"valueAttachment": {"contentType": AVIF, "url": file_address(photos[0].blob)}}
            response = {"resourceType": "QuestionnaireResponse", "status": "completed"}
            response["item"] = [{"linkId": "1", "answer": [answer]}]
            await at.drafting.change(at.drafting.book.set_answers(draft, "http://f", json.dumps(response)))
            at.drafting.remove_part(photos[1].blob)
            await at.settled()
            assert at.drafting.view().says is None
            at.drafting.remove_part(photos[0].blob)
            await at.settled()
            assert "one of your answers" in at.drafting.view().says.text
            assert json.loads(at.draft.forms["http://f"])["status"] == "in-progress"

    asyncio.run(run())
