"""What the tests of app.offline share: a clinic's keys, an enrolled profile, waiting for events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.offline.keys import DeviceKeys, device_keys, open_store_key
from app.offline.profile import Profile
from app.offline.store import Setting, StoreCore
from app.wire.signed import Context, sign
from app.wire.trust import CareTeamList, CareTeamMember, ServiceStatement

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
PROVIDER = "provider00000001"
PATIENT = "patient000000001"
CANARY = b"CLEAR-CANARY-d41d8cd9"


@dataclass(frozen=True)
class Clinic:
    """The keys of a clinic and of its one provider."""

    root: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    receipt: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    provider: DeviceKeys = field(default_factory=DeviceKeys.generate)

    @property
    def receipt_public(self) -> bytes:
        return self.receipt.public_key().public_bytes_raw()

    def team(self) -> CareTeamList:
        member = CareTeamMember(
            device_id=PROVIDER, ed25519=self.provider.ed25519, age_recipient=self.provider.age_recipient
        )
        return CareTeamList(version=1, issued_at=NOW, members=(member,))

    def settings(self) -> dict[str, bytes]:
        statement = ServiceStatement(receipt_key=self.receipt_public, tls_certificates=(), issued_at=NOW)
        return {
            Setting.DEVICE_ID: PATIENT.encode(),
            Setting.ROOT_KEY: self.root.public_key().public_bytes_raw(),
            Setting.STATEMENT: sign(statement, Context.STATEMENT, self.root).model_dump_json().encode(),
            Setting.CARE_TEAM: sign(self.team(), Context.CARE_TEAM, self.root).model_dump_json().encode(),
        }


@dataclass
class Device:
    """A patient's profile, enrolled, with its store open."""

    profile: Profile
    core: StoreCore
    keys: DeviceKeys

    def close(self) -> None:
        self.core.close()
        self.profile.close()


def open_device(folder: Path, clinic: Clinic | None = None) -> Device:
    """Opens a profile with a key file; enrols it with `clinic` when one is given."""
    profile = Profile.open(folder)
    core = StoreCore(profile.store_path, open_store_key(profile, None).secret)
    if clinic is not None:
        core.put_many(dict(clinic.settings()))
    return Device(profile, core, device_keys(core))


def flipped(path: Path, at: int) -> None:
    """Turns one bit of the byte at `at` (from the end if negative)."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def every_byte(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


class Until:
    """Waits for a condition that is looked at again whenever somebody says that something has changed."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()

    async def holds(self, condition: Callable[[], bool], timeout: float = 20.0) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                if condition():
                    return
                await self._changed.wait()


def before_commit(db: apsw.Connection) -> None:
    """In place of StoreCore._commit."""
    raise apsw.IOError("the disk failed before the commit")


def after_commit(db: apsw.Connection) -> None:
    db.execute("COMMIT")
    raise apsw.IOError("the disk failed while the commit was being synced")
