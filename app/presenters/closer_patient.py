"""Looking closer, the patient's side: the question, the shot, sealing it, sending it beneath the talk.

What is taken is sealed into the outbox at once and once; what goes beneath the talk are lighter copies for the
provider's eyes, so that nothing depends on how the call ends and no byte goes twice.
"""

from __future__ import annotations

import asyncio
import logging

import numpy as np
from numpy.typing import NDArray

from app.media.closer import coding
from app.media.closer.giver import AskHeard, Giver
from app.media.closer.life import BadStep, Life
from app.media.closer.messages import LABEL, Given, What
from app.media.closer.share import content_rate, preview_bytes, still_share
from app.media.video import still_checks
from app.offline.errors import OfflineError
from app.presenters.around import Session
from app.presenters.closer import Closer, CloserAround
from app.presenters.closer_clip import ClipMaking
from app.presenters.closer_sentences import aiming_hint, left_sentence, patient_sentence, taken_hint, unsaved_sentence
from app.presenters.views import CloserView, Sentence

log = logging.getLogger(__name__)

_LOOK_S = 1.0
_QUICK_SHOT_S = 0.8


class PatientCloser(Closer):
    def __init__(self, around: CloserAround) -> None:
        super().__init__(around)
        self.patient, self.provider = around.me, around.other
        self.side: Giver = Giver(self.send)
        self._saved: set[str] = set()
        self._unsaved: dict[str, Sentence] = {}
        self._hints: dict[str, str] = {}
        self._dismissed: set[str] = set()
        self._shot_at: float | None = None
        self._shooting = ""  # the ask that the camera is at
        self._watched = ""
        self.clip = ClipMaking(around)

    # The person

    def answer(self, agree: bool) -> None:
        heard = self.side.newest
        if heard is None or heard.life is not Life.ASKED:
            return
        self.side.answer(heard.ask, Given.AGREED if agree else Given.NOT_NOW)
        self._hints.pop(heard.ask, None)
        self.look()
        if agree:
            self.spawn(self._record(heard) if heard.what == "clip" else self._take(heard))

    def dismiss(self) -> None:
        """What is said of the last one has been read."""
        heard = self.side.newest
        if heard is not None:
            self._dismissed.add(heard.ask)
        self.around.changed()

    def view(self) -> CloserView | None:
        heard = self.side.newest
        if heard is None or heard.ask in self._dismissed:
            return None
        recording = heard.what == "clip" and heard.life is Life.TAKING
        shooting = heard.life is Life.SENDING and self._shooting == heard.ask  # a first look is on its way already
        life = Life.TAKING if shooting else heard.life
        says = (
            self._unsaved.get(heard.ask)
            or (self.clip.says if recording else None)
            or patient_sentence(
                self.provider,
                heard.what,
                life,
                self.side.fraction(heard.ask),
                saved=heard.ask in self._saved,
                seen=self.side.preview_there(heard.ask),
                away=self.away,
            )
        )
        if not says.text:
            return None
        hint, fraction = self._hints.get(heard.ask, ""), self.side.fraction(heard.ask)
        stop = recording and self.clip.can_stop
        return CloserView(heard.ask, heard.what, life, says, hint, fraction, can_stop=stop)

    async def finish(self) -> Sentence | None:
        await super().finish()
        for heard in reversed(self.side.asks):
            if heard.life is Life.LATER and heard.ask in self._unsaved:
                return self._unsaved[heard.ask]
            if heard.life is Life.LATER and heard.ask in self._saved:
                return left_sentence(heard.what)
        return None

    # The camera

    async def _take(self, heard: AskHeard) -> None:
        """Pictures stand from the touch on, so that the way is free when there is something to send."""
        session = self.around.session()
        try:
            rgb = None if session is None else await self._shoot(heard, session)
            if rgb is None:
                self.side.answer(heard.ask, Given.FAILED)
            else:
                self._hints[heard.ask] = taken_hint(await asyncio.to_thread(still_checks.hint, rgb), self.provider)
                await self._give(heard, rgb)
        except BadStep as exc:
            log.info("what was asked for is not wanted any more: %s", exc)
        finally:
            self.look()

    async def _shoot(self, heard: AskHeard, session: Session) -> NDArray[np.uint8] | None:
        """A camera may take seconds to change its mode: then the live picture is the first look, meanwhile."""
        self._shot_at, self._shooting = self.around.clock(), heard.ask
        session.set_still_share(1.0)
        live = session.still()
        shot = asyncio.ensure_future(session.best_still())
        try:
            await asyncio.wait((shot,), timeout=_QUICK_SHOT_S)
            if not shot.done() and live is not None:
                await self._preview(heard, session, live)
            rgb = await shot
        finally:
            shot.cancel()
            self._shooting = ""
        return live if rgb is None else rgb

    async def _preview(self, heard: AskHeard, session: Session, rgb: NDArray[np.uint8]) -> None:
        coded = await asyncio.to_thread(coding.preview, rgb, preview_bytes(session.still_bps or 0.0))
        self._offer(heard, coded, 0)

    async def _give(self, heard: AskHeard, rgb: NDArray[np.uint8]) -> None:
        """The preview first, then safety, then the finer grades."""
        session = self.around.session()
        if session is not None and not self.side.sending.of(heard.ask):
            await self._preview(heard, session, rgb)
        self._shot_at = self.around.clock()
        if self.side.life(heard.ask) is Life.WITHDRAWN:
            return
        await self._file(heard, await asyncio.to_thread(coding.original, rgb), "photo.jpg", "image/jpeg", "closer")
        for place, code in ((1, coding.middle), (2, coding.full)):
            coded = await asyncio.to_thread(code, rgb)
            if self.side.life(heard.ask) is not Life.SENDING:
                return
            self._offer(heard, coded, place)

    async def _record(self, heard: AskHeard) -> None:
        """A clip: recorded, sealed, and only then said to be there. Stopped by either person, nothing is kept."""
        session = self.around.session()
        try:
            clip = None if session is None else await self.clip.make(session)
            if self.clip.stopped:
                if self.side.life(heard.ask) is not Life.WITHDRAWN:
                    self.side.answer(heard.ask, Given.NOT_NOW)
                return
            if clip is not None:
                await self._file(heard, clip.data, clip.name, clip.media_type, "closer-clip")
            elif self._over:
                self._unsaved[heard.ask] = unsaved_sentence(heard.what, "The call ended too soon.")
            self.side.answer(heard.ask, Given.SAVED if heard.ask in self._saved else Given.FAILED)
        except BadStep as exc:
            log.info("the clip that was asked for is not wanted any more: %s", exc)
        finally:
            self.look()

    def _offer(self, heard: AskHeard, coded: coding.Coded, place: int) -> None:
        if not self._over:
            self.side.offer(heard.ask, coded.data, coded.grade, (coded.width, coded.height), place, 3)
        self.look()

    async def _file(self, heard: AskHeard, data: bytes, name: str, media_type: str, purpose: str) -> None:
        """Sealed, synced, in the outbox: only then it is said to be saved."""
        assert self.around.file is not None
        try:
            await self.around.file(data, name, media_type, purpose)
            self._saved.add(heard.ask)
        except OfflineError as exc:
            self._unsaved[heard.ask] = unsaved_sentence(heard.what, str(exc))
        self.look()

    # The beat

    def lives(self) -> tuple[tuple[str, What, Life], ...]:
        return tuple((heard.ask, heard.what, heard.life) for heard in self.side.asks)

    def look(self) -> None:
        super().look()
        heard = self.side.newest
        if heard is not None and heard.life is Life.WITHDRAWN:
            self.clip.stop()
        if heard is not None and heard.life is Life.ASKED and self._watched != heard.ask and not self._over:
            self._watched = heard.ask
            self.spawn(self._aim(heard.ask))

    async def _aim(self, ask: str) -> None:
        """While the question stands: what would make the picture better, before it is taken."""
        while self.side.life(ask) is Life.ASKED and not self._over:
            session = self.around.session()
            rgb = None if session is None else session.still()
            if rgb is not None:
                hint = aiming_hint(await asyncio.to_thread(still_checks.hint, rgb))
                if self.side.life(ask) is Life.ASKED and hint != self._hints.get(ask, ""):
                    self._hints[ask] = hint
                    self.around.changed()
            await asyncio.sleep(_LOOK_S)

    def beat(self) -> None:
        session = self.around.session()
        bps = None if session is None else session.still_bps
        if session is None or bps is None:
            return
        now, urgent = self.around.clock(), self.side.sending.urgent
        if urgent is not None and self._shot_at is not None:  # else the next grade is being made: as before
            session.set_still_share(still_share(urgent.part.grade, now - self._shot_at))
        self.side.tick(now, content_rate(bps), session.data_backlog(LABEL))

    def rest(self) -> None:
        session = self.around.session()
        if session is not None:
            session.set_still_share(0.0)
        self.around.changed()
