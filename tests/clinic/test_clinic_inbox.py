"""Which submissions the inbox names when there are more than it can: nothing unopened is ever out of reach."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.clinic.database import Database
from app.clinic.inbox import inbox
from app.clinic.tables import DeviceEntry, SubmissionEntry, UploadEntry
from app.net.http import MAX_ANSWER_BYTES
from app.wire.intake import INBOX_BLOBS, INBOX_OPENED, INBOX_UNOPENED, MAX_BLOBS

START = datetime(2026, 11, 1, tzinfo=UTC)
DEVICE = "d" * 32


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'clinic.db'}")
    made.migrate()
    with made.writing() as session:
        session.add(
            DeviceEntry(
                device_id=DEVICE, role="patient", ed25519=b"k", age_recipient="a", binding=b"b", enrolled_at=START
            )
        )
    yield made
    made.close()


def fill(database: Database, opened: list[bool], blobs: int = 1) -> list[str]:
    """Complete submissions, the oldest first; their names."""
    names = [f"{number:032x}" for number in range(len(opened))]
    with database.writing() as session:
        for number, (name, seen) in enumerate(zip(names, opened, strict=True)):
            at = START + timedelta(minutes=number)
            entry = SubmissionEntry(
                submission=name, device_id=DEVICE, count=blobs, created_at=at, completed_at=at, uploads=[]
            )
            if seen:  # about as long as a real word and its signature
                entry.opened_by, entry.opened_payload, entry.opened_signature = "p" * 32, bytes(200), bytes(64)
            session.add(entry)
        session.flush()
        for number, name in enumerate(names):
            for blob in range(blobs):
                key, part = f"{number:016x}{blob:016x}", "blob" if blob else "manifest"
                session.add(
                    UploadEntry(
                        upload_id=key,
                        submission=name,
                        device_id=DEVICE,
                        blob=key,
                        part=part,
                        sha256="0" * 64,
                        size=2**31,
                        created_at=START,
                    )
                )
    return names


def listed(database: Database) -> list[str]:
    return [item.submission for item in inbox(database).items]


def test_an_unopened_one_stays_however_many_come_after_it(database: Database) -> None:
    names = fill(database, [False, True, *[True] * INBOX_OPENED])
    assert listed(database) == [*reversed(names[2:]), names[0]]


def test_of_too_many_unopened_the_oldest_are_there_and_the_newest_opened_too(database: Database) -> None:
    names = fill(database, [True, *[False] * (INBOX_UNOPENED + 3)])
    assert listed(database) == list(reversed(names[: INBOX_UNOPENED + 1]))


def test_the_answer_stays_within_what_a_device_reads(database: Database) -> None:
    most = INBOX_BLOBS // MAX_BLOBS
    names = fill(database, [True, *[False] * (most + 1)], blobs=MAX_BLOBS)
    found = inbox(database)
    assert [item.submission for item in found.items] == list(reversed(names[1 : most + 1]))
    assert len(found.model_dump_json()) < MAX_ANSWER_BYTES * 2 // 3
