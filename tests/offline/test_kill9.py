"""kill -9 between every two steps of capture, sweep, upload, receipt and erase: what was saved arrives, once."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.offline.vault import open_blob, open_manifest
from tests.offline.offline_crash import photo
from tests.offline.offline_kit import CANARY, PATIENT, Clinic, every_byte, open_device
from tests.offline.offline_service import ScriptedClinic

ROOT = Path(__file__).resolve().parents[2]


class Crasher:
    """The process that runs orders, each in a new process."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self._url = url

    def run(self, profile: Path, act: str, kill_at: int = 0) -> tuple[int, list[str]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"profile": str(profile), "url": self._url, "act": act, "kill_at": kill_at}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        outcome = json.loads(self._process.stdout.readline())
        return outcome["code"], outcome["said"].splitlines()


class World:
    """A clinic, its service, an enrolled profile to copy, and the crasher."""

    def __init__(self, folder: Path, service: ScriptedClinic, crasher: Crasher) -> None:
        self.folder = folder
        self.service = service
        self.crasher = crasher
        device = open_device(folder / "template", service.clinic)
        self.device_key = device.keys.ed25519
        device.close()

    def copy(self, name: str, of: str = "template") -> Path:
        return Path(shutil.copytree(self.folder / of, self.folder / name))

    def steps(self, act: str, of: str) -> list[str]:
        """Runs `act` to its end on a copy and returns its steps' names."""
        code, said = self.crasher.run(self.copy(f"count-{act}-{of}", of), act)
        assert code == 0, said
        self.service.uploads.clear()
        return json.loads(said[-1].removeprefix("steps "))

    def delivered_once(self, expected: list[str]) -> None:
        """Every saved submission is whole at the service and opens to what was taken; nothing twice."""
        found = self.service.submissions()
        assert set(found) >= set(expected)
        assert len(found) <= 1
        provider = self.service.clinic.provider.identity
        for uploads in found.values():
            assert [upload.receipt is not None for upload in uploads] == [True, True]
            by_part = {upload.meta.part: bytes(upload.data) for upload in uploads}
            manifest = open_manifest(by_part["manifest"], provider, {PATIENT: self.device_key})
            assert open_blob(by_part["blob"], provider, manifest.blobs[0]) == photo()
            assert manifest.note == CANARY.decode()
        self.service.uploads.clear()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    command = [sys.executable, "-m", "tests.offline.offline_crash"]
    with (
        ScriptedClinic(Clinic()).in_thread() as service,
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        yield World(tmp_path_factory.mktemp("kill9"), service, Crasher(process, service.url))
        assert process.stdin is not None
        process.stdin.close()


def saved(said: list[str]) -> list[str]:
    return [line.removeprefix("saved ") for line in said if line.startswith("saved ")]


def finish(world: World, profile: Path, expected: list[str]) -> None:
    """A new process delivers what is left; then all is judged."""
    assert CANARY not in every_byte(profile)
    code, said = world.crasher.run(profile, "deliver")
    assert code == 0, said
    states = json.loads(said[0])
    assert all(state == "erased" for row in states for state in row)
    world.delivered_once(expected)
    assert list((profile / "blobs").iterdir()) == []
    assert CANARY not in every_byte(profile)
    shutil.rmtree(profile)


def killed(world: World, profile: Path, act: str, at: int) -> list[str]:
    code, said = world.crasher.run(profile, act, at)
    assert code == -signal.SIGKILL, said
    return said


def test_killed_during_capture(world: World) -> None:
    steps = world.steps("capture", "template")
    assert steps.count("fsync") == 4  # two files, each with its folder
    assert steps[-2:] == ["before commit", "after commit"]
    for at in range(1, len(steps) + 1):
        profile = world.copy(f"capture-{at}")
        said = killed(world, profile, "capture", at)
        finish(world, profile, saved(said))


def test_killed_during_delivery(world: World) -> None:
    full = world.copy("full")
    _, said = world.crasher.run(full, "capture")
    expected = saved(said)
    assert len(expected) == 1
    steps = world.steps("deliver", "full")
    assert {"before POST", "after PATCH", "before GET", "unlink"} <= set(steps)
    for at in range(1, len(steps) + 1):
        profile = world.copy(f"deliver-{at}", "full")
        killed(world, profile, "deliver", at)
        if not world.service.submissions():  # killed before the first word to the service
            whole = [path for path in (profile / "blobs").iterdir() if path.suffix != ".part"]
            assert len(whole) >= 2  # more when it was being sealed anew
        finish(world, profile, expected)


def test_killed_during_the_sweep_after_a_killed_upload(world: World) -> None:
    half = world.copy("half")
    _, said = world.crasher.run(half, "capture")
    expected = saved(said)
    killed(world, half, "deliver", world.steps("deliver", "half").index("after PATCH") + 1)
    for stray in ("0" * 32, "1" * 32 + ".part"):
        (half / "blobs" / stray).write_bytes(b"what a cut-off capture leaves")
    uploads = dict(world.service.uploads)
    steps = world.steps("recover", "half")
    assert "unlink" in steps
    assert "after commit" in steps
    for at in range(1, len(steps) + 1):
        world.service.uploads = dict(uploads)
        profile = world.copy(f"sweep-{at}", "half")
        killed(world, profile, "recover", at)
        finish(world, profile, expected)
