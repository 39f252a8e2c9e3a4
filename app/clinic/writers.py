"""One writer for each upload. A newcomer takes over, because the old one's connection may be dead unnoticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import Message

from app.clinic.problems import Refusal
from app.wire.errors import ErrorCode


class Claim:
    """The right to write one upload, until deposed. Lives on the event loop."""

    def __init__(self) -> None:
        self.deposed = False
        self.released = asyncio.Event()
        self._asked: list[asyncio.Future[None]] = []
        self._woken = asyncio.Event()

    def depose(self) -> None:
        self.deposed = True
        self._woken.set()

    def ask_sync(self) -> asyncio.Future[None]:
        """Done when the writer has synced what it holds, or has ended."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(future)
        self._woken.set()
        return future

    @property
    def sync_asked(self) -> bool:
        return bool(self._asked)

    def synced(self) -> None:
        for future in self._asked:
            if not future.done():
                future.set_result(None)
        self._asked.clear()

    async def wait(self, pending: asyncio.Future[Message], timeout: float) -> bool:
        """Waits for `pending` or a call on this claim; False when neither came within `timeout` seconds."""
        woken = asyncio.ensure_future(self._woken.wait())
        both: set[asyncio.Future[Any]] = {pending, woken}
        try:
            done, _ = await asyncio.wait(both, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
        self._woken.clear()
        return bool(done)


class Writers:
    """The claims of this process."""

    def __init__(self, patience_s: float = 5.0) -> None:
        self._patience_s = patience_s
        self._active: dict[str, Claim] = {}

    @asynccontextmanager
    async def claim(self, upload_id: str) -> AsyncIterator[Claim]:
        """Deposes the present writer and waits until it has synced and let go.

        Raises :class:`Refusal` (423 Locked) when it does not in time.
        """
        try:
            async with asyncio.timeout(self._patience_s):
                while (active := self._active.get(upload_id)) is not None:
                    active.depose()
                    await active.released.wait()
        except TimeoutError:
            raise locked("another transfer of this upload is at work") from None
        mine = Claim()
        self._active[upload_id] = mine
        try:
            yield mine
        finally:
            del self._active[upload_id]
            mine.synced()
            mine.released.set()

    async def settle(self, upload_id: str) -> None:
        """Has the present writer, if any, sync what it holds, so that the offset is as far as it can be."""
        active = self._active.get(upload_id)
        if active is not None:
            await asyncio.wait({active.ask_sync()}, timeout=self._patience_s)


def locked(detail: str) -> Refusal:
    return Refusal(ErrorCode.OFFSET_MISMATCH, detail, status=423)
