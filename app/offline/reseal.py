"""After the care team's list has changed: what has not begun to go is sealed anew, to the new list alone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.offline import trust
from app.offline.errors import BlobAltered, BlobMissing, OfflineError, SealBroken
from app.offline.files import check_blob, erase_blob, write_blob
from app.offline.outbox import DELIVERED, OutboxSubmission
from app.offline.sealing import Hashes, SealedFile, reseal
from app.offline.store import Setting, Store, StoreCore
from app.offline.vault import open_manifest, seal_manifest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NewFile:
    """What a blob's row says after the sealing: `file` is its name in the blobs' folder."""

    file: str
    sha256: str
    size: int


def not_begun(submission: OutboxSubmission) -> bool:
    """Whether nothing of it has gone to the clinic: only then is its manifest still ours to change."""
    return bool(submission.blobs) and all(
        blob.state not in DELIVERED and blob.offset == 0 and not blob.location for blob in submission.blobs
    )


def reseal_submission(sender: trust.Sender, blobs: Path, submission: OutboxSubmission) -> dict[str, NewFile]:
    """Seals every file of a submission anew to `sender.recipients`, with a manifest that names the new ones.

    The ids, the moment and the words stay. Returns blob id -> its new file, each synced; the old files stay until the
    rows name the new ones. Blocks; raises OfflineError or OSError, and then nothing new is left.
    """
    made: dict[str, NewFile] = {}
    try:
        return _resealed(sender, blobs, submission, made)
    except BaseException:
        for new in made.values():
            with contextlib.suppress(OfflineError):
                erase_blob(blobs, new.file)
        raise


def _resealed(
    sender: trust.Sender, blobs: Path, submission: OutboxSubmission, made: dict[str, NewFile]
) -> dict[str, NewFile]:
    rows = {row.blob: row for row in submission.blobs}
    first = next(row for row in submission.blobs if row.part == "manifest")
    for row in submission.blobs:
        check_blob(blobs, row.file, row.sha256, row.size)
    signers = {sender.device_id: sender.keys.ed25519}
    manifest = open_manifest((blobs / first.file).read_bytes(), sender.keys.identity, signers)
    if {named.blob for named in manifest.blobs} != set(rows) - {first.blob}:
        raise SealBroken("the rows are not those of the manifest")
    named = []
    for blob in manifest.blobs:
        old, said = rows[blob.blob], Hashes.of(blob)
        sealed = SealedFile(old.file, old.size, said.sha256, said.clear_sha256, said.clear_size)
        new = reseal(sealed, sender.keys.identity, sender.recipients, blobs)
        made[blob.blob] = NewFile(new.name, new.sha256, new.size)
        named.append(blob.model_copy(update={"sha256": new.sha256}))
    anew = manifest.model_copy(update={"blobs": tuple(named)})
    sealed_anew = seal_manifest(anew, sender.keys.signing, sender.recipients)
    name = write_blob(blobs, sealed_anew.ciphertext)
    made[first.blob] = NewFile(name, sealed_anew.sha256, len(sealed_anew.ciphertext))
    return made


async def reseal_unsent(store: Store, blobs: Path) -> int:
    """Seals anew what has not begun to go, if the care team's list is newer than the one it was last done for.

    To be called by the outbox's worker alone, at each turn before it chooses what to send: a file must not be taken
    from under a running upload. It is cheap when there is nothing to do. Returns how many submissions were
    sealed anew. One that has begun to go meanwhile keeps its old files. Raises OfflineError; what was done stays done,
    and the rest is done at the next call.
    """
    sender = await store.call(trust.sender)
    version = str(sender.care_team.version).encode()
    if await store.get(Setting.RESEALED_VERSION) == version:
        return 0
    done = 0
    for submission in await store.call(StoreCore.submissions):
        if not not_begun(submission):
            continue
        try:
            new = await asyncio.to_thread(reseal_submission, sender, blobs, submission)
        except (SealBroken, BlobMissing, BlobAltered) as exc:
            log.warning("a damaged item is not sealed anew; the others are: %s", type(exc).__name__)
            continue  # the upload finds the damage too, and tells the person; the others must go on
        done += await _exchange(store, blobs, submission, new)
    await store.put(Setting.RESEALED_VERSION, version)
    return done


async def _exchange(store: Store, blobs: Path, before: OutboxSubmission, new: Mapping[str, NewFile]) -> bool:
    """The rows first, in one transaction; then the files that no row names any more. False when sending was faster."""

    def work(core: StoreCore) -> bool:
        now = core.submission(before.submission)
        taken = now is not None and now.blobs == before.blobs
        if taken:
            core.replace_files(before, {blob: (file.file, file.sha256, file.size) for blob, file in new.items()})
        for name in [row.file for row in before.blobs] if taken else [file.file for file in new.values()]:
            with contextlib.suppress(OfflineError):  # the sweep at the next start takes what no row names
                erase_blob(blobs, name)
        return taken

    return await asyncio.shield(store.call(work))
