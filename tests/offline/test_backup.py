"""Copies of the store: encrypted, whole, rotated, and put back without losing a newer sealed file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from app.offline import backup
from app.offline.backup import NoBackup, back_up, back_up_when_due, copies, restore
from app.offline.database import check_copy
from app.offline.errors import StoreFailed, WrongKey
from app.offline.files import write_blob
from app.offline.recovery import RESTORED, sweep
from app.offline.store import StoreCore
from tests.offline.offline_kit import CANARY, every_byte
from tests.offline.test_outbox import submission

KEY = bytes(range(32))
NOW = 1_795_000_000.0


@pytest.fixture
def core(tmp_path: Path):
    core = StoreCore(tmp_path / "store.db", KEY)
    core.put("name", CANARY * 300)
    core.insert_submission(replace(submission(), purpose=CANARY.decode()))
    yield core
    core.close()


def test_a_copy_is_whole_sealed_and_under_the_same_key_alone(core: StoreCore, tmp_path: Path) -> None:
    made = back_up(core, tmp_path / "copies", NOW)
    assert CANARY not in every_byte(tmp_path / "copies")
    assert b"SQLite format" not in made.read_bytes()
    assert [path.name for path in (tmp_path / "copies").iterdir()] == [made.name]
    assert (made.stat().st_mode & 0o777, (tmp_path / "copies").stat().st_mode & 0o777) == (0o600, 0o700)
    with pytest.raises(WrongKey):
        check_copy(made, KEY[::-1])
    other = StoreCore(made, KEY)
    assert other.get("name") == CANARY * 300
    assert other.submissions() == core.submissions()
    other.close()


def test_copies_are_rotated_and_made_once_a_day(core: StoreCore, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    day = 24 * 3600.0
    assert [back_up_when_due(core, folder, NOW + hours * 3600.0) for hours in (0, 1, 23, 24, 30)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    newest = [back_up(core, folder, NOW + n * day) for n in range(2, 6)]
    assert copies(folder) == newest[:0:-1]
    assert back_up_when_due(core, folder, NOW)  # the clock was set back
    for path in copies(folder):
        path.unlink()
    assert back_up_when_due(core, folder, NOW + 1.0)  # somebody removed them


def test_a_failed_copy_leaves_the_older_ones(
    core: StoreCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "copies"
    first = back_up(core, folder, NOW)

    def fail(self: StoreCore, path: Path) -> None:
        raise StoreFailed("the copy is not whole")

    monkeypatch.setattr(StoreCore, "check_copy", fail)
    assert not back_up_when_due(core, folder, NOW + 1e6)
    assert "no copy of the store was made" in caplog.text
    assert [path.name for path in folder.iterdir()] == [first.name]


def test_a_damaged_store_comes_back_and_newer_files_are_kept(core: StoreCore, tmp_path: Path) -> None:
    folder, store, blobs = tmp_path / "copies", tmp_path / "store.db", tmp_path / "blobs"
    blobs.mkdir()
    before = core.submissions()
    back_up(core, folder, NOW)
    core.put("later", b"lost with the store")
    newer = write_blob(blobs, b"sealed after the copy was made")
    core.close()
    data = bytearray(store.read_bytes())
    data[5000:9000] = bytes(4000)
    store.write_bytes(data)
    with pytest.raises((StoreFailed, WrongKey)):
        StoreCore(store, KEY)
    restore(store, KEY, folder)
    again = StoreCore(store, KEY)
    assert again.submissions() == before
    assert again.get("later") is None
    assert (tmp_path / "store.db.damaged").read_bytes() == bytes(data)
    swept = sweep(again, blobs)  # the rows' own files were never written in this test: they are told as lost
    assert (swept.strays, swept.notice) == (1, RESTORED)
    assert (tmp_path / "strays" / newer).read_bytes() == b"sealed after the copy was made"
    assert sweep(again, blobs).notice == ""
    again.close()


def test_a_broken_copy_is_passed_over_and_without_any_nothing_changes(
    core: StoreCore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, store = tmp_path / "copies", tmp_path / "store.db"
    good, bad = back_up(core, folder, NOW), back_up(core, folder, NOW + 60)
    core.close()
    data = bytearray(bad.read_bytes())
    data[9000] ^= 1
    bad.write_bytes(data)
    assert restore(store, KEY, folder) == good
    assert "does not open" in caplog.text
    before = store.read_bytes()
    good.unlink()
    with pytest.raises(NoBackup):
        restore(store, KEY, folder)
    assert store.read_bytes() == before


def test_one_flipped_bit_anywhere_is_found(core: StoreCore, tmp_path: Path) -> None:
    made = back_up(core, tmp_path / "copies", NOW)
    whole = made.read_bytes()
    for at in range(100, len(whole), len(whole) // 60):
        data = bytearray(whole)
        data[at] ^= 0x10
        made.write_bytes(data)
        with pytest.raises((StoreFailed, WrongKey)):
            check_copy(made, KEY)
    made.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((StoreFailed, WrongKey)):
        check_copy(made, KEY)
    made.write_bytes(whole)
    check_copy(made, KEY)


def test_a_full_disk_is_told(core: StoreCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> apsw.Connection:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup.os, "replace", full)
    with pytest.raises(StoreFailed):
        back_up(core, tmp_path / "copies", NOW)
    assert list((tmp_path / "copies").iterdir()) == []
