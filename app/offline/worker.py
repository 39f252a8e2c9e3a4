"""The one task that sends what waits: wakes, probes, sends, erases after the checked receipt, and tells."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from app.net.errors import NetError
from app.offline import trust
from app.offline.allowance import Allowance
from app.offline.errors import BlobAltered, BlobMissing, NotEnrolled, OfflineError, WriteFailed
from app.offline.files import erase_blob
from app.offline.opened import fetch_opened
from app.offline.outbox import (
    Erased,
    Event,
    Failed,
    FailureKind,
    Life,
    LifeEvent,
    Located,
    Lost,
    OutboxBlob,
    OutboxSubmission,
    Progress,
    Start,
    Stored,
    apply,
    live,
    retry_delay,
    try_again,
)
from app.offline.patch import Patience, Transport
from app.offline.plan import Erase, Probe, Send, Sleep, Stage, next_work, view
from app.offline.recovery import sweep
from app.offline.store import Store, StoreCore
from app.offline.trouble import UploadFailed, failure_kind
from app.offline.uploader import Uploader, UploadJob

log = logging.getLogger(__name__)

LAST_PROBE_S = 60.0
FAULT_RETRY_S = 30.0
_LINK_KINDS = frozenset({FailureKind.OFFLINE, FailureKind.SIGN_IN})


@dataclass(frozen=True)
class SubmissionStatus:
    """Where one submission stands, for the screens. `done` of `total` parts delivered; `reason` a sentence or ""."""

    submission: str
    created_at: datetime
    purpose: str
    visit_id: str | None
    stage: Stage
    done: int
    total: int
    fraction: float
    reason: str


@dataclass(frozen=True)
class Surroundings:
    """What the worker takes from the world: wall clock (UTC epoch, s), jitter 0..1, patience."""

    clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random
    patience: Patience = field(default_factory=Patience)


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
        self._store = store
        self._blobs = blobs
        self._transport = transport
        self._around = surroundings or Surroundings()
        self._uploader = Uploader(transport, blobs, self.allowance, self._around.patience)
        self._on_change = on_change
        self._submissions: tuple[OutboxSubmission, ...] = ()
        self._changing = asyncio.Lock()
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._reloads: set[asyncio.Task[None]] = set()
        self._online = True
        self._link_tries = 0
        self._probe_at = 0.0
        self._spared: set[str] = set()
        self.fault = ""
        """A sentence when this computer itself fails (its disk), else ""."""

    def start(self) -> None:
        """Begins with the recovery sweep; then sends whatever is due."""
        if self._task is not None:
            raise RuntimeError("the worker has been started already")
        self._task = asyncio.get_running_loop().create_task(self._run(), name="outbox")

    async def stop(self) -> None:
        """Ends sending at once; what was under way goes on from the service's offset at the next start."""
        tasks = [task for task in (self._task, *self._reloads) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def kick(self) -> None:
        """Something has changed: a new item, the link is back, the clinic answered elsewhere. Tries at once."""
        self._probe_at = 0.0
        self._link_tries = 0
        self._wake()
        if self._task is not None:
            task = asyncio.get_running_loop().create_task(self._reload())
            self._reloads.add(task)
            task.add_done_callback(self._reloaded)

    def snapshot(self) -> tuple[SubmissionStatus, ...]:
        """Everything that is under way and the newest of the rest, oldest first."""
        moving = self._online and not self.allowance.paused
        return tuple(_status(submission, moving) for submission in self._submissions)

    async def try_again(self, submission: str) -> None:
        """A person asks for another try. Unknown and finished submissions are left alone."""
        async with self._changing:
            before = await self._store.call(StoreCore.submission, submission)
            if before is not None and before.life in (Life.FINISHED, Life.NEEDS_PERSON):
                await self._save(before, try_again(before))
        self.kick()

    async def refresh_states(self) -> None:
        """Asks the clinic which submissions a provider has opened. Raises what the transport raises."""
        try:
            team = await self._store.call(trust.care_team)
        except NotEnrolled:
            return  # without a care team nothing was ever sent
        opened = await fetch_opened(self._transport, team)
        async with self._changing:
            for submission, word in opened.items():
                before = await self._store.call(StoreCore.submission, submission)
                if before is not None and before.life is Life.RECEIVED:
                    after = replace(before, life=live(before.life, LifeEvent.OPENED))
                    await self._store.call(StoreCore.save_opened, before, after, word)
                    self._replace(after)
        self._on_change()

    # the task

    async def _run(self) -> None:
        while True:
            try:
                await self._store.call(sweep, self._blobs)
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
        await self._reload()
        work = next_work(self._submissions, self._around.clock(), self._online, self.allowance.paused, self._spared)
        match work:
            case Erase(row):
                await self._erase(row)
            case Send(row, count):
                await self._send(row, count)
            case Probe():
                await self._probe()
            case Sleep(until):
                self._on_change()
                await self._wait(until)

    async def _wait(self, until: float | None) -> None:
        wait = None if until is None else max(0.0, until - self._around.clock())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._awake.wait()

    async def _send(self, row: OutboxBlob, count: int) -> None:
        job = UploadJob(row, count, await self._store.call(trust.device_id), await self._store.call(trust.receipt_key))
        await self._apply(row, Start())
        event: Event
        try:
            event = Stored(await self._uploader.send(job, _Listener(self, row)))
        except (BlobMissing, BlobAltered) as exc:
            event = Lost(str(exc))
        except (NetError, UploadFailed) as exc:
            kind = failure_kind(exc)
            log.info("sending a blob failed: %s, %s", kind, type(exc).__name__)
            event = Failed(kind, self._around.clock(), self._around.jitter(), str(exc))
            if kind in _LINK_KINDS:
                self._link_down()
        await self._apply(row, event)

    async def _erase(self, row: OutboxBlob) -> None:
        """After STORED was committed with its receipt: unlink, sync the folder, then commit ERASED."""
        try:
            await self._store.call(lambda core: erase_blob(self._blobs, row.file))
        except WriteFailed as exc:
            log.warning("a delivered file stays until the next start: %s", exc.detail)
            self._spared.add(row.blob)
            return
        await self._apply(row, Erased())

    async def _probe(self) -> None:
        """The link is down and something is due: ask with growing gaps; the question is of use in itself."""
        if self._around.clock() < self._probe_at:
            self._on_change()
            await self._wait(self._probe_at)
            return
        try:
            await self.refresh_states()
        except NetError as exc:
            log.info("probe: %s", type(exc).__name__)
            if failure_kind(exc) in _LINK_KINDS:
                self._link_down()
                return
        self._online = True  # a clinic that answers with a mistake is there all the same
        self._on_change()

    def _link_down(self) -> None:
        self._online = False
        self._link_tries += 1
        self._probe_at = self._around.clock() + min(LAST_PROBE_S, retry_delay(self._link_tries, self._around.jitter()))

    # rows

    async def _apply(self, row: OutboxBlob, event: Event) -> None:
        async with self._changing:
            before = next(s for s in self._submissions if s.submission == row.submission)
            await self._save(before, apply(before, row.blob, event))
        if isinstance(event, Stored) or (isinstance(event, Progress) and event.offset > row.offset):
            self._link_tries = 0

    async def _save(self, before: OutboxSubmission, after: OutboxSubmission) -> None:
        if after != before:
            await self._store.call(StoreCore.save_submission, before, after)
            self._replace(after)
            self._on_change()

    def _replace(self, after: OutboxSubmission) -> None:
        self._submissions = tuple(after if s.submission == after.submission else s for s in self._submissions)

    async def _reload(self) -> None:
        async with self._changing:
            found = await self._store.call(StoreCore.submissions)
            changed = found != self._submissions
            self._submissions = found
        if changed:
            self._on_change()

    def _reloaded(self, task: asyncio.Task[None]) -> None:
        self._reloads.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("the outbox could not be read: %s", type(error).__name__)

    def _wake(self) -> None:
        self._awake.set()


class _Listener:
    """Writes the service's word into the row before the upload goes on."""

    def __init__(self, worker: OutboxWorker, row: OutboxBlob) -> None:
        self._worker = worker
        self._row = row

    async def located(self, location: str, offset: int) -> None:
        await self._worker._apply(self._row, Located(location, offset))

    async def progress(self, offset: int) -> None:
        await self._worker._apply(self._row, Progress(offset))


def _status(submission: OutboxSubmission, moving: bool) -> SubmissionStatus:
    standing = view(submission, moving)
    return SubmissionStatus(
        submission.submission,
        submission.created_at,
        submission.purpose,
        submission.visit_id,
        standing.stage,
        standing.done,
        standing.total,
        standing.fraction,
        standing.reason,
    )
