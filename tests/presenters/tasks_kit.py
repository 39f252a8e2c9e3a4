"""Work that a presenter's part sets off, as a presenter would; and a wait until all of it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """On the running loop. `tasks`: what has not ended."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def settled(self) -> None:
        await asyncio.sleep(0)  # commands come by call_soon
        while self.tasks:
            await asyncio.gather(*self.tasks)
