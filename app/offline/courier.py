"""One piece of the outbox's work at a time: what the plan says is done, and what came of it is written."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from app.net.errors import NetError
from app.offline import outbox, trust
from app.offline.allowance import Allowance
from app.offline.backup import back_up_when_due
from app.offline.choices import Choices
from app.offline.errors import BlobMissing, NotEnrolled, WriteFailed
from app.offline.files import COPIES, erase_blob
from app.offline.ledger import Ledger
from app.offline.life import Held, Life, LifeEvent, live
from app.offline.link import Link
from app.offline.opened import fetch_opened
from app.offline.outbox import OutboxSubmission
from app.offline.patch import Patience, Transport
from app.offline.plan import (
    Erase,
    Probe,
    Release,
    Send,
    Sleep,
    Withdraw,
    Work,
    candidates,
    gives_way,
    is_due,
    next_work,
)
from app.offline.remaining import Speed
from app.offline.reseal import reseal_unsent
from app.offline.sending import Sending, failed
from app.offline.standing import Conditions
from app.offline.store import Store
from app.offline.transfer import FailureKind, OutboxBlob, Start, Stored, Transfer
from app.offline.trouble import failure_kind
from app.offline.uploader import Uploader, UploadJob
from app.offline.withdrawing import tell_withdrawn

log = logging.getLogger(__name__)

GOOD_LINK_BYTES_S = 125_000.0
"""One megabit a second: a photo in full size takes half a minute."""
LOOK_AGAIN_S = 3600.0
"""A link that was no good one may be another by now: what waits for a good one tries it again."""
_LINK_KINDS = frozenset({FailureKind.OFFLINE, FailureKind.SIGN_IN})


@dataclass(frozen=True)
class Surroundings:
    """What the worker takes from the world: wall clock (UTC epoch, s), jitter 0..1, patience, whether to watch it."""

    clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random
    patience: Patience = field(default_factory=Patience)
    watch: bool = True


class Courier:
    """Does what the plan says. `link`: what it believes of the way to the clinic; `choices`: what the person wants."""

    def __init__(
        self,
        store: Store,
        blobs: Path,
        transport: Transport,
        allowance: Allowance,
        on_change: Callable[[], None],
        around: Surroundings,
    ) -> None:
        self.allowance = allowance
        self.choices = Choices()
        self.link = Link()
        self.ledger = Ledger(store, around.clock, on_change)
        self._store = store
        self._blobs = blobs
        self._transport = transport
        self._around = around
        self._on_change = on_change
        self._sending = Sending(self.ledger, Uploader(transport, blobs, allowance, around.patience), self.wake)
        self._awake = asyncio.Event()
        self._spared: set[str] = set()
        self._asked: set[str] = set()

    def wake(self) -> None:
        """Something has changed: the work at hand is looked at again."""
        self._awake.set()

    async def rest(self, seconds: float) -> None:
        """Until woken from now on, or for `seconds`: a wake from before must not turn this into a busy loop."""
        self._awake.clear()
        await self._wait(self._around.clock() + seconds)

    def conditions(self) -> Conditions:
        return Conditions(self._around.clock(), self.link.down, self.allowance.paused, self.choices.paused)

    @property
    def waits(self) -> bool:
        """Whether something is due, or going, that nothing but a visit may hold back."""
        now = self._around.clock()
        if self.choices.paused or not (self.link.up or self.link.due(now)):
            return False
        return any(is_due(row.retry_at, now) for _, row in candidates(self.ledger.submissions, self.choices.scope))

    def rate(self) -> float | None:
        """Bytes a second at which things go today; None when unknown."""
        return self._sending.speed.rate(asyncio.get_running_loop().time())

    def doubt(self) -> None:
        """Another network, or time that nobody saw: neither the way nor its speed is known any more."""
        self.link = self.link.doubted()
        self._sending.speed = Speed()

    def good_link(self) -> bool | None:
        """Whether the link is one for photos in full size; None when nobody knows."""
        if self.choices.link_metered or self.allowance.rate is not None:
            return False
        rate = self.rate()
        if rate is not None and rate >= GOOD_LINK_BYTES_S:
            return True
        return None if rate is None or self._age() > LOOK_AGAIN_S else False

    def _age(self) -> float:
        """Seconds since the speed was measured."""
        return self._sending.speed.age(asyncio.get_running_loop().time())

    async def refresh_states(self) -> None:
        """Asks the clinic which submissions a provider has opened. Raises what the transport raises."""
        try:
            team = await self._store.call(trust.care_team)
        except NotEnrolled:
            return  # without a care team nothing was ever sent
        for submission, word in (await fetch_opened(self._transport, team)).items():
            await self.ledger.opened(submission, _opened, word)
        self._on_change()

    async def turn(self) -> None:
        """Finds the next work and does it; returns when the next should be sought."""
        self._awake.clear()  # first: a kick from now on is for the next turn
        await self.ledger.reload()
        if await self._resealed():
            await self.ledger.reload()
        if self.link.asked:
            await self._probe()
            return
        await self._ask_for_missing()
        await self._hold_again()
        await self._do(self._next())

    async def _ask_for_missing(self) -> None:
        """A file that is missing may have been delivered, and the row that said so lost (a damaged log, an older copy
        of the store). Each is tried once more; the uploader asks the clinic before it says that the file is missing.
        """
        for submission in self.ledger.submissions:
            if submission.submission not in self._asked and any(_missing(row) for row in submission.blobs):
                self._asked.add(submission.submission)
                await self.ledger.change(submission.submission, _again)

    async def _hold_again(self) -> None:
        """What was tried on a link that is no good one waits on."""
        if self.good_link() is False:
            for submission in filter(outbox.on_trial, self.ledger.submissions):
                await self.ledger.change(submission.submission, _held_again)

    async def _resealed(self) -> int:
        """What waits is sealed anew for a care team that has changed, before anything of it goes."""
        try:
            return await reseal_unsent(self._store, self._blobs)
        except NotEnrolled:
            return 0

    def _next(self) -> Work:
        now = self._around.clock()
        return next_work(
            self.ledger.submissions,
            now,
            self.link.up,
            self.allowance.paused or self.choices.paused,
            self._spared,
            scope=self.choices.scope,
            good_link=self.good_link(),
            tell_at=now + max(0.0, LOOK_AGAIN_S - self._age()),
        )

    async def _do(self, work: Work) -> None:
        match work:
            case Erase(row, _):
                await self._erase(work, row)
            case Withdraw(submission):
                await self._withdraw(submission)
            case Send(row, count):
                await self._send(row, count)
            case Release(submission):
                await self.ledger.change(submission, _on_its_trial)
            case Probe():
                await self._probe()
            case Sleep(until):
                await self._store.call(back_up_when_due, self._blobs.parent / COPIES, self._around.clock())
                self._on_change()
                await self._wait(until)

    async def _wait(self, until: float | None) -> None:
        wait = None if until is None else max(0.0, until - self._around.clock())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._awake.wait()

    async def _send(self, row: OutboxBlob, count: int) -> None:
        job = UploadJob(row, count, await self._store.call(trust.device_id), await self._store.call(trust.receipt_key))
        await self.ledger.apply(row, Start())
        event = await self._sending.run(job, functools.partial(self._cut, row.blob))
        if self._sending.gained or isinstance(event, Stored):
            self.link = self.link.moved()
        if isinstance(event, Exception):
            event = failed(event, self._around.clock(), self._around.jitter())
            if event.kind in _LINK_KINDS:
                self._link_down(event.kind)
        await self.ledger.apply(row, event)

    async def _cut(self, blob: str) -> None:
        """Returns when the blob under way must stop: what else is there matters more, or the network is another."""
        while True:
            self._awake.clear()
            await self.ledger.reload()
            now, paused = self._around.clock(), self.choices.paused
            # A live visit is the uploader's own affair: it ends a try in such a way that no connection is lost.
            if self.good_link() is False and any(_on_trial(s, blob) for s in self.ledger.submissions):
                return
            if self.link.asked or gives_way(self.ledger.submissions, blob, now, paused, self.choices.scope):
                return
            await self._awake.wait()

    async def _erase(self, work: Erase, row: OutboxBlob) -> None:
        """After STORED was committed with its receipt: unlink, sync the folder, then commit ERASED (or DROPPED)."""
        try:
            await self._store.call(lambda core: erase_blob(self._blobs, row.file))
        except WriteFailed as exc:
            log.warning("a delivered file stays until the next start: %s", exc.detail)
            self._spared.add(row.blob)
            return
        await self.ledger.apply(row, work.event)

    async def _withdraw(self, submission: str) -> None:
        now = self._around.clock()
        try:
            sender = await self._store.call(trust.sender)
            at = datetime.fromtimestamp(now, UTC)
            made_at = next(s.created_at for s in self.ledger.submissions if s.submission == submission)
            taken = await tell_withdrawn(self._transport, sender, submission, at, made_at)
        except NetError as exc:
            kind = failure_kind(exc)
            log.info("a withdrawal was not told: %s, %s", kind, type(exc).__name__)
            if kind in _LINK_KINDS:
                self._link_down(kind)
            jitter, spent = self._around.jitter(), kind not in _LINK_KINDS
            await self.ledger.change(submission, lambda s: outbox.withdrawal_failed(s, now, jitter, spent))
            return
        await self.ledger.change(submission, outbox.taken_back if taken else outbox.too_late)

    async def _probe(self) -> None:
        """The link is down and something is due: ask with growing gaps; the question is of use in itself."""
        if not self.link.due(self._around.clock()):
            self._on_change()
            await self._wait(self.link.probe_at)
            return
        try:
            await self.refresh_states()
        except NetError as exc:
            log.info("probe: %s", type(exc).__name__)
            kind = failure_kind(exc)
            if kind in _LINK_KINDS:
                self._link_down(kind)
                return
        self.link = self.link.answered()  # a clinic that answers with a mistake is there all the same
        self._on_change()

    def _link_down(self, kind: FailureKind) -> None:
        self.link = self.link.failed(kind, self._around.clock(), self._around.jitter())


def _missing(row: OutboxBlob) -> bool:
    return row.state is Transfer.REFUSED and row.reason == BlobMissing.sentence


def _again(before: OutboxSubmission) -> OutboxSubmission:
    return outbox.try_again(before) if before.life is Life.NEEDS_PERSON else before


def _on_its_trial(before: OutboxSubmission) -> OutboxSubmission:
    return outbox.tried(before) if before.life is Life.HELD and before.held is Held.UNTIL_GOOD_LINK else before


def _held_again(before: OutboxSubmission) -> OutboxSubmission:
    return outbox.held_again(before) if outbox.on_trial(before) else before


def _on_trial(submission: OutboxSubmission, blob: str) -> bool:
    return outbox.on_trial(submission) and any(row.blob == blob for row in submission.blobs)


def _opened(before: OutboxSubmission) -> OutboxSubmission:
    return replace(before, life=live(before.life, LifeEvent.OPENED)) if before.life is Life.RECEIVED else before
