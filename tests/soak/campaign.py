"""What every campaign shares: cases by seed and number, several processes, a log of violations, a line at the end."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

Case = Callable[[int, int, "Tally"], None]
"""Runs case `number` of `seed`; raises :class:`Violation`. Any other exception is a violation too."""

LOGS = Path("soak-out")
_BATCH = 200


class Violation(Exception):
    """A law was broken; the text says which and how."""


class Tally(Counter[str]):
    """What happened how often, added up over all cases."""


@dataclass
class Outcome:
    cases: int = 0
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)
    violations: list[str] = field(default_factory=list)


def run(case: Case, seed: int, numbers: range) -> Outcome:
    """All cases in this process."""
    began, outcome = time.monotonic(), Outcome()
    logging.disable(logging.CRITICAL)  # what goes wrong on purpose is told in great numbers
    try:
        for number in numbers:
            outcome.violations += _one(case, seed, number, outcome.tally)
            outcome.cases += 1
    finally:
        logging.disable(logging.NOTSET)
    outcome.seconds = time.monotonic() - began
    return outcome


def _one(case: Case, seed: int, number: int, tally: Tally) -> list[str]:
    try:
        case(seed, number, tally)
    except Violation as exc:
        return [f"seed {seed} case {number}: {exc}"]
    except Exception:
        return [f"seed {seed} case {number}: {traceback.format_exc()}"]
    return []


def _batch(job: tuple[Case, int, range]) -> Outcome:
    return run(*job)


def _all(case: Case, seed: int, numbers: range, jobs: int) -> Iterator[Outcome]:
    batches = [
        (case, seed, range(first, min(first + _BATCH, numbers.stop)))
        for first in range(numbers.start, numbers.stop, _BATCH)
    ]
    if jobs == 1:
        yield from map(_batch, batches)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(_batch, batches)


def main(name: str, words: str, case: Case, count: int) -> int:
    """The command line of a campaign; `words` names its cases. The exit code: 1 after a violation."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.soak.{name}")
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="begin with this case (with --count 1: replay one)")
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    began, whole = time.monotonic(), Outcome()
    LOGS.mkdir(exist_ok=True)
    with open(LOGS / f"{name}.log", "w") as log:
        for part in _all(case, given.seed, range(given.first, given.first + given.count), given.jobs):
            whole.cases += part.cases
            whole.tally.update(part.tally)
            whole.violations += part.violations
            log.writelines(f"{line}\n" for line in part.violations)
            log.flush()
    whole.seconds = time.monotonic() - began
    print(sentence(name, words, whole), flush=True)
    for line in whole.violations[:3]:
        print(line, file=sys.stderr)
    return 1 if whole.violations else 0


def sentence(name: str, words: str, outcome: Outcome) -> str:
    speed = outcome.cases / outcome.seconds if outcome.seconds else 0.0
    told = ", ".join(f"{value:,} {key}" for key, value in sorted(outcome.tally.items()))
    return (
        f"{name}: {outcome.cases:,} {words}, {len(outcome.violations):,} violations "
        f"({outcome.seconds:.0f} s, {speed:,.0f} a second): {told}"
    )


@contextmanager
def fast_folder() -> Iterator[Path]:
    """A folder in memory where there is one: syncs cost nothing there, and what they mean is the shims' affair."""
    memory = Path("/dev/shm")
    path = Path(tempfile.mkdtemp(prefix="thinline-soak-", dir=memory if memory.is_dir() else None))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
