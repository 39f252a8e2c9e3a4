"""What has arrived, for the providers and for the one who sent it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy import Row, select

from app.clinic.database import Database
from app.clinic.intake import check_not_withdrawn
from app.clinic.problems import Refusal
from app.clinic.tables import DeviceEntry, SubmissionEntry, UploadEntry
from app.clinic.tokens import Actor
from app.wire.errors import ErrorCode
from app.wire.intake import (
    INBOX_BLOBS,
    INBOX_OPENED,
    INBOX_UNOPENED,
    BlobRow,
    Inbox,
    InboxItem,
    Opened,
    OpenedBy,
    SubmissionRow,
    SubmissionRows,
)
from app.wire.signed import Context, SignatureError, Signed, verify
from app.wire.trust import Role

_OWN_SHOWN = 1000


@dataclass(frozen=True)
class StoredBlob:
    """Where a receipted blob lies, its size (bytes) and SHA-256 (hexadecimal)."""

    name: str
    size: int
    sha256: str


def own(database: Database, device_id: str) -> SubmissionRows:
    query = (
        select(SubmissionEntry)
        .where(SubmissionEntry.device_id == device_id)
        .order_by(SubmissionEntry.created_at.desc(), SubmissionEntry.submission)
        .limit(_OWN_SHOWN)
    )
    with database.reading() as session:
        rows = (
            SubmissionRow(
                submission=one.submission,
                complete=one.completed_at is not None,
                opened=_opened(one),
                withdrawn=one.withdrawn_at is not None,
            )
            for one in session.scalars(query)
        )
        return SubmissionRows(submissions=tuple(rows))


def inbox(database: Database) -> Inbox:
    """What nobody has opened, and the newest that were (see Inbox); what was withdrawn is there no more."""
    here = (SubmissionEntry.completed_at.is_not(None), SubmissionEntry.withdrawn_at.is_(None))
    sizes = select(SubmissionEntry.submission, SubmissionEntry.count).where(*here)
    at, name, opened = SubmissionEntry.completed_at, SubmissionEntry.submission, SubmissionEntry.opened_by
    newest = (at.desc(), name)
    with database.reading() as session:
        unopened = session.execute(sizes.where(opened.is_(None)).order_by(at, name).limit(INBOX_UNOPENED))
        names, left = _fitting(unopened, INBOX_BLOBS)
        seen = session.execute(sizes.where(opened.is_not(None)).order_by(*newest).limit(INBOX_OPENED))
        names += _fitting(seen, left)[0]
        query = select(SubmissionEntry).where(*here, name.in_(names)).order_by(*newest)
        return Inbox(items=tuple(_item(one) for one in session.scalars(query)))


def _fitting(sizes: Iterable[Row[str, int]], room: int) -> tuple[list[str], int]:
    """The first submissions whose blobs are no more than `room` in all, and the room that is left."""
    names = []
    for name, count in sizes:
        if count > room:
            break
        names.append(name)
        room -= count
    return names, room


def _item(entry: SubmissionEntry) -> InboxItem:
    assert entry.completed_at is not None
    blobs = (
        BlobRow(blob=one.blob, part=cast(Literal["manifest", "blob"], one.part), sha256=one.sha256, size=one.size)
        for one in entry.uploads
    )
    return InboxItem(
        submission=entry.submission,
        device_id=entry.device_id,
        received_at=entry.completed_at,
        blobs=tuple(blobs),
        opened=_opened(entry),
    )


def _opened(entry: SubmissionEntry) -> OpenedBy | None:
    if entry.opened_by is None or entry.opened_payload is None or entry.opened_signature is None:
        return None
    signed = Signed(payload=entry.opened_payload, signature=entry.opened_signature)
    return OpenedBy(signer=entry.opened_by, opened=signed)


def blob_for(database: Database, actor: Actor, submission: str, blob: str) -> StoredBlob:
    """A receipted blob, for providers and its owner.

    Raises :class:`Refusal` WITHDRAWN, or NOT_FOUND for all else.
    """
    query = select(UploadEntry).where(UploadEntry.submission == submission, UploadEntry.blob == blob)
    with database.reading() as session:
        entry = session.scalar(query)
        allowed = entry is not None and (actor.role is Role.PROVIDER or actor.device_id == entry.device_id)
        if entry is None or not allowed or entry.receipt_payload is None:
            raise Refusal(ErrorCode.NOT_FOUND)
        check_not_withdrawn(session.get_one(SubmissionEntry, submission))
        return StoredBlob(entry.upload_id, entry.size, entry.sha256)


def mark_opened(database: Database, submission: str, by: OpenedBy) -> str | None:
    """Keeps a provider's word that a person opened this; the first one stays. The owner's device when it is the
    first, else None. Raises :class:`Refusal` NOT_FOUND, WITHDRAWN or SIGNATURE_INVALID."""
    with database.writing() as session:
        entry = session.get(SubmissionEntry, submission, with_for_update=True)
        if entry is None or (entry.completed_at is None and entry.withdrawn_at is None):
            raise Refusal(ErrorCode.NOT_FOUND)
        check_not_withdrawn(entry)
        signer = session.get(DeviceEntry, by.signer)
        if signer is None or signer.role != Role.PROVIDER.value:
            raise Refusal(ErrorCode.SIGNATURE_INVALID, "the signer is no provider's device")
        try:
            opened = verify(by.opened, Context.OPENED, signer.ed25519, Opened)
        except SignatureError:
            raise Refusal(ErrorCode.SIGNATURE_INVALID) from None
        if (opened.submission, opened.device_id) != (submission, by.signer):
            raise Refusal(ErrorCode.SIGNATURE_INVALID, "it was signed for another submission or by another device")
        if entry.opened_by is not None:
            return None
        entry.opened_by = by.signer
        entry.opened_payload, entry.opened_signature = by.opened.payload, by.opened.signature
        return entry.device_id
