"""The outbox's rows in memory and in the store, changed by one at a time; the memory never runs ahead of the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from app.offline.outbox import OutboxSubmission, apply, hurry
from app.offline.store import Store, StoreCore
from app.offline.transfer import Event, OutboxBlob
from app.offline.usage import Usage, month_of

T = TypeVar("T")

Change = Callable[[OutboxSubmission], OutboxSubmission]


class Ledger:
    """`submissions`: all that have work to do and the newest others, oldest first. `usage`: of this month."""

    def __init__(self, store: Store, clock: Callable[[], float], on_change: Callable[[], None]) -> None:
        self.submissions: tuple[OutboxSubmission, ...] = ()
        self.usage = Usage(month_of(clock()), 0)
        self._store = store
        self._clock = clock
        self._on_change = on_change
        self._changing = asyncio.Lock()
        self._writing: set[asyncio.Task[Any]] = set()

    async def reload(self) -> None:
        """Reads what others have inserted or finished, and this month's usage."""
        async with self._changing:
            found = await self._store.call(StoreCore.submissions)
            month = month_of(self._clock())
            usage = Usage(month, await self._store.call(StoreCore.usage, month))
            changed = (found, usage) != (self.submissions, self.usage)
            self.submissions, self.usage = found, usage
        if changed:
            self._on_change()

    async def apply(self, row: OutboxBlob, event: Event) -> None:
        """One blob's event. Once begun it is written whole, even when the waiting task is cancelled."""
        await self.change(row.submission, lambda submission: apply(submission, row.blob, event))

    async def change(self, submission: str, change: Change) -> OutboxSubmission | None:
        """`change` done to the submission as the store has it, written and shown; None when there is none."""
        return await self._whole(self._change(submission, change))

    async def together(
        self, change: Callable[[StoreCore], tuple[OutboxSubmission, ...]]
    ) -> tuple[OutboxSubmission, ...]:
        """Several changed by `change` in the store's thread, in one transaction of its own; those that it gives."""
        return await self._whole(self._together(change))

    async def hurry(self) -> None:
        """Everything that waits becomes due."""
        for submission in self.submissions:
            await self.change(submission.submission, hurry)

    async def opened(self, submission: str, change: Change, word: bytes) -> None:
        """As :meth:`change`, with the signed word of who opened it."""
        async with self._changing:
            before = await self._store.call(StoreCore.submission, submission)
            if before is not None and (after := change(before)) != before:
                await self._store.call(StoreCore.save_opened, before, after, word)
                self._show(after)

    async def drained(self) -> None:
        """When all that was begun is written."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.get_running_loop().create_task(work)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return await asyncio.shield(task)

    async def _together(
        self, change: Callable[[StoreCore], tuple[OutboxSubmission, ...]]
    ) -> tuple[OutboxSubmission, ...]:
        async with self._changing:
            changed = await self._store.call(change)
            for after in changed:
                self._show(after)
        self._on_change()
        return changed

    async def _change(self, submission: str, change: Change) -> OutboxSubmission | None:
        async with self._changing:
            before = await self._store.call(StoreCore.submission, submission)
            if before is None:
                return None
            after = change(before)
            if after == before:
                return after
            month = month_of(self._clock())
            await self._store.call(StoreCore.save_submission, before, after, month)
            sent = sum(row.sent for row in after.blobs) - sum(row.sent for row in before.blobs)
            self.usage = self.usage.plus(month, sent)
            self._show(after)
        self._on_change()
        return after

    def _show(self, after: OutboxSubmission) -> None:
        self.submissions = tuple(after if s.submission == after.submission else s for s in self.submissions)
