"""What both sides of looking closer share: what they need of their visit, the record of it, and the beat."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from app.media.closer.life import Life
from app.media.closer.messages import LABEL, BadCloser, What
from app.presenters.around import Filing, Session
from app.presenters.closer_sentences import timeline_closer
from app.presenters.views import CloserView, Sentence

log = logging.getLogger(__name__)

BEAT_S = 0.1
_FINISH_S = 20.0


@dataclass(frozen=True)
class CloserAround:
    """What looking closer needs of its visit. `note` writes into the timeline, `file` seals into the outbox."""

    session: Callable[[], Session | None]
    changed: Callable[[], None]
    note: Callable[[str], None]
    clock: Callable[[], float]
    me: str
    other: str
    file: Filing | None


class _Side(Protocol):
    def on_ready(self, ready: bool) -> None: ...
    def on_data(self, data: bytes, now: float) -> None: ...
    def end_call(self) -> None: ...
    @property
    def busy(self) -> bool: ...


class Closer(ABC):
    """One person's side, in one visit. On the loop."""

    side: _Side

    def __init__(self, around: CloserAround) -> None:
        self.around = around
        self.away = True
        self._beating = False
        self._noted: dict[str, Life] = {}
        self._over = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether something of it is on its way in this call: bulk upload waits meanwhile (law 1)."""
        return self.side.busy and not self._over

    @abstractmethod
    def view(self) -> CloserView | None: ...

    def end(self) -> None:
        """The call is over: nothing is sent any more. What is being sealed goes on; see :meth:`finish`."""
        self._over = True
        self.side.end_call()
        self.look()

    async def finish(self) -> Sentence | None:
        """After :meth:`end`: waits for what is being sealed; what a person should read of it."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_FINISH_S)
            for task in late:
                task.cancel()
        return None

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("looking closer failed", exc_info=task.exception())

    def on_ready(self, ready: bool) -> None:
        self.away = not ready
        self.side.on_ready(ready)
        self.look()

    def on_data(self, data: bytes) -> None:
        """A message of the other side; one that is none is passed over."""
        try:
            self.side.on_data(data, self.around.clock())
        except BadCloser as exc:
            log.info("a message about looking closer was refused: %s", exc)
        self.look()

    def send(self, data: bytes) -> bool:
        session = self.around.session()
        return session is not None and session.send_data(LABEL, data)

    def look(self) -> None:
        """Records what is new, tells the screen, keeps the beat while something is on its way."""
        for ask, what, life in self.lives():
            if self._noted.get(ask) is not life:
                self._noted[ask] = life
                text = timeline_closer(self.patient, self.provider, what, life)
                if text:
                    self.around.note(text)
        if self.busy and not self._beating:
            self._beating = True
            self.spawn(self._beat())
        self.around.changed()

    @abstractmethod
    def lives(self) -> tuple[tuple[str, What, Life], ...]: ...

    @abstractmethod
    def beat(self) -> None:
        """Ten times a second while busy."""

    patient: str
    provider: str

    async def _beat(self) -> None:
        try:
            while self.busy:
                before = self.view()
                self.beat()
                if self.view() != before:
                    self.around.changed()
                await asyncio.sleep(BEAT_S)
        finally:
            self._beating = False
            self.rest()

    @abstractmethod
    def rest(self) -> None:
        """Nothing is on its way any more."""
