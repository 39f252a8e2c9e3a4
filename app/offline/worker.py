"""The one task that sends what waits: wakes, probes, sends, erases after the checked receipt, and tells."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from app.net.errors import NetError
from app.offline import outbox, trust
from app.offline.allowance import Allowance
from app.offline.backup import back_up_when_due
from app.offline.choices import Choices, load_choices, save_choices
from app.offline.connectivity import Change, Connectivity
from app.offline.errors import NotEnrolled, OfflineError, WriteFailed
from app.offline.files import erase_blob
from app.offline.ledger import Ledger
from app.offline.life import MAY_WITHDRAW, Life, LifeEvent, live
from app.offline.link import Link
from app.offline.opened import fetch_opened
from app.offline.outbox import OutboxSubmission
from app.offline.patch import Patience, Transport
from app.offline.plan import Erase, Metered, Probe, Release, Send, Sleep, Withdraw, gives_way, next_work
from app.offline.recovery import sweep
from app.offline.sending import Sending, failed
from app.offline.standing import Conditions
from app.offline.status import SubmissionStatus, statuses
from app.offline.store import Store
from app.offline.transfer import FailureKind, OutboxBlob, Start, Stored
from app.offline.trouble import failure_kind
from app.offline.uploader import Uploader, UploadJob
from app.offline.usage import Usage
from app.offline.withdrawing import tell_withdrawn

log = logging.getLogger(__name__)

FAULT_RETRY_S = 30.0
GOOD_LINK_BYTES_S = 125_000.0
COPIES = "copies"
"""The folder beside the sealed files in which the store's copies lie."""
_LINK_KINDS = frozenset({FailureKind.OFFLINE, FailureKind.SIGN_IN})


@dataclass(frozen=True)
class Surroundings:
    """What the worker takes from the world: wall clock (UTC epoch, s), jitter 0..1, patience, whether to watch it."""

    clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random
    patience: Patience = field(default_factory=Patience)
    watch: bool = True


