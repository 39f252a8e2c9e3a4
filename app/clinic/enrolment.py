"""Invitations, enrolment by a one-time code, and the root key's way to the first provider's device."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.clinic.database import Database, TracesRemain
from app.clinic.ids import new_id
from app.clinic.problems import Refusal
from app.clinic.tables import DeviceEntry, InvitationRow, RootCopy
from app.wire.code import token_hash
from app.wire.errors import ErrorCode
from app.wire.trust import (
    EnrolmentRequest,
    EnrolmentResult,
    Invitation,
    InvitationCreated,
    Role,
    device_id_of,
)

_TOKEN_BYTES = 32
_BINDING_BYTES = 32


@dataclass(frozen=True)
class Enrolled:
    """`new` is False when a lost answer was given again."""

    result: EnrolmentResult
    new: bool


def enrol(database: Database, request: EnrolmentRequest, now: datetime) -> Enrolled:
    """Uses up a code. Raises :class:`Refusal` CODE_UNKNOWN, CODE_USED, CODE_EXPIRED or BAD_REQUEST."""
    if len(request.token) != _TOKEN_BYTES or len(request.binding) != _BINDING_BYTES:
        raise Refusal(ErrorCode.BAD_REQUEST, "a token and a binding have 32 bytes")
    with database.writing() as session:
        invitation = session.scalar(select(InvitationRow).where(InvitationRow.token_hash == token_hash(request.token)))
        if invitation is None:
            raise Refusal(ErrorCode.CODE_UNKNOWN)
        if invitation.used_by is not None:
            return Enrolled(_again(session, invitation, request), new=False)
        if invitation.expires_at <= now:
            raise Refusal(ErrorCode.CODE_EXPIRED)
        device = DeviceEntry(
            device_id=device_id_of(request.ed25519, request.age_recipient),
            role=invitation.role,
            ed25519=request.ed25519,
            age_recipient=request.age_recipient,
            binding=request.binding,
            invitation_id=invitation.invitation_id,
            enrolled_at=now,
        )
        session.add(device)
        invitation.used_by = device.device_id
        return Enrolled(_result(session, invitation, device), new=True)


def _again(session: Session, invitation: InvitationRow, request: EnrolmentRequest) -> EnrolmentResult:
    device = session.get_one(DeviceEntry, invitation.used_by)
    same = (device.ed25519, device.age_recipient, device.binding)
    if same != (request.ed25519, request.age_recipient, request.binding):
        raise Refusal(ErrorCode.CODE_USED)
    return _result(session, invitation, device)


def _result(session: Session, invitation: InvitationRow, device: DeviceEntry) -> EnrolmentResult:
    copy = session.get(RootCopy, 1) if invitation.first else None
    return EnrolmentResult(
        device_id=device.device_id, role=Role(device.role), wrapped_root=copy.wrapped if copy is not None else None
    )


def forget_root(database: Database, device_id: str) -> None:
    """Erases the wrapped root key, its traces too, at the word of the device that has it. May be repeated."""
    with database.writing() as session:
        first = select(InvitationRow.invitation_id).where(InvitationRow.first, InvitationRow.used_by == device_id)
        if session.scalar(first) is None:
            raise Refusal(ErrorCode.NOT_ALLOWED, "only the first provider's device may say so")
        session.execute(delete(RootCopy))
    try:
        database.forget_traces()
    except TracesRemain as exc:
        raise Refusal(ErrorCode.INTERNAL, "the database is busy, ask again", status=503) from exc


def invite(database: Database, invitation: Invitation, now: datetime) -> InvitationCreated:
    """Keeps a provider's invitation; the same one again is answered alike."""
    if len(invitation.token_hash) != _TOKEN_BYTES:
        raise Refusal(ErrorCode.BAD_REQUEST, "a token's hash has 32 bytes")
    if invitation.expires_at <= now:
        raise Refusal(ErrorCode.BAD_REQUEST, "the invitation has expired already")
    with database.writing() as session:
        known = session.scalar(select(InvitationRow).where(InvitationRow.token_hash == invitation.token_hash))
        if known is not None:
            if (known.role, known.sealed_label) != (invitation.role.value, invitation.sealed_label) or known.first:
                raise Refusal(ErrorCode.BAD_REQUEST, "another invitation has this token", status=409)
            return InvitationCreated(invitation_id=known.invitation_id)
        entry = InvitationRow(
            invitation_id=new_id(),
            token_hash=invitation.token_hash,
            role=invitation.role.value,
            sealed_label=invitation.sealed_label,
            expires_at=invitation.expires_at,
            first=False,
            used_by=None,
        )
        session.add(entry)
        return InvitationCreated(invitation_id=entry.invitation_id)
