"""Visits of 20 minutes on the lab's link (root): does the visit hold to its end, and is it understood throughout?

python tests/bench/long_visit.py [--cases 64-loss20-long] [--seconds 1200] [--keep DIR] [--ours COMMAND]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.figures import SPEECH
from tests.bench.lab import LabFailed
from tests.bench.speech import Heard, LabBench, cell, open_bench
from tests.bench.speech_cases import LONG_CASES, Case, NoSuchCase, chosen, seconds_of
from tests.bench.tables import Row, table

HEADER: Row = ("case", "link", "ours", "to the end", "target", "measured")
_HEARD_WITHIN_S = 20.0


def last_state(lines: Sequence[dict[str, Any]]) -> str:
    """The last connection that a peer's statistics tell of before it closed by itself; "" if none."""
    events = [line["event"] for line in lines if "event" in line]
    states = [event["s"]["state"] for event in events if event["k"] == "ConnectionChanged"]
    return next((state for state in reversed(states) if state != "closed"), "")


def heard_until(lines: Sequence[dict[str, Any]]) -> float:
    """When (Unix s) the last sample of speech came that was not concealed; 0.0 for never."""
    at, before = 0.0, 0
    for line in lines:
        sound = line.get("audio_in") or {}
        real = sound.get("totalSamplesReceived", 0) - sound.get("concealedSamples", 0)
        if real > before:
            at, before = float(line["t"]), real
    return at


def survived(folder: Path, heard: Heard) -> str:
    """ "yes", or what went wrong, from both peers' own files."""
    if heard.error:
        return heard.error
    for side in ("a", "b"):
        lines = [json.loads(line) for line in (folder / side / "stats.jsonl").read_text().splitlines()]
        if last_state(lines) != "connected":
            return f"{side} was {last_state(lines) or 'never connected'} at the end"
        figures = [line for line in lines if "event" not in line]
        if not figures or figures[-1]["t"] - heard_until(figures) > _HEARD_WITHIN_S:
            return f"{side} heard nothing at the end"
    return "yes"


def rows(bench: LabBench, cases: Sequence[Case], seconds: float | None, measured: str) -> list[Row]:
    found = []
    for case in cases:
        length = seconds_of(case, seconds)
        heard = bench.call("ours", case, length, 1)
        lasted = survived(bench.folder_of("ours", case, 1), heard)
        goal = f"{SPEECH.wanted(case.target)}, to the end"
        found.append((case.name, case.title, cell(heard, case.target), lasted, goal, measured))
        print(f"{case.name}: {length:g} s, to the end: {lasted}; {found[-1][2]}", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", default="")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--lab")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--ours")
    options = parser.parse_args()
    try:
        cases = chosen(options.cases, LONG_CASES)
        with open_bench("lab", options.lab, options.ours, options.keep) as bench:
            assert isinstance(bench, LabBench)
            print(table(HEADER, rows(bench, cases, options.seconds, "")))
    except (LabFailed, NoSuchCase) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
