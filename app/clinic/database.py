"""The database: SQLite in the data folder by default, any other by its URL. Short transactions, one writer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry

_BUSY_MS = 10_000
_CHECKPOINT_MS = 3_000
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",  # a receipt must outlive a power cut
    "foreign_keys=ON",
    "secure_delete=ON",  # deleted rows are overwritten (the wrapped root key)
    "temp_store=MEMORY",
    f"busy_timeout={_BUSY_MS}",
)


class TracesRemain(Exception):
    """Erased bytes may still stand in the write-ahead log: ask again."""


class Database:
    """Sessions for any thread. Use within a `with`; a writing session commits at its end or not at all."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, pool_size=8, max_overflow=48)
        self._sqlite = self._engine.dialect.name == "sqlite"
        if self._sqlite:
            _prepare_sqlite(self._engine)
        self._writer = self._engine.execution_options(thinline_write=True)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with Session(self._engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """On SQLite the lock is taken at once, so that what is read stays true until the commit."""
        with Session(self._writer) as session, session.begin():
            yield session

    def alone(self, session: Session, table: type[DeclarativeBase]) -> None:
        """No other transaction writes `table` until this one ends: numbers count up in the order of the commits.

        On SQLite a writing session is alone already.
        """
        if not self._sqlite:
            session.execute(text(f"LOCK TABLE {table.__tablename__} IN SHARE ROW EXCLUSIVE MODE"))

    def migrate(self) -> None:
        """Brings the tables to the newest form (Alembic, app/clinic/migrations)."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self._writer.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def forget_traces(self) -> None:
        """Empties SQLite's write-ahead log, so that nothing erased stands in any file.

        Raises :class:`TracesRemain` while other connections use the log.
        """
        if not self._sqlite:
            return
        raw = self._engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute(f"PRAGMA busy_timeout={_CHECKPOINT_MS}")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            row = cursor.fetchone()
            cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        finally:
            raw.close()
        if row is None or row[0] != 0:
            raise TracesRemain("the write-ahead log is in use")

    def close(self) -> None:
        self._engine.dispose()


def _prepare_sqlite(engine: Engine) -> None:
    def connected(raw: Any, _record: ConnectionPoolEntry) -> None:
        raw.isolation_level = None  # the driver must not begin transactions of its own
        for pragma in _PRAGMAS:
            raw.execute(f"PRAGMA {pragma}")

    def begun(connection: Connection) -> None:
        write = connection.get_execution_options().get("thinline_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
