"""What a patient sends and what comes back, through the presenters' commands and the real service."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.offline import rows
from app.offline.inbox import InboxReader
from app.offline.life import Life
from app.offline.plan import Metered
from app.offline.recovery import RESTORED
from app.offline.replies import Member, ReplyBook
from app.offline.store import StoreCore
from app.offline.transfer import Transfer
from app.presenters.form_views import FormInput
from app.presenters.sending_views import OfferedForm
from app.presenters.views import ItemStage, Page, PhotoPhase
from app.wire.replies import WISH_TEXT, ReplyKind
from app.wire.trust import Role
from tests.e2e.e2e_people import Clinic, Person
from tests.e2e.sending_kit import begin, clinic, reopened
from tests.offline.test_documents import pdf
from tests.offline.test_outbox import submission

FORM = {
    "resourceType": "Questionnaire",
    "url": "http://clinic.example/forms/skin",
    "version": "1",
    "status": "active",
    "title": "About your skin",
    "item": [
        {"linkId": "1", "type": "boolean", "text": "Does it itch?", "required": True},
        {"linkId": "2", "type": "string", "text": "Since when?"},
    ],
}


async def photograph(patient: Person) -> None:
    patient.presenter.drafting.take_photo()
    await patient.until(lambda v: v.page is Page.PHOTO)
    for _ in range(60):
        patient.presenter.shutter()
        with contextlib.suppress(AssertionError):
            await patient.until(lambda v: v.photo and v.photo.phase is PhotoPhase.REVIEW and v.photo.sizes, 1.0)
            return
    raise AssertionError("the camera gave no picture")


async def write_and_send(patient: Person, note: str) -> None:
    patient.presenter.drafting.send_draft(note)
    await patient.until(lambda v: v.page is Page.HOME and v.notice and "Saved" in v.notice.text)


def texts(patient: Person) -> list[str]:
    return [item.text for item in patient.view.items]


def test_put_together_kept_sent_opened_asked_answered(tmp_path: Path) -> None:
    async def run() -> None:
        async with clinic(tmp_path) as made:
            patient = made.patient
            await begin(patient, "wound-check")
            await photograph(patient)
            sizes = patient.view.photo.sizes
            assert [size.chosen for size in sizes] == [True], "a camera as small as this gives one size"
            patient.presenter.choose_size(sizes[0].side)
            await patient.until(lambda v: v.photo.sizes[0].chosen)
            patient.presenter.keep_photo()
            await patient.until(lambda v: v.page is Page.SEND and v.sending.compose.parts)
            await patient.until(lambda v: v.sending.compose.parts[0].thumbnail.startswith(b"\xff\xd8"))
            await readings(patient)
            letter = tmp_path / "letter.pdf"
            letter.write_bytes(pdf())
            broken = tmp_path / "broken.jpg"
            broken.write_bytes(b"\xff\xd8\xff rubbish")
            patient.presenter.drafting.add_to_draft([letter, broken])
            view = await patient.until(
                lambda v: v.page is Page.SEND and len(v.sending.compose.parts) == 2 and v.notice
            )
            assert "broken.jpg" in view.notice.text
            patient.presenter.drafting.set_note(view.sending.compose.draft, "It is warm.")
            patient.presenter.drafting.set_urgent(True)
            await patient.until(lambda v: v.sending.compose.urgent and v.sending.compose.note == "It is warm.")
            again = made.patient = await reopened(patient, tmp_path)
            await again.until(lambda v: v.sending.drafts)
            again.presenter.drafting.open_draft(again.view.sending.drafts[0].draft)
            view = await again.until(lambda v: v.sending.compose and v.sending.compose.parts[0].thumbnail)
            compose = view.sending.compose
            assert (compose.note, compose.urgent) == ("It is warm.", True)
            assert (len(compose.parts), len(compose.readings)) == (2, 1)
            assert "KB" in compose.weighs
            await write_and_send(again, "It is warm and red.")
            await again.until(lambda v: v.items and v.items[0].stage is ItemStage.RECEIVED)
            assert "Received by the clinic." in texts(again)
            await opened_asked_answered(made, again)

    asyncio.run(run())


async def readings(patient: Person) -> None:
    patient.presenter.measuring.open_readings()
    await patient.until(lambda v: v.page is Page.READING)
    patient.presenter.measuring.choose_measure("temperature")
    patient.presenter.measuring.add_reading("373", "Cel")
    await patient.until(lambda v: v.sending.reading.says and "cannot be" in v.sending.reading.says.text)
    patient.presenter.measuring.add_reading("41,5", "Cel")
    await patient.until(lambda v: v.sending.reading.doubt)
    patient.presenter.measuring.add_reading("41,5", "Cel")
    await patient.until(lambda v: v.sending.reading.added == 1)
    patient.presenter.measuring.close_readings()
    view = await patient.until(lambda v: v.page is Page.SEND)
    assert view.sending.compose.readings[0].words.startswith("41.5 °C")


async def opened_asked_answered(made: Clinic, patient: Person) -> None:
    item = patient.view.items[0].submission_id
    patient.presenter.items.open_item(item)
    await patient.until(lambda v: v.sending.sent and v.sending.sent.kept and v.sending.sent.can_withdraw)
    account = made.provider.presenter.account
    await InboxReader(account.http, account.clinic.device_id, account.keys).mark_opened(item)
    await patient.until(lambda v: v.sending.sent.item.text == "Opened by Dr Lee.")
    patient.presenter.items.close_item()
    me = Member(account.clinic.device_id, Role.PROVIDER, account.keys, account.record)
    book = ReplyBook(account.store, account.http, me)
    copies = await patient.presenter.account.store.call(StoreCore.documents, "original")
    to = patient.presenter.account.clinic.device_id
    await wished(book, patient, item, tuple(copies))
    await book.send(item, to, ReplyKind.QUESTION, "Is it warm?", name="Dr Lee")
    await patient.until(lambda v: any(i.unread and i.text == "Dr Lee asks you something." for i in v.items))
    patient.presenter.items.open_item(item)
    view = await patient.until(lambda v: v.sending.sent and len(v.sending.sent.replies) == 3)
    reply = view.sending.sent.replies[0]
    assert (reply.text, reply.question, reply.can_answer) == ("Is it warm?", True, True)
    await patient.until(lambda v: not any(i.unread for i in v.items))
    async with asyncio.timeout(20):
        while (await book.replies_of(item))[-1].read_at is None:
            await book.fetch()
    patient.presenter.items.answer_reply(reply.reply)
    view = await patient.until(lambda v: v.page is Page.SEND and v.sending.compose)
    assert view.sending.compose.about == "Dr Lee asks: Is it warm?"
    await write_and_send(patient, "Yes.")
    await patient.until(lambda v: "You have answered the clinic's question." in texts(patient))
    await book.send(item, to, ReplyKind.ANSWER, "Please come on Friday.", name="Dr Lee")
    await patient.until(lambda v: "Answered by Dr Lee." in texts(patient))


async def wished(book: ReplyBook, patient: Person, item: str, copies: tuple[str, ...]) -> None:
    """An original alone, as of now and as older versions asked for it: it goes, and the patient is asked nothing."""
    to = patient.presenter.account.clinic.device_id
    await book.send(item, to, ReplyKind.QUESTION, "", wants=copies, name="Dr Lee")
    asks = "Dr Lee asks for the photo in full size. It goes by itself."
    await patient.until(lambda v: any(i.unread and i.text == asks for i in v.items))
    await patient.until(lambda v: any("full size" in i.title and i.stage is ItemStage.RECEIVED for i in v.items))
    await book.send(item, to, ReplyKind.QUESTION, WISH_TEXT, wants=copies, name="Dr Lee")
    await patient.until(lambda v: any(i.unread == 2 for i in v.items))
    patient.presenter.items.open_item(item)
    view = await patient.until(lambda v: v.sending.sent and len(v.sending.sent.replies) == 2)
    for reply in view.sending.sent.replies:
        assert (reply.title, reply.can_answer) == ("Dr Lee asks for the photo in full size", False)
        assert reply.state == "The photo in full size is sent to the clinic."
    view = await patient.until(lambda v: not any(i.unread for i in v.items))
    assert (view.sending.sent.item.text, view.sending.sent.item.stage) == ("Opened by Dr Lee.", ItemStage.SEEN)
    patient.presenter.items.close_item()


async def half_answer(patient: Person) -> OfferedForm:
    """The one form that the clinic offers: its first question is answered, and it is left."""
    view = await patient.until(lambda v: v.sending.compose.offered)
    (offered,) = view.sending.compose.offered
    answering = patient.presenter.answering
    answering.open_form(offered.sha256)
    view = await patient.until(lambda v: v.page is Page.FORM and v.sending.form)
    form = view.sending.form
    answering.next_form(form.key, FormInput(chosen=(form.field.choices[0].key,)))
    await patient.until(lambda v: v.sending.form.question == "Since when?")
    answering.close_form()
    await patient.until(lambda v: v.page is Page.SEND and v.sending.compose.forms)
    return offered


def test_forms_are_resumed_and_an_unfinished_one_is_not_sent(tmp_path: Path) -> None:
    async def run() -> None:
        async with clinic(tmp_path) as made:
            await made.desk.add_forms((json.dumps(FORM).encode(),))
            patient = made.patient
            await begin(patient, "new-problem")
            assert (await half_answer(patient)).title == "About your skin"
            assert not patient.view.sending.compose.forms[0].finished
            patient.presenter.drafting.send_draft("")
            await patient.until(lambda v: v.sending.compose.says and "About your skin" in v.sending.compose.says.text)
            again = made.patient = await reopened(patient, tmp_path)
            await again.until(lambda v: v.sending.drafts)
            again.presenter.drafting.open_draft(again.view.sending.drafts[0].draft)
            view = await again.until(lambda v: v.sending.compose and v.sending.compose.forms)
            await finish_form(again, view.sending.compose.forms[0].form)
            await write_and_send(again, "")
            await again.until(lambda v: v.items and v.items[0].stage is ItemStage.RECEIVED)

    asyncio.run(run())


def test_a_half_answered_form_is_finished_after_the_clinic_has_changed_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with clinic(tmp_path) as made:
            await made.desk.add_forms((json.dumps(FORM).encode(),))
            patient = made.patient
            await begin(patient, "new-problem")
            before = await half_answer(patient)
            await made.desk.remove_form(before.sha256)
            await made.desk.add_forms((json.dumps({**FORM, "version": "2", "title": "Your skin now"}).encode(),))
            view = await patient.until(lambda v: [one.title for one in v.sending.compose.offered] == ["Your skin now"])
            (row,) = view.sending.compose.forms
            assert (row.title, row.can_open) == ("About your skin", True)
            await finish_form(patient, row.form)
            await write_and_send(patient, "")
            await patient.until(lambda v: v.items and v.items[0].stage is ItemStage.RECEIVED)

    asyncio.run(run())


async def finish_form(patient: Person, form: str) -> None:
    answering = patient.presenter.answering
    answering.resume_form(form)
    view = await patient.until(lambda v: v.sending.form)
    assert view.sending.form.field.choices[0].chosen, "what was answered is there again"
    answering.next_form(view.sending.form.key, FormInput(chosen=(view.sending.form.field.choices[0].key,)))
    view = await patient.until(lambda v: v.sending.form.question == "Since when?")
    answering.next_form(view.sending.form.key, FormInput(texts=("Sunday",)))
    await patient.until(lambda v: v.sending.form.ready)
    answering.finish_form()
    await patient.until(lambda v: v.page is Page.SEND and v.sending.compose.forms[0].finished)


def test_stopped_taken_back_and_thrown_away(tmp_path: Path) -> None:
    async def run() -> None:
        async with clinic(tmp_path) as made:
            patient = made.patient
            items, drafting = patient.presenter.items, patient.presenter.drafting
            items.set_paused(True)
            items.set_link_metered(True)
            items.set_metered(Metered.NOTHING)
            await patient.until(lambda v: v.sending.choices.paused and v.sending.choices.metered is Metered.NOTHING)
            await begin(patient, "refill")
            await write_and_send(patient, "Please, my cream.")
            view = await patient.until(lambda v: v.items and "stopped sending" in v.items[0].text)
            assert view.items[0].text.startswith("Saved here")
            items.set_paused(False)
            await patient.until(lambda v: "costs money" in v.items[0].text)
            items.set_link_metered(False)
            await patient.until(lambda v: v.items[0].stage is ItemStage.RECEIVED)
            assert "KB" in patient.view.sending.choices.used
            items.open_item(view.items[0].submission_id)
            await patient.until(lambda v: v.page is Page.SENT)
            items.withdraw_item(view.items[0].submission_id)
            await patient.until(lambda v: v.sending.sent.asks_withdraw)
            items.confirm_withdraw(False)
            await patient.until(lambda v: not v.sending.sent.asks_withdraw)
            items.confirm_withdraw(True)
            await patient.until(lambda v: v.sending.sent.item.text == "Taken back.")
            assert not patient.view.sending.sent.can_withdraw
            items.close_item()
            await begin(patient, "results")
            drafting.leave_send()
            view = await patient.until(lambda v: v.page is Page.HOME)
            assert not view.sending.drafts, "an empty one leaves nothing behind"
            await begin(patient, "results")
            drafting.send_draft("")
            await patient.until(lambda v: v.sending.compose.says and "nothing in it" in v.sending.compose.says.text)
            drafting.set_note(patient.view.sending.compose.draft, "Later.")
            drafting.leave_send()
            view = await patient.until(lambda v: v.page is Page.HOME and v.sending.drafts)
            drafting.discard_draft(view.sending.drafts[0].draft)
            await patient.until(lambda v: not v.sending.drafts)

    asyncio.run(run())


def sixty_later(core: StoreCore) -> None:
    """Sixty more that were received long since."""
    with core._transaction() as db:
        for number in range(1, 61):
            one = submission(number)
            blobs = tuple(
                replace(blob, file=f"{number:031x}{n}", state=Transfer.ERASED, receipt=b"{}")
                for n, blob in enumerate(one.blobs)
            )
            rows.insert(db, replace(one, life=Life.RECEIVED, blobs=blobs))


def test_an_answer_to_what_was_sent_long_ago_is_told_first_and_can_be_read(tmp_path: Path) -> None:
    async def run() -> None:
        async with clinic(tmp_path) as made:
            patient, provider = made.patient, made.provider.presenter.account
            await begin(patient, "refill")
            await write_and_send(patient, "Please, my cream.")
            view = await patient.until(lambda v: v.items and v.items[0].stage is ItemStage.RECEIVED)
            item = view.items[0].submission_id
            await patient.presenter.account.store.call(sixty_later)
            patient.presenter.items.set_paused(False)  # the rows are read anew
            await patient.until(lambda v: len(v.items) == 50 and all(i.submission_id != item for i in v.items))
            me = Member(provider.clinic.device_id, Role.PROVIDER, provider.keys, provider.record)
            to = patient.presenter.account.clinic.device_id
            book = ReplyBook(provider.store, provider.http, me)
            await book.send(item, to, ReplyKind.ANSWER, "It is ready.", name="Dr Lee")
            await patient.until(
                lambda v: v.items[0].submission_id == item and v.items[0].text == "Answered by Dr Lee."
            )
            patient.presenter.items.open_item(item)
            view = await patient.until(lambda v: v.sending.sent and v.sending.sent.replies)
            assert view.sending.sent.replies[0].text == "It is ready."
            await patient.until(lambda v: not any(i.unread for i in v.items))
            patient.presenter.items.set_paused(False)
            view = await patient.until(lambda v: v.items[-1].submission_id == item)
            assert view.sending.sent is not None, "once read, it stays within reach"

    asyncio.run(run())


def test_a_damaged_store_is_mended_and_the_patient_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with clinic(tmp_path) as made:
            patient = made.patient
            patient.presenter.items.set_paused(True)
            await begin(patient, "refill")
            await write_and_send(patient, "Please, my cream.")
            await patient.presenter.stop()
            profile = tmp_path / "ann"
            assert list((profile / "copies").iterdir()), "one a day, the first when the app begins"
            (profile / "store.db").write_bytes(b"")
            patient = await reopened(patient, tmp_path)
            view = await patient.until(lambda v: v.notice and v.items)
            assert view.notice.text == RESTORED
            patient.presenter.items.set_paused(False)
            await patient.until(lambda v: v.items[0].stage is ItemStage.RECEIVED)
            await patient.presenter.stop()

    asyncio.run(run())
    assert "a copy of the store was put back" in caplog.text
