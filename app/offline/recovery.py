"""The sweep at the start: what a sudden end has left is put in order, and nothing is silently dropped."""

from __future__ import annotations

import contextlib
import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path

from app.offline.errors import BlobAltered, BlobMissing
from app.offline.files import sync_folder
from app.offline.life import Life
from app.offline.outbox import settled
from app.offline.store import Setting, StoreCore
from app.offline.transfer import DELIVERED, Event, Interrupted, Lost, OutboxBlob, Transfer, step

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
    of another size, without a receipt, becomes REFUSED with a sentence. (Rows STORED and not erased, and the files of
    what was withdrawn, are the worker's next work.) After a backup was put back no file goes: it may be newer than
    the rows, and is kept under the owner "restored".
    """
    strays = _remove_strays(core, blobs)
    lost = interrupted = 0
    for submission in core.submissions():
        changed = []
        for row in submission.blobs:
            event = None if submission.life is Life.WITHDRAWN else _event(row, blobs)
            changed.append(row if event is None else step(row, event))
            lost += isinstance(event, Lost)
            interrupted += isinstance(event, Interrupted)
        after = settled(replace(submission, blobs=tuple(changed)))
        if after != submission:
            core.save_submission(submission, after)
    if strays or lost or interrupted:
        log.info("sweep: %d stray files removed, %d blobs lost, %d tries cut off", strays, lost, interrupted)
    return Swept(strays, lost, interrupted)


def _event(row: OutboxBlob, blobs: Path) -> Event | None:
    if row.state in DELIVERED or row.state in (Transfer.REFUSED, Transfer.DROPPED):
        return None
    try:
        size = (blobs / row.file).stat().st_size
    except OSError:
        return Lost(BlobMissing.sentence)
    if size != row.size:
        return Lost(BlobAltered.sentence)
    return Interrupted() if row.state is Transfer.UPLOADING else None


def _remove_strays(core: StoreCore, blobs: Path) -> int:
    known = core.blob_files()
    found = [entry for entry in os.scandir(blobs) if entry.name not in known and entry.is_file()]
    if core.get(Setting.RESTORED):
        core.keep_strays([entry.name for entry in found])
        return 0
    strays = [entry.path for entry in found]
    for path in strays:
        with contextlib.suppress(OSError):
            os.unlink(path)
    if strays:
        with contextlib.suppress(OSError):
            sync_folder(blobs)
    return len(strays)
