"""The making of one clip at a time at the patient's side: begun, counted down, stopped by a touch."""

from __future__ import annotations

import asyncio

from app.media.clip.bounds import CLIP_S, Clip
from app.presenters.around import Session
from app.presenters.closer import CloserAround
from app.presenters.closer_sentences import recording_sentence
from app.presenters.views import Sentence

_LOOK_S = 0.1


class ClipMaking:
    """On the loop."""

    def __init__(self, around: CloserAround) -> None:
        self._around = around
        self._task: asyncio.Future[Clip | None] | None = None
        self._until: float | None = None
        self.stopped = False
        """Whether the last one was stopped, by either person."""

    @property
    def left_s(self) -> float | None:
        """Of the recording; None before it begins."""
        return None if self._until is None else max(0.0, self._until - self._around.clock())

    @property
    def says(self) -> Sentence:
        return recording_sentence(self.left_s)

    @property
    def can_stop(self) -> bool:
        return self._task is not None and not self.stopped and self.left_s != 0.0

    def stop(self) -> None:
        """Nothing of it is kept."""
        if self.can_stop and self._task is not None:
            self.stopped = True
            self._task.cancel()

    async def make(self, session: Session) -> Clip | None:
        """None: there is none, or it was stopped."""
        self._until, self.stopped = None, False
        self._task = task = asyncio.ensure_future(session.record_clip(self._begun))
        try:
            said = self.says
            while not task.done():
                await asyncio.wait((task,), timeout=_LOOK_S)
                if self.says != said:
                    said = self.says
                    self._around.changed()
            return None if task.cancelled() else task.result()
        finally:
            task.cancel()
            self._task, self._until = None, self._around.clock()
            self._around.changed()

    def _begun(self) -> None:
        self._until = self._around.clock() + CLIP_S
