"""Sealing and opening of large files as streams, in a limited child process: it never holds the whole, and who
calls no more than what it gives.

A sealed file is what :func:`app.offline.vault.seal` makes (docs/sealed-format.md): an age v1 file of the content and
its zero padding. All functions block; call them in a thread, or use :func:`seal_stream` from the I/O loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.offline.age import MAX_HEADER_BYTES, AgeError, AgeIdentity, check_header
from app.offline.errors import BlobMissing, OfflineError, SealBroken
from app.offline.files import erase_blob, new_blob, new_file, write_all
from app.offline.sealing_process import PIECE_BYTES, Answer, ChildDied, SealingProcess, Stop, pieces_of
from app.offline.vault import padded_size
from app.wire.intake import MAX_BLOB_BYTES, ManifestBlob

MAX_CLEAR_BYTES = 448 * 1024 * 1024
"""Padded by up to 12 % and sealed, this is still under MAX_BLOB_BYTES, whatever the size."""
STREAM_FROM = 4 * 1024 * 1024
"""Clear bytes from which on a draft's part is sealed here: for less, starting a child costs more than it spares."""
_ZEROS = bytes(PIECE_BYTES)
_NO_MATCH = "the age file does not open"


class ContentTooLarge(OfflineError):
    """More bytes than one sealed file may hold, or than the caller wants in memory."""

    sentence = "This file is too large."


class SealingFailed(OfflineError):
    """The child process ended early, or said something else than a result. Nothing was kept."""

    sentence = "This item could not be sealed. Nothing was saved. Please try again."


@dataclass(frozen=True)
class Hashes:
    """What a manifest says of a sealed file: `sha256` over the ciphertext; the others over the unpadded clear."""

    sha256: str
    clear_sha256: str
    clear_size: int

    @classmethod
    def of(cls, named: ManifestBlob) -> Hashes:
        return cls(named.sha256, named.clear_sha256, named.size)


@dataclass(frozen=True)
class SealedFile:
    """A sealed file in the blobs' folder: `size` and `sha256` of the ciphertext, the rest as in :class:`Hashes`."""

    name: str
    size: int
    sha256: str
    clear_sha256: str
    clear_size: int

    @property
    def hashes(self) -> Hashes:
        return Hashes(self.sha256, self.clear_sha256, self.clear_size)


def seal_file(
    source: Iterable[bytes | memoryview], recipients: Sequence[str], folder: Path, stop: Stop | None = None
) -> SealedFile:
    """Seals the clear pieces of `source` to `recipients` ("age1...") into a new file of `folder`.

    Clear bytes go through a pipe alone. The file is written under a name with ".part", synced, renamed: when this
    returns it survives power loss; when it raises nothing is left. Raises :class:`ContentTooLarge`,
    :class:`SealingFailed`, DiskFull, WriteFailed, Stopped, or what `source` raises; ValueError without recipients.
    """
    recipients = tuple(dict.fromkeys(recipients))
    if not recipients:
        raise ValueError("a sealed file needs a recipient")
    digest, size = hashlib.sha256(), 0
    with new_blob(folder) as (name, descriptor):
        with SealingProcess("seal", {"recipients": recipients}, descriptor, stop or Stop()) as child:
            for piece in source:
                size += len(piece)
                if size > MAX_CLEAR_BYTES:
                    raise ContentTooLarge(f"more than {MAX_CLEAR_BYTES} bytes")
                digest.update(piece)
                child.feed(piece)
            for piece in _padding(size):
                child.feed(piece)
            answer = _answer(child)
        if os.fstat(descriptor).st_size != answer.size or not padded_size(size) < answer.size <= MAX_BLOB_BYTES:
            raise SealingFailed("the sealed file has another size than was said")
    return SealedFile(name, answer.size, answer.sha256, digest.hexdigest(), size)


async def seal_stream(source: Iterable[bytes | memoryview], recipients: Sequence[str], folder: Path) -> SealedFile:
    """As :func:`seal_file`, for the I/O loop. Cancelled, it kills the child and leaves nothing.

    `source` is read in another thread; one that waits must come to an end when its giver is cancelled too.
    """
    return await _stoppable(functools.partial(seal_file, source, recipients, folder), folder)


async def reseal_stream(
    sealed: SealedFile, identity: AgeIdentity, recipients: Sequence[str], folder: Path
) -> SealedFile:
    """As :func:`reseal`, for the I/O loop and cancelled as :func:`seal_stream`."""
    return await _stoppable(functools.partial(reseal, sealed, identity, recipients, folder), folder)


