"""Taking a submission back: before a provider has opened it, by its own device's signed word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.clinic.database import Database
from app.clinic.problems import Refusal
from app.clinic.tables import DeviceEntry, ReplyEntry, SubmissionEntry, UploadEntry
from app.wire.errors import ErrorCode
from app.wire.intake import Withdrawal, WithdrawnBy
from app.wire.signed import Context, SignatureError, verify

MAX_TOMBSTONES = 1000
"""Of one device. The oldest go first, so that a device that withdraws for ever neither fills the disk nor is stuck."""


@dataclass(frozen=True)
class Taken:
    """`new`: it was not withdrawn before. `uploads`: the names of the blobs that are still to be erased."""

    new: bool
    uploads: tuple[str, ...]


def withdraw(database: Database, device_id: str, submission: str, by: WithdrawnBy, now: datetime) -> Taken:
    """Marks a submission as withdrawn; from then on nothing of it is taken in, read or opened.

    Its blobs are the caller's to erase, and then to tell :func:`erased`. May be repeated. Raises :class:`Refusal`
    SIGNATURE_INVALID, NOT_FOUND (another device's), ALREADY_OPENED: whichever transaction comes first, opening or
    this, wins, and the other is refused.
    """
    with database.writing() as session:
        _check(session, device_id, submission, by)
        entry = session.get(SubmissionEntry, submission, with_for_update=True)
        if entry is None:
            entry = SubmissionEntry(submission=submission, device_id=device_id, count=0, created_at=now, uploads=[])
            session.add(entry)
        if entry.device_id != device_id:
            raise Refusal(ErrorCode.NOT_FOUND)
        answered = session.scalar(select(ReplyEntry.number).where(ReplyEntry.submission == submission).limit(1))
        if entry.opened_by is not None or answered is not None:
            raise Refusal(ErrorCode.ALREADY_OPENED, "GET /v1/submissions has the provider's signed word")
        new = entry.withdrawn_at is None
        if new:
            _make_room(session, device_id)
            entry.withdrawn_at = now
            entry.withdrawn_payload, entry.withdrawn_signature = by.withdrawal.payload, by.withdrawal.signature
        left = () if entry.erased_at is not None else tuple(one.upload_id for one in entry.uploads)
        return Taken(new, left)


def _check(session: Session, device_id: str, submission: str, by: WithdrawnBy) -> None:
    device = session.get_one(DeviceEntry, device_id)
    try:
        said = verify(by.withdrawal, Context.WITHDRAWN, device.ed25519, Withdrawal)
    except SignatureError:
        raise Refusal(ErrorCode.SIGNATURE_INVALID) from None
    if (by.signer, said.device_id, said.submission) != (device_id, device_id, submission):
        raise Refusal(ErrorCode.SIGNATURE_INVALID, "it was signed for another submission or by another device")


def _make_room(session: Session, device_id: str) -> None:
    tombstones = (
        select(SubmissionEntry.submission)
        .where(SubmissionEntry.device_id == device_id, SubmissionEntry.erased_at.is_not(None))
        .order_by(SubmissionEntry.withdrawn_at.desc(), SubmissionEntry.submission)
        .offset(MAX_TOMBSTONES - 1)
    )
    old = session.scalars(tombstones).all()
    session.execute(delete(UploadEntry).where(UploadEntry.submission.in_(old)))
    session.execute(delete(SubmissionEntry).where(SubmissionEntry.submission.in_(old)))


def erased(database: Database, submission: str, now: datetime) -> None:
    """The bytes of all its blobs are gone from the disk."""
    with database.writing() as session:
        entry = session.get_one(SubmissionEntry, submission)
        entry.erased_at = now
        for upload in entry.uploads:
            upload.synced = 0


def unerased(database: Database) -> dict[str, tuple[str, ...]]:
    """Withdrawn submissions whose bytes a stop of the service left on the disk -> the names of their blobs."""
    query = select(SubmissionEntry).where(
        SubmissionEntry.withdrawn_at.is_not(None), SubmissionEntry.erased_at.is_(None)
    )
    with database.reading() as session:
        return {one.submission: tuple(blob.upload_id for blob in one.uploads) for one in session.scalars(query)}


def known(database: Database) -> frozenset[str]:
    """The names of all blobs that an upload stands for."""
    with database.reading() as session:
        return frozenset(session.scalars(select(UploadEntry.upload_id)))
