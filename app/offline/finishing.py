"""From a draft to submissions in the outbox: sealed anew for a new care team, signed, in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.offline import trust
from app.offline.answered import remember_answered
from app.offline.draft import (
    Draft,
    DraftBusy,
    DraftEmpty,
    DraftGone,
    DraftPart,
    from_body,
    named,
    note_of,
    words_of,
)
from app.offline.errors import BlobAltered, BlobMissing, OfflineError
from app.offline.files import all_or_none, erase_blob, write_blob
from app.offline.life import Held, Life, LifeEvent, live
from app.offline.outbox import OutboxSubmission
from app.offline.parts import in_order
from app.offline.sealing import STREAM_FROM, Hashes, SealedFile, reseal_stream
from app.offline.store import DRAFT, Store, StoreCore
from app.offline.transfer import OutboxBlob
from app.offline.vault import SealedBytes, manifest_id, open_blob, seal, seal_manifest
from app.wire.intake import Manifest, ManifestBlob, PartRole

_TRIES = 5
_ORIGINAL = "original"  # documents: a copy's blob id -> the submission of its original


@dataclass(frozen=True)
class _File:
    """A part of a submission: its name in the manifest, and its sealed bytes, in memory or on disk already."""

    named: ManifestBlob
    size: int
    file: str | None = None
    sealed: SealedBytes | None = None


@dataclass(frozen=True)
class _Made:
    """One submission ready to be written, its manifest first."""

    submission: str
    amends: str | None
    files: tuple[_File, ...]


def original_of(core: StoreCore, copy: str) -> str | None:
    """The submission that holds the original of a copy (its blob id, as a reply's `wants` names it), or None."""
    found = core.document(_ORIGINAL, copy)
    return None if found is None else found.decode("ascii")


def originals(core: StoreCore) -> frozenset[str]:
    """The submissions that are the original of a copy and nothing else."""
    return frozenset(body.decode("ascii") for body in core.documents(_ORIGINAL).values())


def originals_with(core: StoreCore, submission: str) -> tuple[str, ...]:
    """The submissions that are originals of this one's copies, and whatever else is held back of it."""
    known = originals(core)
    mine = (one for one in core.amending(submission) if one.life is Life.HELD or one.submission in known)
    return tuple(one.submission for one in mine)


def remember_original(core: StoreCore, named: ManifestBlob, submission: str) -> None:
    """To be done before the rows: what names a submission that never came is of no harm."""
    if named.role is PartRole.ORIGINAL and named.of is not None:
        core.put_documents(_ORIGINAL, {named.of: submission.encode()})


class Finishing:
    """On the I/O loop; see DraftBook.finish."""

    def __init__(self, store: Store, blobs: Path, clock: Callable[[], datetime]) -> None:
        self._store, self._blobs, self._clock = store, blobs, clock

    async def finish(self, draft: str, sealed_again: Callable[[int, int], None], originals: Held) -> str:
        for _ in range(_TRIES):
            found = await self._store.call(_begin, self._blobs, draft)
            if found is None:
                return draft
            sender = await self._store.call(trust.sender)
            if await self._seal_anew(found, sender, sealed_again):
                continue  # with the draft as it is now
            made = await asyncio.to_thread(_make, found, sender, self._clock())
            done = self._store.call(
                _write, self._blobs, found, made, sender.care_team.version, self._clock(), originals
            )
            # Shielded: a screen that goes away at this moment must not take the item with it.
            if await asyncio.shield(done):
                return draft
        raise DraftBusy(draft)

    async def _seal_anew(self, draft: Draft, sender: trust.Sender, told: Callable[[int, int], None]) -> bool:
        """Whether any part had to be: opened with this device's key, sealed to the care team of now, one at a time."""
        team = sender.care_team.version
        old = [part for part in draft.parts if part.team != team]
        for done, part in enumerate(old):
            told(done, len(old))
            sealed = await self._anew(part, sender)
            await asyncio.shield(self._store.call(_exchange, self._blobs, draft.draft, part, sealed, team))
        return bool(old)

    async def _anew(self, part: DraftPart, sender: trust.Sender) -> SealedBytes | SealedFile:
        if part.named.size >= STREAM_FROM:
            said = Hashes.of(part.named)
            there = SealedFile(part.file, part.sealed_size, said.sha256, said.clear_sha256, said.clear_size)
            return await reseal_stream(there, sender.keys.identity, sender.recipients, self._blobs)
        ciphertext = await asyncio.to_thread(read_sealed, self._blobs, part)
        clear = await asyncio.to_thread(open_blob, ciphertext, sender.keys.identity, part.named)
        return await asyncio.to_thread(seal, clear, sender.recipients)


def _begin(core: StoreCore, blobs: Path, draft: str) -> Draft | None:
    """The draft, its files all there; None when it is a submission already."""
    body = core.document(DRAFT, draft)
    if core.submission(draft) is not None:
        if body is not None:  # what an undoing that was cut off has left: the rows name its files now
            core.save_draft(draft, None)
        return None
    if body is None:
        raise DraftGone(draft)
    found = from_body(body)
    if found.empty:
        raise DraftEmpty(draft)
    for part in found.parts:
        _check_size(blobs, part)
    return found


def _check_size(blobs: Path, part: DraftPart) -> None:
    try:
        size = (blobs / part.file).stat().st_size
    except OSError as exc:
        raise BlobMissing(f"{part.file}: {exc}") from exc
    if size != part.sealed_size:
        raise BlobAltered(f"{part.file}: the size is not {part.sealed_size}")


def read_sealed(blobs: Path, part: DraftPart) -> bytes:
    """A draft's part as it lies on the disk. Raises BlobMissing or BlobAltered; blocks."""
    _check_size(blobs, part)
    try:
        return (blobs / part.file).read_bytes()
    except OSError as exc:
        raise BlobMissing(f"{part.file}: {exc}") from exc


def on_disk(blobs: Path, sealed: SealedBytes | SealedFile) -> tuple[str, int]:
    """The file's name and size; what was sealed in memory is written and synced, what as a stream is there."""
    if isinstance(sealed, SealedFile):
        return sealed.name, sealed.size
    return write_blob(blobs, sealed.ciphertext), len(sealed.ciphertext)


def _exchange(
    core: StoreCore, blobs: Path, draft: str, old: DraftPart, sealed: SealedBytes | SealedFile, team: int
) -> None:
    """In the store's thread: the part's file is the new one; the old one goes after that."""
    body = core.document(DRAFT, draft)
    before = from_body(body) if body is not None else None
    if before is None or old not in before.parts:  # taken away meanwhile
        if isinstance(sealed, SealedFile):
            erase_blob(blobs, sealed.name)
        return
    blob = old.named.model_copy(update={"sha256": sealed.sha256})
    file, size = on_disk(blobs, sealed)
    new = DraftPart(named=blob, file=file, sealed_size=size, team=team)
    after = before.model_copy(update={"parts": tuple(new if part == old else part for part in before.parts)})
    try:
        core.save_draft(draft, after.to_body(), after.files)
    except BaseException:  # as _undo says
        with contextlib.suppress(OfflineError):
            core.save_draft(draft, before.to_body(), before.files)
            erase_blob(blobs, new.file)
        raise
    with contextlib.suppress(OfflineError):
        erase_blob(blobs, old.file)


def _make(draft: Draft, sender: trust.Sender, now: datetime) -> tuple[_Made, ...]:
    """The submission, and one for the originals of its copies: they are sent when they are asked for."""
    words = []
    for part in words_of(draft, sender.device_id):
        sealed = seal(part.data, sender.recipients)
        size = len(sealed.ciphertext)
        words.append(_File(named(part, sealed.sha256, sealed.clear_sha256), size, sealed=sealed))
    files = [*words, *(_File(part.named, part.sealed_size, file=part.file) for part in draft.parts)]
    later = [file for file in files if file.named.role is PartRole.ORIGINAL]
    first = [file for file in files if file not in later]
    made = [_bundle(draft, sender, now, (draft.draft, draft.amends), first)]
    # Each for itself: a provider asks for one. Their copies are in the first: `check_part` sees to it.
    made += [_bundle(draft, sender, now, (secrets.token_hex(16), draft.draft), [file]) for file in later]
    return tuple(made)


def _bundle(
    draft: Draft, sender: trust.Sender, now: datetime, names: tuple[str, str | None], files: Sequence[_File]
) -> _Made:
    submission, amends = names
    ordered = in_order(files, lambda file: file.named.role)
    main = submission == draft.draft
    manifest = Manifest(
        submission=submission,
        device_id=sender.device_id,
        created_at=now,
        purpose=draft.purpose,
        note=note_of(draft) if main else "",
        visit_id=draft.visit_id,
        urgent=draft.urgent and main,
        amends=amends,
        answers=draft.answers if main else None,
        blobs=tuple(file.named for file in ordered),
    )
    sealed = seal_manifest(manifest, sender.keys.signing, sender.recipients)
    stands_for = ManifestBlob(
        blob=manifest_id(sealed.sha256),
        sha256=sealed.sha256,
        size=sealed.clear_size,
        media_type="",
        clear_sha256=sealed.clear_sha256,
        role=PartRole.WORDS,
    )
    return _Made(submission, amends, (_File(stands_for, len(sealed.ciphertext), sealed=sealed), *ordered))


def _write(
    core: StoreCore, blobs: Path, draft: Draft, made: Sequence[_Made], team: int, now: datetime, originals: Held
) -> bool:
    """In the store's thread: new files first, then all rows in and the draft out. False: it was changed meanwhile."""
    body = core.document(DRAFT, draft.draft)
    if body is None or from_body(body) != draft or trust.care_team(core).version != team:
        return False
    submissions: list[OutboxSubmission] = []
    with all_or_none(blobs) as written:
        for one in made:
            rows = tuple(
                _row(one.submission, ordinal, file, file.file or _written(blobs, file, written))
                for ordinal, file in enumerate(one.files)
            )
            submissions.append(_submission(draft, one, rows, now, originals))
    try:
        for one in made[1:]:
            for file in one.files:
                remember_original(core, file.named, one.submission)
        remember_answered(core, draft)
        core.finish_draft(draft.draft, submissions)
    except BaseException:
        _undo(core, blobs, draft, submissions, written)
        raise
    return True


def _submission(
    draft: Draft, made: _Made, rows: tuple[OutboxBlob, ...], now: datetime, originals: Held
) -> OutboxSubmission:
    """The draft's own goes at once; its originals are kept back as `originals` says."""
    main = made.submission == draft.draft
    held = Held.NO if main else originals
    return OutboxSubmission(
        made.submission,
        0,
        now,
        draft.purpose,
        draft.visit_id,
        live(Life.DRAFT, LifeEvent.FINISH if held is Held.NO else LifeEvent.HOLD),
        rows,
        urgent=draft.urgent and main,
        amends=made.amends,
        answers=draft.answers if main else None,
        held=held,
    )


def _written(blobs: Path, file: _File, written: list[str]) -> str:
    assert file.sealed is not None
    written.append(write_blob(blobs, file.sealed.ciphertext))
    return written[-1]


def _row(submission: str, ordinal: int, file: _File, name: str) -> OutboxBlob:
    return OutboxBlob(
        blob=file.named.blob,
        submission=submission,
        ordinal=ordinal,
        part="blob" if ordinal else "manifest",
        file=name,
        sha256=file.named.sha256,
        size=file.size,
        role=file.named.role,
    )


def _undo(
    core: StoreCore, blobs: Path, draft: Draft, submissions: Sequence[OutboxSubmission], written: Sequence[str]
) -> None:
    """A commit that failed may yet have reached the disk. The draft comes back before the rows go, so that its files
    are named at every moment; new files go last. When this fails too, what the store says is what holds.
    """
    with contextlib.suppress(OfflineError):
        core.save_draft(draft.draft, draft.to_body(), draft.files)
        for one in submissions:
            core.forget_submission(one.submission)
        for name in written:
            erase_blob(blobs, name)
