"""The clinic's questionnaires: definitions by their SHA-256, and the list of them that the root has signed."""

from __future__ import annotations

import hashlib

from sqlalchemy import func, select, update

from app.clinic.database import Database
from app.clinic.problems import Refusal
from app.clinic.tables import FormEntryRow, FormSetEntry
from app.wire.errors import ErrorCode
from app.wire.forms import MAX_FORM_BYTES, MAX_FORMS, FormSet
from app.wire.signed import Context, SignatureError, Signed, verify


def newest(database: Database) -> Signed:
    """The list; raises :class:`Refusal` NOT_FOUND before there is one."""
    with database.reading() as session:
        entry = session.scalar(select(FormSetEntry).order_by(FormSetEntry.version.desc()).limit(1))
        if entry is None:
            raise Refusal(ErrorCode.NOT_FOUND, "there are no forms yet")
        return Signed(payload=entry.payload, signature=entry.signature)


def put_set(database: Database, root_key: bytes, signed: Signed) -> bool:
    """Keeps the next version of the list; False when the newest was sent again (a lost answer).

    Every definition that it names has to be here already, with the size it says: no device is told of a form that it
    cannot fetch. Raises :class:`Refusal` SIGNATURE_INVALID, STALE_VERSION or BAD_REQUEST (409).
    """
    try:
        forms = verify(signed, Context.FORMS, root_key, FormSet)
    except SignatureError:
        raise Refusal(ErrorCode.SIGNATURE_INVALID) from None
    named = {one.sha256: one.size for one in forms.forms}
    with database.writing() as session:
        database.alone(session, FormSetEntry)
        last = session.scalar(select(func.max(FormSetEntry.version))) or 0
        known = session.get(FormSetEntry, last)
        if known is not None and (known.payload, known.signature) == (signed.payload, signed.signature):
            return False
        if forms.version != last + 1:
            raise Refusal(ErrorCode.STALE_VERSION)
        query = select(FormEntryRow.sha256, func.length(FormEntryRow.body)).where(FormEntryRow.sha256.in_(named))
        if {row[0]: row[1] for row in session.execute(query)} != named:
            raise Refusal(ErrorCode.BAD_REQUEST, "put the definitions first: one is not here", status=409)
        session.execute(update(FormEntryRow).where(FormEntryRow.sha256.in_(named)).values(named=True))
        session.add(FormSetEntry(version=forms.version, payload=signed.payload, signature=signed.signature))
        return True


def put_form(database: Database, sha256: str, body: bytes) -> None:
    """Keeps a definition. At most 200 that no signed list names.

    Raises :class:`Refusal` TOO_LARGE, HASH_MISMATCH or STORAGE_FULL.
    """
    if len(body) > MAX_FORM_BYTES:
        raise Refusal(ErrorCode.TOO_LARGE, f"a form may have {MAX_FORM_BYTES} bytes")
    if hashlib.sha256(body).hexdigest() != sha256:
        raise Refusal(ErrorCode.HASH_MISMATCH)
    with database.writing() as session:
        database.alone(session, FormEntryRow)
        if session.get(FormEntryRow, sha256) is not None:
            return
        unnamed = select(func.count()).where(FormEntryRow.named.is_(False))
        if (session.scalar(unnamed) or 0) >= MAX_FORMS:
            raise Refusal(ErrorCode.STORAGE_FULL, "too many forms that no signed list names")
        session.add(FormEntryRow(sha256=sha256, body=body, named=False))


def form(database: Database, sha256: str) -> bytes:
    """Raises :class:`Refusal` NOT_FOUND."""
    with database.reading() as session:
        entry = session.get(FormEntryRow, sha256)
        if entry is None:
            raise Refusal(ErrorCode.NOT_FOUND)
        return entry.body
