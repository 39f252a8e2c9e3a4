"""`make bench`: measures, prints a table for each part and writes it into that part's section of docs/benchmarks.md.

    make bench                                            machine, speech, pictures, echo, drift, cost and photo
    make bench ARGS="speech --cases 24,64 --seconds 30"   a selection; other rows of the table stay

Machines are noisy: compare lines of one run with each other, not runs with runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench import long_visit, machine, peer_cost, pictures, speech
from tests.bench.lab import ROOT, LabFailed, has_chromium
from tests.bench.pictures_cases import PICTURE_CASES
from tests.bench.speech_cases import CASES, LONG_CASES, Case, NoSuchCase, chosen
from tests.bench.tables import BadDocument, Row, merged, rows_of, section, table, with_section

_DOCUMENT = ROOT / "docs" / "benchmarks.md"
_DEFAULT = ("machine", "speech", "pictures", "echo", "drift", "cost", "photo")
_FIGURE_HEADER: Row = ("what", "figure", "target")
_SPEECH_HEAD = ("speech", "Speech on thin links", speech.LEGEND)
_PICTURES_HEAD = ("pictures", "Pictures on thin links", pictures.LEGEND)


def context(arguments: Sequence[str]) -> str:
    """Date, machine, commit and command, for the head of a section."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    words = " ".join(arguments)
    command = f'make bench ARGS="{words}"' if words else "make bench"
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    there = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"{day}; {there}; commit {described or 'unknown'}; `{command}`."


def present_rows(name: str, header: Row) -> list[Row]:
    text = _DOCUMENT.read_text() if _DOCUMENT.exists() else ""
    return rows_of(section(text, name) or "", header)


def run_machine(args: argparse.Namespace) -> int:
    _finish(args, "machine", "What this machine pays", "", table(machine.HEADER, machine.rows()))
    return 0


def run_speech(args: argparse.Namespace) -> int:
    cases = chosen(args.cases, CASES)
    with speech.open_bench(args.link, args.lab, args.ours, args.keep) as bench:
        for case in cases:
            if not bench.takes(case):
                print(f"{case.name}: on the lab's link alone", flush=True)
                continue
            ours = speech.several(bench, "ours", case, args.seconds, args.seeds)
            stock = None if args.no_stock else speech.several(bench, "stock", case, args.seconds, args.seeds)
            line = speech.row(case, ours, stock, _measured(args, bench.name))
            _told(line, held=speech.holds(case, ours))
            _keep_row(args, _SPEECH_HEAD, speech.HEADER, line, CASES)
    return 0


def run_pictures(args: argparse.Namespace) -> int:
    cases = chosen(args.cases, PICTURE_CASES)
    if not args.parts and not speech.has_lab_link(args.lab):
        print("pictures: on the lab's link alone, which needs the lab and root", flush=True)
        return 0
    chromium = has_chromium() and not args.no_chromium
    with speech.open_bench("lab", args.lab, args.ours, args.keep) as bench:
        for case in cases:
            calls = pictures.measure(bench, case, args.seconds, args.seeds, stock=not args.no_stock, chromium=chromium)
            if calls is None:
                print(f"{case.name}: without Chromium there is none", flush=True)
                continue
            line = pictures.row(case, calls, _measured(args, bench.name))
            _told(line, held=pictures.holds(case, calls))
            _keep_row(args, _PICTURES_HEAD, pictures.HEADER, line, PICTURE_CASES)
    return 0


def run_long(args: argparse.Namespace) -> int:
    with speech.open_bench("lab", args.lab, args.ours, args.keep) as bench:
        assert isinstance(bench, speech.LabBench)
        rows = long_visit.rows(bench, chosen(args.cases, LONG_CASES), args.seconds, _measured(args, bench.name))
    rows = merged(present_rows("long", long_visit.HEADER), rows, [case.name for case in LONG_CASES])
    _finish(args, "long", "Long visits", "STOI and the rest over the whole visit.", table(long_visit.HEADER, rows))
    return 0


def run_cost(args: argparse.Namespace) -> int:
    ours = args.ours.split() if args.ours else None
    rows = peer_cost.rows(args.hours, ours, seen=args.pictures)
    rows = [
        row for row in present_rows("cost", peer_cost.HEADER) if (peer_cost.SEEN in row[0]) is not args.pictures
    ] + rows
    _finish(args, "cost", "What a peer costs", "", table(peer_cost.HEADER, rows))
    return 0


