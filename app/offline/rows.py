"""The store's tables, their numbered migrations, and the outbox's rows as SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Literal, cast

import apsw

from app.offline.life import Held, Life, LifeEvent
from app.offline.outbox import OutboxSubmission
from app.offline.transfer import FailureKind, OutboxBlob, Transfer
from app.wire.intake import PartRole

_MIGRATIONS = (
    """
    CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
    CREATE TABLE visits (visit_id TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
    CREATE TABLE submissions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        created_at TEXT NOT NULL,
        purpose TEXT NOT NULL,
        visit_id TEXT,
        life TEXT NOT NULL,
        opened BLOB
    ) STRICT;
    CREATE TABLE blobs (
        blob TEXT PRIMARY KEY,
        submission TEXT NOT NULL REFERENCES submissions (id) ON DELETE CASCADE,
        ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
        part TEXT NOT NULL CHECK (part IN ('manifest', 'blob')),
        file TEXT NOT NULL UNIQUE,
        sha256 TEXT NOT NULL,
        size INTEGER NOT NULL CHECK (size > 0),
        state TEXT NOT NULL,
        "offset" INTEGER NOT NULL CHECK ("offset" BETWEEN 0 AND size),
        location TEXT NOT NULL,
        tries INTEGER NOT NULL CHECK (tries >= 0),
        retry_at REAL NOT NULL,
        reason TEXT NOT NULL,
        receipt BLOB NOT NULL,
        UNIQUE (submission, ordinal),
        CHECK (state NOT IN ('stored', 'erased') OR length(receipt) > 0)
    ) STRICT;
    """,
    """
    CREATE TABLE documents (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (kind, id)
    ) STRICT;
    CREATE TABLE kept_files (file TEXT PRIMARY KEY, owner TEXT NOT NULL) STRICT;
    """,
    """
    ALTER TABLE submissions ADD COLUMN urgent INTEGER NOT NULL DEFAULT 0 CHECK (urgent IN (0, 1));
    ALTER TABLE submissions ADD COLUMN amends TEXT;
    ALTER TABLE submissions ADD COLUMN answers TEXT;
    ALTER TABLE submissions ADD COLUMN "first" INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE submissions ADD COLUMN held TEXT NOT NULL DEFAULT '';
    ALTER TABLE submissions ADD COLUMN replied TEXT NOT NULL DEFAULT '';
    ALTER TABLE submissions ADD COLUMN withdraw_tries INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE submissions ADD COLUMN withdraw_at REAL NOT NULL DEFAULT 0;
    CREATE INDEX amending ON submissions (amends);
    ALTER TABLE blobs ADD COLUMN role TEXT NOT NULL DEFAULT 'content';
    ALTER TABLE blobs ADD COLUMN failure TEXT NOT NULL DEFAULT '';
    ALTER TABLE blobs ADD COLUMN sent INTEGER NOT NULL DEFAULT 0 CHECK (sent >= 0);
    UPDATE blobs SET sent = "offset";
    CREATE INDEX keeping ON kept_files (owner);
    CREATE TABLE usage (month TEXT PRIMARY KEY, sent INTEGER NOT NULL) STRICT;
    """,
)

REPLIED = 200
"""So many items that were replied to are shown beyond the newest."""

_BLOB = (
    'blob, submission, ordinal, part, file, sha256, size, state, "offset", location, tries, retry_at, reason, '
    "receipt, role, failure, sent"
)
_SUBMISSION = (
    'id, number, created_at, purpose, visit_id, life, urgent, amends, answers, "first", held, replied, '
    "withdraw_tries, withdraw_at"
)
# Read, never written: another submission, not itself taken back, adds to this one.
_AMENDED = (
    "EXISTS (SELECT 1 FROM submissions AS later WHERE later.amends = submissions.id AND later.life != 'withdrawn')"
)

# Items as a person counts them: the original of a copy is none of its own.
_NEWEST = (
    "SELECT number FROM submissions AS item WHERE amends IS NULL OR NOT EXISTS (SELECT 1 FROM blobs"
    " WHERE blobs.submission = item.id AND role = 'original') ORDER BY number DESC LIMIT ?"
)
# Replies are documents of kind "reply" (app.offline.replies.KeptReply as JSON).
_REPLIED_TO = (
    "SELECT about FROM (SELECT json_extract(body, '$.content.submission') AS about,"
    " max(json_extract(body, '$.read_at') IS NULL) AS unread,"
    " max(json_extract(body, '$.content.created_at')) AS newest"
    " FROM (SELECT CASE WHEN json_valid(CAST(body AS TEXT)) THEN CAST(body AS TEXT) ELSE '{}' END AS body"
    " FROM documents WHERE kind = 'reply') GROUP BY about HAVING about IS NOT NULL"
    " ORDER BY unread DESC, newest DESC LIMIT ?)"
)

_SHOWN = (
    "WHERE life = 'withdrawing'"  # noqa: S608
    " OR EXISTS (SELECT 1 FROM blobs WHERE blobs.submission = submissions.id AND state NOT IN ('erased', 'dropped'))"
    f" OR number >= (SELECT min(number) FROM ({_NEWEST})) OR id IN ({_REPLIED_TO})"
)

_BlobValues = tuple[str, str, int, str, str, str, int, str, int, str, int, float, str, bytes, str, str, int]
_SubmissionValues = tuple[
    str, int, str, str, str | None, str, int, str | None, str | None, int, str, str, int, float, int
]


class TooNew(Exception):
    """The file's version is higher than any that this code knows."""


