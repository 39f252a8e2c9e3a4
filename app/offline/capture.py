"""From clear bytes in memory to "Saved": sealed, files synced, then one transaction with all rows."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.offline import trust
from app.offline.draft import named
from app.offline.errors import OfflineError
from app.offline.files import erase_blob, write_blob
from app.offline.life import Life, LifeEvent, live
from app.offline.outbox import OutboxSubmission
from app.offline.parts import Part as Part
from app.offline.parts import in_order
from app.offline.store import Store, StoreCore
from app.offline.transfer import OutboxBlob
from app.offline.vault import SealedBytes, manifest_id, seal, seal_manifest
from app.wire.intake import MAX_BLOBS, Manifest, PartRole


@dataclass(frozen=True)
class Words:
    """What is said of a submission: `purpose` a short name, `note` free text, the visit it belongs to."""

    purpose: str
    note: str = ""
    visit_id: str | None = None


@dataclass(frozen=True)
class SealedSubmission:
    """Sealed in memory; nothing of it is on the disk yet. The manifest comes first."""

    submission: str
    created_at: datetime
    purpose: str
    visit_id: str | None
    files: tuple[tuple[str, SealedBytes], ...]  # blob id, sealed
    roles: tuple[PartRole, ...]  # of each file


class Capture:
    """Saves what a person took or chose. When a method returns, the screen may say "Saved", and not before."""

    def __init__(self, store: Store, blobs: Path) -> None:
        self._store = store
        self._blobs = blobs

    async def save_photo(
        self, data: bytes, *, name: str, media_type: str, purpose: str, note: str = "", visit_id: str | None = None
    ) -> str:
        """One picture as a submission; returns its id. Raises as :meth:`save`."""
        return await self.save([Part(data, name, media_type)], Words(purpose, note, visit_id))

    async def save(self, parts: Sequence[Part], words: Words) -> str:
        """Several parts as one submission, or none when a note says it all; returns its id.

        Raises :class:`NotEnrolled`, :class:`TrustBroken`, :class:`DiskFull`, :class:`WriteFailed` or
        :class:`StoreFailed`; then nothing was saved. ValueError for parts that the wire does not allow.
        """
        sender = await self._store.call(trust.sender)
        sealed = await asyncio.to_thread(seal_submission, sender, parts, words, datetime.now(UTC))
        # Files and rows are one job of the store's thread: the recovery sweep never meets files without their rows.
        # Shielded: a screen that goes away at this moment must not take the item with it.
        await asyncio.shield(self._store.call(save_sealed, self._blobs, sealed))
        return sealed.submission


def seal_submission(sender: trust.Sender, parts: Sequence[Part], words: Words, at: datetime) -> SealedSubmission:
    """Seals every part and the signed manifest to the care team and to this device."""
    if len(parts) >= MAX_BLOBS or not (parts or words.note):
        raise ValueError(f"a submission has 1 to {MAX_BLOBS - 1} parts, or a note")
    submission = secrets.token_hex(16)
    parts = in_order(parts, lambda part: part.role)
    blobs = [(part.blob, seal(part.data, sender.recipients)) for part in parts]
    manifest = Manifest(
        submission=submission,
        device_id=sender.device_id,
        created_at=at,
        purpose=words.purpose,
        note=words.note,
        visit_id=words.visit_id,
        blobs=tuple(
            named(part, sealed.sha256, sealed.clear_sha256) for (_, sealed), part in zip(blobs, parts, strict=True)
        ),
    )
    sealed = seal_manifest(manifest, sender.keys.signing, sender.recipients)
    first = (manifest_id(sealed.sha256), sealed)
    roles = (PartRole.WORDS, *(part.role for part in parts))
    return SealedSubmission(submission, at, words.purpose, words.visit_id, (first, *blobs), roles)


def save_sealed(core: StoreCore, blobs: Path, sealed: SealedSubmission) -> None:
    """Writes and syncs the files, then inserts all rows FINISHED in one transaction. On any error nothing is kept."""
    written: list[str] = []
    try:
        rows: list[OutboxBlob] = []
        for ordinal, ((blob, part), role) in enumerate(zip(sealed.files, sealed.roles, strict=True)):
            written.append(write_blob(blobs, part.ciphertext))
            rows.append(
                OutboxBlob(
                    blob=blob,
                    submission=sealed.submission,
                    ordinal=ordinal,
                    part="blob" if ordinal else "manifest",
                    file=written[-1],
                    sha256=part.sha256,
                    size=len(part.ciphertext),
                    role=role,
                )
            )
        life = live(Life.DRAFT, LifeEvent.FINISH)
        core.insert_submission(
            OutboxSubmission(
                sealed.submission, 0, sealed.created_at, sealed.purpose, sealed.visit_id, life, tuple(rows)
            )
        )
    except BaseException:
        _undo(core, blobs, sealed.submission, written)
        raise


def _undo(core: StoreCore, blobs: Path, submission: str, written: Sequence[str]) -> None:
    """A commit that failed may yet have reached the disk: take the rows away first, the files only after that.

    A full disk may not even let rows be taken away; when they are seen not to be there, the files go all the same:
    what a person was told is not saved must not come back by its manifest. Else the next sweep decides.
    """
    with contextlib.suppress(OfflineError):
        core.forget_submission(submission)
    with contextlib.suppress(OfflineError):
        if core.submission(submission) is None:
            for name in written:
                erase_blob(blobs, name)
