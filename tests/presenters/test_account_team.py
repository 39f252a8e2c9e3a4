"""The care team's list as the account keeps it, and what is sealed anew because of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from app.offline.capture import Capture, Words
from app.offline.reseal import reseal_unsent
from app.presenters.account import Account
from app.wire.signed import Context, sign
from tests.offline.offline_kit import Clinic, open_device


def test_nothing_is_sealed_anew_before_there_is_a_second_list(tmp_path: Path) -> None:
    clinic = Clinic()
    open_device(tmp_path / "p", clinic).close()

    async def scene() -> None:
        account = await Account.open(tmp_path / "p", None)
        store, blobs = account.store, account.profile.blobs
        try:
            first = clinic.team()
            await account.keep_team(sign(first, Context.CARE_TEAM, clinic.root), first)
            await Capture(store, blobs).save([], Words("words", "It itches."))
            sealed = set(blobs.iterdir())
            assert await reseal_unsent(store, blobs) == 0
            assert set(blobs.iterdir()) == sealed
            second = first.model_copy(update={"version": 2})
            await account.keep_team(sign(second, Context.CARE_TEAM, clinic.root), second)
            assert await reseal_unsent(store, blobs) == 1
            assert set(blobs.iterdir()).isdisjoint(sealed)
        finally:
            await account.close()

    asyncio.run(scene())
