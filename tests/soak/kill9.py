"""Campaign: kill -9 at every write, sync, truncation, rename, removal and request, the real service and all.

Each case prepares a profile for one act (the first start, a capture, a draft, a delivery, the sweep after a killed
delivery, an addition to what was sent, a taking back of what was sent or half sent, with its originals, a question
that comes, is read and answered with an original, an answer written at the desk) and runs it in a process that kills
itself at its N-th step, each write also half done; then a new process does what a start of the app does. `--count`
bounds the number of points, spread evenly over each act; 0 means all.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.offline.offline_kit import CANARY, every_byte
from tests.offline.test_real_clinic import Town
from tests.soak.campaign import LOGS, Outcome, Violation, fast_folder, sentence
from tests.soak.kill9_acts import NOTE, PHOTO, WHOLE
from tests.soak.kill9_ready import Kitchen, Point, Prepared, Process
from tests.soak.town import at_the_clinic, manifest, opened, opened_answer, replies_at, town

KILLED = (
    "first", "capture", "draft", "deliver", "recover", "amend", "withdraw", "withdraw half sent", "reply", "answer",
)  # fmt: skip


class Killer:
    def __init__(self, made: Town, folder: Path) -> None:
        self._made = made
        self._kitchen = Kitchen(made, folder)

    def points(self, act: str) -> list[Point]:
        """Every step of the act, and every write once more, half done."""
        at = self._kitchen.prepared(act)
        ran = Process(Point(act, 0), at, self._made)
        if ran.code:
            raise Violation(f"{act} does not run: {ran.lines}")
        (steps,) = ran.said("steps")
        shutil.rmtree(at.folder)
        found: list[Point] = []
        for number, step in enumerate(json.loads(steps), start=1):
            found.append(Point(act, number))
            if step == "write":
                found.append(Point(act, number, torn=True))
        return found

    def case(self, point: Point) -> None:
        """Raises :class:`Violation`."""
        at = self._kitchen.prepared(point.act)
        replies = self._replies_to(at.item)
        there = set(at_the_clinic(self._made.clinic.data).whole)
        ran = Process(point, at, self._made)
        if ran.code not in (0, -signal.SIGKILL):
            raise Violation(f"{point}: {ran.lines}")
        if CANARY in every_byte(at.folder):
            raise Violation(f"{point}: clear bytes on the disk")
        start = {"first": "first", "answer": "settle desk"}.get(point.act, "settle")
        after = Process(Point(start, 0), at, self._made)
        if after.code:
            raise Violation(f"{point}: the next start fails: {after.lines}")
        if CANARY in every_byte(at.folder):
            raise Violation(f"{point}: clear bytes on the disk after the next start")
        try:
            self._judge(point.act, at, ran, after, (there, replies))
        except Violation as exc:
            raise Violation(f"{point}: {exc}") from exc
        shutil.rmtree(at.folder)

    def _judge(
        self, act: str, at: Prepared, ran: Process, after: Process, before: tuple[set[str], Sequence[str]]
    ) -> None:
        there, replies = before
        if act == "answer":
            self._answered(at, ran, after, replies)
        elif act.startswith("withdraw"):
            self._taken_back(at, ran, after)
        elif act == "reply":
            self._replied(at, ran, after)
        elif act != "first":
            self._arrived(at, there - set(at.saved), {*at.saved, *ran.said("saved")})

    def _arrived(self, at: Prepared, there: set[str], expected: set[str]) -> None:
        """All that was called saved, and nothing else, once; an addition says what it adds to."""
        whole = at_the_clinic(self._made.clinic.data).whole
        new = set(whole) - there
        if not new >= expected or len(new) > 1:
            raise Violation(f"saved {expected}, arrived {sorted(new)}")
        for files in (whole[name] for name in new):
            if opened(self._made, files) != (NOTE, [PHOTO]):
                raise Violation("something else arrived than was taken")
            if manifest(self._made, files).amends != (at.item or None):
                raise Violation("it arrived as an addition to something else")
        if any((at.folder / "blobs").iterdir()):
            raise Violation("something is left on the disk")

    def _taken_back(self, at: Prepared, ran: Process, after: Process) -> None:
        """The item and all of its originals, or nothing of it; the first when the person was told so."""
        lives, _ = json.loads(after.said("left")[0])
        names = (at.item, *at.originals)
        stands = [lives[name] for name in names]
        whole = at_the_clinic(self._made.clinic.data).whole
        here = [name for name in names if name in whole]
        if stands == ["withdrawn"] * 3 and not here:
            return
        if ran.said("taken back") or stands != ["received", "received", "held"] or here != list(names[:2]):
            raise Violation(f"told {ran.said('taken back')}, it stands as {stands}, the clinic has {here}")
        self._holds_two_photos(at, whole)

    def _holds_two_photos(self, at: Prepared, whole: dict[str, list[bytes]]) -> None:
        if opened(self._made, whole[at.item]) != (NOTE, [PHOTO, PHOTO]):
            raise Violation("the item is not what was taken")
        for name, clear in zip(at.originals, WHOLE, strict=True):
            if name in whole and opened(self._made, whole[name]) != ("", [clear]):
                raise Violation("an original is not what was taken")

    def _replied(self, at: Prepared, ran: Process, after: Process) -> None:
        """The question is there once, read and receipted; what it asks for is at the clinic."""
        lives, told = json.loads(after.said("left")[0])
        if not set(after.said("kept")) >= set(ran.said("come")):
            raise Violation("a question was shown and is gone")
        if not set(after.said("known read")) >= set(ran.said("read")):
            raise Violation("a question was read and is unread again")
        if told != self._replies_to(at.item) or len(told) != 1 or not self._is_read(told[0]):
            raise Violation(f"of {self._replies_to(at.item)} the clinic was told that {told} are read")
        stands = [lives[name] for name in (at.item, *at.originals)]
        whole = at_the_clinic(self._made.clinic.data).whole
        if stands != ["needs-more", "received", "received"] or not set(whole) >= {at.item, *at.originals}:
            raise Violation(f"it stands as {stands}")
        self._holds_two_photos(at, whole)

    def _answered(self, at: Prepared, ran: Process, after: Process, before: Sequence[str]) -> None:
        """What was written is at the clinic once, and opens at the patient's."""
        left = json.loads(after.said("left")[0])
        there = [row for row in replies_at(self._made.clinic.data) if row.submission == at.item]
        new = [row for row in there if row.reply not in before]
        if not {row.reply for row in new} >= set(ran.said("written")) or len(new) > 1:
            raise Violation(f"written {ran.said('written')}, come to the clinic {new}")
        if sorted(left) != sorted(row.reply for row in there):
            raise Violation(f"kept {left}, at the clinic {there}")
        for row in new:
            content = opened_answer(self._made, row)
            if (content.text, content.name) != (NOTE, NOTE):
                raise Violation("something else was answered than was written")

    def _replies_to(self, item: str) -> list[str]:
        return [row.reply for row in replies_at(self._made.clinic.data) if row.submission == item]

    def _is_read(self, reply: str) -> bool:
        return any(row.reply == reply and row.read for row in replies_at(self._made.clinic.data))


