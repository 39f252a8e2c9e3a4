"""A changed network and a computer that slept are noticed; the clinic itself is asked, at once."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.offline.connectivity import Change, Reading, messages, own_addresses, read_clocks, tells_of_change

ROOT = Path(__file__).resolve().parents[2]
DAY = 86_400.0


def message(kind: int, body: bytes = b"", length: int | None = None) -> bytes:
    whole = 16 + len(body) if length is None else length
    return (struct.pack("=IHHII", whole, kind, 0, 0, 0) + body).ljust(16 + (len(body) + 3) // 4 * 4, b"\0")


def test_the_kernels_word_is_read() -> None:
    assert list(messages(message(3, b"abc") + message(16, b"x" * 40) + message(20))) == [3, 16, 20]
    for kind in (16, 17, 20, 21, 24, 25):  # links, addresses, routes that come and go
        assert tells_of_change(message(kind))
    assert not tells_of_change(message(3) + message(28))
    assert not tells_of_change(message(16, length=8))
    assert not tells_of_change(message(16, length=4000))


@given(st.binary(max_size=200))
def test_whatever_the_kernel_says_it_ends(data: bytes) -> None:
    assert len(list(messages(data))) <= len(data) // 16


@pytest.mark.parametrize(
    ("wall", "steady", "boot", "change"),
    [
        (3.0, 3.0, 3.0, None),
        (3.4, 3.0, 3.0, None),
        (3603.0, 3.0, 3603.0, Change.RESUMED),
        (12 * DAY, 3.0, 3.0, Change.CLOCK),
        (-12 * DAY, 3.0, 3.0, Change.CLOCK),
        (-12 * DAY, 3.0, 3603.0, Change.RESUMED),
        (3603.0, 3.0, None, Change.RESUMED),
        (-3600.0, 3.0, None, Change.CLOCK),
        (3.0, 3.0, None, None),
    ],
)
def test_the_clocks_tell_a_sleep_from_a_clock_that_was_set(
    wall: float, steady: float, boot: float | None, change: Change | None
) -> None:
    before = Reading(1e9, 500.0, None if boot is None else 900.0)
    after = Reading(1e9 + wall, 500.0 + steady, None if boot is None else 900.0 + boot)
    assert after.since(before) is change


def test_the_real_clocks_and_addresses_can_be_read() -> None:
    first = read_clocks()
    assert read_clocks().since(first) is None
    for address in own_addresses():
        socket.getaddrinfo(address, 0, flags=socket.AI_NUMERICHOST)


CHILD = """
import asyncio, json, subprocess, sys
from app.offline.connectivity import Change, Connectivity

async def main():
    seen, changed = [], asyncio.Event()
    def on_change(change):
        seen.append(change.value)
        changed.set()
    task = asyncio.ensure_future(Connectivity(on_change, look=60.0).run())
    await asyncio.sleep(0)
    async def until(change):
        async with asyncio.timeout(20):
            while change not in seen:
                changed.clear()
                await changed.wait()
        found, seen[:] = list(seen), []
        return found
    said = []
    for commands, change in json.loads(sys.argv[1]):
        for command in commands:
            subprocess.run(command.split(), check=True)
        said.append(await until(change))
    task.cancel()
    print(json.dumps(said))

asyncio.run(main())
"""

needs_namespaces = pytest.mark.skipif(
    not sys.platform.startswith("linux")
    or os.geteuid() != 0
    or shutil.which("ip") is None
    or shutil.which("unshare") is None
    or subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode != 0,
    reason="a network namespace needs Linux, root, ip and unshare",
)


@needs_namespaces
def test_a_real_network_that_comes_changes_and_goes_is_noticed() -> None:
    """With looks a minute apart, only the kernel's word can be what was heard."""
    steps = [
        (["ip link set lo up"], Change.STIR),
        (["ip addr add 10.9.0.2/24 dev lo", "ip route add default dev lo src 10.9.0.2"], Change.NETWORK),
        (["ip addr add 10.8.0.2/24 dev lo", "ip route replace default dev lo src 10.8.0.2"], Change.NETWORK),
        (["ip route del default"], Change.NETWORK),
    ]
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", CHILD, json.dumps(steps)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [found[-1] for found in said] == [change for _, change in steps]


@needs_namespaces
def test_an_item_that_waited_goes_as_soon_as_the_network_is_there(tmp_path: Path) -> None:
    """The worker's own clock stands still here: its next probe by itself would never come."""
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-m", "tests.offline.offline_late_link", str(tmp_path / "p")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["before"] == "link"
    assert told["uploads"] == 2
    assert told["seconds"] < 10.0
