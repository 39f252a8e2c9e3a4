"""Campaign: kill -9 at every write, sync, truncation, rename, removal and request, the real service and all.

Each case copies an enrolled profile, runs one act (the first start, a capture, a draft from its beginning to its
finishing, a delivery, the sweep after a killed delivery) in a process that kills itself at its N-th step, a write half
done in every second case; then a new process delivers what is left. `--count` bounds the number of points, spread
evenly; 0 means all.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.offline.offline_crash import watch_requests
from tests.offline.offline_kit import CANARY, NOW, Until, every_byte
from tests.offline.test_real_clinic import Town
from tests.soak import adapter as app
from tests.soak.campaign import LOGS, Outcome, Violation, fast_folder, sentence
from tests.soak.recorder import Op, Recorder
from tests.soak.town import at_the_clinic, opened, patient_http, town

PHOTO = CANARY + bytes(range(256)) * 20 + CANARY
NOTE = CANARY.decode()
ACTS = ("first", "capture", "draft", "deliver", "recover")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Point:
    """Killed at step `at` (1, 2, ...) of `act`, or never (0); `torn`: a write is half done."""

    act: str
    at: int
    torn: bool = False


class Steps:
    """Counts what touches the world, and ends the process at the step that was ordered."""

    def __init__(self, point: Point) -> None:
        self.names: list[str] = []
        self._point = point

    def on_op(self, op: Op) -> None:
        torn = (lambda: _half(op)) if self._point.torn and op.kind == "write" else None
        self.step(op.kind, torn)

    def step(self, name: str, before: Callable[[], None] | None = None) -> None:
        self.names.append(name)
        if len(self.names) == self._point.at:
            if before is not None:
                before()
            os.kill(os.getpid(), signal.SIGKILL)


def _half(op: Op) -> None:
    with open(op.path, "r+b") as file:
        file.seek(op.offset)
        file.write(op.data[: len(op.data) // 2])


# what a process does


def act(point: Point, folder: Path, made: Town, say: Say) -> None:
    steps = Steps(point)
    with Recorder(str(folder), steps.on_op).installed():
        watch_requests(steps.step)
        profile = app.Profile.open(folder)
        core = app.open_core(profile)
        if point.act == "first":
            app.device_keys(core)
        elif point.act == "capture":
            capture(profile, core, say)
        elif point.act == "draft":
            core.close()
            asyncio.run(draft(profile, made, say))
        elif point.act == "recover":
            app.sweep(core, profile.blobs)
        elif point.act == "deliver":
            core.close()
            asyncio.run(deliver(profile, made))
        say(f"steps {json.dumps(steps.names)}\n")


def capture(profile: app.Profile, core: app.StoreCore, say: Say) -> None:
    sealed = app.seal_submission(
        app.sender(core), [app.Part(PHOTO, NOTE, "image/jpeg")], app.Words("wound", NOTE), NOW
    )
    app.save_sealed(core, profile.blobs, sealed)
    say(f"saved {sealed.submission}\n")


async def draft(profile: app.Profile, made: Town, say: Say) -> None:
    """Once its photo is taken it has to arrive: the next process goes on with it."""
    store = await app.Store.open(profile.store_path, made.key)
    book = app.DraftBook(store, profile.blobs)
    name = (await book.begin(app.Purpose.WOUND_CHECK)).draft
    await book.add_part(name, app.Part(PHOTO, NOTE, "image/jpeg"))
    say(f"saved {name}\n")
    await book.set_note(name, NOTE)
    await book.finish(name)
    await store.close()


async def go_on(store: app.Store, profile: app.Profile) -> None:
    """What a person does who finds something begun."""
    await store.call(app.sweep, profile.blobs)
    book = app.DraftBook(store, profile.blobs)
    for left in await book.drafts():
        if left.parts:
            await book.set_note(left.draft, NOTE)
            await book.finish(left.draft)
        else:
            await book.discard(left.draft)


async def deliver(profile: app.Profile, made: Town) -> None:
    store, until = await app.Store.open(profile.store_path, made.key), Until()
    await go_on(store, profile)
    async with patient_http(made, made.clinic.url) as http:
        around = app.Surroundings(watch=False)
        worker = app.OutboxWorker(store, profile.blobs, http, on_change=until.changed, surroundings=around)
        worker.start()
        saved = await store.call(app.StoreCore.submissions)

        def done() -> bool:
            erased = all(row.state is app.Transfer.ERASED for s in worker._submissions for row in s.blobs)
            return erased and len(worker.snapshot()) >= len(saved) and not any(profile.blobs.iterdir())

        await until.holds(done, timeout=90)
        assert all(status.stage is app.Stage.RECEIVED for status in worker.snapshot())
        await worker.stop()
    await store.close()


def in_new_process(point: Point, folder: Path, made: Town) -> tuple[int, list[str]]:
    """The exit code (minus the signal) and what was said before the end."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            logging.disable(logging.CRITICAL)
            act(point, folder, made, lambda text: os.write(write_end, text.encode()) and None)
        except BaseException as exc:
            os.write(write_end, f"failed {exc!r}\n".encode())
            os._exit(1)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        said = pipe.read().splitlines()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


