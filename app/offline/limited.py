"""Starts a child script under limits: run as a file by `python -I`, before anything of the child is read.

Arguments: memory (bytes), CPU time (s), the largest file that may be written (bytes), the script, the script's own.
Not to be imported: app/offline/child.py makes the command line.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    memory, cpu, written = (int(text) for text in arguments[:3])
    # By its path: `-I` keeps our own folders off the list of those that are searched.
    runpy.run_path(str(Path(__file__).parents[1] / "hardening.py"))["keep_memory_off_the_disk"]()
    if sys.platform != "win32":  # no such limits there; the callers' time-outs and bounds remain
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
        resource.setrlimit(resource.RLIMIT_FSIZE, (written, written))
    sys.argv = arguments[3:]
    runpy.run_path(arguments[3], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
