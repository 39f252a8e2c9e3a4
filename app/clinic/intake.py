"""Uploads and submissions in the database: what is declared, how far it has come, what was receipted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clinic.database import Database
from app.clinic.ids import new_id
from app.clinic.problems import Refusal
from app.clinic.tables import SubmissionEntry, UploadEntry
from app.wire.errors import ErrorCode
from app.wire.intake import Receipt, UploadMetadata
from app.wire.signed import Context, Signed, sign

_MAX_OPEN_UPLOADS = 2000


@dataclass(frozen=True)
class Upload:
    """`synced` bytes of `size` are on disk; `done` when receipted."""

    upload_id: str
    sha256: str
    size: int
    synced: int
    done: bool
    moved_at: datetime  # when it last went on: it is swept so long after


@dataclass(frozen=True)
class Completed:
    """`submission_complete` is True for the upload that made it so."""

    device_id: str
    submission_complete: bool


def create(
    database: Database, device_id: str, declared: UploadMetadata, size: int, now: datetime, quota: int
) -> tuple[Upload, bool]:
    """The upload of this blob, and whether it is new. The same declaration again finds the same upload.

    Raises :class:`Refusal`: BAD_REQUEST (409) when it differs from what was declared before, NOT_FOUND for a
    submission of another device, WITHDRAWN, TOO_LARGE or STORAGE_FULL when the device would have more than `quota`
    bytes here that no provider has opened.
    """
    with database.writing() as session:
        submission = _submission(session, device_id, declared, now)
        known = next((one for one in submission.uploads if one.blob == declared.blob), None)
        if known is not None:
            if (known.sha256, known.size, known.part) != (declared.sha256, size, declared.part):
                raise _differs("the blob was declared with another hash, size or part")
            return _upload(known), False
        _check_room_in(submission, declared)
        _check_open_uploads(session, device_id)
        _check_quota(session, device_id, size, quota)
        entry = UploadEntry(
            upload_id=new_id(),
            submission=declared.submission,
            device_id=device_id,
            blob=declared.blob,
            part=declared.part,
            sha256=declared.sha256,
            size=size,
            synced=0,
            created_at=now,
            moved_at=now,
        )
        session.add(entry)
        return _upload(entry), True


def _submission(session: Session, device_id: str, declared: UploadMetadata, now: datetime) -> SubmissionEntry:
    submission = session.get(SubmissionEntry, declared.submission, with_for_update=True)
    if submission is None:
        submission = SubmissionEntry(
            submission=declared.submission, device_id=device_id, count=declared.count, created_at=now, uploads=[]
        )
        session.add(submission)
        session.flush()
    if submission.device_id != device_id:
        raise Refusal(ErrorCode.NOT_FOUND)
    check_not_withdrawn(submission)
    if submission.count != declared.count:
        raise _differs("the submission was declared with another count")
    return submission


def check_not_withdrawn(submission: SubmissionEntry) -> None:
    """Raises :class:`Refusal` WITHDRAWN."""
    if submission.withdrawn_at is not None:
        raise Refusal(ErrorCode.WITHDRAWN)


def _check_room_in(submission: SubmissionEntry, declared: UploadMetadata) -> None:
    if len(submission.uploads) >= submission.count:
        raise _differs("the submission has all its blobs")
    manifests = sum(one.part == "manifest" for one in submission.uploads)
    if declared.part == "manifest" and manifests:
        raise _differs("the submission has a manifest")
    if declared.part != "manifest" and not manifests and len(submission.uploads) == submission.count - 1:
        raise _differs("one blob of the submission has to be its manifest")


def _check_open_uploads(session: Session, device_id: str) -> None:
    unfinished = select(func.count()).where(UploadEntry.device_id == device_id, UploadEntry.receipt_payload.is_(None))
    if (session.scalar(unfinished) or 0) >= _MAX_OPEN_UPLOADS:
        raise Refusal(ErrorCode.TOO_MANY_TRIES, "the device has too many unfinished uploads")


def _check_quota(session: Session, device_id: str, size: int, quota: int) -> None:
    if size > quota:
        raise Refusal(ErrorCode.TOO_LARGE, f"a device may have {quota} bytes here that nobody has opened")
    waiting = (
        select(func.sum(UploadEntry.size))
        .join(SubmissionEntry, SubmissionEntry.submission == UploadEntry.submission)
        .where(
            UploadEntry.device_id == device_id,
            SubmissionEntry.opened_by.is_(None),
            SubmissionEntry.withdrawn_at.is_(None),
        )
    )
    if int(session.scalar(waiting) or 0) + size > quota:
        raise Refusal(ErrorCode.STORAGE_FULL, "the device has too much here that nobody has opened yet")


def _differs(detail: str) -> Refusal:
    return Refusal(ErrorCode.BAD_REQUEST, detail, status=409)


def find(database: Database, device_id: str, upload_id: str) -> Upload:
    """The device's own upload; raises :class:`Refusal` NOT_FOUND or WITHDRAWN."""
    with database.reading() as session:
        return _upload(_entry(session, device_id, upload_id))


