"""Part speech of `make bench`: each link with ours and with stock aiortc in the same run, beside the target."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.demo.samples import make_sample
from tests.bench import lab as the_lab
from tests.bench.figures import SPEECH, Figures
from tests.bench.guest_page import adapter
from tests.bench.lab import ROOT, LabFailed
from tests.bench.lab_pictures import pictures_in
from tests.bench.picture_figures import PictureFigures
from tests.bench.speech_cases import Case, seconds_of
from tests.bench.tables import Row

HEADER: Row = ("case", "link", "ours", "stock aiortc", "target", "measured")
LEGEND = (
    "Each figure is the worse direction of the worst seed, of the steady part (from 15 s on): PESQ, STOI, concealed, "
    "mouth to ear p50, queue p95, CPU (cores, one peer). Bold: the target is missed."
)
_SLACK_S = 60.0
_PEERS = {  # engine -> the lab's adapters at a, which offers, and at b
    "ours": ("ours", "ours"),
    "stock": ("aiortc", "aiortc"),
    "chromium": ("chromium", "chromium"),
    "ours-chromium": ("ours", "chromium"),
    "chromium-ours": ("chromium", "ours"),
    "ours-page": ("ours", "page"),
}


@dataclass(frozen=True)
class Heard:
    """What came of one call: by receiving side (a, then b), and why it ended early, if it did."""

    directions: Sequence[Figures]
    error: str | None = None
    pictures: Sequence[PictureFigures] = ()


class Bench(Protocol):
    """Where calls are made."""

    name: str

    def takes(self, case: Case) -> bool: ...

    def call(self, engine: str, case: Case, seconds: float, seed: int) -> Heard: ...


class LabBench:
    """The lab's link in network namespaces; needs root."""

    name = "lab"

    def __init__(self, lab: Path, home: Path, work: Path, ours: str) -> None:
        self._lab, self._home, self._work = lab, home, work
        self._adapters = {"ours": ours, "page": adapter(lab, home / "venv" / "bin" / "python", work)}

    def takes(self, case: Case) -> bool:
        return True

    def folder_of(self, engine: str, case: Case, seed: int) -> Path:
        """Where a call's files are."""
        return self._work / f"{case.name}-{engine}-{seed}"

    def call(self, engine: str, case: Case, seconds: float, seed: int) -> Heard:
        out = self.folder_of(engine, case, seed)
        the_lab.call(self._lab, self._home, out, self._adapters, _PEERS[engine], (case, seconds, seed))
        answer = the_lab.analyse(self._lab, self._home, out)
        (out / "answer.json").write_text(json.dumps(answer, indent=1))
        return Heard(the_lab.figures_of(answer, case.phase), answer.get("error"), pictures_in(out, answer))


class ProcessBench:
    """Both peers in one process on a link in user space: no root, no lab."""

    name = "in-process"

    def __init__(self, home: Path, work: Path, speech: Path, film: Path) -> None:
        self._home, self._work, self._speech, self._film = home, work, speech, film

    def takes(self, case: Case) -> bool:
        return not case.needs_lab

    def call(self, engine: str, case: Case, seconds: float, seed: int) -> Heard:
        out = self._work / f"{case.name}-{engine}-{seed}"
        command = [sys.executable, str(ROOT / "tests" / "bench" / "one_call.py"), engine, str(out)]
        command += ["--link", json.dumps(dict(case.link)), "--seconds", f"{seconds:g}", "--seed", str(seed)]
        command += ["--speech", str(self._speech), "--film", str(self._film)]
        out.mkdir(parents=True, exist_ok=True)
        with (out / "stderr.log").open("w") as log:
            try:
                done = subprocess.run(command, stdout=log, stderr=log, timeout=seconds + _SLACK_S)
            except subprocess.TimeoutExpired:
                return Heard([], "the call did not end")
        if done.returncode:
            return Heard([], _last_line(out / "stderr.log"))
        return self._judged(out)

    def _judged(self, out: Path) -> Heard:
        judge = ROOT / "tests" / "bench" / "speech_quality.py"
        done = subprocess.run(
            [str(self._home / "venv" / "bin" / "python"), "-B", str(judge), str(out)], capture_output=True, text=True
        )
        if done.returncode:
            raise LabFailed(f"speech could not be judged: {done.stderr.strip().splitlines()[-1:]}")
        sides, call = json.loads(done.stdout), json.loads((out / "call.json").read_text())
        found = []
        for side, direction in (("a", "b2a"), ("b", "a2b")):
            link = call["links"][direction]
            queue = {name: link[name] for name in ("queue_p95_ms", "queue_down_s")}
            found.append(Figures(**sides[side], **queue, cpu_cores=call["cpu_cores"]))
        return Heard(found, call["error"])


