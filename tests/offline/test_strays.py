"""Sealed files that no row names: nothing whole is erased, what can be comes back, the rest is kept and told."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from app.net.http import ClinicHttp, Credentials
from app.offline import trust
from app.offline.capture import Part, Words, save_sealed, seal_submission
from app.offline.drafts import DraftBook
from app.offline.errors import KeyMissing, StoreDamaged, StoreGone, WrongKey
from app.offline.finishing import original_of
from app.offline.keys import open_store_key
from app.offline.life import Held, Life
from app.offline.outbox import OutboxSubmission
from app.offline.parts import AVIF, JPEG
from app.offline.plan import Stage
from app.offline.profile import Profile
from app.offline.purposes import Purpose
from app.offline.recovery import CUT_OFF, sweep
from app.offline.store import Setting, Store, StoreCore
from app.offline.strays import KEEP_S
from app.offline.transfer import Transfer
from app.offline.vault import open_manifest
from app.offline.worker import OutboxWorker, Surroundings
from app.wire.intake import PartRole
from tests.offline.offline_kit import NOW, PATIENT, Clinic, Device, Until, every_byte, open_device
from tests.offline.offline_service import ScriptedClinic

AT = 1_795_000_000.0


def take(device: Device, parts: int = 2) -> str:
    photos = [Part(b"photo %d" % number, f"{number}.jpg", JPEG) for number in range(parts)]
    sealed = seal_submission(trust.sender(device.core), photos, Words("wound-check", "It itches."), NOW)
    save_sealed(device.core, device.profile.blobs, sealed)
    return sealed.submission


def forgotten(device: Device, submission: str) -> OutboxSubmission:
    """The rows are gone, as a dropped end of the log takes them; the files stay."""
    before = device.core.submission(submission)
    assert before is not None
    device.core.forget_submission(submission)
    return before


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_a_submission_comes_back_from_its_manifest_and_files(device: Device) -> None:
    before = forgotten(device, take(device))
    device.core.put(Setting.RESEALED_VERSION, b"1")
    swept = sweep(device.core, device.profile.blobs, AT)
    assert (swept.rebuilt, swept.strays, swept.notice) == (1, 0, "")
    after = device.core.submission(before.submission)
    assert after is not None
    assert (after.blobs, after.life, after.purpose, after.created_at) == (
        before.blobs, Life.FINISHED, before.purpose, before.created_at,
    )  # fmt: skip
    assert device.core.get(Setting.RESEALED_VERSION) is None  # looked at again before it goes
    assert sweep(device.core, device.profile.blobs, AT).rebuilt == 0


def test_what_is_not_whole_is_set_aside_told_and_kept_for_a_month(device: Device) -> None:
    before = forgotten(device, take(device))
    (device.profile.blobs / before.blobs[2].file).unlink()
    (device.profile.blobs / ("1" * 32 + ".part")).write_bytes(b"never whole")
    swept = sweep(device.core, device.profile.blobs, AT)
    assert (swept.rebuilt, swept.strays, swept.notice) == (0, 3, CUT_OFF)
    assert names(device.profile.blobs) == set()
    strays = device.profile.folder / "strays"
    assert names(strays) == {row.file for row in before.blobs[:2]}
    assert strays.stat().st_mode & 0o777 == 0o700
    for later, there in ((KEEP_S - 1.0, 2), (-1e9, 2), (KEEP_S + 1.0, 0)):
        assert sweep(device.core, device.profile.blobs, AT + later).notice == ""
        assert len(names(strays)) == there


def test_a_manifest_of_somebody_else_brings_nothing_back(device: Device, tmp_path: Path, clinic: Clinic) -> None:
    other = open_device(tmp_path / "other", clinic)
    before = forgotten(other, take(other))
    for row in before.blobs:
        shutil.copy(other.profile.blobs / row.file, device.profile.blobs / row.file)
    other.close()
    swept = sweep(device.core, device.profile.blobs, AT)
    assert (swept.rebuilt, swept.strays) == (0, 3)
    assert device.core.submissions() == ()


def test_files_of_a_submission_that_is_here_are_set_aside_in_silence(device: Device) -> None:
    submission = take(device)
    row = device.core.submission(submission)
    assert row is not None
    for blob in row.blobs:  # as a sealing anew that was cut off leaves them
        shutil.copy(device.profile.blobs / blob.file, device.profile.blobs / f"{blob.ordinal}{blob.file[1:]}x")
    swept = sweep(device.core, device.profile.blobs, AT)
    assert (swept.rebuilt, swept.strays, swept.notice) == (0, 3, "")
    assert device.core.submission(submission) == row


def test_a_finished_draft_is_finished_again_with_its_originals(device: Device, tmp_path: Path) -> None:
    """The log lost the finishing alone: the draft is back, its manifests and words are nobody's files."""
    device.core.close()
    key, blobs = device.profile.key_file.read_bytes(), device.profile.blobs

    async def begin() -> str:
        store = await Store.open(device.profile.store_path, key)
        book = DraftBook(store, blobs)
        draft = (await book.begin(Purpose.WOUND_CHECK)).draft
        copy = Part(b"copy", "a.avif", AVIF, PartRole.COPY)
        await book.add_parts(draft, [copy, Part(b"original", "a.jpg", JPEG, PartRole.ORIGINAL, of=copy.blob)])
        await book.set_note(draft, "x" * 5000)  # longer than a manifest takes: a part of its own
        await store.close()
        return draft

    async def finish(draft: str) -> None:
        store = await Store.open(device.profile.store_path, key)
        await DraftBook(store, blobs).finish(draft)
        await store.close()

    draft = asyncio.run(begin())
    shutil.copy(device.profile.store_path, tmp_path / "before.db")
    asyncio.run(finish(draft))
    core = StoreCore(device.profile.store_path, key)
    wanted = core.submissions()
    core.close()
    assert [(s.life, len(s.blobs)) for s in wanted] == [(Life.FINISHED, 3), (Life.HELD, 2)]
    shutil.copy(tmp_path / "before.db", device.profile.store_path)
    device.core = core = StoreCore(device.profile.store_path, key)
    swept = sweep(core, blobs, AT)
    assert (swept.rebuilt, swept.strays, swept.notice) == (2, 0, "")
    assert core.documents("draft") == {}
    found = {s.submission: s for s in core.submissions()}
    assert {(s.submission, s.life, s.held, s.amends, s.blobs) for s in found.values()} == {
        (s.submission, s.life, s.held, s.amends, s.blobs) for s in wanted
    }
    held = next(s for s in found.values() if s.held is Held.UNTIL_ASKED)
    manifest = open_manifest(
        (blobs / held.blobs[0].file).read_bytes(),
        device.keys.identity,
        {trust.device_id(core): device.keys.ed25519},
    )
    assert original_of(core, str(manifest.blobs[0].of)) == held.submission


