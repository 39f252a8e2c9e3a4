"""The sweep at the start: what a sudden end has left is put in order, and nothing is silently dropped."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

from app.offline.errors import BlobAltered, BlobMissing
from app.offline.life import Life
from app.offline.outbox import settled
from app.offline.store import Setting, StoreCore
from app.offline.strays import put_in_order
from app.offline.transfer import DELIVERED, Event, Interrupted, Lost, OutboxBlob, Transfer, step

log = logging.getLogger(__name__)

CUT_OFF = "Something was being saved when Thinline stopped. Please look whether all is here, and add what is missing."
RESTORED = (
    "The list of the items saved on this computer was damaged. Thinline uses its last good copy. "
    "Please look whether all is here, and add what is missing."
)


@dataclass(frozen=True)
class Swept:
    """What the sweep found: files that no row names (erased or set aside), rows whose file is lost, tries cut off,
    submissions put together again. `notice` is for the person, "" when there is nothing to tell.
    """

    strays: int
    lost: int
    interrupted: int
    rebuilt: int = 0
    notice: str = ""


def sweep(core: StoreCore, blobs: Path, now: float | None = None) -> Swept:
    """Run it in the store's thread, before any sending. `now`: UTC epoch, s; else the clock's.

    Files that no row names: what was not whole, or was erased, goes; the rest comes back as submissions or is set
    aside (strays.py). A row whose file is missing or of another size, without a receipt, becomes REFUSED with a
    sentence. (Rows STORED and not erased, and the files of what was withdrawn, are the worker's next work.)
    """
    ordered = put_in_order(core, blobs, time.time() if now is None else now)
    lost = interrupted = 0
    for submission in core.submissions():
        changed = []
        for row in submission.blobs:
            event = _event(row, blobs, submission.life is Life.WITHDRAWN)
            changed.append(row if event is None else step(row, event))
            lost += isinstance(event, Lost)
            interrupted += isinstance(event, Interrupted)
        after = settled(replace(submission, blobs=tuple(changed)))
        if after != submission:
            core.save_submission(submission, after)
    if ordered.erased or ordered.kept or ordered.rebuilt or lost or interrupted:
        log.info("sweep: %s, %d blobs lost, %d tries cut off", ordered, lost, interrupted)
    return Swept(
        ordered.erased + ordered.kept, lost, interrupted, ordered.rebuilt, _notice(core, bool(ordered.unknown))
    )


def _notice(core: StoreCore, unknown: bool) -> str:
    if core.get(Setting.RESTORED) is not None:
        core.delete(Setting.RESTORED)
        return RESTORED
    return CUT_OFF if unknown else ""


def _event(row: OutboxBlob, blobs: Path, withdrawn: bool) -> Event | None:
    if row.state in DELIVERED or row.state in (Transfer.REFUSED, Transfer.DROPPED):
        return None
    if withdrawn:  # its files are to go: that one is gone already is well
        return Interrupted() if row.state is Transfer.UPLOADING else None
    try:
        size = (blobs / row.file).stat().st_size
    except OSError:
        return Lost(BlobMissing.sentence)
    if size != row.size:
        return Lost(BlobAltered.sentence)
    return Interrupted() if row.state is Transfer.UPLOADING else None
