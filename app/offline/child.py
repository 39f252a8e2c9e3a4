"""Limited child processes: every child of ours is started by this command line, and foreign content by this run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from app.offline import limited


def child_command(script: ModuleType, *arguments: object, memory: int, cpu: int, written: int = 0) -> list[str]:
    """`script` is run by its file under limits of `memory` and `written` (bytes) and `cpu` (s).

    `-I` keeps the environment and the working folder off its path, so `script` can import nothing of ours.
    """
    if script.__file__ is None:
        raise ValueError("a child is a file")
    limits = (str(memory), str(cpu), str(written))
    return [sys.executable, "-I", str(Path(limited.__file__)), *limits, script.__file__, *map(str, arguments)]


def child_environment() -> dict[str, str]:
    """The few variables that a child needs; one thread for each library that would take all cores."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "PATH") if name in os.environ}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class ChildFailed(Exception):
    """It did not end in time or gave no answer; `str()` is for a log."""


@dataclass(frozen=True)
class Limits:
    """`memory` in bytes, `cpu` and `wall` (the whole run) in s."""

    memory: int
    cpu: int
    wall: float


def run_child(
    script: ModuleType,
    *arguments: object,
    data: bytes,
    limits: Limits,
    variables: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], bytes]:
    """Blocks. `data` goes to the child's stdin; what it writes is a line of JSON, and the bytes that follow it.

    Raises :class:`ChildFailed`. What the answer says, "ok" or not, is for the caller.
    """
    try:
        child = subprocess.run(
            child_command(script, *arguments, memory=limits.memory, cpu=limits.cpu),
            check=False,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limits.wall,
            env=child_environment() | dict(variables or {}),
        )
    except subprocess.TimeoutExpired as exc:
        raise ChildFailed(f"not done within {limits.wall:.0f} s") from exc
    line, newline, body = child.stdout.partition(b"\n")
    if child.returncode != 0 or not newline:
        raise ChildFailed(f"the child ended with {child.returncode}")
    answer: dict[str, Any] = json.loads(line)
    return answer, body
