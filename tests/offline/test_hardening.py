"""No process of ours can leave an image of its memory: seen in real processes, and in a crash of each kind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from app.offline.age import AgeIdentity
from app.offline.child import child_command
from app.offline.sealing_process import SealingProcess, Stop
from tests.clinic.service import RunningClinic, init_clinic

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="prctl and /proc are Linux's")

# Makes core files possible as far as this process may, says what it is after `before`, and crashes.
_CRASH = """
import ctypes, os, resource, sys
{before}
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE), flush=True)
ctypes.string_at(0)
"""
_OURS = "import app.__main__ as line; line._clinic = lambda words: 0; line.main(['clinic', 'serve'])"


def crash(command: list[str], folder: Path) -> tuple[str, list[str]]:
    """What a process has said that dies of SIGSEGV, begun with core files allowed; and what it left in its folder."""

    def allowed() -> None:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, preexec_fn=allowed)
    assert done.returncode == -signal.SIGSEGV, done.stderr
    return done.stdout, os.listdir(folder)


def test_a_crash_of_the_command_line_leaves_no_core_file(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _CRASH.format(before=_OURS)]
    assert crash(command, tmp_path) == ("0 0 0\n", [])


def test_without_our_care_the_same_crash_would_find_a_process_that_can_be_dumped(tmp_path: Path) -> None:
    said, _ = crash([sys.executable, "-c", _CRASH.format(before="")], tmp_path)
    assert said.startswith("1 ")


def test_a_crash_of_a_limited_child_leaves_no_core_file(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    script = ModuleType("script")
    script.__file__ = str(tmp_path / "script.py")
    Path(script.__file__).write_text(_CRASH.format(before=""))
    assert crash(child_command(script, memory=1 << 30, cpu=10), tmp_path / "work") == ("0 0 0\n", [])


def not_dumpable(pid: int) -> None:
    """As others see it: no core file by limit, and the kernel gives /proc/PID to root (proc(5), PR_SET_DUMPABLE)."""
    limits = Path(f"/proc/{pid}/limits").read_text()
    assert re.search(r"^Max core file size +0 +0 ", limits, re.M)
    assert os.stat(f"/proc/{pid}/environ").st_uid == 0
    if os.geteuid():
        with pytest.raises(PermissionError):
            Path(f"/proc/{pid}/mem").open("rb").close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningClinic]:
    clinic = RunningClinic(tmp_path / "c", init_clinic(tmp_path / "c"), (), module=("app", "clinic"))
    clinic.start()
    yield clinic
    clinic.stop()


def test_the_running_service(service: RunningClinic) -> None:
    not_dumpable(service.process.pid)


def test_a_running_sealing_child() -> None:
    reading, writing = os.pipe()
    try:
        keys = {"recipients": [AgeIdentity.generate().recipient]}
        with SealingProcess("seal", keys, writing, Stop()) as child:
            # Enough for a piece of 64 KiB and one byte, though the pipe's last 8 KiB may stay in our buffer; not more
            # than the child and a pipe hold while nobody reads on.
            child.feed(bytes(100_000))
            assert os.read(reading, 3) == b"age"  # it has come as far as its work
            not_dumpable(child.pid)
    finally:
        os.close(reading)
        os.close(writing)


def test_every_program_that_python_runs_for_us_is_hardened() -> None:
    """Children begin dumpable: one that is started otherwise than by child_command would be missed."""
    starts = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "app").rglob("*.py")
        if "sys.executable" in path.read_text("utf-8")
    }
    # The demo starts the command line itself, which hardens itself; it and the peer have no person's content.
    assert {name for name in starts if not name.startswith("app/demo/")} == {"app/offline/child.py"}
