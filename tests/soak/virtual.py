"""A virtual clock for the real worker: time jumps to the next timer, threads run at once and in place.

With no real thread and no real socket every run is the same for the same seed, and weeks pass in milliseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from tests import virtual_loop
from tests.soak import adapter as app
from tests.virtual_loop import VirtualLoop

T = TypeVar("T")

EPOCH = 1_790_000_000.0


class Loop(VirtualLoop):
    def __init__(self) -> None:
        super().__init__()
        self.disk_delay: Callable[[], float] = lambda: 0.001

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
    return virtual_loop.run_virtually(coroutine, Loop)
