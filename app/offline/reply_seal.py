"""PURE: one reply: made and sealed by a provider's device, opened and checked by whoever it is sealed to."""

from __future__ import annotations

import hashlib
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.offline.age import AgeIdentity
from app.offline.errors import OfflineError, SealBroken
from app.offline.vault import open_document, seal_document
from app.wire.replies import (
    MAX_REPLY_TEXT,
    MAX_SEALED_REPLY_BYTES,
    Reply,
    ReplyContent,
    ReplyReceipt,
    ReplyReceiptBy,
    ReplyRow,
    SealedReply,
)
from app.wire.signed import Context, SignatureError, sign, verify
from app.wire.trust import CareTeamList


class ReplyTooLong(OfflineError):
    """More than MAX_REPLY_TEXT characters, or more than MAX_SEALED_REPLY_BYTES once sealed."""

    sentence = f"This answer is too long. Please keep it under {MAX_REPLY_TEXT} characters."


class ReplyBroken(SealBroken):
    """Not by a member of the care team, for another device, or not the reply it is said to be."""

    sentence = "An answer from the clinic cannot be opened: it was damaged or altered on its way."


def sealed_reply(
    content: ReplyContent, signer: str, key: Ed25519PrivateKey, recipient: str, team: CareTeamList
) -> Reply:
    """The reply as it goes to the service: signed by `key`, sealed to the patient's `recipient` ("age1...") and the
    care team. CPU work: some ms. Raises :class:`ReplyTooLong`."""
    document = SealedReply(signer=signer, reply=sign(content, Context.REPLY, key))
    sealed = seal_document(document, (recipient, *(member.age_recipient for member in team.members)))
    if len(sealed) > MAX_SEALED_REPLY_BYTES:
        raise ReplyTooLong(f"{len(sealed)} bytes sealed")
    return Reply(reply=content.reply, submission=content.submission, to=content.to, sealed=sealed)


def opened_reply(row: ReplyRow, identity: AgeIdentity, team: CareTeamList) -> tuple[str, ReplyContent]:
    """Who signed it, and what it says: that it is this reply, to this submission and device, is signed with it.

    So a service that shows one reply in another's place, or to another device, is found out. Raises
    :class:`ReplyBroken`.
    """
    try:
        document = open_document(row.sealed, identity, SealedReply)
        key = next((member.ed25519 for member in team.members if member.device_id == document.signer), None)
        if key is None:
            raise ReplyBroken(f"{document.signer} is not of the care team")
        content = verify(document.reply, Context.REPLY, key, ReplyContent)
    except ReplyBroken:
        raise
    except (SealBroken, SignatureError) as exc:
        raise ReplyBroken(str(exc)) from exc
    if (content.reply, content.submission, content.to) != (row.reply, row.submission, row.to):
        raise ReplyBroken(f"{row.reply} is another reply than it is said to be")
    return document.signer, content


def signed_receipt(
    reply: str, sha256: str, device_id: str, key: Ed25519PrivateKey, now: datetime, read: bool
) -> ReplyReceiptBy:
    """This device's word that it keeps the reply whose sealed bytes have `sha256`, or that a person has read it."""
    said = ReplyReceipt(reply=reply, device_id=device_id, sha256=sha256, at=now, read=read)
    return ReplyReceiptBy(signer=device_id, receipt=sign(said, Context.REPLY_RECEIPT, key))


def checked_receipt(row: ReplyRow, ed25519: bytes) -> ReplyReceipt | None:
    """What the device it went to says of a reply; None when it says nothing yet.

    `ed25519`: that device's key, out of its root-signed record. Raises :class:`ReplyBroken` unless all of it fits.
    """
    if row.receipt is None:
        return None
    try:
        said = verify(row.receipt.receipt, Context.REPLY_RECEIPT, ed25519, ReplyReceipt)
    except SignatureError as exc:
        raise ReplyBroken(str(exc)) from exc
    wanted = (row.to, row.to, row.reply, sha256_of(row.sealed))
    if (row.receipt.signer, said.device_id, said.reply, said.sha256) != wanted:
        raise ReplyBroken(f"the receipt of {row.reply} is of another reply or device")
    return said


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
