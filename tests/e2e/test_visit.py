"""A visit between two real presenters over the real service, with real media on this machine."""

import asyncio
import hashlib

from app.presenters.views import ItemStage, Page, PictureState, VisitPhase
from tests.clinic.service import start_clinic
from tests.e2e.e2e_people import two_people


def test_a_visit_and_a_photo_from_end_to_end(tmp_path):
    clinic = start_clinic(tmp_path, tls="self")
    try:
        asyncio.run(visit_and_photo(tmp_path, clinic))
    finally:
        clinic.stop()


async def visit_and_photo(tmp_path, service):
    async with two_people(tmp_path, service.url, service.code) as clinic:
        patient, provider, visit_id = clinic.patient, clinic.provider, clinic.visit_id
        await provider.until(lambda v: v.schedule and v.schedule[0].patient_name == "Ann Example")
        await patient.until(lambda v: v.next_visit and v.next_visit.with_name == "Dr Lee")
        patient.presenter.join(visit_id)
        await patient.until(lambda v: v.visit and v.visit.phase is VisitPhase.WAITING)
        await provider.until(lambda v: v.schedule[0].waiting)
        provider.presenter.start_visit(visit_id)
        for who in (patient, provider):
            await who.until(lambda v: v.visit and v.visit.phase is VisitPhase.LIVE)
            await who.until(lambda v: v.visit and v.visit.picture is PictureState.LIVE)
            await who.until(lambda v: v.visit and v.visit.other and "hears you and sees you" in v.visit.other.text)
        patient.presenter.set_camera(False)
        await provider.until(lambda v: v.visit and v.visit.picture is PictureState.NONE)
        await patient.until(lambda v: v.visit and "camera is off" in v.visit.other.text)
        await take_photo(patient)
        provider.presenter.hang_up()
        await patient.until(lambda v: v.page is Page.HOME and "Dr Lee has ended the visit" in v.notice.text)
        await delivered_and_seen(patient, provider)
        await timelines_are_kept(patient, provider)


async def take_photo(patient):
    patient.presenter.set_camera(True)
    patient.presenter.start_photo()
    await patient.until(lambda v: v.page is Page.PHOTO)
    for _ in range(50):
        patient.presenter.shutter()
        try:
            view = await patient.until(lambda v: v.photo and v.photo.jpeg, 0.5)
            break
        except AssertionError:
            continue
    patient.taken = hashlib.sha256(view.photo.jpeg).hexdigest()
    patient.presenter.keep_photo()
    await patient.until(lambda v: v.items and v.page is Page.VISIT)


async def delivered_and_seen(patient, provider):
    await patient.until(lambda v: v.items[0].stage is ItemStage.RECEIVED)
    await provider.until(lambda v: len(v.inbox) == 1)
    provider.presenter.open_item(provider.view.inbox[0].submission_id)
    view = await provider.until(lambda v: v.opened and v.opened.sheet and v.opened.sheet.pages)
    (part,) = view.opened.parts  # a light copy: what was taken is held until somebody asks
    assert part.sha256 != patient.taken
    assert part.can_want
    assert view.inbox[0].patient_name == "Ann Example"
    await patient.until(lambda v: v.items[0].stage is ItemStage.SEEN)
    provider.presenter.want_original(0, True)
    await provider.until(lambda v: v.opened.parts[0].wanted)
    provider.presenter.send_answer("", False)
    await patient.until(lambda v: any("full size" in i.title and i.stage is ItemStage.RECEIVED for i in v.items))
    view = await provider.until(lambda v: v.opened and v.opened.others and v.opened.replies)
    (line,) = view.opened.replies
    assert (line.wish, line.question, line.text, line.asks) == (True, False, "", "Asks for the original of 1 photo.")
    assert not any(row.answered for row in view.inbox), "an answer is still due"
    provider.presenter.open_item(view.opened.others[0].submission_id)
    await provider.until(lambda v: v.opened and [p.sha256 for p in v.opened.parts] == [patient.taken])


async def timelines_are_kept(patient, provider):
    """The modality timeline of each side is in its own encrypted store."""
    for who in (patient, provider):

        def kept(core):
            with core._reading() as db:
                rows = db.execute("SELECT value FROM settings WHERE name LIKE 'timeline/%'").fetchall()
            return [bytes(row[0]).decode() for row in rows]

        lines = await who.presenter.account.store.call(kept)
        assert len(lines) == 1
        assert "Connected" in lines[0]
        assert "Ann Example: speech alone (by choice)" in lines[0]
