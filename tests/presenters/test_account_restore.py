"""A damaged, empty or missing store: the account opens with its newest good copy, or not at all; nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.offline.backup import back_up
from app.offline.capture import Part, Words, save_sealed, seal_submission
from app.offline.errors import OfflineError, StoreDamaged, StoreGone, WrongKey
from app.offline.recovery import RESTORED, Swept, sweep
from app.offline.store import StoreCore
from app.offline.trust import sender
from app.presenters.account import Account
from tests.offline.offline_kit import NOW, Clinic, every_byte, flipped, open_device

DAMAGE: dict[str, tuple[Callable[[Path], object], type[OfflineError]]] = {
    "a bit of the first page": (lambda path: flipped(path, 1000), WrongKey),
    "a bit of another page": (lambda path: flipped(path, 9000), StoreDamaged),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:8192]), StoreDamaged),
    "empty": (lambda path: path.write_bytes(b""), StoreGone),
    "missing": (lambda path: path.unlink(), StoreGone),
}


def profile(folder: Path, *, copy: bool) -> list[str]:
    """Two items, the second newer than the copy."""
    device, saved = open_device(folder, Clinic()), []
    for number in range(2):
        sealed = seal_submission(sender(device.core), [Part(b"photo", "a", "image/jpeg")], Words("photo"), NOW)
        save_sealed(device.core, device.profile.blobs, sealed)
        saved.append(sealed.submission)
        if copy and not number:
            back_up(device.core, folder / "copies", time.time())
    device.close()
    return saved


async def opened(folder: Path) -> tuple[Swept, set[str]]:
    account = await Account.open(folder, None)
    try:
        swept = await account.store.call(sweep, account.profile.blobs)
        rows = await account.store.call(StoreCore.submissions)
    finally:
        await account.close()
    return swept, {row.submission for row in rows}


@pytest.mark.parametrize("how", DAMAGE)
def test_the_newest_copy_is_put_back_and_newer_items_come_back(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    saved = profile(tmp_path / "profile", copy=True)
    DAMAGE[how][0](tmp_path / "profile" / "store.db")
    swept, found = asyncio.run(opened(tmp_path / "profile"))
    assert found == set(saved)
    assert (swept.rebuilt, swept.lost, swept.notice) == (1, 0, RESTORED)
    assert "a copy of the store was put back" in caplog.text
    again, _ = asyncio.run(opened(tmp_path / "profile"))
    assert (again.rebuilt, again.notice) == (0, "")


@pytest.mark.parametrize("how", DAMAGE)
def test_without_a_copy_it_does_not_open_and_nothing_changes(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    profile(tmp_path / "profile", copy=False)
    damage, kind = DAMAGE[how]
    damage(tmp_path / "profile" / "store.db")
    before = every_byte(tmp_path / "profile")
    for _ in range(2):
        with pytest.raises(kind):
            asyncio.run(opened(tmp_path / "profile"))
    assert every_byte(tmp_path / "profile") == before
    assert "does not open" in caplog.text
