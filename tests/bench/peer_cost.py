"""What a peer of ours costs in a visit, speech alone or with pictures: its share of a core, the growth of its memory.

    python tests/bench/peer_cost.py [--hours H] [--pictures] [--ours COMMAND]

Two `thinline peer` processes on loopback, read through /proc (Linux); the first two minutes count as warming up.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.demo.samples import make_sample
from tests.bench.tables import Row
from tests.bench.two_peers import Peer, carry, connect

HEADER: Row = ("what", "figure", "target")
SEEN = "with pictures"
_EVERY_S = 60.0
_WARM_S = 120.0
_MOST_CORES, _MOST_GROWTH_MB = 0.25, 20.0


class NoProc(Exception):
    """There is no /proc here."""


@dataclass(frozen=True)
class Sample:
    at: float  # s since the call began
    cpu_s: float
    rss_mb: float


def sample(pid: int, at: float) -> Sample:
    """CPU time and resident memory of a process. Raises NoProc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError as error:
        raise NoProc("CPU and memory of a peer are read from /proc, which is not here") from error
    return Sample(at, cpu_seconds(stat, os.sysconf("SC_CLK_TCK")), rss_mb(status))


def cpu_seconds(stat: str, ticks_a_second: int) -> float:
    """User and system time in /proc/PID/stat (proc(5)); the name in brackets may hold anything."""
    rest = stat.rpartition(")")[2].split()
    return (int(rest[11]) + int(rest[12])) / ticks_a_second


def rss_mb(status: str) -> float:
    """VmRSS in /proc/PID/status, in MB."""
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024 / 1e6


def _warm(samples: Sequence[Sample]) -> list[Sample]:
    """Those after warming up."""
    return [s for s in samples if s.at >= _WARM_S]


def growth_mb_an_hour(samples: Sequence[Sample]) -> float | None:
    """The slope of a straight line through the samples after warming up; None for fewer than three."""
    warm = _warm(samples)
    if len(warm) < 3:
        return None
    middle_t = sum(s.at for s in warm) / len(warm)
    middle_m = sum(s.rss_mb for s in warm) / len(warm)
    spread = sum((s.at - middle_t) ** 2 for s in warm)
    return 3600 * sum((s.at - middle_t) * (s.rss_mb - middle_m) for s in warm) / spread


def levels(samples: Sequence[Sample], parts: int = 4) -> tuple[float, ...]:
    """The highest memory (MB) in each of `parts` equal parts of the samples after warming up, whether it levels off;
    empty for too few.
    """
    warm = [s.rss_mb for s in _warm(samples)]
    ends = [len(warm) * i // parts for i in range(parts + 1)]
    return tuple(max(warm[a:b]) for a, b in itertools.pairwise(ends)) if len(warm) >= parts else ()


def cores(samples: Sequence[Sample]) -> float:
    """The share of one core between the first and the last sample."""
    first, last = samples[0], samples[-1]
    return (last.cpu_s - first.cpu_s) / max(1e-9, last.at - first.at)


def measured(out: Path, hours: float, ours: Sequence[str] | None, *, seen: bool) -> dict[str, list[Sample]]:
    """Samples of both peers, one at the start and one each minute; `seen`: with pictures. Raises NoProc."""
    made = make_sample("home", out / "film")
    media = ["--video", str(made.camera) if seen else "none", "--audio", str(made.microphone)]
    peers = [Peer(out / name, media, ours) for name in "ab"]
    try:
        connect(peers)
        began = time.monotonic()
        found: dict[str, list[Sample]] = {"a": [], "b": []}
        due = 0.0
        while due <= 3600 * hours:
            carry(peers, began + due)
            for name, peer in zip("ab", peers, strict=True):
                found[name].append(sample(peer.pid, time.monotonic() - began))
            due += min(_EVERY_S, 3600 * hours / 2)
        for peer in peers:
            peer.end()
        return found
    finally:
        for peer in peers:
            peer.kill()


def rows(hours: float, ours: Sequence[str] | None = None, *, seen: bool = False) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        found = measured(Path(name), hours, ours, seen=seen)
    share = max(cores(samples) for samples in found.values())
    grown = max(samples[-1].rss_mb - samples[0].rss_mb for samples in found.values())
    slopes = [slope for samples in found.values() if (slope := growth_mb_an_hour(samples)) is not None]
    peak = max(s.rss_mb for samples in found.values() for s in samples)
    length = f"{SEEN if seen else 'speech alone'}, {60 * hours:g} minutes"
    slope = f"{max(slopes):.1f} MB an hour after warming up; " if slopes else ""
    parts = [" ".join(f"{mb:.0f}" for mb in level) for s in found.values() if (level := levels(s))]
    quarters = f"at most {' and '.join(parts)} MB in its quarters; " if parts else ""
    return [
        (f"CPU of a peer, {length}", f"{share:.2f} of one core", f"<= {_MOST_CORES}" if not seen else ""),
        (
            f"memory of a peer, {length}",
            f"{slope}{quarters}{grown:.1f} MB from first to last, at most {peak:.0f} MB",
            f"< {_MOST_GROWTH_MB:g} MB an hour",
        ),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=1 / 6)
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--ours", help="another command for the peer")
    options = parser.parse_args()
    for line in rows(options.hours, options.ours.split() if options.ours else None, seen=options.pictures):
        print(*line, sep=" | ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
