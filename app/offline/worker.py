"""The one task that sends what waits: wakes, probes, sends, erases after the checked receipt, and tells."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

from app.offline import outbox
from app.offline.allowance import Allowance
from app.offline.choices import Choices, load_choices, save_choices
from app.offline.connectivity import Change, Connectivity
from app.offline.courier import Courier, Surroundings
from app.offline.errors import OfflineError
from app.offline.finishing import originals
from app.offline.life import Held, Life, LifeEvent
from app.offline.outbox import OutboxSubmission
from app.offline.patch import Transport
from app.offline.plan import Metered
from app.offline.recovery import sweep
from app.offline.status import SubmissionStatus, statuses
from app.offline.store import Store
from app.offline.usage import Usage
from app.offline.withdrawing import take_back

log = logging.getLogger(__name__)

FAULT_RETRY_S = 30.0


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
        self.fault = ""
        """A sentence when this computer itself fails (its disk), else ""."""
        self.notice = ""
        """A sentence on what the sweep could not put in order by itself, else ""; `told()` takes it away."""
        self._store = store
        self._blobs = blobs
        self._around = surroundings or Surroundings()
        self._on_change = on_change
        self._courier = Courier(store, blobs, transport, self.allowance, on_change, self._around)
        self._ledger = self._courier.ledger
        self.allowance.on_change(self._courier.wake)
        self._task: asyncio.Task[None] | None = None
        self._asides: set[asyncio.Task[None]] = set()

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
        self._courier.link = self._courier.link.hurried()
        self._courier.wake()
        if self._task is not None:
            self._aside(self._ledger.reload())

    def surroundings_changed(self, change: Change) -> None:
        """What app.offline.connectivity saw. The clinic itself is asked at once, and nothing is believed before."""
        if change is Change.STIR and self._courier.link.up:
            return  # something of the network, but not our way to the clinic
        if change is not Change.STIR:
            self._courier.doubt()
            self._aside(self._ledger.hurry())
        self.kick()

    async def try_again(self, submission: str) -> None:
        """A person asks for another try. Unknown and finished submissions are left alone."""
        await self._change(submission, outbox.try_again, frozenset({Life.FINISHED, Life.NEEDS_PERSON}))

    async def withdraw(self, submission: str) -> bool:
        """A person takes it back, with every original of it, sent or not, that no provider has opened.

        False: a provider has opened it, or it is unknown.
        """
        taken = await self._ledger.together(lambda core: take_back(core, submission))
        self.kick()
        return bool(taken)

    async def send_first(self, submission: str) -> None:
        """A person wants this one to go before all others; the last one chosen goes first. A held one is released."""
        await self._ledger.reload()
        place = 1 + max((s.first for s in self._ledger.submissions), default=0)
        await self.release(submission)
        await self._change(submission, lambda before: replace(before, first=place), frozenset({Life.FINISHED}))

    async def release(self, submission: str) -> None:
        """A held submission may go: it was asked for, or a person wants it. Others are left alone."""
        await self._change(submission, _released, frozenset({Life.HELD, Life.FINISHED}))

    async def hold_until(self, submission: str, until: Held) -> None:
        """A person's choice for one that is held: until the clinic asks, or until the link is a good one."""
        await self._change(submission, lambda before: outbox.held_until(before, until), frozenset({Life.HELD}))

    async def set_originals(self, until: Held) -> None:
        """Until when photos in full size are kept back, those that are here and those to come; kept."""
        await self._choose(replace(self.choices, originals=until))
        for name in await self._store.call(originals):
            await self.hold_until(name, until)

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
        courier = self._courier
        return statuses(self._submissions, courier.conditions(), self.choices.scope, courier.rate())

    def rate(self) -> float | None:
        """Bytes a second at which things go today; None when unknown."""
        return self._courier.rate()

    @property
    def waits(self) -> bool:
        """Whether anything would be sent now if a visit left it room."""
        return self._courier.waits

    def told(self) -> None:
        """The person has seen the notice."""
        self.notice = ""

    def usage(self) -> Usage:
        """Bytes of ciphertext sent in this calendar month."""
        return self._ledger.usage

    async def refresh_states(self) -> None:
        """Asks the clinic which submissions a provider has opened. Raises what the transport raises."""
        await self._courier.refresh_states()

    # the task

    async def _run(self) -> None:
        while True:
            try:
                swept = await self._store.call(sweep, self._blobs, self._around.clock())
                self.notice = swept.notice or self.notice
                self._courier.choices = await self._store.call(load_choices)
                self.fault = ""
                while True:
                    await self._courier.turn()
            except OfflineError as exc:
                log.error("the outbox cannot go on: %s (%s)", type(exc).__name__, exc.detail)
                self.fault = str(exc)
            except Exception:
                log.exception("the outbox cannot go on")
                self.fault = OfflineError.sentence
            # Whatever it was, items are on disk: put in order again by the sweep, after a while or a kick.
            self._on_change()
            await self._courier.rest(FAULT_RETRY_S)

    # parts

    @property
    def choices(self) -> Choices:
        """What the person has chosen for all sending."""
        return self._courier.choices

    @property
    def _submissions(self) -> tuple[OutboxSubmission, ...]:
        return self._ledger.submissions

    async def _change(
        self, submission: str, change: Callable[[OutboxSubmission], OutboxSubmission], lives: frozenset[Life]
    ) -> None:
        """Does it when the submission is in one of `lives`."""
        await self._ledger.change(submission, lambda before: change(before) if before.life in lives else before)
        self.kick()

    async def _choose(self, choices: Choices) -> None:
        await self._store.call(save_choices, choices)
        self._courier.choices = choices
        self._on_change()
        self._courier.wake()

    def _aside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._aside_done)

    def _aside_done(self, task: asyncio.Task[None]) -> None:
        self._asides.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("the outbox could not look: %s", type(error).__name__)


def _released(before: OutboxSubmission) -> OutboxSubmission:
    return outbox.release(before) if before.life is Life.HELD or outbox.on_trial(before) else before


__all__ = ["OutboxWorker", "SubmissionStatus", "Surroundings"]
