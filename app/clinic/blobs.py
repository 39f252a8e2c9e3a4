"""Where sealed blobs lie: a small face, files in a folder behind it (an object store can take its place)."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from app.clinic.settings import sync_folder

_PIECE = 256 * 1024
_CHECK_BYTES = 1024 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class StorageFull(Exception):
    """There is no room for more; what was synced before stays."""


class BlobLost(Exception):
    """The file is missing or shorter than what was synced: the upload has to begin anew."""


class BlobWriter(Protocol):
    def write(self, data: bytes) -> None:
        """Appends; raises :class:`StorageFull` or OSError."""

    def sync(self) -> None:
        """Returns when all that was written lasts through a power cut; raises :class:`StorageFull` or OSError."""

    def close(self) -> None: ...


class Blobs(Protocol):
    """Blobs by name. All methods block; they are called from worker threads, with one writer for a name."""

    def open(self, name: str, offset: int) -> BlobWriter:
        """Goes on after the first `offset` bytes; later ones are dropped. Raises :class:`BlobLost`, StorageFull."""

    def sha256(self, name: str) -> str:
        """Hexadecimal SHA-256 of the whole blob as it lies there; raises :class:`BlobLost`."""

    def read(self, name: str, start: int, stop: int) -> Iterator[bytes]:
        """The bytes [start, stop) in pieces; raises :class:`BlobLost` before the first."""

    def remove(self, *names: str) -> None:
        """Returns when they are gone, after a power cut too; nothing for a name that is not there."""

    def names(self) -> list[str]:
        """All blobs that lie there."""


class BlobFiles:
    """A file (0600) for each blob. `reserve` bytes of the disk stay free, so that the database can go on."""

    def __init__(self, folder: Path, reserve: int) -> None:
        self._folder = folder
        self._reserve = reserve
        self._doubtful: set[str] = set()
        self._lock = threading.Lock()

    def open(self, name: str, offset: int) -> BlobWriter:
        path = self._path(name)
        self.check_room()
        try:
            if not path.exists():
                if offset:
                    raise BlobLost
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
                sync_folder(self._folder)
            if path.stat().st_size < offset:
                raise BlobLost
            with self._lock:
                doubtful = name in self._doubtful
            if doubtful:
                self._copy(path, offset)
                self._settle(name)
            handle = os.open(path, os.O_WRONLY)
            os.ftruncate(handle, offset)
            os.lseek(handle, offset, os.SEEK_SET)
        except OSError as exc:
            raise _typed(exc) from exc
        return _FileWriter(self, name, handle)

    def sha256(self, name: str) -> str:
        digest = hashlib.sha256()
        try:
            with self._path(name).open("rb") as file:
                while piece := file.read(_PIECE):
                    digest.update(piece)
        except FileNotFoundError:
            raise BlobLost from None
        sync_folder(self._folder)
        return digest.hexdigest()

    def read(self, name: str, start: int, stop: int) -> Iterator[bytes]:
        try:
            file = self._path(name).open("rb")
        except FileNotFoundError:
            raise BlobLost from None

        def pieces() -> Iterator[bytes]:
            with file:
                file.seek(start)
                left = stop - start
                while left > 0 and (piece := file.read(min(_PIECE, left))):
                    left -= len(piece)
                    yield piece

        return pieces()

    def remove(self, *names: str) -> None:
        for name in names:
            self._path(name).unlink(missing_ok=True)
            self._settle(name)
        sync_folder(self._folder)

    def names(self) -> list[str]:
        return [path.name for path in self._folder.iterdir() if path.name.isalnum()]

    def check_room(self) -> None:
        """Raises :class:`StorageFull` when less than the reserve is free."""
        if shutil.disk_usage(self._folder).free < self._reserve:
            raise StorageFull

    def doubt(self, name: str) -> None:
        """After a failed fsync the kernel may call lost pages clean: this file is never written again."""
        with self._lock:
            self._doubtful.add(name)

    def _settle(self, name: str) -> None:
        with self._lock:
            self._doubtful.discard(name)

    def _copy(self, path: Path, size: int) -> None:
        """Puts a new file with the first `size` bytes in the place of a doubtful one."""
        fresh = path.with_name(path.name + ".new")
        try:
            with path.open("rb") as old, fresh.open("wb") as new:
                left = size
                while left > 0 and (piece := old.read(min(_PIECE, left))):
                    new.write(piece)
                    left -= len(piece)
                new.flush()
                os.fsync(new.fileno())
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
        sync_folder(self._folder)

    def _path(self, name: str) -> Path:
        if not name.isalnum():
            raise ValueError("a blob's name has letters and digits alone")
        return self._folder / name


class _FileWriter:
    def __init__(self, files: BlobFiles, name: str, handle: int) -> None:
        self._files = files
        self._name = name
        self._handle = handle
        self._unchecked = 0

    def write(self, data: bytes) -> None:
        self._unchecked += len(data)
        if self._unchecked >= _CHECK_BYTES:
            self._files.check_room()
            self._unchecked = 0
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._handle, left) :]
        except OSError as exc:
            raise _typed(exc) from exc

    def sync(self) -> None:
        try:
            os.fsync(self._handle)
        except OSError as exc:
            self._files.doubt(self._name)
            raise _typed(exc) from exc

    def close(self) -> None:
        os.close(self._handle)


def _typed(exc: OSError) -> Exception:
    return StorageFull() if exc.errno in _FULL else exc
