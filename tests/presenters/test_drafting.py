"""What is put together for the clinic: nothing of it goes, and nothing goes away, without a word."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from app.offline.draft import MAX_TEXT
from app.offline.draft_files import file_address
from app.offline.errors import DiskFull
from app.offline.parts import AVIF, Part
from app.presenters.last_visit import PastVisit, keep_visit, kept_visit, last_visit
from app.presenters.views import Page
from app.wire.intake import PartRole
from tests.presenters.room_kit import DETAILS
from tests.presenters.sending_kit import NOW, sending

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


@pytest.mark.parametrize(
    ("purpose", "visit", "named"),
    [("follow-up", "visit00001", "visit00001"), ("follow-up", None, None), ("refill", "visit00001", None)],
)
def test_a_follow_up_names_the_last_visit(tmp_path: Path, purpose: str, visit: str | None, named: str | None) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            at.last_visit = PastVisit(visit_id=visit, starts_at=NOW) if visit else None
            at.drafting.open_send()
            at.drafting.choose_purpose(purpose)
            await at.settled()
            assert at.draft.visit_id == named

    asyncio.run(run())


def test_the_last_visit_is_the_latest_that_began_and_outlives_the_schedule(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path) as at:
            assert await kept_visit(at.at.store) is None
            hours = {"early00001": -5, "later00001": -1, "next000001": 1}
            visits = [
                DETAILS.model_copy(update={"visit_id": name, "starts_at": NOW + timedelta(hours=away)})
                for name, away in hours.items()
            ]
            assert last_visit(None, visits[2:], NOW) is None
            found = last_visit(None, visits, NOW)
            assert found.visit_id == "later00001"
            await keep_visit(at.at.store, found)
            kept = await kept_visit(at.at.store)
            assert last_visit(kept, (), NOW) == last_visit(kept, visits[:1], NOW) == found
            assert last_visit(kept, visits, NOW + timedelta(hours=2)).visit_id == "next000001"

    asyncio.run(run())
