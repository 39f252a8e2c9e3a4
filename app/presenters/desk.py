"""The clinic's desk, on a provider's device or at the command line: invitations, vouching for devices, visits."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.net.directory import check_record
from app.net.errors import BadAnswer
from app.offline.errors import SealBroken
from app.offline.vault import open_document, seal_document
from app.presenters.account import Account
from app.presenters.forms import add_forms, remove_form
from app.presenters.refresh import Refresh
from app.wire import API
from app.wire.code import CodeError, CodeKind, EnrolmentCode, token_hash
from app.wire.forms import FormEntry
from app.wire.signed import Context, SignatureError, sign, verify
from app.wire.trust import (
    CareTeamList,
    CareTeamMember,
    DeviceList,
    DeviceRecord,
    DeviceRow,
    Invitation,
    InvitationCreated,
    InvitationLabel,
    Role,
    SealedLabel,
    device_id_of,
)
from app.wire.visits import SealedVisit, Visit, VisitDetails

log = logging.getLogger(__name__)

INVITATION_LIFE = timedelta(days=14)
_GRACE = timedelta(days=1)
_MAX_NAME = 200
_ROLE_OF = {CodeKind.PATIENT: Role.PATIENT, CodeKind.PROVIDER: Role.PROVIDER}
_KIND_OF = {role: kind for kind, role in _ROLE_OF.items()}


class DeskError(Exception):
    """The desk cannot do that; `str()` is a sentence for a person."""


@dataclass(frozen=True)
class Person:
    """An enrolled device and whom the invitation was made for; `vouched` once the root has signed its keys."""

    device_id: str
    role: Role
    name: str
    vouched: bool


class Desk:
    """Needs a provider's account; vouching needs the one that holds the root key."""

    def __init__(self, account: Account) -> None:
        if account.clinic.role is not Role.PROVIDER:
            raise RuntimeError("the desk is for providers")
        self._account = account
        self.open = Refresh(self._open)
        """Makes the first care team if there is none, and vouches for who has enrolled since. Raises NetError."""

    async def _open(self) -> None:
        await self._account.refresh_team()
        if self._account.clinic.root_seed is None:
            return
        if self._account.team is None:
            await self._publish_team((self._own_member(),))
        if await self._account.record(self._account.clinic.device_id) is None:
            await self._sign_record(self._own_record())
        await self.vouch()

    async def invite(self, role: Role, name: str) -> str:
        """Makes an invitation for `name`; the code to hand over in person or by another way than the clinic's."""
        name = name.strip()
        if not name:
            raise DeskError("Please say whom the invitation is for.")
        if len(name) > _MAX_NAME:
            raise DeskError("The name is too long.")
        code = EnrolmentCode.new(_KIND_OF[role], self._account.clinic.root_key)
        now = datetime.now(UTC)
        label = InvitationLabel(code=str(code), name=name, created_at=now)
        me = self._account.clinic.device_id
        sealed = SealedLabel(signer=me, label=sign(label, Context.INVITATION, self._account.keys.signing))
        invitation = Invitation(
            token_hash=token_hash(code.token()),
            role=role,
            sealed_label=seal_document(sealed, self._team_recipients()),
            expires_at=now + INVITATION_LIFE,
        )
        await self._account.http.fetch(InvitationCreated, "POST", f"{API}/invitations", json=invitation)
        return str(code)

    async def people(self) -> tuple[Person, ...]:
        """All enrolled devices whose keys are bound to an invitation of ours, by the name in it. Raises NetError.

        Of what the service says only the keys are used, and they must be those that the code binds and the id names.
        """
        found = []
        for row in (await self._account.http.fetch(DeviceList, "GET", f"{API}/devices")).devices:
            checked = self._checked(row)
            if checked is not None:
                record, label = checked
                found.append(Person(row.device_id, record.role, label.name, self._is_vouched(row, record)))
        return tuple(found)

    async def vouch(self) -> int:
        """Signs the records of enrolled devices whose keys are bound to a code of ours; providers join the care team.

        Returns how many. Needs the root key. Raises NetError.
        """
        if self._account.clinic.root_seed is None:
            return 0
        done = 0
        for row in (await self._account.http.fetch(DeviceList, "GET", f"{API}/devices")).devices:
            checked = self._checked(row) if row.record is None else None
            if checked is not None and await self._may_vouch(*checked):
                record, _ = checked
                if record.role is Role.PROVIDER:
                    await self._add_to_team(record)
                await self._sign_record(record)
                done += 1
        return done

    async def retire(self, device_id: str) -> int:
        """Takes a provider's device off the care team: from the next list on, nothing is sealed to it, and its word
        is not believed. Returns the new list's version. Needs the root key. Raises NetError or :class:`DeskError`.

        A replacement comes by an invitation as every device does. What was sealed before stays open to the device.
        """
        self._root()
        await self._account.refresh_team()
        team = self._account.team
        if team is None or all(member.device_id != device_id for member in team.members):
            raise DeskError("There is no such device in the care team.")
        if device_id == self._account.clinic.device_id:
            raise DeskError("This device holds the clinic's root key: it cannot retire itself.")
        # First: whatever becomes of the answer, this device is never put back by `vouch`.
        await self._account.store.put(f"retired/{device_id}", b"1")
        await self._publish_team(tuple(member for member in team.members if member.device_id != device_id))
        return self._account.team.version if self._account.team is not None else team.version + 1

    async def _may_vouch(self, record: DeviceRecord, label: InvitationLabel) -> bool:
        """One device for each code, within its life: not the service's word for it, but this device's memory."""
        if await self._account.store.get(f"retired/{record.device_id}") is not None:
            log.warning("a device that was retired is not vouched for again")
            return False
        name = f"vouched/{token_hash(EnrolmentCode.parse(label.code).token()).hex()}"
        before = await self._account.store.get(name)
        if before is not None:
            if before != record.device_id.encode():
                log.warning("a second device came with a code that was used before: it is not vouched for")
            return before == record.device_id.encode()
        if datetime.now(UTC) > label.created_at + INVITATION_LIFE + _GRACE:
            log.warning("a device came with a code that is too old: it is not vouched for")
            return False
        await self._account.store.put(name, record.device_id.encode())
        return True

    def _is_vouched(self, row: DeviceRow, record: DeviceRecord) -> bool:
        if row.record is None:
            return False
        try:
            return check_record(row.record, self._account.clinic.root_key, row.device_id) == record
        except BadAnswer:
            return False

    async def add_visit(
        self,
        patient_device: str,
        provider_device: str,
        starts_at: datetime,
        minutes: int,
        reason: str,
        provider_name: str,
        phone: str,
    ) -> str:
        """Puts a visit on the schedule, sealed to the two; returns its id. Raises NetError or :class:`DeskError`."""
        if max(len(reason) - 300, len(provider_name), len(phone) + 150) > _MAX_NAME:
            raise DeskError("The name, the reason or the telephone number is too long.")
        person = next((p for p in await self.people() if p.device_id == patient_device), None)
        patient = await self._account.record(patient_device)
        if person is None or patient is None or patient.role is not Role.PATIENT:
            raise DeskError("There is no such patient, or nobody has vouched for the patient's device yet.")
        team = self._account.team.members if self._account.team is not None else ()
        provider = next((m for m in team if m.device_id == provider_device), None)
        if provider is None:
            raise DeskError("There is no such provider.")
        details = VisitDetails(
            visit_id=secrets.token_hex(12),
            starts_at=starts_at,
            minutes=minutes,
            reason=reason,
            patient_name=person.name,
            patient_device=patient_device,
            provider_name=provider_name,
            provider_device=provider_device,
            clinic_phone=phone,
        )
        signed = sign(details, Context.VISIT, self._account.keys.signing)
        sealed = SealedVisit(signer=self._account.clinic.device_id, details=signed)
        visit = Visit(
            visit_id=details.visit_id,
            starts_at=starts_at,
            minutes=minutes,
            participants=(patient_device, provider_device),
            sealed=seal_document(sealed, (patient.age_recipient, provider.age_recipient)),
        )
        await self._account.http.request("POST", f"{API}/visits", json=visit)
        return details.visit_id

    async def add_forms(self, files: tuple[bytes, ...]) -> tuple[FormEntry, ...]:
        """Puts questionnaires (FHIR JSON) on the clinic's list, which the root signs. Raises as forms.add_forms."""
        return await add_forms(self._account, self._root(), files)

    async def remove_form(self, name: str) -> FormEntry:
        """Takes one off the list, by title, address or the beginning of its SHA-256."""
        return await remove_form(self._account, self._root(), name)

    def _team_recipients(self) -> tuple[str, ...]:
        if self._account.team is None:
            raise DeskError("The clinic has no care team yet: open the first provider's device once.")
        return tuple(member.age_recipient for member in self._account.team.members)

    def _label(self, row: DeviceRow) -> InvitationLabel | None:
        """What the invitation says, if a member of the care team has signed it."""
        if row.sealed_label is None:
            return None
        try:
            sealed = open_document(row.sealed_label, self._account.keys.identity, SealedLabel)
            key = self._account.team_key(sealed.signer)
            if key is None:
                raise SignatureError("its signer is not of the care team")
            return verify(sealed.label, Context.INVITATION, key, InvitationLabel)
        except SealBroken:
            return None  # made before this device was of the care team
        except SignatureError as exc:
            log.warning("an invitation is not believed: %s", exc)
            return None

    def _checked(self, row: DeviceRow) -> tuple[DeviceRecord, InvitationLabel] | None:
        """The record to sign and the invitation it rests on, if the device's id is its keys' and its keys are bound
        to the code that we made; the role is the code's."""
        label = self._label(row)
        if label is None:
            return None
        try:
            code = EnrolmentCode.parse(label.code)
        except CodeError:
            return None
        role = _ROLE_OF.get(code.kind)
        bound = code.binds(row.ed25519, row.age_recipient, row.binding)
        if role is None or not bound or row.device_id != device_id_of(row.ed25519, row.age_recipient):
            log.warning("a device is not vouched for: its keys are not bound to its code")
            return None
        record = DeviceRecord(device_id=row.device_id, role=role, ed25519=row.ed25519, age_recipient=row.age_recipient)
        return record, label

    def _root(self) -> Ed25519PrivateKey:
        seed = self._account.clinic.root_seed
        if seed is None:
            raise DeskError("This device does not hold the clinic's root key.")
        return Ed25519PrivateKey.from_private_bytes(seed)

    def _own_record(self) -> DeviceRecord:
        account = self._account
        return DeviceRecord(
            device_id=account.clinic.device_id,
            role=Role.PROVIDER,
            ed25519=account.keys.ed25519,
            age_recipient=account.keys.age_recipient,
        )

    def _own_member(self) -> CareTeamMember:
        return _member(self._own_record())

    async def _add_to_team(self, record: DeviceRecord) -> None:
        team = self._account.team
        members = team.members if team is not None else ()
        if all(member.device_id != record.device_id for member in members):
            await self._publish_team((*members, _member(record)))

    async def _publish_team(self, members: tuple[CareTeamMember, ...]) -> None:
        version = self._account.team.version + 1 if self._account.team is not None else 1
        team = CareTeamList(version=version, issued_at=datetime.now(UTC), members=members)
        signed = sign(team, Context.CARE_TEAM, self._root())
        await self._account.http.request("PUT", f"{API}/care-team", json=signed)
        await self._account.keep_team(signed, team)

    async def _sign_record(self, record: DeviceRecord) -> None:
        signed = sign(record, Context.DEVICE_RECORD, self._root())
        await self._account.http.request("PUT", f"{API}/devices/{record.device_id}/record", json=signed)


def _member(record: DeviceRecord) -> CareTeamMember:
    return CareTeamMember(device_id=record.device_id, ed25519=record.ed25519, age_recipient=record.age_recipient)
