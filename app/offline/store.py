"""The encrypted store of a profile: settings, outbox rows and cached visits in one SQLite file.

SQLite3 Multiple Ciphers (ChaCha20-Poly1305, a raw 32-byte key), WAL, synchronous=FULL, one connection that holds the
file exclusively (so there is no shared-memory file to fault on a full disk). After any I/O error the connection is
given up: closed, opened again and verified before its next use.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import apsw

from app.offline import rows
from app.offline.database import FATAL, check_copy, connect, failure
from app.offline.errors import DiskFull, StoreFailed, StoreGone, StoreTooNew, WrongKey
from app.offline.files import holds_items
from app.offline.life import Life
from app.offline.outbox import OutboxSubmission

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

KEY_BYTES = 32
DRAFT = "draft"
"""The kind of a draft's document; its id is also the owner of the files it keeps."""


class Setting(StrEnum):
    """The names of the settings that this device keeps; each value is bytes (text as UTF-8, models as JSON)."""

    CLINIC_ADDRESS = "clinic-address"  # URL
    DEVICE_ID = "device-id"
    ROLE = "role"  # app.wire.trust.Role
    ROOT_KEY = "root-key"  # 32 bytes, pinned at enrolment
    STATEMENT = "statement"  # Signed[ServiceStatement] as JSON
    CARE_TEAM = "care-team"  # Signed[CareTeamList] as JSON
    CARE_TEAM_VERSION = "care-team-version"  # decimal
    RESEALED_VERSION = "resealed-version"  # decimal: the list that what is unsent was last sealed anew for
    ED25519_PRIVATE = "ed25519-private"  # 32 bytes
    AGE_IDENTITY = "age-identity"  # AGE-SECRET-KEY-1...
    ROOT_SEED = "root-seed"  # 32 bytes; the first provider's device alone
    OUTBOX_PAUSED = "outbox-paused"  # b"1": the person has stopped all sending
    METERED_CHOICE = "metered-choice"  # app.offline.plan.Metered: what may go over a link that costs by the byte
    LINK_METERED = "link-metered"  # b"1": the person says that this link costs by the byte
    ORIGINALS = "originals"  # app.offline.life.Held: until when photos in full size are kept back
    BACKED_UP_AT = "backed-up-at"  # decimal, UTC epoch, s
    RESTORED = "restored"  # b"1": this store came from a backup, until the first sweep after that


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise StoreFailed(f"a {type(value).__name__} where bytes were")
    return value


