"""What a disk may hold after the power went, given what it was told. Pure but for its random source.

The rules, harder than ext4's: what was not synced is there or not, sector by sector (512 bytes), in any order and
mixture of the versions written since the last sync; a file that grew may have any length up to the longest, its
missing sectors zero or noise; names made, changed or taken since their folder's last sync hold or not, each by itself.
A file's own sync says nothing of its name.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.soak.recorder import Op

SECTOR = 512


@dataclass
class Inode:
    """`durable` as of the last sync; then the writes and truncations that nobody has synced."""

    durable: bytes = b""
    pending: list[Op] = field(default_factory=list)

    def latest(self) -> bytes:
        data = bytearray(self.durable)
        for op in self.pending:
            _apply(data, op)
        return bytes(data)

    def sync(self) -> None:
        self.durable, self.pending = self.latest(), []

    def crashed(self, rng: random.Random) -> bytes:
        """One legal content after the power went."""
        if not self.pending or rng.random() < 0.15:
            return self.latest() if rng.random() < 0.5 else self.durable
        versions = [self.durable]
        data = bytearray(self.durable)
        touched: set[int] = set()  # sectors that are not alike in all versions
        for op in self.pending:
            touched.update(_touched(len(data), op))
            _apply(data, op)
            versions.append(bytes(data))
        size = rng.choice([len(rng.choice(versions)), max(map(len, versions)), len(versions[-1])])
        chosen = rng.random()  # how much of the new has reached the disk
        found = bytearray(self.durable[:size].ljust(size, b"\0"))
        for at in sorted(SECTOR * sector for sector in touched if SECTOR * sector < size):
            found[at : at + SECTOR] = _sector(versions, at, min(SECTOR, size - at), chosen, rng)
        return bytes(found)


def _touched(length: int, op: Op) -> range:
    """The sectors in which a file of `length` bytes differs after `op`, its new or lost end included."""
    first = min(op.offset, length)
    last = max(op.offset, length) if op.kind == "truncate" else max(op.offset + len(op.data), first)
    return range(first // SECTOR, -(-last // SECTOR))


def _apply(data: bytearray, op: Op) -> None:
    if op.kind == "truncate":
        if op.offset <= len(data):
            del data[op.offset :]
        else:
            data.extend(bytes(op.offset - len(data)))
        return
    if len(data) < op.offset:
        data.extend(bytes(op.offset - len(data)))
    data[op.offset : op.offset + len(op.data)] = op.data


def _sector(versions: Sequence[bytes], at: int, size: int, chosen: float, rng: random.Random) -> bytes:
    version = versions[-1] if rng.random() < chosen else rng.choice(versions)
    found = version[at : at + size]
    if len(found) < size:
        rest = size - len(found)
        found += rng.randbytes(rest) if rng.random() < 0.1 else bytes(rest)
    return found


class Disk:
    """The names and files of one folder tree, as it was promised and as it may be."""

    def __init__(self) -> None:
        self._names: dict[str, Inode] = {}  # durable names
        self._changes: list[Op] = []  # of names, since their folder's sync
        self._open: dict[str, Inode] = {}  # names as the program sees them

    def copy(self) -> Disk:
        """One that goes its own way from here; contents are shared until they change."""
        twins: dict[int, Inode] = {}

        def twin(inode: Inode) -> Inode:
            return twins.setdefault(id(inode), Inode(inode.durable, list(inode.pending)))

        def changed(op: Op) -> Op:
            if op.kind == "make":
                return replace(op, other=twin(op.other))
            return replace(op, other=(op.other[0], twin(op.other[1]))) if op.kind == "rename" else op

        made = Disk()
        made._names = {name: twin(inode) for name, inode in self._names.items()}
        made._open = {name: twin(inode) for name, inode in self._open.items()}
        made._changes = list(map(changed, self._changes))
        return made

    def apply(self, op: Op) -> None:
        if op.kind == "make":
            self._open[op.path] = Inode()
            self._changes.append(Op("make", op.path, other=self._open[op.path]))
        elif op.kind in ("write", "truncate"):
            self._open[op.path].pending.append(op)
        elif op.kind == "sync":
            self._open[op.path].sync()
        elif op.kind == "rename":
            inode = self._open.pop(op.path)
            self._open[op.other] = inode
            self._changes.append(Op("rename", op.path, other=(op.other, inode)))
        elif op.kind == "unlink":
            self._open.pop(op.path, None)
            self._changes.append(op)
        elif op.kind == "sync-folder":
            self._sync_folder(op.path)

    def _sync_folder(self, folder: str) -> None:
        for op in [op for op in self._changes if os.path.dirname(op.path) == folder]:
            self._change(self._names, op)
            self._changes.remove(op)

    @staticmethod
    def _change(names: dict[str, Inode], op: Op) -> None:
        if op.kind == "make":
            names[op.path] = op.other
        elif op.kind == "unlink":
            names.pop(op.path, None)
        else:
            target, inode = op.other
            names.pop(op.path, None)
            names[target] = inode

    def crashed(self, rng: random.Random) -> dict[str, bytes]:
        """Path -> content, one legal state."""
        names = dict(self._names)
        keep = rng.choice((0.0, 0.5, 0.9, 1.0))
        for op in self._changes:
            if rng.random() < keep:
                self._change(names, op)
        return {path: inode.crashed(rng) for path, inode in names.items()}
