"""From clear bytes to "Saved": to the right recipients, whole or not at all, also on a full and on a failing disk."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from app.offline import trust
from app.offline.capture import Capture, Part, Words, save_sealed, seal_submission
from app.offline.errors import DiskFull, NotEnrolled, OfflineError, StoreFailed, TrustBroken, WriteFailed
from app.offline.files import check_blob, erase_blob, write_blob
from app.offline.outbox import Life, Transfer
from app.offline.recovery import sweep
from app.offline.store import Setting, Store, StoreCore
from app.offline.vault import open_blob, open_manifest
from app.wire.signed import Context, sign
from tests.offline.offline_kit import (
    CANARY,
    NOW,
    PATIENT,
    Clinic,
    Device,
    after_commit,
    before_commit,
    every_byte,
    open_device,
)

PHOTO = b"\xff\xd8\xff" + CANARY * 1000


def take(device: Device, count: int = 1) -> str:
    sealed = seal_submission(
        trust.sender(device.core),
        [Part(PHOTO, "wound.jpg", "image/jpeg") for _ in range(count)],
        Words("wound", "It itches."),
        NOW,
    )
    save_sealed(device.core, device.profile.blobs, sealed)
    return sealed.submission


def nothing_was_kept(device: Device) -> None:
    assert device.core.submissions() == ()
    assert list(device.profile.blobs.iterdir()) == []
    assert CANARY not in every_byte(device.profile.folder)


def test_saved_means_sealed_rows_and_files_for_the_care_team_and_the_device(device: Device, clinic: Clinic) -> None:
    submission = take(device, count=2)
    (row,) = device.core.submissions()
    assert (row.submission, row.life, row.purpose) == (submission, Life.FINISHED, "wound")
    assert [(b.part, b.state) for b in row.blobs] == [("manifest", Transfer.SEALED)] + [("blob", Transfer.SEALED)] * 2
    for blob in row.blobs:
        check_blob(device.profile.blobs, blob.file, blob.sha256, blob.size)
    files = [(device.profile.blobs / blob.file).read_bytes() for blob in row.blobs]
    for identity in (clinic.provider.identity, device.keys.identity):
        manifest = open_manifest(files[0], identity, {PATIENT: device.keys.ed25519})
        assert (manifest.note, manifest.submission) == ("It itches.", submission)
        assert [open_blob(data, identity, named) for data, named in zip(files[1:], manifest.blobs, strict=True)] == [
            PHOTO,
            PHOTO,
        ]
    assert CANARY not in every_byte(device.profile.folder)


def test_the_asynchronous_way(tmp_path: Path, clinic: Clinic) -> None:
    async def main() -> None:
        device = open_device(tmp_path / "p", clinic)
        key = device.profile.key_file.read_bytes()
        device.core.close()
        store = await Store.open(device.profile.store_path, key)
        capture = Capture(store, device.profile.blobs)
        submission = await capture.save_photo(PHOTO, name="a.jpg", media_type="image/jpeg", purpose="wound")
        found = await store.call(StoreCore.submission, submission)
        assert found is not None
        assert len(found.blobs) == 2
        with pytest.raises(ValueError, match="parts"):
            await capture.save([], Words("none"))
        await store.close()
        device.profile.close()

    asyncio.run(main())


def test_a_name_that_the_wire_does_not_allow_is_made_plain(device: Device) -> None:
    name = "\udcff" + "é" * 250  # what Python makes of bytes that are no UTF-8
    sealed = seal_submission(trust.sender(device.core), [Part(PHOTO, name, "image/jpeg")], Words("wound"), NOW)
    keys = {PATIENT: device.keys.ed25519}
    manifest = open_manifest(sealed.files[0][1].ciphertext, device.keys.identity, keys)
    assert manifest.blobs[0].name == "?" + "é" * 199


def test_a_device_without_a_clinic_saves_nothing(tmp_path: Path) -> None:
    device = open_device(tmp_path / "bare")
    with pytest.raises(NotEnrolled):
        take(device)
    nothing_was_kept(device)
    device.close()


@pytest.mark.parametrize("setting", [Setting.CARE_TEAM, Setting.ROOT_KEY])
def test_a_care_team_that_the_root_did_not_sign_gets_nothing(device: Device, clinic: Clinic, setting: Setting) -> None:
    other = Clinic()
    forged = sign(other.team(), Context.CARE_TEAM, other.root).model_dump_json().encode()
    device.core.put(setting, {Setting.CARE_TEAM: forged, Setting.ROOT_KEY: b"k" * 32}[setting])
    with pytest.raises(TrustBroken):
        take(device)
    nothing_was_kept(device)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_failed_sync_leaves_nothing_and_is_not_tried_again(
    device: Device, monkeypatch: pytest.MonkeyPatch, number: int, at: int
) -> None:
    real, calls = os.fsync, 0

    def fail(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == at:
            raise OSError(number, os.strerror(number))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(WriteFailed) as caught:
            take(device)
    assert isinstance(caught.value, DiskFull) == (number != errno.EIO)
    nothing_was_kept(device)
    take(device)
    assert len(device.core.submissions()) == 1


@pytest.mark.parametrize("commit", [before_commit, after_commit])
def test_a_commit_that_failed_is_not_saved_whatever_reached_the_disk(
    device: Device, monkeypatch: pytest.MonkeyPatch, commit: Callable[[apsw.Connection], None]
) -> None:
    sealed = seal_submission(trust.sender(device.core), [Part(PHOTO, "wound.jpg", "image/jpeg")], Words("wound"), NOW)
    real = StoreCore._commit
    commits = iter([commit])
    monkeypatch.setattr(StoreCore, "_commit", staticmethod(lambda db: next(commits, real)(db)))
    with pytest.raises(StoreFailed):
        save_sealed(device.core, device.profile.blobs, sealed)
    assert next(commits, None) is None
    nothing_was_kept(device)


def test_the_sweep_drops_no_row_in_silence(device: Device) -> None:
    gone, short, whole = (take(device) for _ in range(3))
    rows = {row.submission: row for row in device.core.submissions()}
    (device.profile.blobs / rows[gone].blobs[1].file).unlink()
    os.truncate(device.profile.blobs / rows[short].blobs[0].file, 10)
    (device.profile.blobs / ("f" * 32)).write_bytes(b"stray")
    swept = sweep(device.core, device.profile.blobs)
    assert (swept.strays, swept.lost) == (1, 2)
    after = {row.submission: row for row in device.core.submissions()}
    assert {name: row.life for name, row in after.items()} == {
        gone: Life.NEEDS_PERSON,
        short: Life.NEEDS_PERSON,
        whole: Life.FINISHED,
    }
    assert "no longer on this computer" in after[gone].blobs[1].reason
    assert "damaged" in after[short].blobs[0].reason
    assert sweep(device.core, device.profile.blobs).lost == 0


def test_erasing_what_is_gone_is_well(tmp_path: Path) -> None:
    name = write_blob(tmp_path, b"x")
    erase_blob(tmp_path, name)
    erase_blob(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_saves_nothing_and_loses_nothing(small_disk: Path, clinic: Clinic) -> None:
    device = open_device(small_disk / "profile", clinic)
    saved: list[str] = []

    def fill() -> None:
        while len(saved) < 200:
            saved.append(take(device))

    with pytest.raises(OfflineError) as caught:
        fill()
    assert str(caught.value) == "There is no room left on this computer. Nothing was saved."
    assert saved
    device.close()
    device = open_device(small_disk / "profile")
    assert [row.submission for row in device.core.submissions()] == saved
    assert sweep(device.core, device.profile.blobs).lost == 0
    files = {blob.file for row in device.core.submissions() for blob in row.blobs}
    assert {path.name for path in device.profile.blobs.iterdir()} == files
    device.close()


def test_a_limit_on_file_sizes_is_a_full_disk_too(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(DiskFull):
            write_blob(tmp_path, b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []
