"""The parent's side of the sealing child: pipes, its answer, and its end whatever happens."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Literal

from app.offline import sealing_child
from app.offline.child import child_command, child_environment
from app.offline.errors import OfflineError
from app.wire.intake import MAX_BLOB_BYTES

PIECE_BYTES = 128 * 1024
MEMORY_BYTES = 384 * 1024 * 1024  # of address space; some 15 MB of it are used
CPU_S = 120
END_S = 60.0
_MAX_ANSWER = 4096


class ChildDied(Exception):
    """The child gave no result: killed, out of memory, over its time."""


class Stopped(OfflineError):
    """Somebody has called :meth:`Stop.set`."""

    sentence = "This was stopped. Nothing was saved."


class Stop:
    """Ends a sealing from another thread, also one that waits for its child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: list[subprocess.Popen[bytes]] = []
        self._stopped = False

    def set(self) -> None:
        with self._lock:
            self._stopped = True
            for child in self._children:
                child.kill()

    def check(self) -> None:
        """Raises :class:`Stopped`."""
        if self._stopped:
            raise Stopped

    def watch(self, child: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._children.append(child)
            if self._stopped:
                child.kill()

    def forget(self, child: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._children.remove(child)


@dataclass(frozen=True)
class Answer:
    """The child's last word; see app/offline/sealing_child.py."""

    ok: bool
    sha256: str = ""
    size: int = 0
    errno: int = 0
    why: str = ""


class SealingProcess:
    """One child; a context manager, at whose end the child is gone.

    `output`: the descriptor that the child writes to, or None to read it by :meth:`pieces`.
    """

    def __init__(
        self, do: Literal["seal", "open"], keys: Mapping[str, object], output: int | None, stop: Stop
    ) -> None:
        self._head = json.dumps(keys).encode() + b"\n"
        self._stop = stop
        self._feeder: threading.Thread | None = None
        self._child = subprocess.Popen(
            child_command(sealing_child, do, memory=MEMORY_BYTES, cpu=CPU_S, written=MAX_BLOB_BYTES),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.PIPE,
            env=child_environment(),
        )

    def __enter__(self) -> SealingProcess:
        self._stop.watch(self._child)
        try:
            if self._child.stdout is None:
                self.feed(self._head)
        except BaseException:
            self._end()
            raise
        return self

    @property
    def pid(self) -> int:
        return self._child.pid

    def feed(self, piece: bytes | memoryview) -> None:
        """Gives the child bytes. One that reads no more has an answer, which is for :meth:`answer` to tell."""
        self._stop.check()
        with contextlib.suppress(BrokenPipeError):
            _stdin(self._child).write(piece)

    def feed_from(self, pieces: Iterable[bytes]) -> Callable[[], str]:
        """Gives the child all the pieces, from a thread of its own, while :meth:`pieces` is read.

        Returns what tells the SHA-256 of all of them (hex), to be called after :meth:`answer`; it raises what
        `pieces` raised.
        """
        digest, faults = hashlib.sha256(), list[Exception]()

        def work() -> None:
            try:
                with _stdin(self._child) as stdin:
                    stdin.write(self._head)
                    for piece in pieces:
                        digest.update(piece)
                        stdin.write(piece)
            except Exception as exc:  # told by `done`: a BrokenPipeError when the child has refused the file early
                faults.append(exc)

        def done() -> str:
            assert self._feeder is not None
            self._feeder.join()
            if faults:
                raise faults[0]
            return digest.hexdigest()

        self._feeder = threading.Thread(target=work, name="thinline-unseal", daemon=True)
        self._feeder.start()
        return done

    def pieces(self) -> Iterator[bytes]:
        """What the child writes, until it closes its end."""
        assert self._child.stdout is not None
        return pieces_of(self._child.stdout)

    def answer(self) -> Answer:
        """Waits for the child's end. Raises :class:`ChildDied`."""
        self._stop.check()
        if self._feeder is None:
            with contextlib.suppress(BrokenPipeError):
                _stdin(self._child).close()
        assert self._child.stderr is not None
        timer = threading.Timer(END_S, self._child.kill)
        timer.start()
        try:
            line = self._child.stderr.read(_MAX_ANSWER)
            code = self._child.wait()
        finally:
            timer.cancel()
        self._stop.check()
        try:
            return Answer(**json.loads(line.decode().splitlines()[-1]))
        except (ValueError, TypeError, IndexError) as exc:
            raise ChildDied(f"it ended with {code}") from exc

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._stop.forget(self._child)
        self._child.kill()
        if self._feeder is not None:
            self._feeder.join()  # its pipe is broken now
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._child.wait()


def pieces_of(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece


def _stdin(child: subprocess.Popen[bytes]) -> IO[bytes]:
    assert child.stdin is not None
    return child.stdin