class OutboxWorker:
    """Owns sending for one profile and one clinic. All methods on the I/O loop, all calls cheap."""

    def __init__(
        self,
        store: Store,
        blobs: Path,
        transport: Transport,
        *,
        allowance: Allowance | None = None,
        on_change: Callable[[], None] = lambda: None,
        surroundings: Surroundings | None = None,
    ) -> None:
        self.allowance = allowance or Allowance()
        self.allowance.on_change(self._wake)
        self.choices = Choices()
        self.fault = ""
        """A sentence when this computer itself fails (its disk), else ""."""
        self._store = store
        self._blobs = blobs
        self._transport = transport
        self._around = surroundings or Surroundings()
        self._on_change = on_change
        self._ledger = Ledger(store, self._around.clock, on_change)
        self._sending = Sending(self._ledger, Uploader(transport, blobs, self.allowance, self._around.patience))
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._asides: set[asyncio.Task[None]] = set()
        self._link = Link()
        self._spared: set[str] = set()

    def start(self) -> None:
        """Begins with the recovery sweep; then sends whatever is due."""
        if self._task is not None:
            raise RuntimeError("the worker has been started already")
        self._task = asyncio.get_running_loop().create_task(self._run(), name="outbox")
        if self._around.watch:
            self._aside(Connectivity(self.surroundings_changed).run())

    async def stop(self) -> None:
        """Ends sending at once; what was under way goes on from the service's offset at the next start."""
        tasks = [task for task in (self._task, *self._asides) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._ledger.drained()

    # what is asked of it

    def kick(self) -> None:
        """Something has changed: a new item, the link is back, the clinic answered elsewhere. Tries at once."""
        self._link = self._link.hurried()
        self._wake()
        if self._task is not None:
            self._aside(self._ledger.reload())

    def surroundings_changed(self, change: Change) -> None:
        """What app.offline.connectivity saw. The clinic itself is asked at once, and nothing is believed before."""
        if change is Change.STIR and self._link.up:
            return  # something of the network, but not our way to the clinic
        if change is not Change.STIR:
            self._link = self._link.doubted()
            self._aside(self._ledger.hurry())
        self.kick()

    async def try_again(self, submission: str) -> None:
        """A person asks for another try. Unknown and finished submissions are left alone."""
        await self._change(submission, outbox.try_again, frozenset({Life.FINISHED, Life.NEEDS_PERSON}))

    async def withdraw(self, submission: str) -> bool:
        """A person takes it back, with what is held back of it. False: a provider has opened it, or it is unknown."""
        for held in self._ledger.submissions:
            if held.amends == submission and held.life is Life.HELD:
                await self._change(held.submission, outbox.withdraw, frozenset({Life.HELD}))
        return await self._change(submission, outbox.withdraw, MAY_WITHDRAW)

    async def send_first(self, submission: str) -> None:
        """A person wants this one to go before all others; the last one chosen goes first. A held one is released."""
        await self._ledger.reload()
        place = 1 + max((s.first for s in self._ledger.submissions), default=0)
        await self.release(submission)
        await self._change(submission, lambda before: replace(before, first=place), frozenset({Life.FINISHED}))

    async def release(self, submission: str) -> None:
        """A held submission may go: it was asked for, or a person wants it. Others are left alone."""
        await self._change(submission, outbox.release, frozenset({Life.HELD}))

    async def replied(self, submission: str, event: LifeEvent) -> None:
        """A provider's verified reply to it: QUESTION or ANSWER. An unknown submission is left alone."""
        await self._change(submission, lambda before: outbox.replied(before, event), frozenset(Life))

    async def set_paused(self, paused: bool) -> None:
        """The person stops all sending, or lets it go on; kept over a new start. What is taken back is still told."""
        await self._choose(replace(self.choices, paused=paused))

    async def set_metered(self, choice: Metered) -> None:
        """What may go over a link that costs by the byte; kept."""
        await self._choose(replace(self.choices, metered=choice))

    async def set_link_metered(self, metered: bool) -> None:
        """The person says that this link costs by the byte, or does not; kept."""
        await self._choose(replace(self.choices, link_metered=metered))

    def snapshot(self) -> tuple[SubmissionStatus, ...]:
        """Everything that is under way and the newest of the rest, oldest first."""
        return statuses(self._submissions, self._conditions(), self.choices.scope, self._rate())

    def usage(self) -> Usage:
        """Bytes of ciphertext sent in this calendar month."""
        return self._ledger.usage

    async def refresh_states(self) -> None:
        """Asks the clinic which submissions a provider has opened. Raises what the transport raises."""
        try:
            team = await self._store.call(trust.care_team)
        except NotEnrolled:
            return  # without a care team nothing was ever sent
        for submission, word in (await fetch_opened(self._transport, team)).items():
            await self._ledger.opened(submission, _opened, word)
        self._on_change()

    # the task

    async def _run(self) -> None:
        while True:
            try:
                await self._store.call(sweep, self._blobs)
                self.choices = await self._store.call(load_choices)
                self.fault = ""
                while True:
                    await self._turn()
            except OfflineError as exc:
                log.error("the outbox cannot go on: %s (%s)", type(exc).__name__, exc.detail)
                self.fault = str(exc)
            except Exception:
                log.exception("the outbox cannot go on")
                self.fault = OfflineError.sentence
            # Whatever it was, items are on disk: put in order again by the sweep, after a while or a kick.
            self._on_change()
            self._awake.clear()  # a kick from before must not turn this into a busy loop
            await self._wait(self._around.clock() + FAULT_RETRY_S)

    async def _turn(self) -> None:
        self._awake.clear()  # first: a kick from now on is for the next turn
        await self._ledger.reload()
        if self._link.asked:
            await self._probe()
            return
        now, rate = self._around.clock(), self._rate()
        good = rate is not None and rate >= GOOD_LINK_BYTES_S and not self.choices.link_metered
        work = next_work(
            self._submissions, now, self._link.up, self._held, self._spared, scope=self.choices.scope, good_link=good
        )
        match work:
            case Erase(row, _):
                await self._erase(work, row)
            case Withdraw(submission):
                await self._withdraw(submission)
            case Send(row, count):
                await self._send(row, count)
            case Release(submission):
                await self.release(submission)
            case Probe():
                await self._probe()
            case Sleep(until):
                await self._store.call(back_up_when_due, self._blobs.parent / COPIES, now)
                self._on_change()
                await self._wait(until)

    async def _wait(self, until: float | None) -> None:
        wait = None if until is None else max(0.0, until - self._around.clock())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._awake.wait()

    async def _send(self, row: OutboxBlob, count: int) -> None:
        job = UploadJob(row, count, await self._store.call(trust.device_id), await self._store.call(trust.receipt_key))
        await self._ledger.apply(row, Start())
        event = await self._sending.run(job, functools.partial(self._cut, row.blob))
        if isinstance(event, Exception):
            event = failed(event, self._around.clock(), self._around.jitter())
            if event.kind in _LINK_KINDS:
                self._link_down(event.kind)
        await self._ledger.apply(row, event)
        if isinstance(event, Stored):
            self._link = self._link.moved()

    async def _cut(self, blob: str) -> None:
        """Returns when the blob under way must stop: what else is there matters more, or the network is another."""
        while True:
            self._awake.clear()
            await self._ledger.reload()
            now, paused = self._around.clock(), self.choices.paused
            # A live visit is the uploader's own affair: it ends a try in such a way that no connection is lost.
            if self._link.asked or gives_way(self._submissions, blob, now, paused, self.choices.scope):
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
        await self._ledger.apply(row, work.event)

    async def _withdraw(self, submission: str) -> None:
        now = self._around.clock()
        try:
            sender = await self._store.call(trust.sender)
            taken = await tell_withdrawn(self._transport, sender, submission, datetime.fromtimestamp(now, UTC))
        except NetError as exc:
            kind = failure_kind(exc)
            log.info("a withdrawal was not told: %s, %s", kind, type(exc).__name__)
            if kind in _LINK_KINDS:
                self._link_down(kind)
            jitter, spent = self._around.jitter(), kind not in _LINK_KINDS
            await self._ledger.change(submission, lambda s: outbox.withdrawal_failed(s, now, jitter, spent))
            return
        await self._ledger.change(submission, outbox.taken_back if taken else outbox.too_late)

    async def _probe(self) -> None:
        """The link is down and something is due: ask with growing gaps; the question is of use in itself."""
        if self._around.clock() < self._link.probe_at:
            self._on_change()
            await self._wait(self._link.probe_at)
            return
        try:
            await self.refresh_states()
        except NetError as exc:
            log.info("probe: %s", type(exc).__name__)
            kind = failure_kind(exc)
            if kind in _LINK_KINDS:
                self._link_down(kind)
                return
        self._link = self._link.answered()  # a clinic that answers with a mistake is there all the same
        self._on_change()

    def _link_down(self, kind: FailureKind) -> None:
        self._link = self._link.failed(kind, self._around.clock(), self._around.jitter())

    # what holds at the moment

    @property
    def _submissions(self) -> tuple[OutboxSubmission, ...]:
        return self._ledger.submissions

    @property
    def _held(self) -> bool:
        return self.allowance.paused or self.choices.paused

    def _conditions(self) -> Conditions:
        return Conditions(self._around.clock(), self._link.down, self.allowance.paused, self.choices.paused)

    def _rate(self) -> float | None:
        return self._sending.speed.rate(asyncio.get_running_loop().time())

    async def _change(
        self, submission: str, change: Callable[[OutboxSubmission], OutboxSubmission], lives: frozenset[Life]
    ) -> bool:
        """Does it when the submission is in one of `lives`; whether it was."""
        fits = False

        def when_it_fits(before: OutboxSubmission) -> OutboxSubmission:
            nonlocal fits
            fits = before.life in lives
            return change(before) if fits else before

        await self._ledger.change(submission, when_it_fits)
        self.kick()
        return fits

    async def _choose(self, choices: Choices) -> None:
        await self._store.call(save_choices, choices)
        self.choices = choices
        self._on_change()
        self._wake()

    def _aside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._aside_done)

    def _aside_done(self, task: asyncio.Task[None]) -> None:
        self._asides.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("the outbox could not look: %s", type(error).__name__)

    def _wake(self) -> None:
        self._awake.set()


def _opened(before: OutboxSubmission) -> OutboxSubmission:
    return replace(before, life=live(before.life, LifeEvent.OPENED)) if before.life is Life.RECEIVED else before


__all__ = ["OutboxWorker", "SubmissionStatus", "Surroundings"]
