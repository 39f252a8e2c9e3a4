"""Providers' sealed replies: numbered in the order of their coming, with the word of the device that has them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.clinic.database import Database
from app.clinic.intake import check_not_withdrawn
from app.clinic.problems import Refusal
from app.clinic.tables import DeviceEntry, ReplyEntry, SubmissionEntry
from app.clinic.tokens import Actor
from app.wire.errors import ErrorCode
from app.wire.replies import Reply, ReplyReceipt, ReplyReceiptBy, ReplyRow, ReplyRows
from app.wire.signed import Context, SignatureError, Signed, verify
from app.wire.trust import Role

MAX_PER_SUBMISSION = 200
_ROWS = 100
_PAGE_BYTES = 1536 * 1024
"""Sealed bytes of one answer: as JSON a third more, and under what a device reads of one answer (4 MiB)."""


@dataclass(frozen=True)
class Put:
    """`to`: the device the reply is for; `new`: it was not here before."""

    to: str
    new: bool


def put(database: Database, name: str, reply: Reply, now: datetime) -> Put:
    """Keeps a reply. The same again changes nothing (a lost answer).

    Raises :class:`Refusal` BAD_REQUEST (another name than the path's; 409 for other bytes under a known name),
    NOT_FOUND (no such submission of that device, or not all of it here), WITHDRAWN, TOO_MANY_TRIES.
    """
    if reply.reply != name:
        raise Refusal(ErrorCode.BAD_REQUEST, "the reply has another name than the path")
    with database.writing() as session:
        submission = session.get(SubmissionEntry, reply.submission, with_for_update=True)
        if submission is None or submission.device_id != reply.to:
            raise Refusal(ErrorCode.NOT_FOUND, "this device has sent no such submission")
        check_not_withdrawn(submission)
        if submission.completed_at is None:
            raise Refusal(ErrorCode.NOT_FOUND, "the submission is not complete")
        database.alone(session, ReplyEntry)
        known = session.scalar(select(ReplyEntry).where(ReplyEntry.reply == name))
        if known is not None:
            if (known.submission, known.device_id, known.sealed) != (reply.submission, reply.to, reply.sealed):
                raise Refusal(ErrorCode.BAD_REQUEST, "there is another reply of this name", status=409)
            return Put(reply.to, new=False)
        _add(session, reply, now)
        return Put(reply.to, new=True)


def _add(session: Session, reply: Reply, now: datetime) -> None:
    count = select(func.count()).where(ReplyEntry.submission == reply.submission)
    if (session.scalar(count) or 0) >= MAX_PER_SUBMISSION:
        raise Refusal(ErrorCode.TOO_MANY_TRIES, "the submission has too many replies")
    last = session.scalar(select(func.max(ReplyEntry.number))) or 0
    entry = ReplyEntry(
        number=last + 1,
        reply=reply.reply,
        submission=reply.submission,
        device_id=reply.to,
        sealed=reply.sealed,
        created_at=now,
        read=False,
    )
    session.add(entry)


def rows(database: Database, actor: Actor, after: int) -> ReplyRows:
    """A page of what was numbered after `after`: a device's own, a provider's all. At most 100 and some 1.5 MB."""
    query = select(ReplyEntry).where(ReplyEntry.number > after).order_by(ReplyEntry.number).limit(_ROWS + 1)
    if actor.role is not Role.PROVIDER:
        query = query.where(ReplyEntry.device_id == actor.device_id)
    page: list[ReplyRow] = []
    size = 0
    with database.reading() as session:
        for entry in session.scalars(query):
            size += len(entry.sealed)
            if len(page) == _ROWS or (page and size > _PAGE_BYTES):
                return ReplyRows(replies=tuple(page), more=True)
            page.append(_row(entry))
    return ReplyRows(replies=tuple(page), more=False)


def _row(entry: ReplyEntry) -> ReplyRow:
    receipt = None
    if entry.receipt_by is not None and entry.receipt_payload is not None and entry.receipt_signature is not None:
        signed = Signed(payload=entry.receipt_payload, signature=entry.receipt_signature)
        receipt = ReplyReceiptBy(signer=entry.receipt_by, receipt=signed)
    return ReplyRow(
        number=entry.number,
        reply=entry.reply,
        submission=entry.submission,
        to=entry.device_id,
        sealed=entry.sealed,
        receipt=receipt,
    )


def receipted(database: Database, device_id: str, name: str, by: ReplyReceiptBy) -> bool:
    """Keeps the word of the device a reply went to; True when it says more than what is kept.

    One that says `read` takes the place of one that does not, never the other way. Raises :class:`Refusal`
    NOT_FOUND (also for another device's reply) or SIGNATURE_INVALID.
    """
    with database.writing() as session:
        entry = session.scalar(select(ReplyEntry).where(ReplyEntry.reply == name).with_for_update())
        if entry is None or entry.device_id != device_id:
            raise Refusal(ErrorCode.NOT_FOUND)
        key = session.get_one(DeviceEntry, device_id).ed25519
        try:
            said = verify(by.receipt, Context.REPLY_RECEIPT, key, ReplyReceipt)
        except SignatureError:
            raise Refusal(ErrorCode.SIGNATURE_INVALID) from None
        wanted = (device_id, device_id, name, hashlib.sha256(entry.sealed).hexdigest())
        if (by.signer, said.device_id, said.reply, said.sha256) != wanted:
            raise Refusal(ErrorCode.SIGNATURE_INVALID, "it was signed for another reply or by another device")
        if entry.receipt_by is not None and (entry.read or not said.read):
            return False
        entry.receipt_by, entry.read = device_id, said.read
        entry.receipt_payload, entry.receipt_signature = by.receipt.payload, by.receipt.signature
        return True
