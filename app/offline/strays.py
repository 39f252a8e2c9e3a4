"""Whole sealed files that no row names, as after damage to the store or a sudden end: nothing whole is erased at once.

A submission whose signed manifest and files are all there comes back (the manifest is sealed to this device, too).
Whatever else there is goes to the folder "strays" beside the sealed files and stays for `KEEP_S`.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from app.offline import trust
from app.offline.draft import Draft, DraftUnreadable, from_body
from app.offline.errors import NotEnrolled, SealBroken
from app.offline.files import PART, STRAYS, sync_folder
from app.offline.finishing import remember_original
from app.offline.keys import device_keys
from app.offline.life import Held, Life
from app.offline.outbox import OutboxSubmission
from app.offline.store import DRAFT, Setting, StoreCore
from app.offline.transfer import OutboxBlob
from app.offline.vault import MAX_MANIFEST_BYTES, manifest_id, open_manifest
from app.wire.intake import Manifest, ManifestBlob, PartRole

log = logging.getLogger(__name__)

KEEP_S = 30 * 24 * 3600.0


@dataclass(frozen=True)
class Ordered:
    """`erased`, `kept`: files; `rebuilt`: submissions; `unknown`: of the kept, those that belong to nothing here."""

    erased: int = 0
    kept: int = 0
    rebuilt: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class _File:
    """A sealed file in the blobs' folder: `size` and `sha256` of its ciphertext."""

    name: str
    size: int
    sha256: str


def put_in_order(core: StoreCore, blobs: Path, now: float) -> Ordered:
    """In the store's thread. `now`: UTC epoch, s. Raises StoreFailed, DiskFull; a file that cannot be moved stays."""
    _let_go(blobs.parent / STRAYS, now)
    known, gone = core.blob_files(), core.gone_files()
    names = [entry.name for entry in os.scandir(blobs) if entry.name not in known and entry.is_file()]
    rubbish = [name for name in names if name in gone or name.endswith(PART)]
    strays = [name for name in names if name not in rubbish]
    _erase(blobs, rubbish)
    if not strays:
        return Ordered(len(rubbish))
    files = [_file(blobs, name) for name in strays]
    rebuilding = _Rebuilding(core, blobs, files)
    rebuilding.run()
    rest = [name for name in strays if name not in core.blob_files()]
    _set_aside(blobs, rest, now)
    return Ordered(len(rubbish), len(rest), rebuilding.rebuilt, len(set(rest) - rebuilding.explained))


class _Rebuilding:
    """One look at all strays. `explained`: files of submissions and drafts that are here without them."""

    def __init__(self, core: StoreCore, blobs: Path, strays: Sequence[_File]) -> None:
        self.rebuilt = 0
        self.explained: set[str] = set()
        self._core = core
        self._blobs = blobs
        self._strays = strays
        self._drafts = dict(_drafts(core))
        self._files = {file.sha256: file for file in [*self._of_drafts(), *strays]}

    def run(self) -> None:
        found = list(self._manifests())
        # Originals first: when its draft is finished, their files are no longer named by it.
        for file, manifest in sorted(found, key=lambda pair: not _kept_back(pair[1])):
            there = [self._files.get(named.sha256) for named in manifest.blobs]
            draft = self._drafts.get(manifest.submission)
            known = draft is not None or self._core.submission(manifest.submission) is not None
            if known:
                self.explained |= {file.name, *(one.name for one in there if one is not None)}
            if self._core.submission(manifest.submission) is not None:
                continue
            if None not in there and (draft is None or self._covered(draft, [one for _, one in found])):
                self._rebuild(file, manifest, [one for one in there if one is not None])

    def _of_drafts(self) -> Iterator[_File]:
        for draft in self._drafts.values():
            for name in draft.files:
                with contextlib.suppress(OSError):
                    yield _file(self._blobs, name)

    def _manifests(self) -> Iterator[tuple[_File, Manifest]]:
        try:
            device = trust.device_id(self._core)
        except NotEnrolled:
            return
        keys = device_keys(self._core)
        for file in self._strays:
            if file.size > 2 * MAX_MANIFEST_BYTES:
                continue
            with contextlib.suppress(SealBroken, OSError):
                content = (self._blobs / file.name).read_bytes()
                yield file, open_manifest(content, keys.identity, {device: keys.ed25519})

    def _covered(self, draft: Draft, manifests: Iterable[Manifest]) -> bool:
        """Whether every part of the draft is in what was made of it: else it is another draft by now."""
        made = [one for one in manifests if draft.draft in (one.submission, one.amends)]
        named = {blob.sha256 for one in made for blob in one.blobs}
        return all(part.named.sha256 in named for part in draft.parts)

    def _rebuild(self, file: _File, manifest: Manifest, files: Sequence[_File]) -> None:
        submission = _submission(file, manifest, files)
        try:
            for named in manifest.blobs:
                remember_original(self._core, named, manifest.submission)
            if manifest.submission in self._drafts:
                self._core.finish_draft(manifest.submission, [submission])
            else:
                self._core.insert_submission(submission)
            # Whether it was sealed to the care team of today nobody knows any more: looked at again before it goes.
            self._core.delete(Setting.RESEALED_VERSION)
        except (apsw.ConstraintError, LookupError) as exc:
            log.warning("a submission among the strays does not fit: %s", type(exc).__name__)
            return
        self.rebuilt += 1


