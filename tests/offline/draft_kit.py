"""A device with an open draft book, for the tests of drafts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from app.offline.capture import Part
from app.offline.draft import Draft
from app.offline.drafts import DraftBook
from app.offline.keys import DeviceKeys
from app.offline.outbox import OutboxSubmission
from app.offline.parts import JPEG
from app.offline.recovery import sweep
from app.offline.store import Setting, Store, StoreCore
from app.offline.vault import open_blob, open_manifest
from app.wire.intake import Manifest
from app.wire.signed import Context, sign
from app.wire.trust import CareTeamMember
from tests.offline.offline_kit import (
    CANARY,
    PATIENT,
    Clinic,
    every_byte,
    open_device,
)

PHOTO = b"\xff\xd8\xff" + CANARY * 50


class Desk:
    """A device with its store open, its draft book, and what the provider makes of a submission."""

    def __init__(self, folder: Path, clinic: Clinic) -> None:
        self.clinic = clinic
        device = open_device(folder, clinic)
        self.profile, self.keys = device.profile, device.keys
        device.core.close()
        self.store: Store

    async def open(self) -> None:
        self.store = await Store.open(self.profile.store_path, self.profile.key_file.read_bytes())
        self.book = DraftBook(self.store, self.profile.blobs)

    async def submissions(self) -> tuple[OutboxSubmission, ...]:
        return await self.store.call(StoreCore.submissions)

    def read(self, submission: OutboxSubmission, keys: DeviceKeys | None = None) -> tuple[Manifest, list[bytes]]:
        identity = (keys or self.clinic.provider).identity
        files = [(self.profile.blobs / row.file).read_bytes() for row in submission.blobs]
        manifest = open_manifest(files[0], identity, {PATIENT: self.keys.ed25519})
        return manifest, [
            open_blob(data, identity, blob) for data, blob in zip(files[1:], manifest.blobs, strict=True)
        ]

    def files(self) -> set[str]:
        return {path.name for path in self.profile.blobs.iterdir()}

    async def whole(self) -> tuple[Draft, ...]:
        """After a new start and a sweep: every file is named, every part opens, nothing clear is on the disk."""
        await self.store.close()
        await self.open()
        await self.store.call(sweep, self.profile.blobs)
        drafts = await self.book.drafts()
        assert self.files() == await self.store.call(StoreCore.blob_files)
        for part in (part for draft in drafts for part in draft.parts):
            open_blob((self.profile.blobs / part.file).read_bytes(), self.keys.identity, part.named)
        assert CANARY not in every_byte(self.profile.folder)
        return drafts

    async def new_team(self) -> DeviceKeys:
        """Another member joins: the list has version 2."""
        made = DeviceKeys.generate()
        member = CareTeamMember(device_id="provider00000002", ed25519=made.ed25519, age_recipient=made.age_recipient)
        team = self.clinic.team().model_copy(update={"version": 2, "members": (*self.clinic.team().members, member)})
        signed = sign(team, Context.CARE_TEAM, self.clinic.root)
        await self.store.put(Setting.CARE_TEAM, signed.model_dump_json().encode())
        return made


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    made = Desk(folder / "profile", Clinic())
    await made.open()
    try:
        yield made
    finally:
        await made.store.close()
        made.profile.close()


def photo(name: str = "wound.jpg") -> Part:
    return Part(PHOTO, name, JPEG)
