"""Whom a device believes: the root it was enrolled under, and what that root has signed."""

from __future__ import annotations

import hmac

from app.net.errors import BadAnswer, WrongClinic
from app.wire.code import root_fingerprint
from app.wire.signed import Context, SignatureError, Signed, verify
from app.wire.trust import CareTeamList, ClinicDocument, DeviceRecord, ServiceStatement, device_id_of


class RollBack(BadAnswer):
    """The service showed an older care-team list than one already seen."""


def check_clinic(document: ClinicDocument, fingerprint: bytes) -> ServiceStatement:
    """The statement of the clinic whose root has `fingerprint`; raises :class:`WrongClinic`."""
    if not hmac.compare_digest(root_fingerprint(document.root_key), fingerprint):
        raise WrongClinic("the root key does not fit the code")
    try:
        return verify(document.statement, Context.STATEMENT, document.root_key, ServiceStatement)
    except SignatureError as exc:
        raise WrongClinic(str(exc)) from exc


def check_team(signed: Signed, root_key: bytes, known_version: int) -> CareTeamList:
    """The care team, if the root signed it and it is no older than `known_version`."""
    try:
        team = verify(signed, Context.CARE_TEAM, root_key, CareTeamList)
    except SignatureError as exc:
        raise BadAnswer(str(exc)) from exc
    if any(m.device_id != device_id_of(m.ed25519, m.age_recipient) for m in team.members):
        raise BadAnswer("a member of the care team has an id that is not its keys'")
    if team.version < known_version:
        raise RollBack(f"care team {team.version} after {known_version}")
    return team


def check_record(signed: Signed, root_key: bytes, device_id: str) -> DeviceRecord:
    """The record of one device; raises :class:`BadAnswer`."""
    try:
        record = verify(signed, Context.DEVICE_RECORD, root_key, DeviceRecord)
    except SignatureError as exc:
        raise BadAnswer(str(exc)) from exc
    if record.device_id != device_id or device_id != device_id_of(record.ed25519, record.age_recipient):
        raise BadAnswer("the record of another device")
    return record
