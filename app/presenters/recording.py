"""A clip with sound or a voice message for a draft: recorded until the person ends it, three minutes at most."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from app.media.clip.bounds import MESSAGE, VOICE_S, Clip, Voice
from app.media.events import DeviceChanged
from app.offline.parts import Part
from app.presenters.devices import Chosen
from app.presenters.drafting import Drafting
from app.presenters.environment import command
from app.presenters.sending_around import Recorder, RecorderMaker, SendingAround
from app.presenters.sending_views import RecordPhase, RecordView
from app.presenters.views import Level, Page, Sentence

log = logging.getLogger(__name__)

_LOOK_S = 0.2
_END_S = 5.0
"""So long a recording that is ended from outside may take to be written and kept."""


class Recording:
    """Implements app.presenters.sending_views.RecordingCommands. `make` takes the devices; None: there is none."""

    def __init__(
        self,
        around: SendingAround,
        drafting: Drafting,
        make: RecorderMaker | None,
        chosen: Callable[[], Chosen],
        device: Callable[[DeviceChanged], None],
    ) -> None:
        self.loop = around.loop
        self._around, self._drafting = around, drafting
        self._make, self._chosen, self._device = make, chosen, device
        self._film = False
        self._phase = RecordPhase.READY
        self._recorder: Recorder | None = None
        self._task: asyncio.Future[Clip | Voice | None] | None = None
        self._kept = asyncio.Event()
        self._since: float | None = None
        self._trouble: Sentence | None = None
        self._back = Page.SEND
        self.answer: Callable[[Part], Awaitable[None]]
        """Told of what was recorded as an answer, once it is in the draft."""

    @property
    def can_record(self) -> bool:
        return self._make is not None

    # Commands

    @command
    def open_recording(self, film: bool) -> None:
        self.open(film, Page.SEND)

    @command
    def start_recording(self) -> None:
        if self._around.page() is Page.RECORD and self._task is None and self._drafting.draft is not None:
            self._around.spawn(self._record(self._drafting.draft.draft))

    @command
    def stop_recording(self) -> None:
        if self._recorder is not None and self._phase is RecordPhase.RECORDING:
            self._phase = RecordPhase.SAVING
            self._recorder.end()
            self._around.changed()

    @command
    def leave_recording(self) -> None:
        self.drop()
        if self._around.page() is Page.RECORD:
            self._around.go(self._back)
            self._around.changed()

    def open(self, film: bool, back: Page) -> None:
        """The page, which leads `back` to the draft or to the form that asks for it."""
        if self._drafting.draft is not None and self._make is not None and self._task is None:
            self._film, self._back, self._phase, self._trouble = film, back, RecordPhase.READY, None
            self._around.go(Page.RECORD)
            self._around.changed()

    def drop(self) -> None:
        """Nothing of it is kept, and the devices are free: the person thought better."""
        if self._task is not None:
            self._task.cancel()

    async def end(self) -> None:
        """The app ends, or a visit needs the devices: what was recorded up to now is kept in the draft. Done in a few
        seconds."""
        if self._recorder is None:
            return
        self._phase = RecordPhase.SAVING
        self._recorder.end()
        self._around.changed()
        try:
            await asyncio.wait_for(self._kept.wait(), _END_S)
        except TimeoutError:
            log.warning("a recording did not end in time")
            self.drop()

    # State

    def view(self) -> RecordView | None:
        if self._around.page() is not Page.RECORD:
            return None
        gone, most = self._gone_s(), self._most_s
        says = self._trouble or Sentence(_words(self._phase, self._film, most - gone), _LEVELS[self._phase])
        return RecordView(self._film, self._phase, says, min(1.0, gone / most))

    @property
    def _most_s(self) -> float:
        return MESSAGE.seconds if self._film else VOICE_S

    def _gone_s(self) -> float:
        return 0.0 if self._since is None else max(0.0, self._around.clock() - self._since)

    # Work

    async def _record(self, draft: str) -> None:
        assert self._make is not None
        film, self._trouble = self._film, None
        self._phase = RecordPhase.STARTING
        self._kept.clear()
        self._around.changed()
        self._recorder = self._make(film=film, chosen=self._chosen(), begun=self._begun, device=self._device)
        self._task = task = asyncio.ensure_future(self._recorder.run())
        if not film:
            self._begun()
        try:
            while not task.done():
                await asyncio.wait((task,), timeout=_LOOK_S)
                self._around.changed()
            made = None if task.cancelled() else task.result()
            self._phase = RecordPhase.SAVING
            if made is not None:
                await self._keep(draft, made)
            elif not task.cancelled():
                self._trouble = Sentence(_NOTHING[film], Level.WARN)
        finally:
            task.cancel()
            self._recorder = self._task = self._since = None
            self._phase = RecordPhase.READY
            self._kept.set()
            self._around.changed()

    def _begun(self) -> None:
        if self._phase is RecordPhase.STARTING:  # and not ended meanwhile
            self._phase = RecordPhase.RECORDING
        self._since = self._around.clock()
        self._around.changed()

    async def _keep(self, draft: str, made: Clip | Voice) -> None:
        part = Part(made.data, made.name, made.media_type)
        kept = await self._drafting.change(self._drafting.book.add_part(draft, part))
        if kept and isinstance(made, Clip):
            self._around.spawn(self._drafting.add_small(draft, part))
        if kept and self._back is Page.FORM:
            await self.answer(part)
        if kept and self._around.page() is Page.RECORD:
            self._around.go(self._back)
        elif not kept:
            self._trouble = self._drafting.says


def _words(phase: RecordPhase, film: bool, left_s: float) -> str:
    minutes, seconds = divmod(max(0, int(left_s)), 60)
    match phase:
        case RecordPhase.READY:
            what = "a clip with picture and sound" if film else "what you want to say"
            return f"Press the button to record {what}. You have up to 3 minutes."
        case RecordPhase.STARTING:
            return "The camera and the microphone are getting ready…"
        case RecordPhase.RECORDING:
            return f"Recording. {minutes}:{seconds:02} left. Press “Done” when you have finished."
    return "Being saved…"


_LEVELS = {
    RecordPhase.READY: Level.NOTE,
    RecordPhase.STARTING: Level.NOTE,
    RecordPhase.RECORDING: Level.GOOD,
    RecordPhase.SAVING: Level.NOTE,
}
_NOTHING = {
    True: "Nothing was recorded: no picture came from the camera, or it was too short. Please try again.",
    False: "Nothing was recorded: no sound came from the microphone, or it was too short. Please try again.",
}