def migrate(db: apsw.Connection) -> None:
    """Brings the tables to the newest version (PRAGMA user_version), each step in a transaction of its own."""
    version = cast(int, db.pragma("user_version"))
    if version > len(_MIGRATIONS):
        raise TooNew(f"version {version}")
    for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
        with db:
            db.execute(script)
            db.pragma("user_version", number)


def insert(db: apsw.Connection, submission: OutboxSubmission) -> None:
    db.execute(
        "INSERT INTO submissions (id, created_at, purpose, visit_id, life, urgent, amends, answers, held)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            submission.submission,
            submission.created_at.isoformat(),
            submission.purpose,
            submission.visit_id,
            submission.life.value,
            int(submission.urgent),
            submission.amends,
            submission.answers,
            submission.held.value,
        ),
    )
    marks = ", ".join("?" * len(_BLOB.split(",")))
    db.executemany(f"INSERT INTO blobs ({_BLOB}) VALUES ({marks})", map(_values, submission.blobs))  # noqa: S608


def update(db: apsw.Connection, before: OutboxSubmission, after: OutboxSubmission) -> None:
    """Writes what differs; RuntimeError when a row is not as `before` says: then two have decided at once."""
    if _standing(after) != _standing(before):
        db.execute(
            'UPDATE submissions SET life = ?, "first" = ?, held = ?, replied = ?, withdraw_tries = ?, withdraw_at = ?'
            " WHERE id = ? AND life = ?",
            (*_standing(after), after.submission, before.life.value),
        )
        _one_changed(db, after.submission)
    for old, new in zip(before.blobs, after.blobs, strict=True):
        if old != new:
            db.execute(
                'UPDATE blobs SET state = ?, "offset" = ?, location = ?, tries = ?, retry_at = ?, reason = ?, '
                "receipt = ?, failure = ?, sent = ? WHERE blob = ? AND state = ?",
                (
                    new.state.value,
                    new.offset,
                    new.location,
                    new.tries,
                    new.retry_at,
                    new.reason,
                    new.receipt,
                    "" if new.failure is None else new.failure.value,
                    new.sent,
                    new.blob,
                    old.state.value,
                ),
            )
            _one_changed(db, new.blob)


def _standing(submission: OutboxSubmission) -> tuple[str, int, str, str, int, float]:
    return (
        submission.life.value,
        submission.first,
        submission.held.value,
        "" if submission.replied is None else submission.replied.value,
        submission.withdraw_tries,
        submission.withdraw_at,
    )


def _one_changed(db: apsw.Connection, name: str) -> None:
    if db.changes() != 1:
        raise RuntimeError(f"the row of {name} is not what it was")


def add_usage(db: apsw.Connection, month: str, sent: int) -> None:
    """`month` as "2026-11"; adds `sent` bytes to it."""
    db.execute(
        "INSERT INTO usage VALUES (?, ?) ON CONFLICT (month) DO UPDATE SET sent = sent + excluded.sent", (month, sent)
    )


def usage(db: apsw.Connection, month: str) -> int:
    row = db.execute("SELECT sent FROM usage WHERE month = ?", (month,)).fetchone()
    return 0 if row is None else cast(int, row[0])


def keep_files(db: apsw.Connection, owner: str, files: Collection[str]) -> None:
    """From now on `files`, and no others, are those that `owner` keeps from the sweep."""
    db.execute("DELETE FROM kept_files WHERE owner = ?", (owner,))
    db.executemany("INSERT INTO kept_files (file, owner) VALUES (?, ?)", [(file, owner) for file in files])


