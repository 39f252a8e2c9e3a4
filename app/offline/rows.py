"""The store's tables, their numbered migrations, and the outbox's rows as SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, cast

import apsw

from app.offline.outbox import Life, OutboxBlob, OutboxSubmission, Transfer

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
)

_BLOB = (
    'blob, submission, ordinal, part, file, sha256, size, state, "offset", location, tries, retry_at, reason, receipt'
)
_SUBMISSION = "id, number, created_at, purpose, visit_id, life"

_BlobValues = tuple[str, str, int, str, str, str, int, str, int, str, int, float, str, bytes]
_SubmissionValues = tuple[str, int, str, str, str | None, str]


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
        "INSERT INTO submissions (id, created_at, purpose, visit_id, life) VALUES (?, ?, ?, ?, ?)",
        (
            submission.submission,
            submission.created_at.isoformat(),
            submission.purpose,
            submission.visit_id,
            submission.life.value,
        ),
    )
    marks = ", ".join("?" * len(_BLOB.split(",")))
    db.executemany(f"INSERT INTO blobs ({_BLOB}) VALUES ({marks})", map(_values, submission.blobs))  # noqa: S608


def update(db: apsw.Connection, before: OutboxSubmission, after: OutboxSubmission) -> None:
    """Writes what differs; RuntimeError when a row is not as `before` says: then two have decided at once."""
    if after.life is not before.life:
        db.execute(
            "UPDATE submissions SET life = ? WHERE id = ? AND life = ?",
            (after.life.value, after.submission, before.life.value),
        )
        _one_changed(db, after.submission)
    for old, new in zip(before.blobs, after.blobs, strict=True):
        if old != new:
            db.execute(
                'UPDATE blobs SET state = ?, "offset" = ?, location = ?, tries = ?, retry_at = ?, reason = ?, '
                "receipt = ? WHERE blob = ? AND state = ?",
                (
                    new.state.value,
                    new.offset,
                    new.location,
                    new.tries,
                    new.retry_at,
                    new.reason,
                    new.receipt,
                    new.blob,
                    old.state.value,
                ),
            )
            _one_changed(db, new.blob)


def _one_changed(db: apsw.Connection, name: str) -> None:
    if db.changes() != 1:
        raise RuntimeError(f"the row of {name} is not what it was")


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


def select(db: apsw.Connection, settled: int) -> tuple[OutboxSubmission, ...]:
    """Those with any blob not erased and the newest `settled` of the others, oldest first."""
    return _read(
        db,
        "WHERE EXISTS (SELECT 1 FROM blobs WHERE blobs.submission = submissions.id AND state != 'erased')"
        " OR number IN (SELECT number FROM submissions ORDER BY number DESC LIMIT ?)",
        (settled,),
    )


def select_one(db: apsw.Connection, submission: str) -> OutboxSubmission | None:
    return next(iter(_read(db, "WHERE id = ?", (submission,))), None)


def files(db: apsw.Connection) -> frozenset[str]:
    named = db.execute("SELECT file FROM blobs WHERE state != 'erased' UNION SELECT file FROM kept_files")
    return frozenset(str(name) for (name,) in named)


def _read(db: apsw.Connection, where: str, arguments: tuple[str | int, ...]) -> tuple[OutboxSubmission, ...]:
    found = cast(
        Iterable[_SubmissionValues],
        db.execute(f"SELECT {_SUBMISSION} FROM submissions {where} ORDER BY number", arguments).fetchall(),  # noqa: S608
    )
    blobs: dict[str, list[OutboxBlob]] = defaultdict(list)
    wanted = f"SELECT {_BLOB} FROM blobs WHERE submission IN (SELECT id FROM submissions {where}) ORDER BY ordinal"  # noqa: S608
    for values in cast(Iterable[_BlobValues], db.execute(wanted, arguments)):
        blobs[values[1]].append(_blob(values))
    return tuple(
        OutboxSubmission(name, number, datetime.fromisoformat(at), purpose, visit_id, Life(life), tuple(blobs[name]))
        for name, number, at, purpose, visit_id, life in found
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
    )


def _blob(values: _BlobValues) -> OutboxBlob:
    blob, submission, ordinal, part, file, sha256, size, state, offset, location, tries, retry_at, reason, receipt = (
        values
    )
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
    )
