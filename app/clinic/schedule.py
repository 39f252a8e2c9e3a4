"""The schedule: who meets when, with all else sealed to the participants."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.clinic.database import Database
from app.clinic.problems import Refusal
from app.clinic.tables import DeviceEntry, ParticipantEntry, VisitEntry
from app.wire.errors import ErrorCode
from app.wire.visits import Visit, VisitList

SHOWN_AFTER_END = timedelta(hours=12)


def add(database: Database, visit: Visit) -> bool:
    """Keeps a visit; False when it stands already with the same content.

    Raises :class:`Refusal` BAD_REQUEST: a participant twice or not enrolled, or other content under this id (409).
    """
    if len(set(visit.participants)) != len(visit.participants):
        raise Refusal(ErrorCode.BAD_REQUEST, "a participant is named twice")
    with database.writing() as session:
        known = session.get(VisitEntry, visit.visit_id)
        if known is not None:
            if _visit(known) != visit:
                raise Refusal(ErrorCode.BAD_REQUEST, "another visit has this id", status=409)
            return False
        enrolled = select(func.count()).where(DeviceEntry.device_id.in_(visit.participants))
        if session.scalar(enrolled) != len(visit.participants):
            raise Refusal(ErrorCode.BAD_REQUEST, "a participant is not an enrolled device")
        session.add(
            VisitEntry(
                visit_id=visit.visit_id,
                starts_at=visit.starts_at,
                ends_at=visit.starts_at + timedelta(minutes=visit.minutes),
                minutes=visit.minutes,
                sealed=visit.sealed,
                participants=[
                    ParticipantEntry(device_id=device, position=position)
                    for position, device in enumerate(visit.participants)
                ],
            )
        )
        return True


def remove(database: Database, visit_id: str) -> tuple[str, ...]:
    """Takes a visit off the schedule; its participants. Raises :class:`Refusal` NOT_FOUND."""
    with database.writing() as session:
        entry = session.get(VisitEntry, visit_id)
        if entry is None:
            raise Refusal(ErrorCode.NOT_FOUND)
        participants = tuple(one.device_id for one in entry.participants)
        session.delete(entry)
        return participants


def visits_of(database: Database, device_id: str, now: datetime) -> VisitList:
    """A device's visits that ended less than 12 h ago or are to come, by their start."""
    query = (
        select(VisitEntry)
        .join(ParticipantEntry)
        .where(ParticipantEntry.device_id == device_id, VisitEntry.ends_at > now - SHOWN_AFTER_END)
        .order_by(VisitEntry.starts_at, VisitEntry.visit_id)
    )
    with database.reading() as session:
        return VisitList(visits=tuple(_visit(entry) for entry in session.scalars(query)))


def participants(database: Database, visit_id: str) -> tuple[str, ...]:
    """The visit's devices; () when there is no such visit."""
    query = select(ParticipantEntry.device_id).where(ParticipantEntry.visit_id == visit_id)
    with database.reading() as session:
        return tuple(session.scalars(query.order_by(ParticipantEntry.position)))


def _visit(entry: VisitEntry) -> Visit:
    return Visit(
        visit_id=entry.visit_id,
        starts_at=entry.starts_at,
        minutes=entry.minutes,
        participants=tuple(one.device_id for one in entry.participants),
        sealed=entry.sealed,
    )