def replace_files(db: apsw.Connection, before: OutboxSubmission, files: Mapping[str, tuple[str, str, int]]) -> None:
    """Blob id -> (file, sha256, size); RuntimeError when a row is not as `before` says."""
    for old in before.blobs:
        db.execute(
            "UPDATE blobs SET file = ?, sha256 = ?, size = ? "
            'WHERE blob = ? AND file = ? AND state = ? AND "offset" = ?',
            (*files[old.blob], old.blob, old.file, old.state.value, old.offset),
        )
        _one_changed(db, old.blob)


def set_opened(db: apsw.Connection, submission: str, opened: bytes) -> None:
    db.execute("UPDATE submissions SET opened = ? WHERE id = ?", (opened, submission))


def opened(db: apsw.Connection) -> dict[str, bytes]:
    return dict(db.execute("SELECT id, opened FROM submissions WHERE opened IS NOT NULL"))


def select(db: apsw.Connection, settled: int) -> tuple[OutboxSubmission, ...]:
    """Those with any blob's file still here, the newest `settled` items with the originals that came after them, and
    those that were replied to: first what nobody has read, then the newest, at most :data:`REPLIED`. Oldest first."""
    return _read(
        db,
        _SHOWN,
        (settled, REPLIED),
    )


def amending(db: apsw.Connection, submission: str) -> tuple[OutboxSubmission, ...]:
    """Those that add to it, oldest first."""
    return _read(db, "WHERE amends = ?", (submission,))


def of_visit(db: apsw.Connection, visit_id: str) -> tuple[OutboxSubmission, ...]:
    """All that was filed with it, oldest first."""
    return _read(db, "WHERE visit_id = ?", (visit_id,))


def select_one(db: apsw.Connection, submission: str) -> OutboxSubmission | None:
    return next(iter(_read(db, "WHERE id = ?", (submission,))), None)


def files(db: apsw.Connection) -> frozenset[str]:
    named = db.execute(
        "SELECT file FROM blobs WHERE state NOT IN ('erased', 'dropped') UNION SELECT file FROM kept_files"
    )
    return frozenset(str(name) for (name,) in named)


def gone_files(db: apsw.Connection) -> frozenset[str]:
    gone = db.execute("SELECT file FROM blobs WHERE state IN ('erased', 'dropped')")
    return frozenset(str(name) for (name,) in gone)


def _read(db: apsw.Connection, where: str, arguments: tuple[str | int, ...]) -> tuple[OutboxSubmission, ...]:
    found = cast(
        Iterable[_SubmissionValues],
        db.execute(f"SELECT {_SUBMISSION}, {_AMENDED} FROM submissions {where} ORDER BY number", arguments).fetchall(),  # noqa: S608
    )
    blobs: dict[str, list[OutboxBlob]] = defaultdict(list)
    wanted = f"SELECT {_BLOB} FROM blobs WHERE submission IN (SELECT id FROM submissions {where}) ORDER BY ordinal"  # noqa: S608
    for values in cast(Iterable[_BlobValues], db.execute(wanted, arguments)):
        blobs[values[1]].append(_blob(values))
    return tuple(_submission(values, tuple(blobs[values[0]])) for values in found)


def _submission(values: _SubmissionValues, blobs: tuple[OutboxBlob, ...]) -> OutboxSubmission:
    name, number, at, purpose, visit_id, life, urgent, amends, answers, first, held, replied, tries, again, amended = (
        values
    )
    return OutboxSubmission(
        name,
        number,
        datetime.fromisoformat(at),
        purpose,
        visit_id,
        Life(life),
        blobs,
        bool(urgent),
        amends,
        answers,
        first,
        Held(held),
        LifeEvent(replied) if replied else None,
        tries,
        again,
        bool(amended),
    )


def _values(row: OutboxBlob) -> _BlobValues:
    return (
        row.blob,
        row.submission,
        row.ordinal,
        row.part,
        row.file,
        row.sha256,
        row.size,
        row.state.value,
        row.offset,
        row.location,
        row.tries,
        row.retry_at,
        row.reason,
        row.receipt,
        row.role.value,
        "" if row.failure is None else row.failure.value,
        row.sent,
    )


def _blob(values: _BlobValues) -> OutboxBlob:
    blob, submission, ordinal, part, file, sha256, size, state, offset, location, tries, retry_at, reason = values[:13]
    receipt, role, failure, sent = values[13:]
    return OutboxBlob(
        blob,
        submission,
        ordinal,
        cast(Literal["manifest", "blob"], part),
        file,
        sha256,
        size,
        Transfer(state),
        offset,
        location,
        tries,
        retry_at,
        reason,
        receipt,
        PartRole(role),
        FailureKind(failure) if failure else None,
        sent,
    )
