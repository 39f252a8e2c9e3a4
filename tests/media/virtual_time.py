"""An event loop whose time jumps to the next timer: hours of timers in milliseconds, the same on every machine."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

Result = TypeVar("Result")


class Inline(Executor):
    """Runs what it is given as it is asked: the loop's time stands meanwhile."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args, **kwargs))
        except Exception as exc:
            future.set_exception(exc)
        return future


class _Selector(selectors.SelectSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is not None:
            self.now += timeout
        return ready


def run_virtually(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """asyncio.run on a loop whose `time()` starts at 0; nothing in it may wait for a real socket or thread."""
    selector = _Selector()

    class Loop(asyncio.SelectorEventLoop):
        def time(self) -> float:
            return selector.now

    with asyncio.Runner(loop_factory=lambda: Loop(selector)) as runner:
        return runner.run(coroutine)
