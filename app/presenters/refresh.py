"""Fetching again what has changed, one answer at a time: a slower, older answer never overwrites a newer one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class Refresh:
    """Calls `work` once for any number of wishes that came before it began; wishes that come while it runs are
    met by one further run."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._wished = False
        self._turn = asyncio.Lock()

    @property
    def wished(self) -> bool:
        """A run that has not begun will meet any wish made now: no further call is needed."""
        return self._wished

    async def __call__(self) -> None:
        """Returns when the state is as new as this call; raises what `work` raises."""
        self._wished = True
        async with self._turn:
            if self._wished:
                self._wished = False
                await self._work()
