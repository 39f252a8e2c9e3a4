"""What is kept of visits that are over, in the encrypted store: with whom it was, its words, what happened in it.

The service forgets a visit half a day after its end, so a device keeps its own words of it: documents of kind
"past-visit" (id: the visit's), beside the settings "words/…" (chat.py) and "timeline/…" (visit_timeline.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import Field, ValidationError

from app.media import words
from app.media.words import BadWords, Line
from app.offline.store import StoreCore
from app.presenters.chat import WORDS_PREFIX
from app.presenters.views import TimelineEntry
from app.presenters.visit_timeline import PREFIX as TIMELINE_PREFIX
from app.presenters.visit_timeline import read_timeline
from app.wire.base import Id, UtcTime, WireModel
from app.wire.visits import VisitDetails

log = logging.getLogger(__name__)

_KIND = "past-visit"


class KeptVisit(WireModel):
    """Who met in a visit, as its signed details said. `carry`: what was not delivered of its words is wanted
    in the next visit of the two."""

    visit_id: Id
    starts_at: UtcTime
    reason: str = Field(default="", max_length=500)
    patient_name: str = Field(default="", max_length=200)
    patient_device: Id
    provider_name: str = Field(default="", max_length=200)
    provider_device: Id
    carry: bool = False

    @classmethod
    def of(cls, details: VisitDetails) -> KeptVisit:
        given = details.model_dump(include=set(cls.model_fields) - {"carry"})
        return cls.model_validate(given)


@dataclass(frozen=True)
class VisitRecord:
    """`stays`: the timeline of each stay in it, in order; `broken`: its words are there, but do not read."""

    visit_id: str
    visit: KeptVisit | None
    lines: tuple[Line, ...] = ()
    stays: tuple[tuple[TimelineEntry, ...], ...] = ()
    broken: bool = False


def keep_visit(core: StoreCore, details: VisitDetails) -> None:
    """To be called when a person enters a visit: for :meth:`Store.call`. What was kept of it before is kept."""
    if core.document(_KIND, details.visit_id) is None:
        core.put_documents(_KIND, {details.visit_id: KeptVisit.of(details).model_dump_json().encode()})


def mark_carry(core: StoreCore, visit_id: str, carry: bool) -> None:
    kept = kept_visit(core, visit_id)
    if kept is not None:
        body = kept.model_copy(update={"carry": carry}).model_dump_json().encode()
        core.put_documents(_KIND, {visit_id: body})


def kept_visit(core: StoreCore, visit_id: str) -> KeptVisit | None:
    body = core.document(_KIND, visit_id)
    try:
        return None if body is None else KeptVisit.model_validate_json(body)
    except ValidationError as exc:
        log.warning("what is kept of a visit does not read: %s faults", exc.error_count())
        return None


def past_visits(core: StoreCore) -> tuple[str, ...]:
    """The visits of which anything is kept, the one that was entered last first."""
    entered: dict[str, str] = {}
    for name in (*core.names(WORDS_PREFIX), *core.names(TIMELINE_PREFIX)):
        _, visit_id, *at = name.split("/")
        entered[visit_id] = max(entered.get(visit_id, ""), *at, "")
    return tuple(sorted(entered, key=lambda visit_id: (entered[visit_id], visit_id), reverse=True))


def record(core: StoreCore, visit_id: str) -> VisitRecord:
    """All that is kept of one visit."""
    data = core.get(f"{WORDS_PREFIX}{visit_id}")
    lines: tuple[Line, ...] = ()
    broken = False
    if data is not None:
        try:
            lines = words.load(data).lines
        except BadWords as exc:
            broken = True
            log.warning("a kept conversation cannot be read: %s", type(exc).__name__)
    return VisitRecord(visit_id, kept_visit(core, visit_id), lines, _stays(core, visit_id), broken)


def _stays(core: StoreCore, visit_id: str) -> tuple[tuple[TimelineEntry, ...], ...]:
    """A long stay is kept in parts, the second one of which is called "…-1"."""
    stays: list[tuple[TimelineEntry, ...]] = []
    for name in core.names(f"{TIMELINE_PREFIX}{visit_id}/"):
        part = read_timeline(core.get(name) or b"")
        if "-" in name.rsplit("/", 1)[-1] and stays:
            stays[-1] += part
        elif part:
            stays.append(part)
    return tuple(stays)


def records(core: StoreCore, visit_ids: Iterable[str]) -> tuple[VisitRecord, ...]:
    return tuple(record(core, visit_id) for visit_id in visit_ids)
