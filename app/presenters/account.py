"""This device at its clinic: its profile, keys and enrolment, whom it trusts, and its connection."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path

from app.net.directory import check_record, check_team
from app.net.enrolment import Enrolment, confirm_root, context_for, enrol
from app.net.errors import NetError, Refused
from app.net.http import ClinicHttp, Credentials
from app.offline.backup import mend
from app.offline.errors import OfflineError
from app.offline.files import COPIES
from app.offline.keys import (
    AskPassphrase,
    DeviceKeys,
    KeyPlace,
    KeyRing,
    StoreKey,
    change_passphrase,
    device_keys,
    open_store_key,
)
from app.offline.profile import Profile
from app.offline.store import Setting, Store
from app.wire import API
from app.wire.errors import ErrorCode
from app.wire.signed import Context, Signed, sign_bytes, verify
from app.wire.trust import CareTeamList, DeviceRecord, Role, ServiceStatement
from app.wire.visits import VisitDetails

log = logging.getLogger(__name__)

_ROOT_CONFIRMED = "root-confirmed"


@dataclass(frozen=True)
class Clinic:
    """What was pinned at enrolment."""

    base_url: str
    device_id: str
    role: Role
    root_key: bytes
    root_seed: bytes | None = field(repr=False)


class Account:
    """An open profile. All methods run on the I/O loop."""

    def __init__(self, profile: Profile, store: Store, keys: DeviceKeys, key: StoreKey) -> None:
        self.profile = profile
        self.store = store
        self.keys = keys
        self._key = key
        self._clinic: Clinic | None = None
        self._http: ClinicHttp | None = None
        self._team: CareTeamList | None = None
        self._records: dict[str, DeviceRecord] = {}

    @classmethod
    async def open(cls, folder: Path, ring: KeyRing | None, ask: AskPassphrase | None = None) -> Account:
        """Opens or makes a profile; `ask` is called in a thread and may wait. Raises :class:`OfflineError`."""
        profile = await asyncio.to_thread(Profile.open, folder)
        try:
            secret = await asyncio.to_thread(open_store_key, profile, ring, ask)
            await asyncio.to_thread(mend, profile.store_path, secret.secret, profile.folder / COPIES)
            store = await Store.open(profile.store_path, secret.secret)
        except BaseException:
            profile.close()
            raise
        account = cls(profile, store, await store.call(device_keys), secret)
        await account._load()
        return account

    @property
    def key_place(self) -> KeyPlace:
        """Where the store's key lies."""
        return self._key.place

    async def change_passphrase(self, old: str, new: str) -> None:
        """The store's key goes under a (new) passphrase, in a thread; :func:`app.offline.keys.change_passphrase`."""
        self._key = await asyncio.to_thread(change_passphrase, self.profile, self._key, old, new)

    @property
    def enrolled(self) -> bool:
        return self._clinic is not None

    @property
    def clinic(self) -> Clinic:
        if self._clinic is None:
            raise RuntimeError("the device is not enrolled")
        return self._clinic

    @property
    def http(self) -> ClinicHttp:
        if self._http is None:
            raise RuntimeError("the device is not enrolled")
        return self._http

    @property
    def team(self) -> CareTeamList | None:
        """The care team as last seen, root-signed; None before the first list."""
        return self._team

    def team_key(self, device_id: str) -> bytes | None:
        """The Ed25519 key of a member of the care team."""
        members = self._team.members if self._team is not None else ()
        return next((m.ed25519 for m in members if m.device_id == device_id), None)

    async def peer_key(self, details: VisitDetails) -> bytes | None:
        """The Ed25519 key of a visit's other side, by the root's word: of the care team for a patient, of a record
        otherwise.
        """
        if self.clinic.device_id == details.patient_device:
            return self.team_key(details.provider_device)
        record = await self.record(details.patient_device)
        return record.ed25519 if record is not None else None

    async def enrol(self, address: str, code: str, role: Role) -> None:
        """Enrols this device; what was learned is on disk before the service is told to forget the root key.

        Raises AddressError, CodeError, NetError or OfflineError; may be repeated after any of them.
        """
        result = await enrol(address, code, role, self.keys.ed25519, self.keys.age_recipient)
        await self._keep(result)
        await self._load()
        try:
            await self.confirm_root()
        except NetError as exc:
            log.info("the root key's arrival is confirmed later: %s", exc)

    async def confirm_root(self) -> None:
        """Tells the service, until it has heard it once, that the root key is safe here, so that it forgets its
        wrapped copy. Nothing to do on devices without it. Raises NetError."""
        if self.clinic.root_seed is not None and await self.store.get(_ROOT_CONFIRMED) is None:
            await confirm_root(self.http)
            await self.store.put(_ROOT_CONFIRMED, b"1")

    async def refresh_team(self) -> bool:
        """Fetches the care team's list; True when it is a newer one. Raises NetError."""
        try:
            signed = await self.http.fetch(Signed, "GET", f"{API}/care-team")
        except Refused as refused:
            if refused.code is ErrorCode.NOT_FOUND:
                return False
            raise
        known = self._team.version if self._team is not None else 0
        team = check_team(signed, self.clinic.root_key, known)
        if team.version == known:
            return False
        await self.keep_team(signed, team)
        return True

    async def keep_team(self, signed: Signed, team: CareTeamList) -> None:
        """Keeps a checked list for use without a link; its version guards against a roll-back."""
        version = str(team.version).encode()
        kept: dict[str, bytes] = {
            Setting.CARE_TEAM: signed.model_dump_json().encode(),
            Setting.CARE_TEAM_VERSION: version,
        }
        if self._team is None:
            kept[Setting.RESEALED_VERSION] = version  # nothing was ever sealed to an older list
        await self.store.put_many(kept)
        self._team = team

    async def record(self, device_id: str) -> DeviceRecord | None:
        """The root-signed record of a device, from memory, disk or the clinic; None when there is none yet.

        Raises NetError.
        """
        found = self._records.get(device_id)
        if found is None:
            name = f"record/{device_id}"
            kept = await self.store.get(name)
            if kept is not None:
                signed = Signed.model_validate_json(kept)
            else:
                try:
                    signed = await self.http.fetch(Signed, "GET", f"{API}/devices/{device_id}/record")
                except Refused as refused:
                    if refused.code is ErrorCode.NOT_FOUND:
                        return None
                    raise
            found = check_record(signed, self.clinic.root_key, device_id)
            if kept is None:
                await self.store.put(name, signed.model_dump_json().encode())
            self._records[device_id] = found
        return found

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
        await self.store.close()
        self.profile.close()

    async def _keep(self, result: Enrolment) -> None:
        await self.store.put_many(
            {
                Setting.CLINIC_ADDRESS: result.base_url.encode(),
                Setting.DEVICE_ID: result.device_id.encode(),
                Setting.ROLE: result.role.value.encode(),
                Setting.ROOT_KEY: result.root_key,
                Setting.STATEMENT: result.statement.model_dump_json().encode(),
                Setting.ROOT_SEED: result.root_seed,
            }
        )

    async def _load(self) -> None:
        address = await self.store.get(Setting.CLINIC_ADDRESS)
        if address is None:
            return
        device_id = await self._need(Setting.DEVICE_ID)
        root_key = await self._need(Setting.ROOT_KEY)
        self._clinic = Clinic(
            address.decode(),
            device_id.decode(),
            Role((await self._need(Setting.ROLE)).decode()),
            root_key,
            await self.store.get(Setting.ROOT_SEED),
        )
        signed = Signed.model_validate_json(await self._need(Setting.STATEMENT))
        statement = verify(signed, Context.STATEMENT, root_key, ServiceStatement)
        self._http = ClinicHttp(
            self._clinic.base_url,
            context_for(self._clinic.base_url, statement),
            Credentials(self._clinic.device_id, lambda nonce: sign_bytes(nonce, Context.TOKEN, self.keys.signing)),
        )
        team = await self.store.get(Setting.CARE_TEAM)
        if team is not None:
            version = int((await self.store.get(Setting.CARE_TEAM_VERSION) or b"0").decode())
            self._team = check_team(Signed.model_validate_json(team), root_key, version)

    async def _need(self, name: Setting) -> bytes:
        value = await self.store.get(name)
        if value is None:
            raise OfflineError(f"the store has no {name.value}")
        return value
