"""What the demo has seen: steps with their times as they are observed, and the search for clear content."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Step:
    at_s: float
    name: str
    seen: str


@dataclass
class Report:
    """Grows step by step; written whole at the end, whatever the end was."""

    out: Path
    began: float = field(default_factory=time.monotonic)
    steps: list[Step] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def step(self, name: str, seen: str = "") -> None:
        """Tells and keeps that a step was observed."""
        at = time.monotonic() - self.began
        self.steps.append(Step(round(at, 1), name, seen))
        print(f"{at:6.1f} s  {name}{f': {seen}' if seen else ''}", flush=True)

    def write(self, error: str | None) -> None:
        whole = {
            "ok": error is None,
            "error": error,
            "seconds": round(time.monotonic() - self.began, 1),
            "steps": [asdict(step) for step in self.steps],
            **self.facts,
        }
        (self.out / "report.json").write_text(json.dumps(whole, indent=1) + "\n")


def find_clear(folders: Iterable[Path], needles: Sequence[bytes]) -> list[str]:
    """The files below `folders` in which any of the byte strings stands, as it is or in base64; at best none."""
    wanted = [n for needle in needles for n in (needle, base64.b64encode(needle)[:-4]) if n]
    reach = max(len(n) for n in wanted)
    found = []
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            if _holds(path, wanted, reach):
                found.append(str(path))
    return found


def _holds(path: Path, wanted: Sequence[bytes], reach: int) -> bool:
    with path.open("rb") as file:
        tail = b""
        while piece := file.read(_CHUNK):
            window = tail + piece
            if any(n in window for n in wanted):
                return True
            tail = window[-reach:]
    return False