def _last_line(log: Path) -> str:
    lines = log.read_text().strip().splitlines()
    return lines[-1] if lines else "it ended without a word"


def own_command(work: Path) -> str:
    """This checkout's measuring peer as a command without spaces in its words, as the lab's harness splits it."""
    script = work / "thinline-peer"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -P -m app peer "$@"\n')
    script.chmod(0o755)
    return str(script)


def has_lab_link(lab_option: str | None) -> bool:
    """Whether calls can be made on the lab's link. Raises LabFailed for a lab that was named and is not there."""
    return the_lab.find_lab(lab_option) is not None and _is_root()


@contextmanager
def open_bench(link: str, lab_option: str | None, ours: str | None, keep: Path | None) -> Iterator[Bench]:
    """`link`: "lab", "process", or "auto": the lab for root where there is one. Files go to `keep` and stay there, or
    go away. Raises LabFailed.
    """
    lab = the_lab.find_lab(lab_option)
    if link == "auto":
        link = "lab" if has_lab_link(lab_option) else "process"
    if link == "lab" and lab is None:
        raise LabFailed("there is no lab; name its folder with --lab or THINLINE_LAB")
    if link == "lab" and not _is_root():
        raise LabFailed("the lab's link needs root; --link process needs none")
    home = the_lab.make_home(lab)
    work = keep or Path(tempfile.mkdtemp(prefix="thinline-bench-"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        if link == "lab" and lab is not None:
            yield LabBench(lab, home, work, ours or own_command(work))
        else:
            sample = make_sample("home", work / "film")
            speech = home / "media" / "speech.wav"
            yield ProcessBench(home, work, speech if speech.exists() else sample.microphone, sample.camera)
    finally:
        if keep is None:
            shutil.rmtree(work, ignore_errors=True)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def several(bench: Bench, engine: str, case: Case, seconds: float | None, seeds: Sequence[int]) -> Heard:
    """The same call once for each seed."""
    return joined([_one(bench, engine, case, seconds_of(case, seconds), seed) for seed in seeds])


def joined(calls: Sequence[Heard]) -> Heard:
    """The figures of all, and the first error of any."""
    errors = [heard.error for heard in calls if heard.error]
    return Heard(
        [figures for heard in calls for figures in heard.directions],
        errors[0] if errors else None,
        [figures for heard in calls for figures in heard.pictures],
    )


def _one(bench: Bench, engine: str, case: Case, seconds: float, seed: int) -> Heard:
    """A call that cannot be made or judged is its row's misfortune alone: an hour of others is not thrown away."""
    try:
        return bench.call(engine, case, seconds, seed)
    except LabFailed as error:
        return Heard([], str(error))


def cell(heard: Heard | None, target: Figures | None = None) -> str:
    if heard is None:
        return ""
    return with_error(SPEECH.shown(SPEECH.worse(heard.directions), target), heard)


def with_error(text: str, heard: Heard) -> str:
    return f"{text} (ended early: {heard.error})" if heard.error else text


def row(case: Case, ours: Heard, stock: Heard | None, measured: str) -> Row:
    return (case.name, case.title, cell(ours, case.target), cell(stock), SPEECH.wanted(case.target), measured)


def holds(case: Case, heard: Heard) -> bool:
    return heard.error is None and not SPEECH.missed(SPEECH.worse(heard.directions), case.target)