def _submission(file: _File, manifest: Manifest, files: Sequence[_File]) -> OutboxSubmission:
    rows = [OutboxBlob(manifest_id(file.sha256), manifest.submission, 0, "manifest", file.name, file.sha256, file.size,
                       role=PartRole.WORDS)]  # fmt: skip
    for ordinal, (named, one) in enumerate(zip(manifest.blobs, files, strict=True), start=1):
        rows.append(
            OutboxBlob(
                named.blob, manifest.submission, ordinal, "blob", one.name, one.sha256, one.size, role=named.role
            )
        )
    held = _kept_back(manifest)
    return OutboxSubmission(
        manifest.submission,
        0,
        manifest.created_at,
        manifest.purpose,
        manifest.visit_id,
        Life.HELD if held else Life.FINISHED,
        tuple(rows),
        urgent=manifest.urgent,
        amends=manifest.amends,
        answers=manifest.answers,
        held=Held.UNTIL_ASKED if held else Held.NO,
    )


def _kept_back(manifest: Manifest) -> bool:
    """Originals of copies wait until they are asked for (app.offline.finishing)."""
    return bool(manifest.blobs) and all(_original(named) for named in manifest.blobs)


def _original(named: ManifestBlob) -> bool:
    return named.role is PartRole.ORIGINAL and named.of is not None


def _drafts(core: StoreCore) -> Iterator[tuple[str, Draft]]:
    for name, body in core.documents(DRAFT).items():
        with contextlib.suppress(DraftUnreadable):
            yield name, from_body(body)


def _file(folder: Path, name: str) -> _File:
    with open(folder / name, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return _File(name, file.tell(), digest)


def _erase(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        with contextlib.suppress(OSError):
            os.unlink(folder / name)
    if names:
        with contextlib.suppress(OSError):
            sync_folder(folder)


def _set_aside(blobs: Path, names: Sequence[str], now: float) -> None:
    place = blobs.parent / STRAYS
    if not names:
        return
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        for name in names:
            os.replace(blobs / name, place / name)
            os.utime(place / name, (now, now))
        for folder in (place, blobs, blobs.parent):
            sync_folder(folder)
    except OSError as exc:
        log.warning("sealed files that nothing names stay where they are: %s", exc)


def _let_go(place: Path, now: float) -> None:
    """Those that have been kept for long enough. A clock that was set back keeps them longer."""
    if place.is_dir():
        _erase(place, [entry.name for entry in os.scandir(place) if now - entry.stat().st_mtime > KEEP_S])
