"""The processes of kill9.py: one that kills itself at its N-th step, and what has to be there before an act begins."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.offline.offline_crash import watch_requests
from tests.offline.test_real_clinic import Town
from tests.soak import adapter as app
from tests.soak.campaign import Violation
from tests.soak.kill9_acts import ACTS, Say, Scene
from tests.soak.recorder import Op, Recorder
from tests.soak.town import enrolled_desk, replies_at

_MOST_ANSWERS = 100
"""To one item: the service takes 200."""


@dataclass(frozen=True)
class Point:
    """Killed at step `at` (1, 2, ...) of `act`, or never (0); `torn`: a write is half done. `only` counts one kind."""

    act: str
    at: int
    torn: bool = False
    only: str = ""


class Steps:
    """Counts what touches the world, and ends the process at the step that was ordered."""

    def __init__(self, point: Point) -> None:
        self.names: list[str] = []
        self._point = point

    def on_op(self, op: Op) -> None:
        torn = (lambda: _half(op)) if self._point.torn and op.kind == "write" else None
        self.step(op.kind, torn)

    def step(self, name: str, before: Callable[[], None] | None = None) -> None:
        if self._point.only not in ("", name):
            return
        self.names.append(name)
        if len(self.names) == self._point.at:
            if before is not None:
                before()
            os.kill(os.getpid(), signal.SIGKILL)


def _half(op: Op) -> None:
    with open(op.path, "r+b") as file:
        file.seek(op.offset)
        file.write(op.data[: len(op.data) // 2])


@dataclass(frozen=True)
class Prepared:
    """A profile in which an act may begin. `item`: what it is about, `originals`: that item's (the first one goes, the
    second is held), `saved`: what has to arrive whatever comes, `wants`: what the clinic is to ask for."""

    folder: Path
    item: str = ""
    originals: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    wants: tuple[str, ...] = ()


class Process:
    """A new process that does one act."""

    def __init__(self, point: Point, at: Prepared, made: Town) -> None:
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                logging.disable(logging.CRITICAL)
                _act(point, at, made, lambda text: os.write(write_end, text.encode()) and None)
            except BaseException as exc:
                os.write(write_end, f"failed {exc!r}\n".encode())
                os._exit(1)
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            self.lines = pipe.read().splitlines()
        self.code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        """Minus the signal, when one ended it."""

    def said(self, what: str) -> list[str]:
        """What came after `what` on its lines."""
        return [line.removeprefix(f"{what} ") for line in self.lines if line.startswith(f"{what} ")]


def _act(point: Point, at: Prepared, made: Town, say: Say) -> None:
    steps = Steps(point)
    with Recorder(str(at.folder), steps.on_op).installed():
        watch_requests(steps.step)
        profile = app.Profile.open(at.folder)
        asyncio.run(ACTS[point.act](Scene(profile, made, at.item, say, at.wants)))  # type: ignore[arg-type]
        say(f"steps {json.dumps(steps.names)}\n")


class Kitchen:
    """Prepares profiles: each in a folder of its own, copied from the enrolled one."""

    def __init__(self, made: Town, folder: Path) -> None:
        self._made = made
        self._folder = folder
        self._cases = 0
        self._answers = 0
        self._answered = ""

    def prepared(self, act: str) -> Prepared:
        if act == "first":
            return Prepared(self._new_folder())
        if act == "answer":
            return self._desk()
        fresh = self._copy()
        if act in ("capture", "draft"):
            return fresh
        if act not in ("deliver", "recover", "amend"):
            return self._two_photos(fresh, act)
        (saved,) = self._done("capture", fresh).said("saved")
        if act == "recover":
            self._ended(Point("deliver", 1, only="before PATCH"), fresh)
            for stray in ("0" * 32, "1" * 32 + ".part"):
                (fresh.folder / "blobs" / stray).write_bytes(b"what a capture that was cut off leaves")
        elif act == "amend":
            self._done("deliver", fresh)
            return replace(fresh, item=saved)
        return replace(fresh, saved=(saved,))

    def _two_photos(self, fresh: Prepared, act: str) -> Prepared:
        told = self._done("two photos", fresh)
        item, *originals = told.said("saved")
        ready = replace(fresh, item=item, originals=tuple(originals))
        if act == "withdraw half sent":
            self._ended(Point("deliver", 1, only="after PATCH"), ready)
            return ready
        self._done("deliver", ready)
        if act == "reply":
            self._ask(ready, told.said("copy")[0])
        return ready

    def _ask(self, ready: Prepared, copy: str) -> None:
        """The clinic asks for the held original; what it asked in other cases is no news in this profile."""
        last = max((row.number for row in replies_at(self._made.clinic.data)), default=0)
        with self._store(ready.folder) as core:
            core.put_documents(app.PLACE, {app.PLACE: b"%d" % last})
        desk = replace(self._desk(), item=ready.item, wants=(copy,))
        self._done("ask", desk)
        shutil.rmtree(desk.folder)

    def _desk(self) -> Prepared:
        """A provider's profile, and an item of the patient that stands at the clinic."""
        if self._answers % _MOST_ANSWERS == 0:
            sent = self._two_photos(self._copy(), "")
            self._answered = sent.item
            shutil.rmtree(sent.folder)
        self._answers += 1
        with self._store(self._made.profile.folder) as core:
            names = (app.Setting.ROOT_KEY, app.Setting.CARE_TEAM)
            settings = {name: value for name in names if (value := core.get(name)) is not None}
        folder = self._new_folder()
        enrolled_desk(folder, settings)
        return Prepared(folder, self._answered)

    def _copy(self) -> Prepared:
        return Prepared(Path(shutil.copytree(self._made.profile.folder, self._new_folder())))

    def _new_folder(self) -> Path:
        self._cases += 1
        return self._folder / f"case-{self._cases}"

    @contextlib.contextmanager
    def _store(self, folder: Path) -> Iterator[app.StoreCore]:
        core = app.StoreCore(folder / self._made.profile.store_path.name, self._made.key)
        try:
            yield core
        finally:
            core.close()

    def _done(self, act: str, at: Prepared) -> Process:
        ran = Process(Point(act, 0), at, self._made)
        if ran.code:
            raise Violation(f"{act} does not run: {ran.lines}")
        return ran

    def _ended(self, point: Point, at: Prepared) -> None:
        ran = Process(point, at, self._made)
        if ran.code != -signal.SIGKILL:
            raise Violation(f"{point} was not reached: {ran.lines}")
