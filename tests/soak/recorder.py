"""Writes down what a profile's files are told: every write, truncation, sync, rename and removal, in order.

The database's part comes from an apsw VFS under SQLite3 Multiple Ciphers (what it sees is ciphertext, as on disk),
the sealed files' part from the functions of `os` that app/offline/files.py uses. One thread, one recorder at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import apsw

Kind = Literal["make", "write", "truncate", "sync", "sync-folder", "rename", "unlink", "mark"]


@dataclass(frozen=True)
class Op:
    """`path` absolute; `data` of a write at `offset`; a truncation's size in `offset`; `other`: a new name, a mark."""

    kind: Kind
    path: str
    offset: int = 0
    data: bytes = b""
    other: Any = None
    database: bool = False  # told by SQLite, not by app/offline/files.py


Step = Callable[[Op], None]
"""Told of each operation before it is done; may raise (a disk that fails) or end the process."""

_HOLDER: list[Recorder | None] = [None]


class Recorder:
    """The operations under `root`."""

    def __init__(self, root: str, step: Step = lambda op: None) -> None:
        self.ops: list[Op] = []
        self._root = root
        self._step = step
        self._descriptors: dict[int, str] = {}

    def mark(self, what: Any) -> None:
        """A moment at which something was promised."""
        self.ops.append(Op("mark", "", other=what))

    def add(self, op: Op) -> None:
        if op.path.startswith(self._root):
            self._step(op)
            self.ops.append(op)

    @contextmanager
    def installed(self) -> Iterator[Recorder]:
        _vfs()
        originals = {
            name: getattr(os, name) for name in ("open", "close", "write", "fsync", "replace", "unlink", "mkdir")
        }
        connection = apsw.Connection
        _HOLDER[0] = self
        for name in originals:
            setattr(os, name, _wrapped(self, name, originals[name]))
        apsw.Connection = lambda path: connection(path, vfs="multipleciphers-recorder")  # type: ignore[misc, assignment]
        try:
            yield self
        finally:
            apsw.Connection = connection  # type: ignore[misc]
            for name, original in originals.items():
                setattr(os, name, original)
            _HOLDER[0] = None

    # os

    def on_open(self, call: Callable[..., Any], path: Any, flags: int, *rest: Any, **more: Any) -> int:
        name = os.path.abspath(os.fspath(path))
        if flags & os.O_CREAT and not os.path.exists(name):
            self.add(Op("make", name))
        descriptor: int = call(path, flags, *rest, **more)
        self._descriptors[descriptor] = name
        return descriptor

    def on_close(self, call: Callable[..., Any], descriptor: int) -> None:
        self._descriptors.pop(descriptor, None)
        call(descriptor)

    def on_write(self, call: Callable[..., Any], descriptor: int, data: Any) -> int:
        name = self._descriptors.get(descriptor)
        if name is not None:
            self.add(Op("write", name, os.lseek(descriptor, 0, os.SEEK_CUR), bytes(data)))
        written: int = call(descriptor, data)
        return written

    def on_fsync(self, call: Callable[..., Any], descriptor: int) -> None:
        name = self._descriptors.get(descriptor)
        if name is not None:
            self.add(Op("sync-folder" if os.path.isdir(name) else "sync", name))
        call(descriptor)

    def on_replace(self, call: Callable[..., Any], source: Any, target: Any) -> None:
        self.add(Op("rename", os.path.abspath(source), other=os.path.abspath(target)))
        call(source, target)

    def on_unlink(self, call: Callable[..., Any], path: Any) -> None:
        if os.path.exists(path):
            self.add(Op("unlink", os.path.abspath(path)))
        call(path)

    def on_mkdir(self, call: Callable[..., Any], path: Any, *rest: Any, **more: Any) -> None:
        call(path, *rest, **more)


def _wrapped(recorder: Recorder, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    handler = getattr(recorder, f"on_{name}")
    return lambda *args, **kwargs: handler(original, *args, **kwargs)


# the database


class _File(apsw.VFSFile):
    def __init__(self, base: str, name: Any, flags: list[int]) -> None:
        super().__init__(base, name, flags)
        self._name = name.filename() if hasattr(name, "filename") else str(name)
        self._synced_name = False

    def xWrite(self, data: bytes, offset: int) -> None:
        _tell(Op("write", self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        _tell(Op("truncate", self._name, size))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        _tell(Op("sync", self._name))
        super().xSync(flags)
        # os_unix.c syncs the folder at the first sync of a journal or log that it has just made.
        if not self._synced_name and not self._name.endswith(".db"):
            self._synced_name = True
            _tell(Op("sync-folder", os.path.dirname(self._name)))


class _Vfs(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("recorder", "unix")

    def xOpen(self, name: Any, flags: list[int]) -> _File:
        path = name.filename() if hasattr(name, "filename") else str(name)
        if not os.path.exists(path):
            _tell(Op("make", path))
        return _File("unix", name, flags)

    def xDelete(self, path: str, sync: bool) -> None:
        _tell(Op("unlink", path))
        super().xDelete(path, sync)
        if sync:
            _tell(Op("sync-folder", os.path.dirname(path)))


_REGISTERED: list[_Vfs] = []


def _vfs() -> None:
    if not _REGISTERED:
        _REGISTERED.append(_Vfs())


def _tell(op: Op) -> None:
    recorder = _HOLDER[0]
    if recorder is not None:
        recorder.add(replace(op, database=True))