async def _stoppable(sealing: Callable[[Stop], SealedFile], folder: Path) -> SealedFile:
    stop = Stop()
    work = functools.partial(sealing, stop)
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        with contextlib.suppress(Exception):
            sealed = await task  # raises Stopped, unless the file was whole a moment before
            await asyncio.to_thread(erase_blob, folder, sealed.name)
        raise


def open_pieces(path: Path, identity: AgeIdentity, said: Hashes, stop: Stop | None = None) -> Iterator[bytes]:
    """The clear pieces of a sealed file, without the padding.

    Each piece is authentic in its place, but a file cut short shows at the end alone: do nothing with them that
    cannot be undone until the iterator has ended. Raises :class:`SealBroken` on anything that is not exactly the
    sealed file that `said` names; BlobMissing when it cannot be opened.
    """
    digest, left, padding = hashlib.sha256(), said.clear_size, _padding_size(said.clear_size)
    keys = {"identity": identity.secret()}
    with _readable(path) as file, SealingProcess("open", keys, None, stop or Stop()) as child:
        sealed = child.feed_from(pieces_of(file))
        for piece in child.pieces():
            clear, rest = piece[:left], piece[left:]
            left -= len(clear)
            padding -= len(rest)
            if padding < 0 or rest.strip(b"\0"):
                raise SealBroken("the padding does not fit")
            digest.update(clear)
            if clear:
                yield clear
        try:
            answer = child.answer()
        except ChildDied as exc:
            raise SealBroken(f"the child process ended early: {exc}") from exc
        if not answer.ok or left or padding:
            raise SealBroken(_NO_MATCH if not answer.ok else "the padding does not fit")
        if sealed() != said.sha256:
            raise SealBroken("the SHA-256 of the sealed file does not fit")
    if digest.hexdigest() != said.clear_sha256:
        raise SealBroken("the SHA-256 of the content does not fit")


def open_file(path: Path, identity: AgeIdentity, said: Hashes, most: int) -> bytes:
    """The whole content in memory, of at most `most` bytes. Raises as :func:`open_pieces`, or ContentTooLarge."""
    if said.clear_size > most:
        raise ContentTooLarge(f"{said.clear_size} bytes")
    return b"".join(open_pieces(path, identity, said))


def save_opened(path: Path, identity: AgeIdentity, said: Hashes, target: Path, stop: Stop | None = None) -> None:
    """Writes the content, in the clear, to the place that a person has named; nothing is there until all of it is.

    Raises as :func:`open_pieces`, DiskFull or WriteFailed; then `target` is as it was.
    """
    with new_file(target) as descriptor:
        for piece in open_pieces(path, identity, said, stop):
            write_all(descriptor, piece)


def reseal(
    sealed: SealedFile, identity: AgeIdentity, recipients: Sequence[str], folder: Path, stop: Stop | None = None
) -> SealedFile:
    """Opens a file of `folder` with the device's key and seals the content anew, to other recipients, as a stream.

    The old file stays: who calls erases it once the new name is in the database. Raises as :func:`seal_file` and
    :func:`open_pieces`.
    """
    stop = stop or Stop()
    return seal_file(open_pieces(folder / sealed.name, identity, sealed.hashes, stop), recipients, folder, stop)


def _readable(path: Path) -> IO[bytes]:
    """The file at its beginning, once its header is one of ours."""
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed by who asked
    except OSError as exc:
        raise BlobMissing(str(exc)) from exc
    try:
        check_header(file.read(MAX_HEADER_BYTES))
        file.seek(0)
    except (AgeError, OSError) as exc:
        file.close()
        raise SealBroken(str(exc)) from exc
    return file


def pieces(data: bytes) -> Iterator[memoryview]:
    """What is in memory as a whole, for :func:`seal_file`: not copied."""
    whole = memoryview(data)
    for start in range(0, len(data), PIECE_BYTES):
        yield whole[start : start + PIECE_BYTES]


def _padding_size(size: int) -> int:
    return padded_size(size) - size


def _padding(size: int) -> Iterator[bytes]:
    """The zeros after the content: the size is known only once the content has gone."""
    left = _padding_size(size)
    while left > 0:
        yield _ZEROS[: min(left, PIECE_BYTES)]
        left -= PIECE_BYTES


def _answer(child: SealingProcess) -> Answer:
    try:
        answer = child.answer()
    except ChildDied as exc:
        raise SealingFailed(str(exc)) from exc
    if answer.errno:
        raise OSError(answer.errno, "the sealed file could not be written")
    if not answer.ok:
        raise SealingFailed(answer.why)
    return answer
