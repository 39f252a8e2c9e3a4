"""The body of one PATCH on its way to the disk: written as it comes, synced every second, counted once synced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto

from starlette.types import Receive

from app.clinic.blobs import BlobWriter
from app.clinic.problems import Refusal
from app.clinic.writers import Claim
from app.wire.errors import ErrorCode

_SYNC_BYTES = 1024 * 1024
_SYNC_S = 1.0
_IDLE_S = 120.0


class End(Enum):
    WHOLE = auto()  # the body ended as it should
    CUT = auto()  # the connection ended before
    DEPOSED = auto()  # another transfer has taken over
    IDLE = auto()  # nothing came for two minutes


class Transfer:
    """Writes from `offset` on. `advance(offset)` records what is synced; it runs in a worker thread, as all I/O."""

    def __init__(
        self, writer: BlobWriter, offset: int, size: int, advance: Callable[[int], None], claim: Claim
    ) -> None:
        self.offset = offset  # written
        self._synced = offset
        self._writer = writer
        self._size = size
        self._advance = advance
        self._claim = claim
        self._synced_at = 0.0
        self._failed = False

    async def run(self, receive: Receive) -> End:
        """Takes in the body. What arrived is synced and counted however it ends.

        Raises :class:`Refusal` TOO_LARGE for bytes beyond the upload's length, StorageFull, OSError.
        """
        loop = asyncio.get_running_loop()
        self._synced_at = loop.time()
        pending = asyncio.ensure_future(receive())
        try:
            while True:
                if not await self._claim.wait(pending, _IDLE_S):
                    return End.IDLE
                if self._claim.sync_asked:
                    await asyncio.to_thread(self._sync)
                    self._claim.synced()
                if not pending.done():
                    if self._claim.deposed:
                        return End.DEPOSED
                    continue
                message = pending.result()
                if message["type"] == "http.disconnect":
                    return End.CUT
                await self._take(message.get("body", b""), loop.time())
                if not message.get("more_body", False):
                    return End.WHOLE
                if self._claim.deposed:
                    return End.DEPOSED
                pending = asyncio.ensure_future(receive())
        finally:
            pending.cancel()
            # Even when this request is cancelled: what has arrived is kept.
            await asyncio.shield(asyncio.to_thread(self._finish))

    async def _take(self, data: bytes, now: float) -> None:
        if self.offset + len(data) > self._size:
            raise Refusal(ErrorCode.TOO_LARGE, "there are more bytes than Upload-Length says")
        if not data:
            return
        due = now >= self._synced_at + _SYNC_S or self.offset + len(data) - self._synced >= _SYNC_BYTES
        await asyncio.to_thread(self._write, data, due)
        if due:
            self._synced_at = now

    def _write(self, data: bytes, sync: bool) -> None:
        self._writer.write(data)
        self.offset += len(data)
        if sync:
            self._sync()

    def _sync(self) -> None:
        if self.offset > self._synced:
            # Should either fail, the rest is not tried again on this file (the flag stays): the client resumes
            # from what was counted.
            self._failed = True
            self._writer.sync()
            self._advance(self.offset)
            self._failed = False
            self._synced = self.offset

    def _finish(self) -> None:
        try:
            if not self._failed:
                self._sync()
        finally:
            self._writer.close()
