"""The set-up script and the lock script: their words, and what they say where something is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ["packaging/setup.sh", "packaging/lock.sh"]


def run(script, *arguments, **environment):
    return subprocess.run(
        [ROOT / script, *arguments], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def tools(folder: Path, *names: str) -> Path:
    """A folder of programs that holds these of the system's and no others."""
    for name in names:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return folder


def fake(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("script", SCRIPTS)
def test_they_are_plain_sh_and_name_no_index(script):
    text = (ROOT / script).read_text()
    assert text.startswith("#!/bin/sh\n")
    assert subprocess.run(["sh", "-n", ROOT / script], check=False).returncode == 0
    assert "http" not in text
    assert "curl" not in text


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_unknown_word_is_refused(script):
    done = run(script, "everything")
    assert done.returncode == 1
    assert "say" in done.stderr


@pytest.fixture
def bare(tmp_path):
    """A copy of the script on a "machine" with the plainest tools, no Python and no library."""
    folder = tmp_path / "bin"
    folder.mkdir()
    tools(folder, "sh", "dirname", "basename", "tr", "find", "head", "cat", "mkdir", "tail", "cut", "sha256sum", "rm")
    (tmp_path / "packaging").mkdir()
    shutil.copy(ROOT / "packaging/setup.sh", tmp_path / "packaging/setup.sh")
    script = tmp_path / "packaging/setup.sh"
    # The script adds the system's own folders for ldconfig; here only the folder of fakes may count.
    script.write_text(script.read_text().replace("PATH=$PATH:/usr/sbin:/sbin\n", ""))
    fake(folder, "uname", "echo Linux")
    fake(folder, "ldconfig", "exit 0")
    return tmp_path


def run_bare(bare: Path, *arguments: str):
    return subprocess.run(
        [bare / "packaging/setup.sh", *arguments],
        capture_output=True,
        text=True,
        env={"PATH": str(bare / "bin")},
        check=False,
    )


def test_who_is_not_root_gets_one_line_to_type(bare):
    fake(bare / "bin", "id", "echo 1000")
    fake(bare / "bin", "apt-get", "exit 99")
    done = run_bare(bare, "system")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "sudo" in line]
    for package in ("python3", "python3-venv", "libxcb-cursor0", "libegl1", "libportaudio2", "xvfb"):
        assert f" {package} " in f"{line} "
    assert "iproute2" not in line


def test_root_installs_only_what_is_missing_and_a_failure_is_told(bare):
    fake(bare / "bin", "id", "echo 0")
    fake(bare / "bin", "apt-get", f'echo "$@" >>{bare}/calls; [ "$1" = update ] || {{ echo no route; exit 100; }}')
    fake(bare / "bin", "ldconfig", "echo 'libEGL.so.1 (libc6) => /x'; echo 'libportaudio.so.2 (libc6) => /y'")
    done = run_bare(bare, "system")
    assert done.returncode == 1
    assert "no route" in done.stderr
    assert "network is down" in done.stderr
    update, install = (bare / "calls").read_text().splitlines()
    assert update == "update"
    assert install.startswith("install -y --no-install-recommends ")
    assert "libxcb-cursor0" in install
    assert "iproute2" in install
    assert "libegl1" not in install
    assert "libportaudio2" not in install


def test_a_machine_without_apt_is_told_what_is_needed(bare):
    fake(bare / "bin", "id", "echo 1000")
    done = run_bare(bare, "system")
    assert done.returncode == 1
    assert "no apt-get" in done.stderr
    assert "libxcb-cursor0" in done.stderr


def test_an_old_python_is_not_enough(bare):
    fake(bare / "bin", "id", "echo 1000")
    fake(bare / "bin", "python3", "exit 1")
    (bare / "requirements-dev.lock").write_text("")
    done = run_bare(bare, "venv")
    assert done.returncode == 1
    assert "Python 3.11 or newer is missing" in done.stderr


def test_a_system_that_is_not_linux_needs_no_packages(bare):
    fake(bare / "bin", "uname", "echo Darwin")
    assert run_bare(bare, "system").returncode == 0
