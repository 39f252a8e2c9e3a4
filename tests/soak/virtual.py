"""A virtual clock for the real worker: time jumps to the next timer, threads run at once and in place.

With no real thread and no real socket every run is the same for the same seed, and weeks pass in milliseconds.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests.soak import adapter as app

T = TypeVar("T")

EPOCH = 1_790_000_000.0
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


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _Selector()
        self.disk_delay: Callable[[], float] = lambda: 0.001
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """Runs `func` at once; its end is told a moment later, so that whoever waits can be cancelled meanwhile."""
        future: asyncio.Future[T] = self.create_future()
        try:
            result = func(*args)
        except Exception as exc:
            self.call_later(self.disk_delay(), _tell, future.set_exception, future, exc)
        else:
            self.call_later(self.disk_delay(), _tell, future.set_result, future, result)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        return None


def _tell(setter: Callable[[Any], None], future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        setter(value)


def virtual_surroundings() -> app.Surroundings:
    """For a worker on this loop: its wall clock goes with the virtual time."""
    loop = asyncio.get_running_loop()
    return app.Surroundings(clock=lambda: EPOCH + loop.time(), patience=app.Patience(tick=3.0), watch=False)


def run_virtually(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(coroutine)
