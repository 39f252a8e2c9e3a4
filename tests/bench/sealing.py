"""Bench part "sealing": 200 MB sealed and opened as a stream; memory of both processes, stalls of the loop.

Prints JSON lines of what, figure, target. Linux: peaks are VmHWM of /proc/PID/status (proc(5)). The parent's is what
it grew by. A stall is how much later than asked a timer of 1 ms of the event loop comes, while the sealing runs beside
it as in the app; the same is measured on the idle loop before, for the machine's own share.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.offline import sealing
from app.offline.age import AgeIdentity
from app.offline.sealing_process import SealingProcess

SIZE = 200_000_000
_PIECE = bytes(range(256)) * 512
_KIB = re.compile(r"^VmHWM:\s+(\d+) kB$", re.M)


def peak_mb(pid: int) -> float:
    found = _KIB.search(Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def content() -> Iterator[bytes]:
    for start in range(0, SIZE, len(_PIECE)):
        yield _PIECE[: SIZE - start]


class Peaks:
    """The highest peak of the children. One that waits for its next piece or its end is looked at now and then."""

    def __init__(self) -> None:
        self.children = 0.0
        feed, pieces = SealingProcess.feed, SealingProcess.pieces

        def fed(process: SealingProcess, piece: bytes) -> None:
            feed(process, piece)
            self._look(process.pid)

        def read(process: SealingProcess) -> Iterator[bytes]:
            for piece in pieces(process):
                self._look(process.pid)
                yield piece

        SealingProcess.feed = fed  # type: ignore[method-assign]
        SealingProcess.pieces = read  # type: ignore[method-assign]

    def _look(self, pid: int) -> None:
        with contextlib.suppress(OSError):
            self.children = max(self.children, peak_mb(pid))


async def worst_stall(work: Awaitable[object] | None, seconds: float = 1.0) -> tuple[float, float]:
    """(the worst stall in ms, how long it took in s)."""
    task = asyncio.ensure_future(work if work is not None else asyncio.sleep(seconds))
    worst, began = 0.0, time.monotonic()
    while not task.done():
        before = time.monotonic()
        await asyncio.sleep(0.001)
        worst = max(worst, time.monotonic() - before - 0.001)
    task.result()
    return worst * 1000, time.monotonic() - began


def say(what: str, figure: str, target: str) -> None:
    print(json.dumps({"what": what, "figure": figure, "target": target}), flush=True)


def _read(folder: Path, sealed: sealing.SealedFile, me: AgeIdentity) -> int:
    return sum(len(piece) for piece in sealing.open_pieces(folder / sealed.name, me, sealed.hashes))


async def main() -> None:
    me, peaks = AgeIdentity.generate(), Peaks()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = await sealing.seal_stream([b"warm"], [me.recipient], folder)  # imports and first threads
        (folder / small.name).unlink()
        idle, _ = await worst_stall(None)
        before = peak_mb(os.getpid())
        made: list[sealing.SealedFile] = []

        async def seal() -> None:
            made.append(await sealing.seal_stream(content(), [me.recipient], folder))

        stall, took = await worst_stall(seal())
        sealing_peak, peaks.children = peaks.children, 0.0
        again, opened = await worst_stall(asyncio.to_thread(_read, folder, made[0], me))
        grown = peak_mb(os.getpid()) - before
        say("sealing 200 MB: time", f"{took:.1f} s", "")
        say("sealing 200 MB: memory of the child", f"{sealing_peak:.0f} MB", "")
        say("opening 200 MB: memory of the child", f"{peaks.children:.0f} MB", "")
        say("both: what the app's process grew by", f"{grown:.1f} MB", "")
        total = max(sealing_peak, peaks.children) + grown
        say("both: memory in all", f"{total:.0f} MB", "<= 40 MB")
        say("idle: worst stall of the loop", f"{idle:.0f} ms", "")
        say("sealing 200 MB: worst stall of the loop", f"{stall:.0f} ms", "<= 50 ms")
        say("opening 200 MB: time; worst stall", f"{opened:.1f} s; {again:.0f} ms", "<= 50 ms")


if __name__ == "__main__":
    asyncio.run(main())
