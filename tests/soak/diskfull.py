"""Campaign: no room at every 4 KiB step, an I/O error at every sync, no room at every write: never a false "saved".

Three ways, each through capture, a draft (begun, a part added, finished) and delivery: a small tmpfs filled up to N
pages (needs root), EIO raised at the N-th sync of sealed files, folders, database and log, and ENOSPC at the N-th
write. Afterwards the disk is well again: earlier items are whole, what was said to be saved is there, what was not is
not, and all of it goes.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import logging
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw

from tests.offline.offline_kit import NOW, Clinic
from tests.soak import adapter as app
from tests.soak.campaign import LOGS, Outcome, Tally, Violation, fast_folder, sentence
from tests.soak.clinic_model import ModelClinic
from tests.soak.recorder import Op, Recorder
from tests.soak.town import enrolled
from tests.soak.virtual import run_virtually, virtual_surroundings
from tests.virtual_loop import passes

PAGE = 4096
DISK = 4 * 1024 * 1024
STEPS = 64
"""Pages of free room: from none to more than a capture takes."""


@dataclass(frozen=True)
class World:
    clinic: Clinic
    profile: Path  # with one earlier item


@dataclass
class Trouble:
    """`kind` "sync" (EIO) or "write" (ENOSPC) at the `at`-th of them; 0: never. `count`: how many there were."""

    kind: str
    at: int
    count: int = 0

    def on_op(self, op: Op) -> None:
        if op.kind.startswith(self.kind):
            self.count += 1
            if self.count == self.at:
                raise self.error(op.database)

    def error(self, database: bool) -> Exception:
        if database:  # what SQLite's own file layer says; our recorder stands below its cipher
            return apsw.IOError("injected") if self.kind == "sync" else apsw.FullError("injected")
        return OSError(errno.EIO if self.kind == "sync" else errno.ENOSPC, "injected")


def make_world(folder: Path) -> World:
    clinic = Clinic()
    device = enrolled(folder / "template", clinic)
    _capture(device.core, device.profile, 3000)
    device.close()
    return World(clinic, folder / "template")


def _capture(core: app.StoreCore, profile: app.Profile, size: int) -> str:
    parts = [app.Part(random.Random(size).randbytes(size), "a", "image/jpeg")]
    sealed = app.seal_submission(app.sender(core), parts, app.Words("photo"), NOW)
    app.save_sealed(core, profile.blobs, sealed)
    return sealed.submission


def capture(folder: Path) -> str | None:
    """The id of what was said to be saved, or None when the person was told that it was not."""
    profile: app.Profile | None = None
    core: app.StoreCore | None = None
    try:
        profile = app.Profile.open(folder)
        core = app.open_core(profile)
        return _capture(core, profile, 30_000)
    except app.OfflineError:
        return None
    finally:
        if core is not None:
            core.close()
        if profile is not None:
            profile.close()


async def draft(folder: Path) -> str | None:
    """As :func:`capture`, by a draft: once its part is taken it has to arrive, whatever becomes of the finishing."""
    said: str | None = None
    with contextlib.suppress(app.OfflineError):
        async with opened(folder) as (book, _):
            name = (await book.begin(app.Purpose.WOUND_CHECK)).draft
            await book.add_part(name, app.Part(random.Random(30).randbytes(30_000), "a", "image/jpeg"))
            said = name
            await book.finish(name)
    return said


async def go_on(folder: Path) -> None:
    """What a person does who finds something begun."""
    async with opened(folder) as (book, store):
        await store.call(app.sweep, folder / "blobs")
        for left in await book.drafts():
            if left.parts:
                await book.finish(left.draft)
            else:
                await book.discard(left.draft)


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[app.DraftBook, app.Store]]:
    profile = app.Profile.open(folder)
    try:
        store = app.Store(app.open_core(profile), None)  # type: ignore[arg-type]  # the loop runs it in place
        try:
            yield app.DraftBook(store, profile.blobs), store
        finally:
            with contextlib.suppress(app.OfflineError):
                await store.call(app.StoreCore.close)
    finally:
        profile.close()


def done(act: str, world: World, folder: Path, model: ModelClinic) -> str | None:
    """Runs `act`; the id of what was said to be saved."""
    if act == "capture":
        return capture(folder)
    if act == "draft":
        return run_virtually(draft(folder))
    run_virtually(deliver(world, folder, 600.0, model))
    return None


async def deliver(world: World, folder: Path, seconds: float, model: ModelClinic) -> str:
    """The real worker for `seconds` of virtual time; the sentence of its last fault."""
    try:
        profile = app.Profile.open(folder)
    except app.OfflineError as exc:
        return str(exc)
    try:
        store = app.Store(app.open_core(profile), None)  # type: ignore[arg-type]  # the loop runs it in place
    except app.OfflineError as exc:
        profile.close()
        return str(exc)
    worker = app.OutboxWorker(store, profile.blobs, model, surroundings=virtual_surroundings())
    worker.start()
    await passes(seconds)
    await worker.stop()
    with contextlib.suppress(app.OfflineError):
        await store.call(app.StoreCore.close)
    profile.close()
    return worker.fault


def judge(world: World, folder: Path, said: str | None, model: ModelClinic) -> None:
    """The disk is well again."""
    run_virtually(go_on(folder))
    core, profile = app.open_core(p := app.Profile.open(folder)), p
    app.sweep(core, profile.blobs)
    found = core.submissions()
    core.close()
    profile.close()
    wanted = 1 if said is None else 2
    if len(found) != wanted or (said is not None and said not in {s.submission for s in found}):
        raise Violation(f"said to be saved: {said}; in the store: {[s.submission for s in found]}")
    for row in (row for s in found for row in s.blobs):
        if row.state not in app.DELIVERED and (wrong := app.intact(row, folder / "blobs")):
            raise Violation(f"an item is not whole: {wrong}")
    run_virtually(deliver(world, folder, 3600.0, model))
    if set(model.whole()) != {s.submission for s in found} or model.violations:
        raise Violation(f"{len(found)} items, at the clinic {len(model.whole())}; {model.violations}")
    if any((folder / "blobs").iterdir()):
        raise Violation("files are left over")


def fresh_model(world: World) -> ModelClinic:
    return ModelClinic(world.clinic, random.Random(0), Tally())


def failing(world: World, folder: Path, kind: str, at: int, act: str) -> int:
    """One injected error; how many chances for one there were."""
    shutil.copytree(world.profile, folder)
    trouble, said, model = Trouble(kind, at), None, fresh_model(world)
    with Recorder(str(folder), trouble.on_op).installed():
        said = done(act, world, folder, model)
    judge(world, folder, said, model)
    shutil.rmtree(folder)
    return trouble.count


def full(world: World, disk: Path, pages: int, act: str) -> None:
    """`pages` of 4 KiB are free on `disk` when the act begins."""
    folder, ballast, model, said = disk / "profile", disk / "ballast", fresh_model(world), None
    shutil.copytree(world.profile, folder)
    free = shutil.disk_usage(disk).free
    ballast.write_bytes(bytes(max(0, free - pages * PAGE)))
    try:
        said = done(act, world, folder, model)
    finally:
        ballast.unlink()
    judge(world, folder, said, model)
    shutil.rmtree(folder)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A tmpfs of its own; None where that takes rights which we have not."""
    place = folder / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def run(count: int) -> Outcome:
    """All cases, or `count` of each way spread evenly."""
    outcome, began = Outcome(), time.monotonic()
    logging.disable(logging.CRITICAL)
    try:
        with fast_folder() as folder, small_disk(folder) as disk:
            world = make_world(folder)
            for act in ("capture", "draft", "deliver"):
                if disk is not None:
                    for pages in _spread(STEPS, count):
                        _one(outcome, f"tmpfs, {act}", pages, lambda n, a=act: full(world, disk, n, a), disk)
                for kind in ("sync", "write"):
                    chances = failing(world, folder / "dry", kind, 0, act)
                    for at in _spread(chances, count):
                        place = folder / f"{act}-{kind}-{at}"
                        _one(outcome, f"{kind} error, {act}", at + 1,
                             lambda n, a=act, k=kind, p=place: failing(world, p, k, n, a))  # fmt: skip
            if disk is None:
                outcome.tally["tmpfs left out: it takes root"] += 1
    finally:
        logging.disable(logging.NOTSET)
    outcome.seconds = time.monotonic() - began
    return outcome


def _spread(whole: int, count: int) -> range:
    return range(0, whole, max(1, whole // count) if count else 1)


def _one(outcome: Outcome, name: str, number: int, case: object, disk: Path | None = None) -> None:
    outcome.cases += 1
    outcome.tally[name] += 1
    try:
        case(number)  # type: ignore[operator]
    except Exception as exc:
        outcome.violations.append(f"{name}, {number}: {exc!r}")
        if disk is not None:
            shutil.rmtree(disk / "profile", ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.diskfull")
    parser.add_argument("--count", type=int, default=0, help="of each way; 0: all")
    parser.add_argument(
        "--seed", type=int, default=1, help="taken for the sake of the others: nothing here is by chance"
    )
    outcome = run(parser.parse_args().count)
    LOGS.mkdir(exist_ok=True)
    (LOGS / "diskfull.log").write_text("".join(f"{line}\n" for line in outcome.violations))
    print(sentence("diskfull", "disks without room and with errors", outcome), flush=True)
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
