"""What a provider sees of a patient's submissions, and answers: two real presenters over the real service."""

from __future__ import annotations

import asyncio
import hashlib
import json
from functools import partial

import cv2
import numpy as np

from app.offline.drafts import DraftBook
from app.offline.finishing import original_of
from app.offline.parts import AVIF, CLIP, JPEG, PDF, VOICE, Part
from app.offline.purposes import Purpose
from app.offline.readings import Measure, typed
from app.offline.replies import Member, ReplyBook
from app.presenters.review_views import PartKind
from app.presenters.views import Page
from app.wire.intake import PartRole
from app.wire.trust import Role
from tests.clinic.service import start_clinic
from tests.e2e.e2e_people import two_people
from tests.offline.offline_kit import NOW, every_byte
from tests.offline.test_clips import film, voice
from tests.offline.test_documents import pdf

FORM = {
    "resourceType": "QuestionnaireResponse",
    "questionnaire": "http://clinic.example/forms/rash|1",
    "status": "completed",
    "item": [{"linkId": "itch", "text": "itch", "answer": [{"valueBoolean": True}]}],
}
CANARY = "canary-4711-Zwiebelkuchen"


def picture(side: int, kind: str = ".jpg", seed: int = 1) -> bytes:
    rough = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), np.uint8)
    done, data = cv2.imencode(kind, cv2.resize(rough, (side, side * 3 // 4), interpolation=cv2.INTER_CUBIC))
    assert done
    return data.tobytes()


def test_parts_come_in_order_are_shown_answered_and_taken_back(tmp_path):
    service = start_clinic(tmp_path, tls="self")
    try:
        asyncio.run(scenario(tmp_path, service))
    finally:
        service.stop()
    assert CANARY.encode() not in service.bytes_on_disk()
    assert CANARY.encode() not in every_byte(tmp_path / "lee")


async def scenario(tmp_path, service):
    async with two_people(tmp_path, service.url, service.code) as clinic:
        patient, provider = clinic.patient, clinic.provider
        for who in (patient, provider):  # the machine is shared: nothing here is about time
            who.until = partial(who.until, seconds=90.0)
        account = patient.presenter.account
        book = DraftBook(account.store, account.profile.blobs)
        sent = await everything(patient, book)
        row = (await provider.until(lambda v: v.inbox and v.inbox[0].purpose)).inbox[0]
        assert (row.patient_name, row.purpose, row.urgent) == ("Ann Example", "Wound check", True)
        assert row.holds == "1 photo, 1 document, 1 clip, 1 voice message, words"
        assert (row.opened, row.due.text[:10]) == (False, "Answer by ")
        assert [s.text for s in row.told] == ["Urgent, says the patient."]

        provider.presenter.open_item(sent)
        await looked_at(provider)
        await patient.until(lambda v: any(item.text.startswith("Opened by") for item in v.items))
        copy = provider.view.opened.parts[0].blob
        replies = ReplyBook(account.store, account.http, Member(account.clinic.device_id, Role.PATIENT, account.keys))
        await asked_and_read(patient, provider, replies, copy)
        await originals_come(patient, provider, sent, copy)
        await taken_back(patient, provider, book, sent)


async def everything(patient, book) -> str:
    draft = (await book.begin(Purpose.WOUND_CHECK)).draft
    await book.set_note(draft, "It itches. " + CANARY)
    await book.set_urgent(draft, True)
    reading = typed(Measure.BLOOD_PRESSURE, "210/110", "mm[Hg]", NOW).reading
    await book.set_readings(draft, [reading])
    await book.set_answers(draft, FORM["questionnaire"], json.dumps(FORM))
    copy = Part(picture(800, ".avif"), "wound.avif", AVIF, PartRole.COPY)
    await book.add_parts(
        draft,
        [
            copy,
            Part(picture(160), "small.jpg", JPEG, PartRole.THUMBNAIL, copy.blob),
            Part(picture(1600), "wound.jpg", JPEG, PartRole.ORIGINAL, copy.blob),
            Part(pdf(pages=2), "letter.pdf", PDF),
            Part(film(seconds=16.0, fps=2), "clip.mp4", CLIP),
            Part(voice(), "voice.ogg", VOICE),
        ],
    )
    sent = await book.finish(draft)
    patient.presenter._worker.kick()
    return sent


async def looked_at(provider):
    """Words and thumbnails are there first; every part opens; a clip of more than 15 s by pieces."""
    await provider.until(lambda v: v.opened and v.opened.letters)
    first = next(v for v in provider.views if v.opened and v.opened.letters)
    assert any(part.fraction == 0.0 for part in first.opened.parts), "words do not wait for what is large"
    item = (await provider.until(lambda v: v.opened and v.opened.says is None and v.opened.sheet.pages)).opened
    assert item.note.endswith(CANARY)
    titles = [letter.title for letter in item.letters]
    assert titles == ["Answers to questions", "Readings"]
    assert [(r.question, r.answer) for r in item.letters[0].rows] == [("itch", "Yes")]
    assert [(r.answer, r.note) for r in item.letters[1].rows] == [("210/110 mmHg", "Unusual")]
    assert [part.kind for part in item.parts] == list(PartKind)[:4]
    assert item.parts[0].thumbnail.startswith(b"\xff\xd8")
    assert item.sheet.pages[0].data.startswith(b"\xff\xd8"), "the patient's AVIF is decoded in the limited process"
    digest = hashlib.sha256(picture(800, ".avif")).hexdigest()
    assert item.parts[0].sha256 == digest
    provider.presenter.show_part(1)
    view = await provider.until(lambda v: v.opened.sheet.place == 1 and v.opened.sheet.pages)
    assert len(view.opened.sheet.pages) == 2
    provider.presenter.show_part(2)
    clip = (await provider.until(lambda v: v.opened.sheet.clip)).opened.sheet.clip
    assert (clip.start_s, clip.total_s > 15.9, clip.end_s) == (0.0, True, 15.0)
    provider.presenter.show_clip_at(2, 15.2)
    await provider.until(lambda v: v.opened.sheet.clip and v.opened.sheet.clip.start_s == 15.0)
    provider.presenter.show_part(3)
    heard = await provider.until(lambda v: v.opened.sheet.place == 3 and v.opened.sheet.clip)
    assert heard.opened.sheet.clip.safe.pictures == ()


async def too_long_is_said(provider):
    """Nothing is cut, nothing goes, and answering goes on."""
    long = "word " * 2000
    provider.presenter.send_answer(long, False)
    await provider.until(lambda v: v.notice and v.notice.text.startswith("This answer is too long."))
    assert not provider.view.opened.answer.busy
    provider.presenter.close_item()
    await provider.until(lambda v: v.page is Page.HOME)
    provider.presenter.open_item(provider.view.inbox[0].submission_id)
    await provider.until(lambda v: v.opened and v.opened.answer.draft == long)
    assert provider.view.opened.replies == ()


async def asked_and_read(patient, provider, replies, copy):
    await too_long_is_said(provider)
    provider.presenter.keep_answer("A draft")
    provider.presenter.want_original(0, True)
    await provider.until(lambda v: v.opened.parts[0].wanted)
    assert provider.view.opened.answer.asks == "Asks for the original of 1 photo."
    provider.presenter.close_item()
    await provider.until(lambda v: v.page is Page.HOME)
    provider.presenter.open_item(provider.view.inbox[0].submission_id)
    await provider.until(lambda v: v.opened and v.opened.answer.draft == "A draft")
    provider.presenter.send_answer("Please show me more.", True)
    provider.presenter.send_answer("Please show me more.", True)  # an impatient finger
    view = await provider.until(
        lambda v: v.opened.replies and v.opened.replies[0].state.text.startswith("At the clin")
    )
    (line,) = view.opened.replies
    assert (line.who, line.question, line.text) == ("You", True, "Please show me more.")
    assert (view.opened.answer.draft, view.opened.answer.asks) == ("", "")
    assert (view.opened.parts[0].can_want, view.opened.parts[0].original.text) == (
        False,
        "The original was asked for.",
    )
    assert view.inbox[0].answered
    await patient.until(lambda v: any("asks you something" in item.text for item in v.items))
    (came,) = await replies.all()
    assert came.content.wants == (copy,)
    assert came.content.name == "Dr Lee"
    await provider.until(lambda v: v.opened.replies[0].state.text.startswith("Arrived at the patient's device"))
    await replies.mark_read(came.content.reply)
    await provider.until(lambda v: v.opened.replies[0].state.text.startswith("Read by the patient"))


async def originals_come(patient, provider, sent, copy):
    """Asked for, and so let go by the patient's app itself."""
    original = await patient.presenter.account.store.call(original_of, copy)
    view = await provider.until(lambda v: len(v.inbox) == 2 and all(row.purpose for row in v.inbox))
    assert view.inbox[0].submission_id == original, "what is not answered comes first"
    assert "Originals for what came" in view.inbox[0].told[-1].text
    item = view.opened
    assert [(o.submission_id, o.text) for o in item.others] == [(original, "Open the originals")]
    assert item.parts[0].original.text == "The original has come."
    provider.presenter.open_item(original)
    view = await provider.until(lambda v: v.opened and v.opened.submission_id == original and v.opened.sheet.pages)
    assert view.opened.parts[0].sha256 == hashlib.sha256(picture(1600)).hexdigest()
    assert [o.submission_id for o in view.opened.others] == [sent]


async def taken_back(patient, provider, book, sent):
    draft = (await book.begin(Purpose.FOLLOW_UP, amends=sent)).draft
    await book.set_note(draft, "A mistake")
    gone = await book.finish(draft)
    patient.presenter._worker.kick()
    await provider.until(lambda v: len(v.inbox) == 3 and all(row.purpose for row in v.inbox))
    await patient.presenter._worker.withdraw(gone)
    await provider.until(lambda v: len(v.inbox) == 2)
    assert gone not in await provider.presenter._notes.manifests()