# the campaign


class Killer:
    def __init__(self, made: Town, folder: Path) -> None:
        self._made = made
        self._folder = folder
        self._cases = 0

    def profile(self, name: str) -> tuple[Path, list[str]]:
        """A new profile in which act `name` may begin, and what was saved in it."""
        self._cases += 1
        folder = self._folder / f"case-{self._cases}"
        if name == "first":
            return folder, []
        shutil.copytree(self._made.profile.folder, folder)
        if name in ("capture", "draft"):
            return folder, []
        _, said = in_new_process(Point("capture", 0), folder, self._made)
        if name == "recover":
            in_new_process(Point("deliver", 12), folder, self._made)
            for stray in ("0" * 32, "1" * 32 + ".part"):
                (folder / "blobs" / stray).write_bytes(b"what a capture that was cut off leaves")
        return folder, saved(said)

    def points(self) -> list[Point]:
        """Every step of every act, and every write once more, half done."""
        found: list[Point] = []
        for name in ACTS:
            folder, _ = self.profile(name)
            code, said = in_new_process(Point(name, 0), folder, self._made)
            if code:
                raise Violation(f"{name} does not run: {said}")
            steps = json.loads(said[-1].removeprefix("steps "))
            for at, step in enumerate(steps, start=1):
                found.append(Point(name, at))
                if step == "write":
                    found.append(Point(name, at, torn=True))
            shutil.rmtree(folder)
        return found

    def case(self, point: Point) -> None:
        folder, expected = self.profile(point.act)
        before = set(at_the_clinic(self._made.clinic.data).whole) - set(expected)
        code, said = in_new_process(point, folder, self._made)
        if code not in (0, -signal.SIGKILL):
            raise Violation(f"{point}: {said}")
        if CANARY in every_byte(folder):
            raise Violation(f"{point}: clear bytes on the disk")
        expected += saved(said)
        if point.act == "first":
            self._begins_again(folder, point)
        else:
            self._arrives(folder, point, expected, before)
        shutil.rmtree(folder)

    def _begins_again(self, folder: Path, point: Point) -> None:
        code, said = in_new_process(Point("first", 0), folder, self._made)
        if code:
            raise Violation(f"{point}: the next start fails: {said}")

    def _arrives(self, folder: Path, point: Point, expected: list[str], before: set[str]) -> None:
        code, said = in_new_process(Point("deliver", 0), folder, self._made)
        if code:
            raise Violation(f"{point}: what was saved does not arrive: {said}")
        whole = at_the_clinic(self._made.clinic.data).whole
        new = set(whole) - before
        if not new >= set(expected) or len(new) > 1:
            raise Violation(f"{point}: saved {expected}, arrived {sorted(new)}")
        if any(opened(self._made, whole[name]) != (NOTE, [PHOTO]) for name in new):
            raise Violation(f"{point}: something else arrived than was taken")
        if any((folder / "blobs").iterdir()) or CANARY in every_byte(folder):
            raise Violation(f"{point}: something is left on the disk")


def saved(said: list[str]) -> list[str]:
    return [line.removeprefix("saved ") for line in said if line.startswith("saved ")]


def run(count: int) -> Outcome:
    outcome, began = Outcome(), time.monotonic()
    for name in ("httpcore", "anyio._backends._asyncio"):  # else every process imports them at its first request
        importlib.import_module(name)
    with fast_folder() as folder, town(folder) as made:
        killer = Killer(made, folder)
        points = killer.points()
        step = max(1, len(points) // count) if count else 1
        for point in points[::step]:
            try:
                killer.case(point)
            except Violation as exc:
                outcome.violations.append(str(exc))
            outcome.cases += 1
            outcome.tally[f"in {point.act}"] += 1
        if CANARY in made.clinic.bytes_on_disk():
            outcome.violations.append("clear bytes on the clinic's disk")
    outcome.seconds = time.monotonic() - began
    return outcome


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.kill9")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument(
        "--seed", type=int, default=1, help="taken for the sake of the others: nothing here is by chance"
    )
    outcome = run(parser.parse_args().count)
    LOGS.mkdir(exist_ok=True)
    (LOGS / "kill9.log").write_text("".join(f"{line}\n" for line in outcome.violations))
    print(sentence("kill9", "points of death by SIGKILL", outcome), flush=True)
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
