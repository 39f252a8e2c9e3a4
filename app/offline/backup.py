"""Copies of the encrypted store: made whole under the same key, opened and checked, rotated, put back.

A copy holds rows, drafts and keys, not the sealed files, which lie beside it already and are written once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from app.offline.database import check_copy
from app.offline.errors import DiskFull, OfflineError, StoreDamaged, StoreFailed, WrongKey
from app.offline.files import holds_items, sync_folder
from app.offline.store import Setting, StoreCore

log = logging.getLogger(__name__)

KEEP = 3
EVERY_S = 24 * 3600.0
_NAME = re.compile(r"store-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}\.backup")


class NoBackup(StoreFailed):
    """There is no copy that opens whole."""

    sentence = "There is no good copy of the items saved on this computer. Nothing was changed."


def copies(folder: Path) -> list[Path]:
    """All copies in `folder`, the newest first."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), reverse=True)


def back_up(core: StoreCore, folder: Path, now: float, keep: int = KEEP) -> Path:
    """Makes a copy in `folder` (mode 0700), checks it by opening it, then lets go of all but the newest `keep`.

    `now`: UTC epoch, s. Run it in the store's thread. Raises :class:`StoreFailed` or :class:`DiskFull`; the older
    copies stay then.
    """
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    final = folder / f"store-{stamp}-{secrets.token_hex(4)}.backup"
    part = final.with_suffix(".part")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for path in folder.glob("store-*.part*"):  # what a sudden end has left
            path.unlink()
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        core.copy_to(part)
        core.check_copy(part)
        _sync(part)
        os.replace(part, final)
        sync_folder(folder)
        for path in [path for path in copies(folder) if path != final][keep - 1 :]:
            path.unlink()
    except OSError as exc:
        raise StoreFailed(f"no copy was made: {exc}") from exc
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    core.put(Setting.BACKED_UP_AT, str(int(now)).encode())
    return final


def back_up_when_due(core: StoreCore, folder: Path, now: float) -> bool:
    """A copy a day; whether one was made. A clock that was set back makes one, too. A failure is told to the log."""
    last = core.get(Setting.BACKED_UP_AT)
    if last is not None and 0.0 <= now - float(last) < EVERY_S and copies(folder):
        return False
    try:
        back_up(core, folder, now)
    except (StoreFailed, DiskFull) as exc:
        log.warning("no copy of the store was made: %s", exc.detail)
        return False
    return True


def mend(store: Path, key: bytes, folder: Path) -> None:
    """Before the store is opened: one that is damaged or gone is replaced by its newest good copy, if there is one.

    A store without this device's keys beside sealed files is damaged, too: SQLite drops the rest of a damaged log in
    silence. A wrong key and a damaged first page look alike: a copy that opens under the key says which it was.
    Without a good copy it raises what the store said (:class:`StoreDamaged`, :class:`WrongKey`), and no item was
    touched. The sweep tells the person of a copy that was put back.
    """
    try:
        core = StoreCore(store, key)
        try:
            if core.get(Setting.AGE_IDENTITY) is None and holds_items(store.parent):
                raise StoreDamaged("the store has lost this device's keys")
        finally:
            core.close()
    except (StoreDamaged, WrongKey) as exc:
        log.error("the store does not open: %s (%s)", type(exc).__name__, exc.detail)
        try:
            copy = restore(store, key, folder)
        except NoBackup:
            raise exc from None
        log.warning("a copy of the store was put back: %s", copy.name)


def restore(store: Path, key: bytes, folder: Path) -> Path:
    """Puts the newest copy that opens whole in the place of a store that does not; returns that copy's path.

    The store must be closed. What was in its place is kept beside it, as "<name>.damaged". Sealed files that are
    newer than the copy are the next sweep's to put in order (strays.py), and it tells the person. Raises
    :class:`NoBackup`, and then nothing was changed.
    """
    for path in copies(folder):
        try:
            check_copy(path, key)
        except OfflineError as exc:
            log.warning("a copy of the store does not open: %s", exc.detail)
            continue
        _put_in_place(path, store, key)
        return path
    raise NoBackup(str(folder))


def _put_in_place(copy: Path, store: Path, key: bytes) -> None:
    fresh = store.with_name(f"{store.name}.restoring")
    try:
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_bytes(copy.read_bytes())
        core = StoreCore(fresh, key)
        try:
            core.put(Setting.RESTORED, b"1")  # before it takes its place: the person is told, whatever comes between
        finally:
            core.close()
        _sync(fresh)
        for suffix in ("", "-wal", "-shm", "-journal"):
            old = store.with_name(store.name + suffix)
            if old.exists():
                os.replace(old, store.with_name(f"{store.name}{suffix}.damaged"))
        os.replace(fresh, store)
        sync_folder(store.parent)
    except OSError as exc:
        raise StoreFailed(f"the copy could not be put back: {exc}") from exc


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
