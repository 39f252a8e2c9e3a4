"""Sample views of earlier visits, said by the presenter's own functions, in every state worth a look."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.media.events import Cause, ConnectionState, Modality
from app.media.words import Line, State
from app.offline.standing import Stage
from app.presenters.past_record import KeptVisit, VisitRecord
from app.presenters.past_sentences import (
    BROKEN,
    began_at,
    carries_sentence,
    happened,
    length_words,
    said_lines,
    title,
    two_of,
    undelivered_sentence,
)
from app.presenters.past_views import FiledItem, PastVisitRow, PastVisitsView, PastVisitView
from app.presenters.views import TimelineEntry
from app.presenters.visit_sentences import TIMELINE_CONNECTION, timeline_back, timeline_sending
from app.ui.visit_samples import NOW

MARIA, LEE = "mariasdevice", "leesdevice01"
LONG_NAME = "Dr Maria Bartholomew-Fotheringham-Castellanos de la Fuente"
_BEGAN = NOW - timedelta(days=5, hours=2, minutes=6)


def _entry(minute: float, text: str) -> TimelineEntry:
    return TimelineEntry(_BEGAN + timedelta(minutes=minute), text)


def _timeline(me: str, other: str) -> tuple[TimelineEntry, ...]:
    thin = Cause.LINK_THIN
    return (
        _entry(0, f"{me} came in"),
        _entry(1, TIMELINE_CONNECTION[ConnectionState.CONNECTED]),
        _entry(1, timeline_sending(me, Modality.VIDEO, Cause.START, other)),
        _entry(1, timeline_sending(other, Modality.VIDEO, Cause.START, me)),
        _entry(6, timeline_sending(me, Modality.AUDIO, thin, other)),
        _entry(7, f"{other} asked for a sharp photo"),
        _entry(9, timeline_sending(me, Modality.VIDEO, Cause.LINK_RECOVERED, other)),
        _entry(11, TIMELINE_CONNECTION[ConnectionState.INTERRUPTED]),
        _entry(12, timeline_back(46)),
        _entry(19, "Left the visit"),
    )


def record(*, provider: bool) -> VisitRecord:
    last = State.WAITING if provider else State.LEFT
    rows = (
        (not provider, "I cannot hear you.", State.DELIVERED if not provider else State.READ, 7.0),
        (provider, "Please hold the tube of the cream to the camera.", State.DELIVERED if provider else State.READ, 8),
        (True, "Please call me: +1 555 0199. The cream is finished since Sunday.", last, 18),
    )
    lines = tuple(
        Line(f"line{n}", mine, text, round((_BEGAN + timedelta(minutes=at)).timestamp() * 1_000), state)
        for n, (mine, text, state, at) in enumerate(rows)
    )
    visit = KeptVisit(
        visit_id="visit0009", starts_at=_BEGAN, reason="Follow-up of your skin rash", patient_name="Maria Lopez",
        patient_device=MARIA, provider_name="Dr Lee", provider_device=LEE,
    )  # fmt: skip
    names = ("Dr Lee", "Maria Lopez") if provider else ("Maria Lopez", "Dr Lee")
    return VisitRecord("visit0009", visit, lines, (_timeline(*names),))


def _row(one: VisitRecord, me: str) -> PastVisitRow:
    two = two_of(one, me)
    said = undelivered_sentence(one, two)
    return PastVisitRow(one.visit_id, title(two), began_at(one, NOW), length_words(one), said)


def _view(one: VisitRecord, me: str, filed: tuple[FiledItem, ...], arrived: bool | None) -> PastVisitView:
    two, row = two_of(one, me), _row(one, me)
    return PastVisitView(
        row.visit_id, row.title, row.at, row.text, one.visit.reason if one.visit is not None else "",
        () if row.says is None else (row.says,), said_lines(one, two, NOW, arrived), filed, happened(one, two, NOW),
    )  # fmt: skip


def past_views(*, provider: bool) -> dict[str, PastVisitsView]:
    """Name -> the page, as one of the two sees it."""
    me, one = LEE if provider else MARIA, record(provider=provider)
    assert one.visit is not None
    far = "patient_name" if provider else "provider_name"
    long = replace(one, visit_id="visit0008", visit=one.visit.model_copy(update={far: LONG_NAME}), lines=())
    missed = replace(one, visit_id="visit0007", lines=(), stays=(one.stays[0][:1],))
    unknown = replace(missed, visit_id="visit0006", visit=None)
    rows = tuple(_row(each, me) for each in (one, long, missed, unknown))
    sent = (
        FiledItem("item0001", "Sharp photo in the visit, on 18 November at 12:12", "Opened by Dr Lee.", Stage.SEEN),
        FiledItem("item0002", "Written message, on 18 November at 12:23", "Received by the clinic.", Stage.RECEIVED),
    )
    if provider:
        sent = (FiledItem("item0001", "Sharp photo in the visit", "1 photo"),
                FiledItem("item0002", "Clip from the visit", "1 clip"))  # fmt: skip
    opened = _view(one, me, sent, True)
    carried = replace(opened, can_carry=provider)
    listed = PastVisitsView(rows, more=True)
    waits = replace(sent[-1], text="Saved here on this computer. It is sent soon.", stage=Stage.WAITING)
    other = _view(one, me, (waits,), False)
    if provider:
        wanted = replace(one, visit=one.visit.model_copy(update={"carry": True}))
        said = carries_sentence(wanted, two_of(wanted, me))
        assert said is not None
        other = replace(carried, says=(*carried.says, said), can_carry=False, carries=True)
    plain = _view(missed, me, (), None)
    return {
        "past-none": PastVisitsView(),
        "past-list": listed,
        "past-record": replace(listed, opened=carried),
        "past-waits": replace(listed, opened=other),
        "past-plain": replace(listed, opened=plain),
        "past-broken": replace(listed, opened=replace(_view(long, me, (), None), says=(BROKEN,))),
    }


PAST_STATES = tuple(past_views(provider=False))
