"""Two network namespaces with a TUN device in each: Linux, root, Debian's iproute2; no kernel module but tun.

Everything made here carries its maker's process id in its name, so that what a killed maker has left can be told
from what is in use.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from app.demo.path.errors import PathUnavailable

MTU = 1500
HOME_ADDRESS = "10.88.0.1"
TOWN_ADDRESS = "10.88.0.2"

_TUN_DEVICE = "/dev/net/tun"
_PREFIX = "thinline"
_NAME = re.compile(rf"^{_PREFIX}-(\d+)-(home|town|probe)$")
# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000


@dataclass(frozen=True)
class Namespace:
    """One side: its namespace, its TUN device's name, its own address and the other side's."""

    name: str
    device: str
    address: str
    peer: str


def sides(pid: int) -> dict[str, Namespace]:
    """The two namespaces of the maker `pid`. The addresses may be the same for all makers: nothing leads out."""
    return {
        "home": Namespace(f"{_PREFIX}-{pid}-home", f"tl{pid}h", HOME_ADDRESS, TOWN_ADDRESS),
        "town": Namespace(f"{_PREFIX}-{pid}-town", f"tl{pid}t", TOWN_ADDRESS, HOME_ADDRESS),
    }


def why_not() -> str | None:
    """Why this machine cannot make namespaces joined by TUN devices, as a sentence; None if it can (it was tried)."""
    if sys.platform != "linux":
        return "Network namespaces are Linux's."
    if os.geteuid() != 0:
        return "Only root can make network namespaces."
    if shutil.which("ip") is None:
        return "The program 'ip' is missing (Debian: iproute2)."
    probe = Namespace(f"{_PREFIX}-{os.getpid()}-probe", f"tl{os.getpid()}p", HOME_ADDRESS, TOWN_ADDRESS)
    try:
        os.close(make(probe))
    except PathUnavailable as error:
        return str(error)
    finally:
        remove(probe.name)
    return None


def make(namespace: Namespace) -> int:
    """Makes the namespace with `lo` and its TUN device up; gives the device's file descriptor (non-blocking).

    Raises PathUnavailable. The device is made here and then moved, which keeps the descriptor: no thread of this
    process has to enter the namespace.
    """
    _ip("netns", "add", namespace.name)
    descriptor = _open_tun(namespace.device)
    try:
        _ip("link", "set", namespace.device, "netns", namespace.name)
        inside = ("-n", namespace.name)
        _disable_ipv6(namespace.name)
        _ip(*inside, "link", "set", "lo", "up")
        _ip(*inside, "addr", "add", namespace.address, "peer", namespace.peer, "dev", namespace.device)
        _ip(*inside, "link", "set", namespace.device, "mtu", str(MTU), "txqueuelen", "1000", "up")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def remove(name: str) -> None:
    """Ends what still runs in the namespace and removes it; nothing happens if it is not there."""
    if not os.path.exists(f"/run/netns/{name}"):
        return
    _end_processes(name)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def existing() -> list[str]:
    """The names of all namespaces of ours, whoever made them."""
    try:
        return sorted(name for name in os.listdir("/run/netns") if _NAME.match(name))
    except FileNotFoundError:
        return []


def sweep() -> None:
    """Removes what makers have left that were killed before they could."""
    for name in existing():
        match = _NAME.match(name)
        assert match is not None
        if not os.path.exists(f"/proc/{match.group(1)}"):
            remove(name)


def exec_prefix(name: str) -> list[str]:
    """What stands before a command to run it inside; the process keeps its id (ip executes it in its own place)."""
    return ["ip", "netns", "exec", name]


def _open_tun(device: str) -> int:
    import fcntl  # not there on Windows, where this module is imported but never used

    try:
        descriptor = os.open(_TUN_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PathUnavailable(f"The TUN device cannot be opened: {error.strerror}.") from error
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", device.encode(), _IFF_TUN | _IFF_NO_PI))
    except OSError as error:
        os.close(descriptor)
        raise PathUnavailable(f"A TUN device cannot be made: {error.strerror}.") from error
    return descriptor


def _disable_ipv6(name: str) -> None:
    """Without it the kernel sends router solicitations into the link, and ICE gathers link-local addresses."""
    script = "for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do [ ! -e $f ] || echo 1 >$f; done"
    subprocess.run([*exec_prefix(name), "sh", "-c", script], capture_output=True, check=False)


def _end_processes(name: str, polite_seconds: float = 3.0) -> None:
    for number, seconds in ((signal.SIGTERM, polite_seconds), (signal.SIGKILL, polite_seconds)):
        pids = _pids(name)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while pids and time.monotonic() < deadline:
            time.sleep(0.02)
            pids = _pids(name)
        if not pids:
            return


def _pids(name: str) -> list[int]:
    done = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
    return [int(word) for word in done.stdout.split()]


def _ip(*arguments: str) -> None:
    command: Sequence[str] = ("ip", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise PathUnavailable(f"'{' '.join(command)}' failed: {said[-1] if said else done.returncode}")