def run_script(name: str, title: str, file: str = "") -> Callable[[argparse.Namespace], int]:
    """A program of its own, tests/bench/FILE or NAME.py: it prints JSON lines of what, figure, target."""

    def run(args: argparse.Namespace) -> int:
        script = Path(__file__).with_name(file or f"{name}.py")
        if not script.exists():
            print(f"{name}: there is no {script.name} yet", flush=True)
            return 0
        done = subprocess.run([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            print(f"{name}: it failed (see above)", file=sys.stderr)
            return 1
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        rows = [tuple(str(line[key]) for key in _FIGURE_HEADER) for line in lines]
        if not rows:
            return 0  # it has said why; the figures of another day stay
        _finish(args, name, title, "", table(_FIGURE_HEADER, rows))
        return 0

    return run


PARTS: dict[str, Callable[[argparse.Namespace], int]] = {
    "machine": run_machine,
    "speech": run_speech,
    "pictures": run_pictures,
    "echo": run_script("echo", "Echo"),
    "drift": run_script("drift", "Clock drift"),
    "sealing": run_script("sealing", "Sealing large files"),
    "damage": run_script("damage", "Damaged sealed files"),
    "upload": run_script("upload", "Sending over a thin line"),
    "closer": run_script("closer", "Looking closer"),
    "cost": run_cost,
    "photo": run_script("photo", "Photos", "photo_copy.py"),
    "long": run_long,
}


def _measured(args: argparse.Namespace, bench: str) -> str:
    length = "" if args.seconds is None else f", {args.seconds:g} s"
    seeds = f", seeds {' '.join(map(str, args.seeds))}" if len(args.seeds) > 1 else ""
    return f"{datetime.now(UTC):%Y-%m-%d}, {bench}{length}{seeds}"


def _told(line: Row, *, held: bool) -> None:
    print(" | ".join(line), "" if held else "  MISSED", flush=True)


def _keep_row(
    args: argparse.Namespace, head: tuple[str, str, str], header: Row, line: Row, cases: Sequence[Case]
) -> None:
    """Row by row: a run that is stopped has still measured something. `head`: the section's name, title and legend."""
    name, title, legend = head
    rows = merged(present_rows(name, header), [line], [case.name for case in cases])
    _finish(args, name, title, legend, table(header, rows), quiet=True)


def _finish(args: argparse.Namespace, name: str, title: str, legend: str, body: str, *, quiet: bool = False) -> None:
    if args.print_only:
        if not quiet:
            print(body, flush=True)
        return
    head = "\n\n".join(part for part in (context(args.words), legend) if part)
    text = _DOCUMENT.read_text() if _DOCUMENT.exists() else ""
    _DOCUMENT.write_text(with_section(text, name, f"## {title}\n\n{head}\n\n{body}"))
    if not quiet:
        print(body, flush=True)


def _seeds(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; without any: all but long")
    parser.add_argument("--cases", default="", help="comma list of links (speech, pictures, long); all without it")
    parser.add_argument("--seconds", type=float, help="of each call; 60 without it. Cuts and steps keep their own")
    parser.add_argument("--seeds", type=_seeds, default=[1], help="comma list; each case once for each")
    parser.add_argument("--link", choices=("auto", "lab", "process"), default="auto")
    parser.add_argument("--lab", help="the lab's folder; else THINLINE_LAB, else ../shared/lab")
    parser.add_argument("--ours", help="another command for our peer on the lab's link and in part cost")
    parser.add_argument("--no-stock", action="store_true", help="without stock aiortc beside it")
    parser.add_argument("--no-chromium", action="store_true", help="part pictures without Chromium beside it")
    parser.add_argument("--keep", type=Path, help="a folder for the calls' files, which else go away")
    parser.add_argument("--hours", type=float, default=1 / 6, help="part cost; ten minutes without it")
    parser.add_argument("--pictures", action="store_true", help="part cost with pictures too")
    parser.add_argument("--print-only", action="store_true", help="leaves docs/benchmarks.md as it is")
    args = parser.parse_args(words)
    unknown = [part for part in args.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    args.words = list(words)
    return args


def main() -> int:
    args = parsed(sys.argv[1:])
    try:
        return max(PARTS[part](args) for part in args.parts or _DEFAULT)
    except (LabFailed, NoSuchCase, BadDocument, peer_cost.NoProc) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
