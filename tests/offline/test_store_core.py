"""The encrypted store: what it keeps, what it shows on disk, and what it does when the disk fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from app.offline import rows
from app.offline.errors import DiskFull, OfflineError, StoreFailed, StoreTooNew, WrongKey
from app.offline.outbox import Held, Life, LifeEvent, Progress, Start, apply, replied
from app.offline.store import Setting, Store, StoreCore
from app.wire.intake import PartRole
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
        await store.call(StoreCore.delete, "a")
        assert await store.get("a") is None
        await store.close()
        with pytest.raises(WrongKey):
            await Store.open(tmp_path / "s.db", KEY[::-1])

    asyncio.run(main())


def test_what_a_submission_is_comes_back_whole(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    plain = submission(1)
    roles = (PartRole.CONTENT, PartRole.THUMBNAIL, PartRole.ORIGINAL)
    blobs = tuple(
        replace(b, file=f"2-{b.file}", role=role) for b, role in zip(submission(2).blobs, roles, strict=True)
    )
    life, held = Life.HELD, Held.UNTIL_GOOD_LINK
    core.insert_submission(plain)
    core.insert_submission(
        replace(submission(2), blobs=blobs, life=life, held=held, urgent=True, amends="s1", answers="r1")
    )
    first, second = core.submissions()
    assert (first.amended, second.amended) == (True, False)
    assert (second.urgent, second.amends, second.answers, second.held) == (True, "s1", "r1", held)
    assert [b.role for b in second.blobs] == list(roles)
    after = replace(replied(second, LifeEvent.QUESTION), first=3, withdraw_tries=2, withdraw_at=9.5)
    core.save_submission(second, after)
    assert core.submission("s2") == after
    core.save_submission(after, replace(after, life=Life.WITHDRAWN))
    assert core.submissions()[0].amended is False
    core.close()


def test_bytes_are_counted_by_the_month_with_the_row(tmp_path: Path) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    core.insert_submission(submission())
    (row,) = core.submissions()
    row_after = apply(row, "s1-b2", Start())
    core.save_submission(row, row_after, "2026-11")
    for offset, month in ((1000, "2026-11"), (400, "2026-11"), (900, "2026-12")):
        before, row_after = row_after, apply(row_after, "s1-b2", Progress(offset))
        core.save_submission(before, row_after, month)
    assert (core.usage("2026-11"), core.usage("2026-12"), core.usage("2027-01")) == (1000, 500, 0)
    core.close()


def test_a_draft_keeps_its_files_and_ends_in_one_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    core = StoreCore(tmp_path / "s.db", KEY)
    core.save_draft("d1", b"{}", ["f0", "old"])
    core.save_draft("d1", b"{more}", ["f0", "f1", "f2"])
    core.save_draft("d2", b"{}", ["other"])
    assert (core.document("draft", "d1"), core.blob_files()) == (b"{more}", {"f0", "f1", "f2", "other"})
    original = replace(submission(2, Life.HELD, 1), amends="s1", held=Held.UNTIL_ASKED)
    original = replace(original, blobs=(replace(original.blobs[0], file="o0"),))

    def fail(db: apsw.Connection) -> None:
        raise apsw.IOError("at commit")

    with monkeypatch.context() as patch:
        patch.setattr(StoreCore, "_commit", staticmethod(fail))
        with pytest.raises(StoreFailed):
            core.finish_draft("d1", [submission(), original])
    assert (core.document("draft", "d1"), core.submissions()) == (b"{more}", ())
    core.finish_draft("d1", [submission(), original])
    assert (core.document("draft", "d1"), core.blob_files()) == (None, {"f0", "f1", "f2", "o0", "other"})
    assert [(s.submission, s.life, s.amended) for s in core.submissions()] == [
        ("s1", Life.FINISHED, True),
        ("s2", Life.HELD, False),
    ]
    with pytest.raises(LookupError):
        core.finish_draft("d1", [submission(3)])
    with pytest.raises(ValueError, match="finished or held"):
        core.finish_draft("d2", [submission(3, Life.RECEIVED)])
    core.save_draft("d2", None)
    assert (core.documents("draft"), len(core.submissions())) == ({}, 2)
    assert "other" not in core.blob_files()
    core.close()


def test_a_store_of_the_second_version_is_brought_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rows, "_MIGRATIONS", rows._MIGRATIONS[:2])
        old = StoreCore(tmp_path / "s.db", KEY)
        with old._transaction() as db:
            db.execute("INSERT INTO submissions VALUES (7, 's7', ?, 'photo', NULL, 'received', x'01')", (str(NOW),))
            db.execute(
                "INSERT INTO blobs VALUES ('b', 's7', 0, 'manifest', 'f', 'h', 90, 'stored', 90, '', 0, 0, '', x'01')"
            )
        old.close()
    core = StoreCore(tmp_path / "s.db", KEY)
    (kept,) = core.submissions()
    assert (kept.number, kept.purpose, kept.life, kept.urgent, kept.held) == (
        7,
        "photo",
        Life.RECEIVED,
        False,
        Held.NO,
    )
    assert (kept.blobs[0].sent, kept.blobs[0].role, kept.blobs[0].failure) == (90, PartRole.CONTENT, None)
    core.close()