class StoreCore:
    """The synchronous store: one thread at a time. Any method may raise :class:`StoreFailed` or :class:`DiskFull`."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Opens the store, or makes it where nothing lies beside it.

        Raises :class:`WrongKey`, :class:`StoreTooNew` or :class:`StoreFailed` (StoreGone, StoreDamaged).
        """
        if len(key) != KEY_BYTES:
            raise ValueError(f"the store's key has {KEY_BYTES} bytes")
        self._path = path
        self._key = key
        self._connection: apsw.Connection | None = None
        self._connection = self._connect()

    def close(self) -> None:
        """Calling it again does nothing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(apsw.Error):
                connection.close()

    # settings

    def get(self, name: str) -> bytes | None:
        with self._reading() as db:
            row = db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return None if row is None else _bytes(row[0])

    def put(self, name: str, value: bytes) -> None:
        self.put_many({name: value})

    def put_many(self, values: Mapping[str, bytes | None]) -> None:
        """All of them in one transaction; None takes a setting away."""
        with self._transaction() as db:
            for name, value in values.items():
                if value is None:
                    db.execute("DELETE FROM settings WHERE name = ?", (name,))
                else:
                    db.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))

    def put_if_absent(self, values: Mapping[str, bytes]) -> dict[str, bytes]:
        """Stores those that are not there yet, in one transaction, and returns what is there then."""
        there = {name: value for name in values if (value := self.get(name)) is not None}
        if len(there) == len(values):
            return there
        with self._transaction() as db:
            db.executemany("INSERT OR IGNORE INTO settings (name, value) VALUES (?, ?)", values.items())
            rows_now = db.execute("SELECT name, value FROM settings").fetchall()
        return {str(name): _bytes(kept) for name, kept in rows_now if name in values}

    def delete(self, name: str) -> None:
        self.put_many({name: None})

    def names(self, prefix: str) -> tuple[str, ...]:
        """The names of the settings that begin with `prefix`, in order."""
        with self._reading() as db:
            found = db.execute(
                "SELECT name FROM settings WHERE substr(name, 1, ?) = ? ORDER BY name", (len(prefix), prefix)
            )
            return tuple(str(name) for (name,) in found)

    # cached visits

    def put_visits(self, visits: Mapping[str, bytes]) -> None:
        """Replaces the cache: visit id -> sealed bytes (whatever the caller keeps of a visit; never clear names)."""
        with self._transaction() as db:
            db.execute("DELETE FROM visits")
            db.executemany("INSERT INTO visits (visit_id, sealed) VALUES (?, ?)", visits.items())

    def visits(self) -> dict[str, bytes]:
        with self._reading() as db:
            return {str(visit_id): _bytes(sealed) for visit_id, sealed in db.execute("SELECT * FROM visits")}

    # documents: drafts, forms, replies; kind and id are no personal words

    def document(self, kind: str, name: str) -> bytes | None:
        with self._reading() as db:
            row = db.execute("SELECT body FROM documents WHERE kind = ? AND id = ?", (kind, name)).fetchone()
        return None if row is None else _bytes(row[0])

    def documents(self, kind: str) -> dict[str, bytes]:
        """Id -> body of all of one kind, by id."""
        with self._reading() as db:
            found = db.execute("SELECT id, body FROM documents WHERE kind = ? ORDER BY id", (kind,)).fetchall()
        return {str(name): _bytes(body) for name, body in found}

    def put_documents(self, kind: str, bodies: Mapping[str, bytes | None]) -> None:
        """All of them in one transaction; None takes one away."""
        with self._transaction() as db:
            for name, body in bodies.items():
                if body is None:
                    db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, name))
                else:
                    db.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (kind, name, body))

    # drafts: a document of kind "draft" and the sealed files that it keeps from the sweep

    def save_draft(self, draft: str, body: bytes | None, files: Collection[str] = ()) -> None:
        """The draft's document and the names of all its files (in profile/blobs), in one transaction.

        Files that it no longer names are the next sweep's. `body` None throws the draft away.
        """
        with self._transaction() as db:
            rows.keep_files(db, draft, () if body is None else files)
            if body is None:
                db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (DRAFT, draft))
            else:
                db.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (DRAFT, draft, body))

    def finish_draft(self, draft: str, submissions: Sequence[OutboxSubmission]) -> None:
        """A draft becomes submissions: rows in, its document and its kept files' names out, in one transaction.

        Each submission is FINISHED or HELD (originals), its blobs' files written and synced before. Calling it again
        for a draft that is gone raises LookupError and changes nothing: a draft is finished once.
        """
        if not submissions or any(s.life not in (Life.FINISHED, Life.HELD) for s in submissions):
            raise ValueError("a draft ends as submissions that are finished or held")
        with self._transaction() as db:
            db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (DRAFT, draft))
            if db.changes() != 1:
                raise LookupError(f"there is no draft {draft}")
            rows.keep_files(db, draft, ())
            for submission in submissions:
                rows.insert(db, submission)

    # the outbox

    def insert_submission(self, submission: OutboxSubmission) -> None:
        """A new submission with all its blobs in one transaction; `number` is given by the store."""
        with self._transaction() as db:
            rows.insert(db, submission)

    def save_submission(self, before: OutboxSubmission, after: OutboxSubmission, month: str = "") -> None:
        """Writes what changed, in one transaction. RuntimeError when the rows are no longer as `before` says.

        With `month` ("2026-11") the bytes that the clinic has acknowledged in between are added to its usage.
        """
        with self._transaction() as db:
            rows.update(db, before, after)
            sent = sum(new.sent - old.sent for old, new in zip(before.blobs, after.blobs, strict=True))
            if month and sent:
                rows.add_usage(db, month, sent)

    def save_together(self, changes: Sequence[tuple[OutboxSubmission, OutboxSubmission]]) -> None:
        """(before, after) of several, as :meth:`save_submission`: all of it in one transaction, or nothing."""
        with self._transaction() as db:
            for before, after in changes:
                rows.update(db, before, after)

    def usage(self, month: str) -> int:
        """Bytes of ciphertext sent in `month` ("2026-11"): all that was acknowledged, twice what went twice."""
        with self._reading() as db:
            return rows.usage(db, month)

    def save_opened(self, before: OutboxSubmission, after: OutboxSubmission, opened: bytes) -> None:
        """As :meth:`save_submission`, with the signed word of who opened it (JSON)."""
        with self._transaction() as db:
            rows.update(db, before, after)
            rows.set_opened(db, after.submission, opened)

    def opened_words(self) -> dict[str, bytes]:
        """Submission -> the signed word (JSON) of who opened it, of all that have one."""
        with self._reading() as db:
            return rows.opened(db)

    def replace_files(self, before: OutboxSubmission, files: Mapping[str, tuple[str, str, int]]) -> None:
        """Files sealed anew: blob id -> (file, sha256, size), of all its blobs. RuntimeError as above."""
        with self._transaction() as db:
            rows.replace_files(db, before, files)

    def submissions(self, settled: int = 50) -> tuple[OutboxSubmission, ...]:
        """All that still have work to do, the newest `settled` others and those that were replied to, oldest first."""
        with self._reading() as db:
            return rows.select(db, settled)

    def submission(self, submission: str) -> OutboxSubmission | None:
        with self._reading() as db:
            return rows.select_one(db, submission)

    def amending(self, submission: str) -> tuple[OutboxSubmission, ...]:
        """Those that add to it, oldest first."""
        with self._reading() as db:
            return rows.amending(db, submission)

    def of_visit(self, visit_id: str) -> tuple[OutboxSubmission, ...]:
        """All that was ever filed with a visit, oldest first."""
        with self._reading() as db:
            return rows.of_visit(db, visit_id)

    def forget_submission(self, submission: str) -> None:
        """Takes a submission away that was never shown as saved."""
        with self._transaction() as db:
            db.execute("DELETE FROM submissions WHERE id = ?", (submission,))

    def blob_files(self) -> frozenset[str]:
        """The file names of all rows whose file is not erased, and of the sealed files that drafts keep."""
        with self._reading() as db:
            return rows.files(db)

    def keep_files(self, owner: str, files: Collection[str]) -> None:
        """From now on `files`, and no others, are those that `owner` keeps from the sweep."""
        with self._transaction() as db:
            rows.keep_files(db, owner, files)

    def gone_files(self) -> frozenset[str]:
        """The file names of all rows whose file was erased: one that is there again may go."""
        with self._reading() as db:
            return rows.gone_files(db)

    # copies

    def copy_to(self, path: Path) -> None:
        """A whole copy of this store at `path` (which must not be there), under the same key, one moment of it.

        SQLite's online backup: sqlite.org/backup.html. Raises :class:`StoreFailed` or :class:`DiskFull`.
        """
        with self._reading() as db:
            copy = connect(path, self._key, journal="delete")
            try:
                with copy.backup("main", db, "main") as backup:
                    backup.step()
            finally:
                copy.close()

    def check_copy(self, path: Path) -> None:
        """Raises unless the copy at `path` opens under this store's key and is whole."""
        check_copy(path, self._key)

    # the connection

    def _connect(self) -> apsw.Connection:
        connection: apsw.Connection | None = None
        self._check_there()
        try:
            connection = connect(self._path, self._key)
            if connection.pragma("quick_check") != "ok":
                raise apsw.CorruptError("quick_check")
            rows.migrate(connection)
        except BaseException as exc:
            if connection is not None:
                with contextlib.suppress(apsw.Error):
                    connection.close()
            if isinstance(exc, apsw.NotADBError):
                raise WrongKey(str(exc)) from exc
            if isinstance(exc, rows.TooNew):
                raise StoreTooNew(str(exc)) from exc
            if isinstance(exc, apsw.FullError):
                raise DiskFull(str(exc)) from exc
            if isinstance(exc, apsw.Error):
                raise failure(exc) from exc
            raise
        return connection

    def _check_there(self) -> None:
        """SQLite takes an empty file for a new database and removes its log: the sealed files would be nobody's."""
        try:
            empty = not self._path.exists() or self._path.stat().st_size == 0
            if empty and holds_items(self._path.parent):
                raise StoreGone(f"{self._path} is missing or empty")
        except OSError as exc:
            raise StoreFailed(str(exc)) from exc

    @contextlib.contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        if self._connection is None:
            self._connection = self._connect()
        try:
            yield self._connection
        except apsw.FullError as exc:
            self.close()
            raise DiskFull(str(exc)) from exc
        except FATAL as exc:
            self.close()
            raise failure(exc) from exc

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        """Commits at the end, rolls back on any error. After a failed COMMIT the connection is never used again."""
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                self._commit(db)
            except (apsw.FullError, *FATAL):
                raise  # the connection is closed by our caller, which rolls back
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @staticmethod
    def _commit(db: apsw.Connection) -> None:
        db.execute("COMMIT")