def test_a_draft_that_was_changed_since_stays_a_draft(device: Device, tmp_path: Path) -> None:
    device.core.close()
    key, blobs = device.profile.key_file.read_bytes(), device.profile.blobs

    async def begin(photos: int) -> str:
        store = await Store.open(device.profile.store_path, key)
        book = DraftBook(store, blobs)
        draft = (await book.begin(Purpose.WOUND_CHECK)).draft
        await book.add_parts(draft, [Part(b"photo", f"{number}.jpg", JPEG) for number in range(photos)])
        await store.close()
        return draft

    async def change(draft: str, finish: bool) -> None:
        store = await Store.open(device.profile.store_path, key)
        book = DraftBook(store, blobs)
        await (book.finish(draft) if finish else book.add_part(draft, Part(b"later", "", JPEG)))
        await store.close()

    draft = asyncio.run(begin(1))
    shutil.copy(device.profile.store_path, tmp_path / "before.db")
    asyncio.run(change(draft, finish=True))
    shutil.copy(tmp_path / "before.db", device.profile.store_path)
    asyncio.run(change(draft, finish=False))
    device.core = StoreCore(device.profile.store_path, key)
    swept = sweep(device.core, blobs, AT)
    assert (swept.rebuilt, swept.strays, swept.notice) == (0, 1, "")
    assert list(device.core.documents("draft")) == [draft]
    assert len(names(blobs)) == 2


# the store itself


