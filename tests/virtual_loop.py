"""A loop whose time jumps to the next timer: hours of timers in milliseconds, the same on every machine.

Nothing on it may wait for a real socket or thread: it would stand for ever, which is told.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SPIN_LIMIT = 20_000


class BusyLoop(RuntimeError):
    """The loop turned and turned, and no time passed."""


class Stuck(RuntimeError):
    """Nothing is ready and no timer runs: it would wait for ever."""


class _Selector(selectors.BaseSelector):
    """Never asks the kernel: nothing of a simulation comes from there."""

    def __init__(self) -> None:
        self.now = 0.0
        self._spins = 0
        self._keys: dict[int, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        number = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = selectors.SelectorKey(fileobj, number, events, data)
        self._keys[number] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    def get_map(self) -> dict[int, selectors.SelectorKey]:  # type: ignore[override]
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck
        if timeout > 0:
            self.now += timeout
            self._spins = 0
        else:
            self._spins += 1
            if self._spins > SPIN_LIMIT:
                raise BusyLoop(f"{SPIN_LIMIT} turns at {self.now:.3f} s")
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` begins at 0."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def run_virtually(
    coroutine: Coroutine[Any, Any, T], loop_factory: Callable[[], asyncio.AbstractEventLoop] = VirtualLoop
) -> T:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(coroutine)


async def passes(seconds: float) -> None:
    """So much virtual time goes by, and nobody waits for it. Raises RuntimeError on a loop where somebody would."""
    if not isinstance(asyncio.get_running_loop(), VirtualLoop):
        raise RuntimeError("real time is not waited out in a test: wait for the event")
    await asyncio.sleep(seconds)
