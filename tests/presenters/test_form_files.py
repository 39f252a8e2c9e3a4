"""Files as answers to a form (documents, photos, clips), and answers that were sent as the start of new ones."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from app.media.clip.bounds import Clip
from app.offline.forms.library import KIND, LIST, entry_of
from app.offline.parts import CLIP, JPEG, PDF
from app.offline.store import StoreCore
from app.presenters import answering as answering_module
from app.presenters.answering import EARLIER, NOT_HERE, Answering
from app.presenters.devices import Chosen
from app.presenters.form_views import FileWay, FormInput
from app.presenters.recording import Recording
from app.presenters.sending_views import RecordPhase
from app.presenters.views import Page
from app.wire.forms import FormSet
from app.wire.intake import PartRole
from app.wire.signed import Context, sign
from tests.offline import photo_files as files
from tests.offline.test_clips import film
from tests.offline.test_documents import pdf
from tests.presenters.sending_kit import NOW, Sending, sending
from tests.presenters.test_answering import ITCH, OTHER, PICTURE, desk, form, opened, sent

MIME = "http://hl7.org/fhir/StructureDefinition/mimeType"


def asks_for(name: str, *kinds: str) -> bytes:
    extensions = [{"url": MIME, "valueCode": kind} for kind in kinds]
    item = {"linkId": "2", "type": "attachment", "text": "Please add it.", "repeats": True, "extension": extensions}
    return form(f"http://clinic.example/forms/{name}", "1", item)


PHOTOS, FILMS = asks_for("photos", "image/jpeg"), asks_for("films", "video/*", "application/pdf")
TWO_ASKED = form(
    "http://clinic.example/forms/two", "1", ITCH, {"linkId": "3", "type": "string", "text": "Since when?"}
)


class Recorder:
    def __init__(self, data: bytes) -> None:
        self.data, self.ended = data, asyncio.Event()

    def end(self) -> None:
        self.ended.set()

    async def run(self) -> Clip:
        await self.ended.wait()
        return Clip(self.data, 1.0, 160, 120)


async def more_forms(at: Sending, *forms: bytes) -> Answering:
    entries = FormSet(version=2, issued_at=NOW, forms=tuple(map(entry_of, (*forms, OTHER, PICTURE))))
    signed = sign(entries, Context.FORMS, at.at.clinic.root).model_dump_json().encode()
    known = {entry_of(data).sha256: data for data in forms}
    await desk(at)
    await at.at.store.call(StoreCore.put_documents, KIND, {LIST: signed, **known})
    made = Answering(at.around, at.drafting)
    await made.open()
    return made


async def chosen(at: Sending, made: Answering, path: Path) -> None:
    made.choose_form_file(made.view().key, path)
    await at.settled()


def attached(at: Sending) -> list[tuple[str, str]]:
    """(title, media type) of the answers that are files, each a part of the draft."""
    (response,) = at.draft.forms.values()
    found = [answer["valueAttachment"] for item in json.loads(response)["item"] for answer in item["answer"]]
    parts = {part.named.blob: part.named for part in at.draft.parts}
    for one in found:
        named = parts[one["url"].removeprefix("urn:uuid:").replace("-", "")]
        assert (named.media_type, named.size) == (one["contentType"], one["size"])
    return [(one["title"], one["contentType"]) for one in found]


def test_a_document_or_a_photo_file_is_an_answer(tmp_path: Path) -> None:
    letter, skin, words = tmp_path / "letter.pdf", tmp_path / "skin.jpg", tmp_path / "words.txt"
    letter.write_bytes(pdf())
    skin.write_bytes(files.jpeg(files.corners()))
    words.write_bytes(b"plain words")

    async def run() -> None:
        async with sending(tmp_path / "p") as at:
            made = await more_forms(at, PHOTOS)
            await at.begin()
            await opened(at, made, PICTURE)
            field = made.view().field
            assert field.ways == (FileWay.PHOTO, FileWay.FILE)
            assert {"pdf", "jpg", "heic"} <= set(field.endings)
            await chosen(at, made, words)
            assert "words.txt: This kind of file cannot be sent." in at.said
            assert at.draft.parts == ()
            await chosen(at, made, letter)
            assert made.view().field.texts == ("letter.pdf",)
            assert attached(at) == [("letter.pdf", PDF)]
            assert [part.named.role for part in at.draft.parts] == [PartRole.CONTENT, PartRole.THUMBNAIL]
            await chosen(at, made, skin)  # the question takes one: it goes in the other's place
            assert [title for title, _ in attached(at)] == ["skin.jpg"]
            assert PDF not in {part.named.media_type for part in at.draft.parts}
            made.close_form()
            await at.settled()
            (row,) = at.drafting.view().parts
            assert row.thumbnail[:3] == b"\xff\xd8\xff"

    asyncio.run(run())


def test_a_question_that_names_kinds_takes_those_alone(tmp_path: Path) -> None:
    letter, skin = tmp_path / "letter.pdf", tmp_path / "skin.jpg"
    letter.write_bytes(pdf())
    skin.write_bytes(files.jpeg(files.corners()))

    async def run() -> None:
        async with sending(tmp_path / "p") as at:
            made = await more_forms(at, PHOTOS)
            await at.begin()
            await opened(at, made, PHOTOS)
            assert "pdf" not in made.view().field.endings
            await chosen(at, made, letter)
            assert at.said == ["letter.pdf: This kind of file is not asked for here."]
            assert at.draft.parts == ()
            await chosen(at, made, skin)
            assert attached(at) == [("skin.jpg", JPEG)], "not AVIF, which was not asked for"
            made.close_form()

    asyncio.run(run())


def test_a_clip_is_recorded_where_the_question_takes_one(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path / "p") as at:
            made = await more_forms(at, FILMS)
            await at.begin()
            await opened(at, made, FILMS)
            assert made.view().field.ways == (FileWay.FILE,), "nothing records here"
            recording = Recording(
                at.around, at.drafting, lambda **given: Recorder(film(0.5)), lambda: Chosen(), lambda event: None
            )
            recording.answer = made.keep_recording
            made.record = lambda film: recording.open(film, Page.FORM)
            assert made.view().field.ways == (FileWay.FILE, FileWay.CLIP)
            made.record_form_file(made.view().key, True)
            await at.until(lambda: at.page is Page.RECORD)
            recording.leave_recording()
            await at.until(lambda: at.page is Page.FORM)
            made.record_form_file(made.view().key, True)
            await at.until(lambda: at.page is Page.RECORD)
            recording.start_recording()
            await at.until(lambda: recording.view() is not None and recording.view().phase is RecordPhase.STARTING)
            recording._begun()
            recording.stop_recording()
            await at.settled()
            assert at.page is Page.FORM
            assert attached(at) == [("Clip", CLIP)]
            assert [part.named.role for part in at.draft.parts] == [PartRole.CONTENT, PartRole.THUMBNAIL]
            made.close_form()
            await at.settled()
            assert at.drafting.view().parts[0].thumbnail

    asyncio.run(run())


async def answer(at: Sending, made: Answering, itches: str, since: str) -> None:
    made.next_form(made.view().key, FormInput(chosen=(itches,)))
    await at.settled()
    made.next_form(made.view().key, FormInput(texts=(since,)))
    await at.settled()
    made.finish_form()
    await at.settled()
    assert at.page is Page.SEND


async def sent_once(at: Sending) -> tuple[Answering, str]:
    """TWO_ASKED, answered and sent: what was answered with, and the submission."""
    made = await more_forms(at, TWO_ASKED)
    await at.begin()
    await opened(at, made, TWO_ASKED)
    await answer(at, made, "true", "Monday")
    return made, await sent(at)


def test_answers_that_were_sent_are_the_start_while_they_are_here(tmp_path: Path) -> None:
    async def run() -> None:
        async with sending(tmp_path / "p") as at:
            made, first = await sent_once(at)
            await at.begin(amends=first)
            await opened(at, made, TWO_ASKED)
            assert at.said[-1] == EARLIER
            assert [choice.chosen for choice in made.view().field.choices] == [True, False]
            await answer(at, made, "false", "Tuesday")
            (response,) = map(json.loads, at.draft.forms.values())
            assert response["status"] == "amended"
            second = await sent(at)
            await at.begin(amends=first)
            await opened(at, made, TWO_ASKED)
            made.next_form(made.view().key, FormInput(chosen=("false",)))
            await at.settled()
            assert made.view().field.texts == ("Tuesday",), "the newest of them"
            made.close_form()
            await at.settled()
            for name in at.at.files():  # what the receipt does
                (at.at.profile.blobs / name).unlink()
            await at.begin(amends=second)
            await opened(at, made, TWO_ASKED)
            assert at.said[-1] == NOT_HERE
            assert not any(choice.chosen for choice in made.view().field.choices)
            made.close_form()

    asyncio.run(run())


def test_a_new_item_and_another_form_begin_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*given: object) -> None:
        raise AssertionError("nothing was answered before")

    async def run() -> None:
        async with sending(tmp_path / "p") as at:
            made, first = await sent_once(at)
            monkeypatch.setattr(answering_module, "earlier_answers", never)
            await at.begin()
            await opened(at, made, TWO_ASKED)
            made.close_form()
            await at.settled()
            await at.begin(amends=first)
            await opened(at, made, OTHER)
            made.close_form()

    asyncio.run(run())