def advance(database: Database, upload_id: str, synced: int, now: datetime) -> None:
    """Counts what is on disk and synced."""
    with database.writing() as session:
        entry = session.get_one(UploadEntry, upload_id)
        entry.synced, entry.moved_at = synced, now


def complete(database: Database, key: Ed25519PrivateKey, upload_id: str, now: datetime) -> Completed:
    """Signs the receipt of an upload whose bytes are on disk, synced and of the declared hash. May be repeated.

    Raises :class:`Refusal` WITHDRAWN.
    """
    with database.writing() as session:
        entry = session.get_one(UploadEntry, upload_id)
        submission = session.get_one(SubmissionEntry, entry.submission, with_for_update=True)
        check_not_withdrawn(submission)
        if entry.receipt_payload is not None:
            return Completed(entry.device_id, submission_complete=False)
        if entry.synced != entry.size:
            raise RuntimeError("an upload is not whole")
        receipt = Receipt(
            submission=entry.submission,
            blob=entry.blob,
            sha256=entry.sha256,
            size=entry.size,
            device_id=entry.device_id,
            received_at=now,
        )
        signed = sign(receipt, Context.RECEIPT, key)
        entry.receipt_payload, entry.receipt_signature = signed.payload, signed.signature
        session.flush()
        received = [one for one in submission.uploads if one.receipt_payload is not None]
        whole = len(received) == submission.count and any(one.part == "manifest" for one in received)
        if whole:
            submission.completed_at = now
        return Completed(entry.device_id, submission_complete=whole)


def terminate(database: Database, device_id: str, upload_id: str) -> None:
    """Forgets an upload that is not complete; its submission too when nothing else is in it."""
    with database.writing() as session:
        entry = _entry(session, device_id, upload_id)
        if entry.receipt_payload is not None:
            raise Refusal(ErrorCode.NOT_ALLOWED, "a received blob is not taken back")
        forget(session, entry)


def forget(session: Session, entry: UploadEntry) -> None:
    """Takes an unfinished upload out, and its submission when nothing else is in it. Its file is the caller's."""
    submission = session.get_one(SubmissionEntry, entry.submission, with_for_update=True)
    session.delete(entry)
    if len(submission.uploads) == 1:
        session.flush()
        session.delete(submission)


def receipt(database: Database, device_id: str, upload_id: str) -> Signed:
    """Raises :class:`Refusal` NOT_FOUND before the upload is complete."""
    with database.reading() as session:
        entry = _entry(session, device_id, upload_id)
        if entry.receipt_payload is None or entry.receipt_signature is None:
            raise Refusal(ErrorCode.NOT_FOUND, "there is no receipt yet")
        return Signed(payload=entry.receipt_payload, signature=entry.receipt_signature)


def _entry(session: Session, device_id: str, upload_id: str) -> UploadEntry:
    entry = session.get(UploadEntry, upload_id)
    if entry is None or entry.device_id != device_id:
        raise Refusal(ErrorCode.NOT_FOUND)
    check_not_withdrawn(session.get_one(SubmissionEntry, entry.submission))
    return entry


def _upload(entry: UploadEntry) -> Upload:
    done = entry.receipt_payload is not None
    return Upload(entry.upload_id, entry.sha256, entry.size, entry.synced, done, entry.moved_at or entry.created_at)
