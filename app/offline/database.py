"""How every connection to an encrypted database of ours is set up, and what SQLite's errors mean."""

from __future__ import annotations

import contextlib
from pathlib import Path

import apsw

from app.offline.errors import StoreDamaged, StoreFailed, WrongKey

FATAL = (apsw.IOError, apsw.CorruptError, apsw.NotADBError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.BusyError)
"""After one of these the connection is given up."""


def connect(path: Path, key: bytes, *, journal: str = "wal") -> apsw.Connection:
    """A connection set up as all of ours are; nothing has been read through it. Raises apsw.Error."""
    connection = apsw.Connection(str(path))
    try:
        connection.pragma("hexkey", (b"raw:" + key).hex())  # without "raw:" it would be a passphrase
        connection.pragma("locking_mode", "exclusive")
        connection.pragma("journal_mode", journal)
        for name, value in (("synchronous", "full"), ("foreign_keys", 1), ("secure_delete", 1)):
            connection.pragma(name, value)
        connection.pragma("temp_store", "memory")  # a spilled sorter would be a file outside of the cipher
    except BaseException:
        with contextlib.suppress(apsw.Error):
            connection.close()
        raise
    return connection


def failure(exc: apsw.Error) -> StoreFailed:
    """A page that does not hold its checksum (SQLITE_CORRUPT, by the cipher) is damage; the rest may pass."""
    return (StoreDamaged if isinstance(exc, apsw.CorruptError) else StoreFailed)(f"{type(exc).__name__}: {exc}")


def check_copy(path: Path, key: bytes) -> None:
    """Opens the copy of a store at `path` and reads all of it. Raises :class:`WrongKey` or :class:`StoreFailed`."""
    try:
        db = connect(path, key, journal="delete")
        try:
            if db.pragma("integrity_check") != "ok" or not db.pragma("user_version"):
                raise StoreFailed("the copy is not whole")
        finally:
            db.close()
    except apsw.NotADBError as exc:
        raise WrongKey(str(exc)) from exc
    except apsw.Error as exc:
        raise StoreFailed(f"{type(exc).__name__}: {exc}") from exc
