"""What is cleaned up by itself: uploads that nobody goes on with, and what a stop of the service left half erased."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime, timedelta

from sqlalchemy import select

from app.clinic import intake, withdrawals
from app.clinic.blobs import Blobs
from app.clinic.context import Clinic
from app.clinic.database import Database
from app.clinic.problems import Refusal
from app.clinic.tables import UploadEntry

log = logging.getLogger(__name__)

_AT_ONCE = 500


def stale(database: Database, before: datetime) -> tuple[str, ...]:
    """Unfinished uploads that last went on before that moment, 500 at most. Never one that has its receipt."""
    query = (
        select(UploadEntry.upload_id)
        .where(UploadEntry.moved_at < before, UploadEntry.receipt_payload.is_(None))
        .order_by(UploadEntry.moved_at)
        .limit(_AT_ONCE)
    )
    with database.reading() as session:
        return tuple(session.scalars(query))


def forget_if_stale(database: Database, upload_id: str, before: datetime) -> bool:
    """Takes the upload out, unless it has gone on or got its receipt meanwhile. Its file is the caller's."""
    with database.writing() as session:
        entry = session.get(UploadEntry, upload_id, with_for_update=True)
        if entry is None or entry.receipt_payload is not None or entry.moved_at is None or entry.moved_at >= before:
            return False
        intake.forget(session, entry)
        return True


def finish_erasing(database: Database, blobs: Blobs, now: datetime) -> None:
    """At the start, before anything is served: erases withdrawn blobs, and files that no upload stands for.

    An upload's row is there before its file, so a file that was listed first and has no row has lost it.
    """
    lying = blobs.names()
    for submission, names in withdrawals.unerased(database).items():
        blobs.remove(*names)
        withdrawals.erased(database, submission, now)
    lost = sorted(set(lying) - withdrawals.known(database))
    if lost:
        blobs.remove(*lost)


async def sweep(clinic: Clinic) -> int:
    """Once: how many unfinished uploads were taken out."""
    before = clinic.now() - timedelta(seconds=clinic.settings.unfinished_s)
    swept = 0
    for upload_id in await asyncio.to_thread(stale, clinic.database, before):
        try:
            async with clinic.writers.claim(upload_id):
                if await asyncio.to_thread(forget_if_stale, clinic.database, upload_id, before):
                    await asyncio.to_thread(clinic.blobs.remove, upload_id)
                    swept += 1
        except Refusal:
            continue  # somebody goes on with it at this moment
    return swept


async def sweep_for_ever(clinic: Clinic) -> None:
    """At the start and every `sweep_s`; a failure is logged, and the next time tries again."""
    while True:
        try:
            swept = await sweep(clinic)
            if swept:
                log.info("%d uploads that nobody went on with were taken out", swept)
        except Exception as exc:
            log.error("the sweep of unfinished uploads failed: %s", type(exc).__name__)
        await asyncio.sleep(clinic.settings.sweep_s)
