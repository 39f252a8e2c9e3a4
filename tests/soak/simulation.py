"""Campaign: the real worker, uploader and store against a clinic and a link that do all they may, in virtual time.

A case is one device's schedule of some minutes to some days: captures, lost links, visits that pause, clocks set
wrong, the app closed and opened, a person who presses "try again"; meanwhile each exchange may fail in any way of
`clinic_model.FAULTS`. Then the faults stop, and everything has to be delivered, once, by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import shutil
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.offline.offline_kit import Clinic
from tests.soak import adapter as app
from tests.soak.campaign import Tally, Violation, fast_folder, main
from tests.soak.clinic_model import ModelClinic
from tests.soak.town import enrolled
from tests.soak.virtual import Loop, run_virtually
from tests.virtual_loop import passes

EPOCH = 1_790_000_000.0
CALM_S = 4 * app.LAST_RETRY_S
"""From the end of the faults to the end of the delivery: the longest wait, twice, and as much again for the rest."""
QUIET_S = 60.0
MOST_EXCHANGES = 60
"""In QUIET_S in which nothing moved on and nobody did anything."""


@functools.cache
def template() -> tuple[Clinic, Path]:
    """An enrolled profile to copy, one for each process."""
    folder = Path(tempfile.mkdtemp(prefix="thinline-soak-template-"))
    clinic = Clinic()
    enrolled(folder / "profile", clinic).close()
    return clinic, folder / "profile"


class Device:
    """One device's life under a schedule."""

    def __init__(self, folder: Path, rng: random.Random, tally: Tally) -> None:
        clinic, original = template()
        shutil.copytree(original, folder)
        self._profile = app.Profile.open(folder)
        self._rng = rng
        self._tally = tally
        self.model = ModelClinic(clinic, rng, tally)
        self._saved: dict[str, int] = {}  # submission -> blobs, manifest included
        self._withdrawn: set[str] = set()
        self._skew = 0.0
        self._store: app.Store | None = None
        self._worker: app.OutboxWorker | None = None
        self._closed = True
        self._tries: dict[str, int] = {}
        self._disturbed: list[float] = []

    def clock(self) -> float:
        return EPOCH + asyncio.get_running_loop().time() + self._skew

    @property
    def worker(self) -> app.OutboxWorker:
        assert self._worker is not None
        return self._worker

    @property
    def store(self) -> app.Store:
        assert self._store is not None
        return self._store

    async def open(self) -> None:
        self._store = app.Store(app.open_core(self._profile), None)  # type: ignore[arg-type]  # the loop runs it in place
        patience = app.Patience(tick=3.0)  # virtual time passes in larger steps
        around = app.Surroundings(clock=self.clock, jitter=self._rng.random, patience=patience, watch=False)
        self._worker = app.OutboxWorker(
            self._store, self._profile.blobs, self.model, on_change=self._changed, surroundings=around
        )
        self._worker.start()
        self._closed = False

    async def close(self) -> None:
        await self.worker.stop()
        self._closed = True
        await self._check_disk()
        await self.store.call(app.StoreCore.close)

    # what may happen

    async def capture(self) -> None:
        rng = self._rng
        if rng.random() < 0.4:
            await self._finish_draft()
            return
        sizes = [rng.choice((1, 700, 3000, 3000, 150_000)) for _ in range(rng.randrange(3))]
        parts = [app.Part(rng.randbytes(size), "a", "image/jpeg") for size in sizes]
        name = await app.Capture(self.store, self._profile.blobs).save(parts, app.Words("photo", "It itches."))
        self._saved[name] = len(parts) + 1
        self._tally["submissions"] += 1
        self.worker.kick()

    async def _finish_draft(self) -> None:
        """A copy goes at once, its original waits until it is asked for."""
        rng, book = self._rng, app.DraftBook(self.store, self._profile.blobs)
        draft = (await book.begin(app.Purpose.WOUND_CHECK)).draft
        copy = app.Part(rng.randbytes(3000), "a.avif", "image/avif", app.PartRole.COPY)
        original = app.Part(rng.randbytes(9000), "a.jpg", "image/jpeg", app.PartRole.ORIGINAL, of=copy.blob)
        await book.add_parts(draft, [copy, original])
        self._saved[await book.finish(draft)] = 2
        later = await self.store.call(app.original_of, copy.blob)
        assert later is not None
        self._saved[later] = 2
        self._tally["submissions"] += 2
        self._tally["drafts"] += 1
        self.worker.kick()

    async def release(self) -> None:
        for submission in self.worker._submissions:
            await self.worker.release(submission.submission)

    async def withdraw(self) -> None:
        await self.worker.withdraw(self._rng.choice(sorted(self._saved)))
        for name in sorted(self._saved):
            kept = await self.store.call(app.StoreCore.submission, name)
            if kept is not None and kept.life in (app.Life.WITHDRAWING, app.Life.WITHDRAWN):
                del self._saved[name]
                self._withdrawn.add(name)
                self._tally["withdrawn"] += 1
        if not self._saved:
            await self.capture()

    async def restart(self) -> None:
        await self.close()
        await passes(self._rng.choice((0.0, 5.0, 3600.0)))
        await self.open()

    async def link(self) -> None:
        self.model.weather.online = not self.model.weather.online
        if self._rng.random() < 0.5:  # else it was lost or came back where this computer cannot see it
            self._noticed(app.Change.NETWORK)

    async def visit(self) -> None:
        self.worker.allowance.set(self._rng.choice((0, 0, 300.0, 5000.0, None)))

    async def set_clock(self) -> None:
        self._skew += self._rng.choice((-1, 1)) * self._rng.choice((5.0, 1500.0, 86400.0, 30 * 86400.0))
        self._noticed(app.Change.CLOCK)

    def _noticed(self, change: app.Change) -> None:
        """What the watch over network and clocks, which no simulated computer has, would have seen next."""

        def tell() -> None:
            if not self._closed:
                self.worker.surroundings_changed(change)

        asyncio.get_running_loop().call_later(self._rng.uniform(0.0, app.LOOK_S), tell)

    async def kick(self) -> None:
        self.worker.kick()

    async def person(self) -> None:
        for status in self.worker.snapshot():
            if status.stage in (app.Stage.NEEDS_YOU, app.Stage.WAITING):
                await self.worker.try_again(status.submission)

    async def look(self) -> None:
        with contextlib.suppress(app.NetError):
            await self.worker.refresh_states()

    async def weather(self) -> None:
        weather, rng = self.model.weather, self._rng
        weather.fault = rng.choice((0.0, 0.1, 0.3, 0.6, 1.0))
        weather.rate = rng.choice((300.0, 2000.0, 50_000.0))
        weather.delay = rng.choice((0.01, 0.3, 3.0))

    # the laws

    def _changed(self) -> None:
        whole = self.model.whole()
        for status in self.worker.snapshot():
            if status.stage in (app.Stage.RECEIVED, app.Stage.SEEN) and status.submission not in whole:
                raise_later(self.model, f"{status.submission} shown as received before the clinic had it")
        for submission in self.worker._submissions:
            for row in submission.blobs:
                before, self._tries[row.blob] = self._tries.get(row.blob, 0), row.tries
                if row.tries > before and (self.model.last_offline or not self.model.weather.online):
                    raise_later(self.model, f"{row.blob}: a try was spent without a link")

    async def _check_disk(self) -> None:
        for name, count in self._saved.items():
            kept = await self.store.call(app.StoreCore.submission, name)
            if kept is None or len(kept.blobs) != count:
                raise Violation(f"the rows of {name} are not all there")
            for row in kept.blobs:
                if row.state not in app.DELIVERED and (wrong := app.intact(row, self._profile.blobs)):
                    raise Violation(f"{name}, undelivered: {wrong}")
                if row.state in app.DELIVERED and not any(
                    held.receipt == row.receipt and held.meta.blob == row.blob for held in self.model.uploads.values()
                ):
                    raise Violation(f"{row.blob} is '{row.state}' with a receipt that the clinic never gave")

    def disturbed(self) -> None:
        self._disturbed.append(asyncio.get_running_loop().time())

    def check_quiet(self) -> None:
        """No busy loop: of exchanges that moved nothing on there are few in a minute."""
        marks = sorted([*self._disturbed, *self.model.progressed])
        times = self.model.exchanges
        for first, last in zip(times, times[MOST_EXCHANGES:], strict=False):
            if last - first < QUIET_S and not any(first <= mark <= last for mark in marks):
                raise Violation(f"{MOST_EXCHANGES} exchanges for nothing within {last - first:.1f} s at {first:.0f} s")

    async def finish(self) -> None:
        """The faults stop; a person helps where help is asked for; then all has to be there."""
        self.model.weather.fault, self.model.weather.online = 0.0, True
        self.model.weather.rate, self.model.weather.delay = 50_000.0, 0.1
        self.worker.allowance.set(None)
        loop = asyncio.get_running_loop()
        until = loop.time() + CALM_S
        while not self._settled():
            if loop.time() >= until:
                raise Violation(f"not delivered {CALM_S:.0f} s after the last fault: {self._standing()}")
            await passes(10.0)
            await self.release()
            for status in self.worker.snapshot():
                if status.stage is app.Stage.NEEDS_YOU:
                    await self.worker.try_again(status.submission)
        self._tally["virtual hours"] += int(loop.time() / 3600)
        self._tally["exchanges"] += len(self.model.exchanges)
        whole = self.model.whole()
        if set(whole) != set(self._saved) or any(len(whole[name]) != n for name, n in self._saved.items()):
            raise Violation(f"captured {sorted(self._saved)}, the clinic has {sorted(whole)}")
        seen = [(held.meta.submission, held.meta.blob) for held in self.model.uploads.values()]
        if len(seen) != len(set(seen)):
            raise Violation("a blob is there twice")

    def _settled(self) -> bool:
        statuses = {status.submission: status.stage for status in self.worker.snapshot()}
        done = all(statuses.get(name) in (app.Stage.RECEIVED, app.Stage.SEEN) for name in self._saved)
        leaving = any(s.life is app.Life.WITHDRAWING for s in self.worker._submissions)
        return done and not leaving and not any(self._profile.blobs.iterdir())

    def _standing(self) -> str:
        rows = [(row.state.value, row.tries, row.retry_at - self.clock(), row.reason)
                for submission in self.worker._submissions for row in submission.blobs]  # fmt: skip
        return f"{rows} fault={self.worker.fault!r} probe in {self.worker._courier.link.probe_at - self.clock():.0f} s"

    def shut(self) -> None:
        self._profile.close()


