"""Which side's process has a UDP port open: Linux's /proc tells. Elsewhere it is not known."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_PROC = Path("/proc")


def side_of_port(port: int, sides: Mapping[int, str]) -> str | None:
    """The side of the process that has this UDP port open, or of its nearest ancestor in `sides` (process id -> side).

    None if none of these has it, or this system does not tell.
    """
    try:
        inode = _inode(port)
        if inode is None:
            return None
        # Most often it is one of these processes itself: looked at first, as each look costs.
        others = (int(name) for name in os.listdir(_PROC) if name.isdigit() and int(name) not in sides)
        for pid in (*sides, *others):
            side = _side_of_process(pid, sides)
            if side is not None and _has_socket(pid, inode):
                return side
    except OSError:
        pass
    return None


def _inode(port: int) -> str | None:
    for table in ("udp", "udp6"):
        for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port:
                return fields[9]
    return None


def _has_socket(pid: int, inode: str) -> bool:
    folder = _PROC / str(pid) / "fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return False  # it has ended, or is another user's
    for name in names:
        try:
            if os.readlink(folder / name) == f"socket:[{inode}]":
                return True
        except OSError:
            continue  # closed since
    return False


def _side_of_process(pid: int, sides: Mapping[int, str]) -> str | None:
    while pid > 1 and pid not in sides:
        try:
            stat = (_PROC / str(pid) / "stat").read_text()
        except OSError:
            return None
        # The name in brackets may hold anything; the parent is the second field after it.
        pid = int(stat.rpartition(")")[2].split()[1])
    return sides.get(pid)
