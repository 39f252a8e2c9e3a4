"""The sweep at the start: what a sudden end has left is put in order, and nothing is silently dropped."""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path

from app.offline.errors import BlobAltered, BlobMissing
from app.offline.files import sync_folder
from app.offline.outbox import (
    DELIVERED,
    Event,
    Interrupted,
    Lost,
    OutboxBlob,
    OutboxSubmission,
    Transfer,
    settle,
    step,
)
from app.offline.store import StoreCore

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Swept:
    """What the sweep found: files without rows removed, rows whose file is lost, tries that were cut off."""

    strays: int
    lost: int
    interrupted: int


def sweep(core: StoreCore, blobs: Path) -> Swept:
    """Run it in the store's thread, before any sending.

    Files that no row names go: they were never shown as saved, or their row is ERASED. A row whose file is missing or
    of another size, without a receipt, becomes REFUSED with a sentence. (Rows STORED and not erased are the worker's
    next work.)
    """
    strays = _remove_strays(core, blobs)
    lost = interrupted = 0
    for submission in core.submissions():
        changed = []
        for row in submission.blobs:
            event = _event(row, blobs)
            changed.append(row if event is None else step(row, event))
            lost += isinstance(event, Lost)
            interrupted += isinstance(event, Interrupted)
        after = _settled(submission, tuple(changed))
        if after != submission:
            core.save_submission(submission, after)
    if strays or lost or interrupted:
        log.info("sweep: %d stray files removed, %d blobs lost, %d tries cut off", strays, lost, interrupted)
    return Swept(strays, lost, interrupted)


def _event(row: OutboxBlob, blobs: Path) -> Event | None:
    if row.state in DELIVERED or row.state is Transfer.REFUSED:
        return None
    try:
        size = (blobs / row.file).stat().st_size
    except OSError:
        return Lost(BlobMissing.sentence)
    if size != row.size:
        return Lost(BlobAltered.sentence)
    return Interrupted() if row.state is Transfer.UPLOADING else None


def _settled(before: OutboxSubmission, blobs: tuple[OutboxBlob, ...]) -> OutboxSubmission:
    return replace(before, blobs=blobs, life=settle(before.life, blobs))


def _remove_strays(core: StoreCore, blobs: Path) -> int:
    known = core.blob_files()
    strays = [entry.path for entry in os.scandir(blobs) if entry.name not in known and entry.is_file()]
    for path in strays:
        with contextlib.suppress(OSError):
            os.unlink(path)
    if strays:
        with contextlib.suppress(OSError):
            sync_folder(blobs)
    return len(strays)