def raise_later(model: ModelClinic, text: str) -> None:
    """`on_change` runs inside the worker, which would take an exception for a fault of its own."""
    model.violations.append(text)


def schedule(device: Device, rng: random.Random) -> list[tuple[float, Callable[[], Awaitable[None]]]]:
    """When what happens: (virtual seconds, act), in order."""
    acts = (
        [device.capture] * 3 + [device.link] * 3 + [device.restart] * 2 + [device.visit] * 2 + [device.weather] * 3
        + [device.set_clock, device.kick, device.person, device.look, device.release, device.withdraw]
    )  # fmt: skip
    horizon = rng.choice((60.0, 900.0, 7200.0, 86400.0))
    times = sorted(rng.uniform(0.0, horizon) for _ in range(rng.randrange(4, 16)))
    return [(0.0, device.weather), (0.0, device.capture), *((time, rng.choice(acts)) for time in times)]


async def live(device: Device, rng: random.Random) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    loop.disk_delay = lambda: rng.choice((0.0, 0.001, 0.02))
    await device.open()
    for when, act in schedule(device, rng):
        await passes(max(0.0, when - loop.time()))
        device.disturbed()
        await act()
        device.disturbed()
    await device.finish()
    device.check_quiet()
    await device.close()
    if device.model.violations:
        raise Violation("; ".join(device.model.violations[:3]))


def case(seed: int, number: int, tally: Tally) -> None:
    rng = random.Random(f"{seed}/{number}")
    with fast_folder() as folder:
        device = Device(folder / "profile", rng, tally)
        try:
            run_virtually(live(device, rng))
        finally:
            device.shut()


if __name__ == "__main__":
    sys.exit(main("simulation", "schedules of the real worker", case, 20_000))
