"""The provider's side: sealed files of submissions under review, on disk as they were sealed (ciphertext alone).

A file is fetched by ranges and stays as far as it has come, so that a cut, or the end of the app, costs one range.
Nothing here is the only copy of anything: the service keeps what it has receipted.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

from app.offline.age import AgeIdentity
from app.offline.errors import DiskFull, OfflineError, SealBroken, WriteFailed
from app.offline.inbox import InboxReader
from app.offline.sealing import Hashes, open_file
from app.offline.vault import open_blob
from app.wire.intake import BlobRow, ManifestBlob

P = ParamSpec("P")
T = TypeVar("T")

IN_MEMORY_BYTES = 1024 * 1024
"""Sealed files up to this size are opened at once; larger ones as a stream, in a limited child process."""
MAX_PART_BYTES = 64 * 1024 * 1024
_PART = ".part"


class SealedCopies:
    """`folder` holds one folder for each submission. For one event loop; one fetch of a file at a time."""

    def __init__(self, folder: Path, reader: InboxReader) -> None:
        self._folder, self._reader = folder, reader

    async def fetch(self, submission: str, row: BlobRow, on_size: Callable[[int], None]) -> Path:
        """The whole file; `on_size` hears how many bytes of it are here. Goes on where an earlier call was cut.

        Raises app.net.errors, :class:`SealBroken` when it is not what `row` says (it is fetched anew then, at the
        next call), DiskFull or WriteFailed.
        """
        whole = self._folder / submission / row.blob
        if await asyncio.to_thread(whole.exists):
            on_size(row.size)
            return whole
        part = whole.with_name(whole.name + _PART)
        size = await _to_its_end(_begin, part, row.size)
        on_size(size)
        async for piece in self._reader.pieces(submission, row, size):
            await _to_its_end(_append, part, piece)
            size += len(piece)
            on_size(size)
        await _to_its_end(_finish, part, whole, row)
        return whole

    def forget(self, submission: str, blob: str) -> None:
        """Takes a file away that does not open: it is fetched anew. Blocks."""
        (self._folder / submission / blob).unlink(missing_ok=True)

    def keep_only(self, submissions: Collection[str]) -> None:
        """Takes away all files of other submissions. Blocks."""
        with contextlib.suppress(FileNotFoundError):
            for folder in list(self._folder.iterdir()):
                if folder.name not in submissions:
                    shutil.rmtree(folder, ignore_errors=True)


def open_copy(path: Path, identity: AgeIdentity, named: ManifestBlob) -> bytes:
    """The clear content, in memory alone; both hashes and the size fit. Blocks.

    Raises :class:`SealBroken`, BlobMissing, or sealing.ContentTooLarge above :data:`MAX_PART_BYTES`.
    """
    if named.size > IN_MEMORY_BYTES:
        return open_file(path, identity, Hashes.of(named), MAX_PART_BYTES)
    return open_blob(path.read_bytes(), identity, named)


async def _to_its_end(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """In a thread. Cancelled, it still ends before the next call can touch the same file."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _begin(part: Path, size: int) -> int:
    """How much of the file is here already."""
    with _as_ours():
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        have = part.stat().st_size if part.exists() else 0
        if have > size:
            part.unlink()
            have = 0
        return have


def _append(part: Path, piece: bytes) -> None:
    with _as_ours(), open(part, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(piece)


def _finish(part: Path, whole: Path, row: BlobRow) -> None:
    """A file of no bytes is none: `part` is there whenever the row has a size."""
    with _as_ours():
        with open(part, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != row.sha256:
            part.unlink()
            raise SealBroken("the SHA-256 of the sealed file does not fit")
        os.replace(part, whole)


@contextlib.contextmanager
def _as_ours() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        kind: type[OfflineError] = DiskFull if exc.errno in (errno.ENOSPC, errno.EDQUOT) else WriteFailed
        raise kind(str(exc)) from exc