@pytest.mark.parametrize("beside", ["blobs", "copies", "strays"])
def test_an_empty_or_missing_store_is_no_new_one(tmp_path: Path, beside: str) -> None:
    profile = Profile.open(tmp_path / "profile")
    key = open_store_key(profile, None).secret
    StoreCore(profile.store_path, key).close()
    (profile.folder / beside).mkdir(exist_ok=True)
    (profile.folder / beside / ("a" * 32)).write_bytes(b"sealed")
    profile.store_path.write_bytes(b"")
    with pytest.raises(StoreGone, match="missing"):
        StoreCore(profile.store_path, key)
    profile.store_path.unlink()
    before = every_byte(profile.folder)
    with pytest.raises(StoreGone):
        StoreCore(profile.store_path, key)
    profile.key_file.unlink()
    with pytest.raises(KeyMissing):  # a new key would hide that the old one is only out of reach
        open_store_key(profile, None)
    assert every_byte(profile.folder) == before.replace(key, b"")
    profile.close()


def test_without_any_item_an_empty_store_is_a_new_one(tmp_path: Path) -> None:
    profile = Profile.open(tmp_path / "profile")
    key = open_store_key(profile, None).secret
    profile.store_path.write_bytes(b"")
    (profile.blobs / ("a" * 32 + ".part")).write_bytes(b"never whole")
    StoreCore(profile.store_path, key).close()
    profile.close()


def test_damage_has_its_own_type(device: Device) -> None:
    take(device)
    device.core.close()
    key, whole = device.profile.key_file.read_bytes(), device.profile.store_path.read_bytes()
    for at, kind in ((50, WrongKey), (6000, StoreDamaged), (len(whole) - 5, StoreDamaged)):
        data = bytearray(whole)
        data[at] ^= 4
        device.profile.store_path.write_bytes(data)
        with pytest.raises(kind):
            StoreCore(device.profile.store_path, key)


def test_the_profile_syncs_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    opened: dict[int, str] = {}
    real_open, real_sync = os.open, os.fsync

    def watched_open(path: str | Path, flags: int, mode: int = 0o777) -> int:
        descriptor = real_open(path, flags, mode)
        opened[descriptor] = str(path)
        return descriptor

    def watched_sync(descriptor: int) -> None:
        synced.append(opened[descriptor])
        real_sync(descriptor)

    monkeypatch.setattr(os, "open", watched_open)
    monkeypatch.setattr(os, "fsync", watched_sync)
    Profile.open(tmp_path / "new" / "deeper" / "profile").close()
    assert {str(tmp_path), *(str(tmp_path / name) for name in ("new", "new/deeper", "new/deeper/profile"))} <= set(
        synced
    )


# what was delivered before the row that said so was lost


@pytest.mark.parametrize("delivered", [True, False])
def test_a_missing_file_is_asked_for_at_the_clinic_first(tmp_path: Path, clinic: Clinic, delivered: bool) -> None:
    device = open_device(tmp_path / "profile", clinic)
    device.core.put(Setting.RESEALED_VERSION, b"1")  # else all is sealed anew before it goes
    name = take(device, 1)
    older = Path(shutil.copytree(device.profile.folder, tmp_path / "older"))
    service, key = ScriptedClinic(clinic), device.profile.key_file.read_bytes()
    device.close()

    async def deliver(folder: Path, url: str, wanted: Stage) -> list[Transfer]:
        profile, until = Profile.open(folder), Until()
        store = await Store.open(profile.store_path, key)
        async with ClinicHttp(url, None, Credentials(PATIENT, lambda nonce: b"s" * 64)) as http:
            around = Surroundings(watch=False)
            worker = OutboxWorker(store, profile.blobs, http, on_change=until.changed, surroundings=around)
            worker.start()
            await until.holds(lambda: [s.stage for s in worker.snapshot()] == [wanted] and bool(service.uploads))
            await worker.stop()
        rows = await store.call(StoreCore.submission, name)
        await store.close()
        profile.close()
        assert rows is not None
        return [row.state for row in rows.blobs]

    with service.in_thread():
        if delivered:
            asyncio.run(deliver(device.profile.folder, service.url, Stage.RECEIVED))
        for path in (older / "blobs").iterdir():
            path.unlink()
        states = asyncio.run(deliver(older, service.url, Stage.RECEIVED if delivered else Stage.NEEDS_YOU))
        assert set(states) <= (
            {Transfer.STORED, Transfer.ERASED} if delivered else {Transfer.REFUSED, Transfer.WAITING}
        )
        assert [bool(upload.receipt) for upload in service.uploads.values()] == (
            [True, True] if delivered else [False]
        )
