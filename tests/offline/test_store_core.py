"""The encrypted store: what it keeps, what it shows on disk, and what it does when the disk fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from app.offline import rows
from app.offline.errors import DiskFull, OfflineError, StoreFailed, StoreTooNew, WrongKey
from app.offline.outbox import Life, Start, apply
from app.offline.store import Setting, Store, StoreCore
from tests.offline.offline_kit import CANARY, NOW, every_byte
from tests.offline.test_outbox import submission

KEY = bytes(range(32))


def test_settings_outlive_the_process_and_go_in_one_step(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    core.put_many({Setting.DEVICE_ID: b"d1", "other": b"\x00\xff"})
    core.put_many({Setting.DEVICE_ID: b"d2", "other": None})
    core.put_visits({"v1": b"sealed"})
    core.put_visits({"v2": b"sealed too"})
    core.close()
    core = StoreCore(tmp_path / "s.db", KEY)
    assert (core.get(Setting.DEVICE_ID), core.get("other"), core.get("never")) == (b"d2", None, None)
    assert core.visits() == {"v2": b"sealed too"}
    assert core.put_if_absent({Setting.DEVICE_ID: b"d3", "new": b"n"}) == {Setting.DEVICE_ID: b"d2", "new": b"n"}
    core.close()


def test_nothing_on_disk_is_clear_and_another_key_does_not_open_it(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    core.put("name", CANARY * 500)
    core.insert_submission(replace(submission(), purpose=CANARY.decode()))
    seen = every_byte(tmp_path)
    core.close()
    for data in (seen, every_byte(tmp_path)):
        assert len(data) > len(CANARY) * 500
        assert CANARY not in data
        assert b"SQLite format 3" not in data
        assert b"CREATE TABLE" not in data
    before = every_byte(tmp_path)
    with pytest.raises(WrongKey):
        StoreCore(tmp_path / "s.db", KEY[::-1])
    assert every_byte(tmp_path) == before
    with pytest.raises(ValueError, match="32"):
        StoreCore(tmp_path / "s.db", b"short")


def test_what_is_no_store_is_not_opened_or_changed(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.write_bytes(b"This is no database at all. " * 400)
    before = path.read_bytes()
    with pytest.raises((WrongKey, StoreFailed)):
        StoreCore(path, KEY)
    assert path.read_bytes() == before


def test_a_newer_store_is_left_alone(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    with core._transaction() as db:
        db.pragma("user_version", 99)
    core.close()
    with pytest.raises(StoreTooNew):
        StoreCore(tmp_path / "s.db", KEY)


def test_the_connection_is_set_up_for_power_loss(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    with core._reading() as db:
        found = {name: db.pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")}
        assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
        assert db.pragma("locking_mode") == "exclusive"
    core.close()


def test_rows_come_back_as_they_went(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    for number in (1, 2):
        blobs = tuple(replace(b, file=f"{number}-{b.file}") for b in submission(number).blobs)
        core.insert_submission(replace(submission(number), blobs=blobs))
    first, second = core.submissions()
    assert (first.submission, second.submission, first.created_at) == ("s1", "s2", NOW)
    assert first.number < second.number
    after = apply(first, "s1-b0", Start())
    core.save_submission(first, after)
    assert core.submission("s1") == after
    with pytest.raises(RuntimeError):
        core.save_submission(first, apply(first, "s1-b0", Start()))
    assert core.blob_files() == {b.file for s in (first, second) for b in s.blobs}
    core.forget_submission("s1")
    assert core.submissions() == (second,)
    core.close()


def test_a_row_cannot_be_stored_without_a_receipt_or_twice(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    core.insert_submission(submission())
    with pytest.raises(apsw.ConstraintError):
        core.insert_submission(submission())
    assert len(core.submissions()) == 1
    with pytest.raises(apsw.ConstraintError), core._transaction() as db:
        db.execute("UPDATE blobs SET state = 'stored'")
    assert core.submission("s1") is not None
    core.close()


def test_only_settled_submissions_leave_the_view(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    for number in range(1, 6):
        blobs = tuple(replace(b, file=f"{number}-{b.file}") for b in submission(number).blobs)
        core.insert_submission(replace(submission(number), blobs=blobs))
    with core._transaction() as db:
        db.execute("UPDATE blobs SET state = 'erased', receipt = x'00' WHERE submission IN ('s1', 's2', 's4')")
        db.execute("UPDATE submissions SET life = ?", (Life.RECEIVED.value,))
    assert [s.submission for s in core.submissions(settled=1)] == ["s3", "s5"]
    assert [s.submission for s in core.submissions(settled=2)] == ["s3", "s4", "s5"]
    core.close()


@pytest.mark.parametrize(
    ("error", "ours"),
    [(apsw.IOError, StoreFailed), (apsw.FullError, DiskFull), (apsw.CorruptError, StoreFailed)],
)
def test_after_a_failed_commit_the_connection_is_given_up_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[apsw.Error], ours: type[OfflineError]
) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    core.put("kept", b"1")
    first = core._connection

    def fail(db: apsw.Connection) -> None:
        raise error("at commit")

    with monkeypatch.context() as patch:
        patch.setattr(StoreCore, "_commit", staticmethod(fail))
        with pytest.raises(ours):
            core.put("lost", b"2")
    assert core._connection is None
    assert (core.get("kept"), core.get("lost")) == (b"1", None)
    assert core._connection is not first
    core.close()


def test_a_mistake_of_ours_rolls_back_and_keeps_the_connection(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    before = core._connection

    def mistaken() -> None:
        with core._transaction() as db:
            db.execute("INSERT INTO settings (name, value) VALUES ('a', x'00')")
            raise LookupError

    with pytest.raises(LookupError):
        mistaken()
    assert core.get("a") is None
    assert core._connection is before
    core.close()


def test_a_failed_migration_leaves_the_old_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    StoreCore(tmp_path / "s.db", KEY).close()
    steps = (*rows._MIGRATIONS, "CREATE TABLE more (x INTEGER) STRICT; CREATE TABLE settings (x INTEGER) STRICT;")
    with monkeypatch.context() as patch:
        patch.setattr(rows, "_MIGRATIONS", steps)
        with pytest.raises(StoreFailed):
            StoreCore(tmp_path / "s.db", KEY)
    core = StoreCore(tmp_path / "s.db", KEY)
    with core._reading() as db:
        assert db.pragma("user_version") == len(rows._MIGRATIONS)
        assert list(db.execute("SELECT name FROM sqlite_schema WHERE name = 'more'")) == []
    core.close()


def test_the_store_for_the_loop_runs_in_one_thread_in_order(tmp_path: Path) -> None:
    async def main() -> None:
        store = await Store.open(tmp_path / "s.db", KEY)
        await asyncio.gather(*(store.put("n", bytes([n])) for n in range(20)))
        assert await store.get("n") == bytes([19])
        await store.put_many({"a": b"1", "n": None})
        assert (await store.get("a"), await store.get("n")) == (b"1", None)
        await store.delete("a")
        assert await store.get("a") is None
        await store.close()
        with pytest.raises(WrongKey):
            await Store.open(tmp_path / "s.db", KEY[::-1])

    asyncio.run(main())
