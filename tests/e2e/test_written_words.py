"""Written words between two real presenters over the real service: in a visit, over a broken transport, and after."""

import asyncio

from app.presenters.views import ItemStage, Page, VisitPhase
from tests.clinic.service import start_clinic
from tests.e2e.e2e_people import start_visit, two_people


def test_words_get_through_in_a_visit_over_a_cut_and_after_the_end(tmp_path):
    clinic = start_clinic(tmp_path, tls="self")
    try:
        asyncio.run(scenario(tmp_path, clinic))
    finally:
        clinic.stop()


def texts(view):
    return [line.text for line in view.visit.words.lines] if view.visit else []


def stands(view, text):
    line = next((line for line in view.visit.words.lines if line.text == text), None) if view.visit else None
    return line.state.text if line and line.state else ""


async def scenario(tmp_path, service):
    async with two_people(tmp_path, service.url, service.code) as clinic:
        patient, provider = clinic.patient, clinic.provider
        await start_visit(clinic)
        await patient.until(lambda v: v.visit)
        patient.presenter.say_words("Are you there?")
        for who in (patient, provider):
            await who.until(lambda v: v.visit and v.visit.phase is VisitPhase.LIVE)
        await provider.until(lambda v: texts(v) == ["Are you there?"], 60)
        await patient.until(lambda v: stands(v, "Are you there?") == "Dr Lee has it", 60)
        provider.presenter.say_words("Yes. I cannot hear you.")
        await patient.until(lambda v: "Yes. I cannot hear you." in texts(v), 60)

        broken = patient.presenter._room.session.transports.current
        for who in (patient, provider):  # nothing comes in on this transport any more: a new one must be made
            who.presenter._room.session.transports.current.path.agent.gate._take = lambda *_: False
        patient.presenter.say_words("Said in the cut")
        await patient.until(lambda v: stands(v, "Said in the cut") == "Dr Lee has it", 60)
        assert patient.presenter._room.session.transports.current is not broken
        assert texts(provider.view).count("Said in the cut") == 1
        assert texts(provider.view) == ["Are you there?", "Yes. I cannot hear you.", "Said in the cut"]

        patient.presenter._room.words.attach(lambda data: False)  # the channel takes no more
        patient.presenter.say_words("Please call me: 555 0199")
        await patient.until(lambda v: "Please call me: 555 0199" in texts(v))
        patient.presenter.hang_up()
        await patient.until(lambda v: v.page is Page.HOME and v.items and v.items[0].stage is ItemStage.RECEIVED)
        assert patient.view.items[0].title.startswith("Written message")
        await provider.until(lambda v: v.page is Page.HOME and len(v.inbox) == 1)
        provider.presenter.open_item(provider.view.inbox[0].submission_id)
        view = await provider.until(lambda v: v.opened)
        assert view.opened.purpose == "Written message"
        assert view.opened.note.endswith("  Please call me: 555 0199")
        assert "Said in the cut" not in view.opened.note
        assert view.opened.parts == ()
        await read_afterwards(clinic)


async def read_afterwards(clinic):
    """The record of the visit, as each of the two finds it, with the way to what was sent with it and back."""
    patient, provider, got = clinic.patient, clinic.provider, "Dr Lee got this."
    patient.presenter.past_visits.open_list()
    view = await patient.until(lambda v: v.past and v.past.rows)
    assert [(row.visit_id, row.title) for row in view.past.rows] == [(clinic.visit_id, "Visit with Dr Lee")]
    patient.presenter.past_visits.open_visit(clinic.visit_id)
    opened = (await patient.until(lambda v: v.past and v.past.opened)).past.opened
    assert [(line.who, line.text, line.state and line.state.text) for line in opened.said] == [
        ("You", "Are you there?", got),
        ("Dr Lee", "Yes. I cannot hear you.", None),
        ("You", "Said in the cut", got),
        ("You", "Please call me: 555 0199", "The connection was gone. The clinic got this as a written message."),
    ]
    assert "You were connected with Dr Lee." in [entry.text for entry in opened.happened]
    (filed,) = opened.filed
    patient.presenter.items.open_item(filed.submission_id)
    await patient.until(lambda v: v.page is Page.SENT and v.past is None and v.sending.sent)
    patient.presenter.items.close_item()
    await patient.until(lambda v: v.page is Page.PAST_VISITS and v.past.opened)

    provider.presenter.close_item()
    await provider.until(lambda v: v.page is Page.HOME)
    provider.presenter.past_visits.open_list()
    await provider.until(lambda v: v.past and v.past.rows)
    provider.presenter.past_visits.open_visit(clinic.visit_id)
    opened = (await provider.until(lambda v: v.past and v.past.opened)).past.opened
    assert [line.text for line in opened.said] == ["Are you there?", "Yes. I cannot hear you.", "Said in the cut"]
    assert (opened.title, [one.title for one in opened.filed]) == ("Visit with Ann Example", ["Written message"])
    provider.presenter.open_item(opened.filed[0].submission_id)
    await provider.until(lambda v: v.page is Page.ITEM and v.opened)
    provider.presenter.close_item()
    await provider.until(lambda v: v.page is Page.PAST_VISITS and v.past.opened)
