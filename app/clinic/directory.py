"""Devices, their root-signed records, and the care team's list. The service checks what it keeps, and vouches for
nothing: devices check again."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from app.clinic.database import Database
from app.clinic.problems import Refusal
from app.clinic.tables import DeviceEntry, InvitationRow, ParticipantEntry, TeamEntry
from app.clinic.tokens import Actor, forget_tokens
from app.wire.errors import ErrorCode
from app.wire.signed import Context, SignatureError, Signed, verify
from app.wire.trust import CareTeamList, DeviceList, DeviceRecord, DeviceRow, Role


def devices(database: Database) -> DeviceList:
    query = select(DeviceEntry, InvitationRow.sealed_label).outerjoin(
        InvitationRow, InvitationRow.invitation_id == DeviceEntry.invitation_id
    )
    with database.reading() as session:
        rows = session.execute(query.order_by(DeviceEntry.enrolled_at, DeviceEntry.device_id)).all()
        return DeviceList(devices=tuple(_row(device, label) for device, label in rows))


def _row(device: DeviceEntry, label: bytes | None) -> DeviceRow:
    return DeviceRow(
        device_id=device.device_id,
        role=Role(device.role),
        ed25519=device.ed25519,
        age_recipient=device.age_recipient,
        binding=device.binding,
        invitation_id=device.invitation_id,
        sealed_label=label,
        record=_record(device),
    )


def _record(device: DeviceEntry) -> Signed | None:
    if device.record_payload is None or device.record_signature is None:
        return None
    return Signed(payload=device.record_payload, signature=device.record_signature)


def put_record(database: Database, root_key: bytes, device_id: str, signed: Signed) -> bool:
    """Keeps the root's record of a device; False when it stood so already.

    Raises :class:`Refusal` SIGNATURE_INVALID when the signature or any of the keys does not fit.
    """
    try:
        record = verify(signed, Context.DEVICE_RECORD, root_key, DeviceRecord)
    except SignatureError:
        raise Refusal(ErrorCode.SIGNATURE_INVALID) from None
    with database.writing() as session:
        device = session.get(DeviceEntry, device_id)
        if device is None:
            raise Refusal(ErrorCode.NOT_FOUND)
        said = (record.device_id, record.role.value, record.ed25519, record.age_recipient)
        if said != (device.device_id, device.role, device.ed25519, device.age_recipient):
            raise Refusal(ErrorCode.SIGNATURE_INVALID, "the record is of other keys, of another role or device")
        new = (device.record_payload, device.record_signature) != (signed.payload, signed.signature)
        device.record_payload, device.record_signature = signed.payload, signed.signature
        return new


def record_for(database: Database, actor: Actor, device_id: str) -> Signed:
    """The record, for providers, the device itself and those who share a visit with it; NOT_FOUND for all else."""
    mine, theirs = aliased(ParticipantEntry), aliased(ParticipantEntry)
    shared = (
        select(mine.visit_id)
        .join(theirs, theirs.visit_id == mine.visit_id)
        .where(mine.device_id == actor.device_id, theirs.device_id == device_id)
    )
    with database.reading() as session:
        device = session.get(DeviceEntry, device_id)
        record = _record(device) if device is not None else None
        allowed = actor.role is Role.PROVIDER or actor.device_id == device_id
        if record is None or not (allowed or session.scalar(shared.limit(1)) is not None):
            raise Refusal(ErrorCode.NOT_FOUND)
        return record


def care_team(database: Database) -> Signed:
    with database.reading() as session:
        entry = session.scalar(select(TeamEntry).order_by(TeamEntry.version.desc()).limit(1))
        if entry is None:
            raise Refusal(ErrorCode.NOT_FOUND, "there is no care team yet")
        return Signed(payload=entry.payload, signature=entry.signature)


def put_care_team(database: Database, root_key: bytes, signed: Signed) -> bool:
    """Keeps the next version of the list; False when the newest was sent again (a lost answer).

    Raises :class:`Refusal` SIGNATURE_INVALID or STALE_VERSION.
    """
    try:
        team = verify(signed, Context.CARE_TEAM, root_key, CareTeamList)
    except SignatureError:
        raise Refusal(ErrorCode.SIGNATURE_INVALID) from None
    with database.writing() as session:
        newest = session.scalar(select(func.max(TeamEntry.version))) or 0
        known = session.get(TeamEntry, newest)
        if known is not None and (known.payload, known.signature) == (signed.payload, signed.signature):
            return False
        if team.version != newest + 1:
            raise Refusal(ErrorCode.STALE_VERSION)
        session.add(TeamEntry(version=team.version, payload=signed.payload, signature=signed.signature))
        if known is not None:
            before = CareTeamList.model_validate_json(known.payload)
            forget_tokens(session, {m.device_id for m in before.members} - {m.device_id for m in team.members})
        return True
