"""Sealed files on disk: written whole and synced or not at all; removed with the folder synced."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from app.offline.errors import BlobAltered, BlobMissing, DiskFull, WriteFailed

BLOBS = "blobs"
"""The folder of a profile in which the sealed files lie."""
COPIES = "copies"
"""The folder beside it in which the store's copies lie."""
STRAYS = "strays"
"""The folder beside it for sealed files that nothing names: see app/offline/strays.py."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
PART = ".part"
_READ_BYTES = 1 << 20
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def write_blob(folder: Path, ciphertext: bytes) -> str:
    """Writes a sealed file under a random name and returns the name; when it returns, the file survives power loss.

    Raises :class:`DiskFull` or :class:`WriteFailed`, and then nothing is left. After a failed fsync the same file is
    never tried again: the kernel may have dropped the pages and marked them clean.
    """
    with new_blob(folder) as (name, descriptor):
        write_all(descriptor, ciphertext)
    return name


@contextlib.contextmanager
def new_blob(folder: Path) -> Iterator[tuple[str, int]]:
    """Gives (name, descriptor) of a sealed file to write; at the end of the block it is synced and has its name.

    Raises as :func:`write_blob`; whatever the block raises, nothing is left.
    """
    name = secrets.token_hex(16)
    part, final = folder / f"{name}{PART}", folder / name
    with _written_whole(part, final, (part, final)) as descriptor:
        yield name, descriptor


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[int]:
    """Gives the descriptor of a file (mode 0600) that takes its place at `path` whole and synced, or not at all.

    Raises as :func:`write_blob`. What was at `path` before stays until the new file is whole.
    """
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}{PART}")
    with _written_whole(part, path, (part,)) as descriptor:
        yield descriptor


def write_private(path: Path, data: bytes) -> None:
    """Writes a small file with mode 0600 at a fixed path, atomically. Raises as :func:`write_blob`."""
    with new_file(path) as descriptor:
        write_all(descriptor, data)


@contextlib.contextmanager
def _written_whole(part: Path, final: Path, undone: tuple[Path, ...]) -> Iterator[int]:
    """`undone`: what is taken away on any error. The part is closed before it gets its name: Windows wants it so."""
    try:
        descriptor = os.open(part, _FLAGS, 0o600)
        try:
            yield descriptor
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(part, final)
        sync_folder(final.parent)
    except BaseException as exc:
        for path in undone:
            with contextlib.suppress(OSError):
                os.unlink(path)
        if isinstance(exc, OSError):
            raise (DiskFull if exc.errno in _NO_ROOM else WriteFailed)(str(exc)) from exc
        raise


def write_all(descriptor: int, data: bytes) -> None:
    """os.write may take less than it was given."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def holds_items(profile: Path) -> bool:
    """Whether a whole sealed file, or a copy of the store, lies in the folder of a profile."""
    for name in (BLOBS, STRAYS, COPIES):
        with contextlib.suppress(FileNotFoundError), os.scandir(profile / name) as entries:
            if any(entry.is_file() and not entry.name.endswith(PART) for entry in entries):
                return True
    return False


def sync_folder(folder: Path) -> None:
    """Makes names given or taken in `folder` survive power loss. Windows has no such call: its NTFS journals names."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def erase_blob(folder: Path, name: str) -> None:
    """Removes a sealed file and syncs the folder; one that is gone already is well. Raises :class:`WriteFailed`."""
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(folder / name)
        sync_folder(folder)
    except OSError as exc:
        raise WriteFailed(str(exc)) from exc


@contextlib.contextmanager
def all_or_none(folder: Path) -> Iterator[list[str]]:
    """Sealed files that are written within, by :func:`write_blob`, and put into the list: none stays on an error."""
    written: list[str] = []
    try:
        yield written
    except BaseException:
        for name in written:
            with contextlib.suppress(WriteFailed):
                erase_blob(folder, name)
        raise


def check_blob(folder: Path, name: str, sha256: str, size: int) -> None:
    """Raises :class:`BlobMissing` or :class:`BlobAltered` unless the file is there with this size and SHA-256."""
    try:
        with open(folder / name, "rb") as file:
            if os.fstat(file.fileno()).st_size != size:
                raise BlobAltered(f"{name}: the size is not {size}")
            digest = hashlib.sha256()
            while piece := file.read(_READ_BYTES):
                digest.update(piece)
    except OSError as exc:
        raise BlobMissing(f"{name}: {exc}") from exc
    if digest.hexdigest() != sha256:
        raise BlobAltered(f"{name}: the SHA-256 does not fit")