def spread(points: Sequence[Point], count: int) -> Sequence[Point]:
    """`count` of them, evenly; at least one."""
    step = max(1, -(-len(points) // max(1, count)))
    return points[step // 2 :: step]


def run(count: int) -> Outcome:
    """`count` points in all, each act its share and one at least; 0: every point there is."""
    outcome, began = Outcome(), time.monotonic()
    for name in ("httpcore", "anyio._backends._asyncio"):  # else every process imports them at its first request
        importlib.import_module(name)
    # Each case looks through all that has come to the clinic: with every point there is, each act has one of its own.
    for acts in ((act,) for act in KILLED) if not count else (KILLED,):
        with fast_folder() as folder, town(folder) as made:
            _die(Killer(made, folder), acts, round(count / len(KILLED)), outcome)
            if CANARY in made.clinic.bytes_on_disk():
                outcome.violations.append("clear bytes on the clinic's disk")
    outcome.seconds = time.monotonic() - began
    return outcome


def _die(killer: Killer, acts: Sequence[str], count: int, outcome: Outcome) -> None:
    """`count` points of each act; 0: all."""
    for act in acts:
        points = killer.points(act)
        outcome.tally["points there are"] += len(points)
        for point in spread(points, count) if count else points:
            try:
                killer.case(point)
            except Violation as exc:
                outcome.violations.append(str(exc))
            outcome.cases += 1
            outcome.tally[f"in {act}"] += 1


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