class Store:
    """The store for the I/O loop: every call runs in one thread of its own, in order."""

    def __init__(self, core: StoreCore, executor: ThreadPoolExecutor) -> None:
        self._core = core
        self._executor = executor

    @classmethod
    async def open(cls, path: Path, key: bytes) -> Store:
        """Opens or makes the store; raises as :class:`StoreCore`."""
        executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="thinline-store")
        try:
            core = await asyncio.get_running_loop().run_in_executor(executor, StoreCore, path, key)
        except BaseException:
            executor.shutdown(wait=False)
            raise
        return cls(core, executor)

    async def call(self, function: Callable[Concatenate[StoreCore, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `function(core, ...)` in the store's thread, to its end even when the waiting task is cancelled."""
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: function(self._core, *args, **kwargs)
        )

    async def get(self, name: str) -> bytes | None:
        return await self.call(StoreCore.get, name)

    async def put(self, name: str, value: bytes) -> None:
        await self.call(StoreCore.put, name, value)

    async def put_many(self, values: Mapping[str, bytes | None]) -> None:
        await self.call(StoreCore.put_many, values)

    async def close(self) -> None:
        """Waits for what runs, then closes the file and ends the thread."""
        await self.call(StoreCore.close)
        self._executor.shutdown(wait=True)
