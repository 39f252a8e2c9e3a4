"""A profile: the folder of one device's identity and items, with one instance of the app in it at a time."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import platformdirs

from app.offline.errors import ProfileInUse, ProfileUnusable
from app.offline.files import BLOBS, sync_folder


def default_folder(role: Literal["patient", "provider"]) -> Path:
    """Where a profile lives unless the command line says otherwise."""
    return platformdirs.user_data_path("thinline") / role


class Profile:
    """An open profile; holds the lock until :meth:`close` or the end of the process.

    `folder/store.db` is the encrypted store, `folder/blobs/` the sealed files, `folder/store.key` a weak key file
    or `folder/store.key.wrapped` the key under a passphrase, if there is one.
    """

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder = folder
        self.blobs = folder / BLOBS
        self.store_path = folder / "store.db"
        self.key_file = folder / "store.key"
        self.wrapped_key_file = folder / "store.key.wrapped"
        self._lock: int | None = lock

    @classmethod
    def open(cls, folder: Path) -> Profile:
        """Makes the folder (mode 0700) when it is not there, and takes its lock.

        Raises :class:`ProfileInUse` or :class:`ProfileUnusable`.
        """
        try:
            folder = folder.expanduser().absolute()
            made = [path for path in folder.parents if not path.exists()]
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _close_to_others(folder)
            (folder / BLOBS).mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            _sync_names(folder, made)
        except OSError as exc:
            raise ProfileUnusable(str(exc)) from exc
        try:
            _take_lock(descriptor)
        except OSError as exc:
            os.close(descriptor)
            raise ProfileInUse(str(folder)) from exc
        return cls(folder, descriptor)

    def close(self) -> None:
        """Gives the lock back; calling it again does nothing. The lock file stays: removing it would race."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Profile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _close_to_others(folder: Path) -> None:
    """A folder that was there before may be open to others: close it, or refuse one that is not ours."""
    if sys.platform == "win32":
        return  # the user's own data folder is guarded by its access list
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise ProfileUnusable(f"{folder} belongs to user {found.st_uid}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(0o700)


def _sync_names(folder: Path, made: Sequence[Path]) -> None:
    """The profile's own name survives a power loss, or all that is saved in it would be gone with the name.

    At every start: an earlier one may have ended between making it and this. `made`: parents that were not there.
    """
    for path in (folder, folder.parent, *(new.parent for new in made)):
        with contextlib.suppress(PermissionError):  # a parent that only lets us through is not ours to sync
            sync_folder(path)


def _take_lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
