"""The command line of a limited child process: every child of ours is started by this one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

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
