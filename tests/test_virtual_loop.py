"""The loop of virtual time, and that real time is not waited out."""

from __future__ import annotations

import asyncio

import pytest

from tests.virtual_loop import passes, run_virtually


def test_a_week_passes_at_once_and_a_real_loop_is_refused() -> None:
    async def week() -> float:
        await passes(7 * 86_400)
        return asyncio.get_running_loop().time()

    assert run_virtually(week()) == 7 * 86_400
    with pytest.raises(RuntimeError, match="wait for the event"):
        asyncio.run(week())
