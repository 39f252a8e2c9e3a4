"""The patient's window: the next visit, photos and files at any time, one visit."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.offline.allowance import Allowance
from app.offline.capture import Capture, Part, Words
from app.offline.clips import CLIP_TYPE, bound_clip
from app.offline.from_file import by_kind
from app.offline.life import Held
from app.offline.worker import OutboxWorker
from app.presenters.answering import Answering
from app.presenters.around import Filing
from app.presenters.chat import Chat, notes
from app.presenters.closer_patient import PatientCloser
from app.presenters.drafting import Drafting
from app.presenters.environment import Environment, command
from app.presenters.items import Items
from app.presenters.last_visit import PastVisit, keep_visit, kept_visit, last_visit
from app.presenters.measuring import Measuring
from app.presenters.past_record import VisitRecord
from app.presenters.past_visits import Filed
from app.presenters.photo_shot import Photo, SealedPhoto
from app.presenters.photo_taking import CameraMaker, PhotoTaking, Stills
from app.presenters.photo_taking import StillCamera as StillCamera
from app.presenters.recording import Recording
from app.presenters.remembering import RememberingPresenter
from app.presenters.sending import SendingDesk
from app.presenters.sending_around import SendingAround
from app.presenters.sentences import OUTBOX_FAULT, WORDS
from app.presenters.views import Level, NextVisit, Page, PatientView
from app.presenters.visit import VisitRoom
from app.wire.messages import Changed
from app.wire.trust import Role

log = logging.getLogger(__name__)

_DRAFTING = frozenset({Page.SEND, Page.FORM})


class PatientPresenter(RememberingPresenter[PatientView], PhotoTaking):
    """Implements app.presenters.views.PatientCommands."""

    role = Role.PATIENT

    def __init__(
        self,
        env: Environment,
        loop: asyncio.AbstractEventLoop,
        publish: Callable[[PatientView], None],
        make_camera: CameraMaker,
    ) -> None:
        super().__init__(env, loop, publish)
        self._begin_photos(make_camera)
        self.sending = SendingDesk(self._sending_around(), env.recorder, self.chosen_devices, self.on_device)
        self._allowance = Allowance()
        self._told_fault = ""
        self._past: PastVisit | None = None
        self._worker: OutboxWorker | None = None
        self._capture: Capture | None = None
        self._leaving = asyncio.Lock()

    # Commands

    @command
    def join(self, visit_id: str) -> None:
        self.spawn(self.enter_visit(visit_id))

    @command
    def add_files(self, paths: Sequence[Path]) -> None:
        if self.ready:
            self.spawn(self._add_files(tuple(paths)))

    @command
    def answer_closer(self, agree: bool) -> None:
        if self._room is not None and isinstance(self._room.closer, PatientCloser):
            self._room.closer.answer(agree)

    @command
    def stop_clip(self) -> None:
        if self._room is not None and isinstance(self._room.closer, PatientCloser):
            self._room.closer.clip.stop()

    @command
    def dismiss_closer(self) -> None:
        if self._room is not None:
            self._room.closer.dismiss()

    @command
    def try_again(self, submission_id: str) -> None:
        self.sending.items.try_item_again(submission_id)

    @property
    def drafting(self) -> Drafting:
        return self.sending.drafting

    @property
    def answering(self) -> Answering:
        return self.sending.answering

    @property
    def measuring(self) -> Measuring:
        return self.sending.measuring

    @property
    def recording(self) -> Recording:
        return self.sending.recording

    @property
    def items(self) -> Items:
        return self.sending.items

    # State

    def view(self) -> PatientView:
        return PatientView(
            page=self._page,
            busy=self._busy,
            clinic=self.clinic_state(),
            notice=self._notice,
            next_visit=self._next_visit(),
            visit=self.visit_view(),
            photo=self.photo_view(),
            items=self.sending.items_shown(),
            sound=self.sound_view(),
            sending=self.sending.view(),
            passphrase=self.passphrase_view(),
            past=self.past_visits.view(),
            lock=self.lock_view(),
        )

    async def look_for_filed(self, record: VisitRecord) -> None:
        await self.items.look_for(record.visit_id)

    def filed_with(self, record: VisitRecord) -> tuple[Filed, ...]:
        return self.items.filed(record.visit_id)

    def _sending_around(self) -> SendingAround:
        return SendingAround(
            loop=self.loop,
            account=lambda: self.account,
            say=self.say,
            changed=self.changed,
            spawn=self.spawn,
            page=lambda: self._page,
            go=self._go,
            kick=lambda: self._worker.kick() if self._worker is not None else None,
            rate=self.sending_rate,
            wall=self.env.wall,
            clock=self.env.clock,
            take_photo=self._photo_for_draft,
            pick_photos=self._pick_for_draft,
            originals=lambda: self._worker.choices.originals if self._worker is not None else Held.UNTIL_ASKED,
            provider_name=self._provider_name,
            last_visit=lambda: last_visit(self._past, self._visits, self.env.wall()),
        )

    def _go(self, page: Page) -> None:
        """Sending's own pages: an old notice goes, and a visit that has begun meanwhile keeps the window."""
        if self._room is None:
            self._page, self._notice = page, None

    def _provider_name(self, device_id: str) -> str:
        return next((d.provider_name for d in self._visits if d.provider_device == device_id), "")

    def _next_visit(self) -> NextVisit | None:
        now = datetime.now(UTC)
        for d in self._visits:
            if d.starts_at + timedelta(minutes=d.minutes) + timedelta(hours=2) > now:
                return NextVisit(d.visit_id, d.starts_at.astimezone(), d.provider_name, d.reason, d.clinic_phone)
        return None

    async def _opened(self) -> None:
        account = self.account
        self._past = await kept_visit(account.store)
        self._capture = Capture(account.store, account.profile.blobs)
        self._worker = OutboxWorker(
            account.store,
            account.profile.blobs,
            account.http,
            allowance=self._allowance,
            on_change=self._outbox_changed,
        )
        self._worker.start()
        await self.sending.open(self._worker)
        for visit_id in await Chat.unfinished(account.store):  # the app ended before its visit did
            await self._to_outbox(await self._open_words(visit_id))

    async def stop(self) -> None:
        """What is being recorded is kept first: every task ends then."""
        if not self._stopping:
            await self.sending.recording.end()
        await super().stop()

    async def _finish(self) -> None:
        self.sending.close()
        if self._worker is not None:
            await self._worker.stop()
        await self.stop_camera()

    async def _refresh(self) -> None:
        await self.account.refresh_team()
        if self._worker is not None:
            self._worker.kick()
            await self._worker.refresh_states()
            await self.sending.refresh()

    async def _fetch_visits(self) -> None:
        """The service forgets visits soon after their end: the last one is kept."""
        known = self._visits
        await super()._fetch_visits()
        found = last_visit(self._past, (*known, *self._visits), self.env.wall())
        if found is not None and found != self._past:
            self._past = found
            await keep_visit(self.account.store, found)

    def _on_changed(self, message: Changed) -> None:
        if self._worker is None:
            return
        match message.what:
            case "submissions":
                self.spawn(self._worker.refresh_states())
            case "replies":
                self.wish(self.sending.items.fetch)
            case "forms":
                self.spawn(self.sending.answering.refresh())

    @property
    def bulk_waits(self) -> bool:
        return self._worker is not None and self._worker.waits

    def mind_upload(self) -> None:
        self._allowance.set(self.upload_allowance)

    async def _after_visit(self) -> None:
        if self._photo is not None and self._page is Page.HOME:
            await self.camera_again()

    async def make_way(self) -> None:
        """A visit's media needs the devices: what is being recorded ends, and is kept."""
        await self.sending.recording.end()
        await super().make_way()

    async def words_left(self, room: VisitRoom) -> None:
        if room.words is not None:
            await self._to_outbox(room.words)

    async def _to_outbox(self, chat: Chat) -> None:
        """What was written and not delivered, as written messages under its visit."""
        assert self._capture is not None
        assert self._worker is not None
        async with self._leaving:  # a lost visit and its end must not both take the same lines
            gone = chat.undelivered
            for note in notes(gone, self.env.wall()):
                await self._capture.save([], Words(WORDS, note, chat.visit_id))
            await chat.leave(gone)
        self._worker.kick()

    def _outbox_changed(self) -> None:
        self.sending.items.statuses_changed()
        worker = self._worker
        if worker is None:
            return
        if worker.notice:  # what a sudden end has cost, told once
            self.say(worker.notice, Level.WARN)
            worker.told()
        if worker.fault != self._told_fault:
            self._told_fault = worker.fault
            if worker.fault:
                self.say(OUTBOX_FAULT.text, OUTBOX_FAULT.level)

    # Photos

    async def _photo_for_draft(self) -> None:
        if self._photo is None and self._room is None:
            await self.open_camera()

    def visit_camera(self) -> Stills | None:
        return self._room.session if self._room is not None else None

    def sending_rate(self) -> float | None:
        return self._worker.rate() if self._worker is not None else None

    @property
    def drafting_photo(self) -> bool:
        return self.sending.wants_photo and self._came_from in _DRAFTING

    @property
    def can_measure(self) -> bool:
        return self.drafting_photo and self.sending.can_measure

    def page_after_photo(self) -> Page:
        if self.drafting_photo:
            return self.sending.page_after_photo
        return Page.VISIT if self._room is not None and self._came_from is Page.VISIT else Page.HOME

    async def photo_taken(self, jpeg: bytes) -> SealedPhoto | None:
        if self.drafting_photo:
            return await self.sending.photo_taken(jpeg)
        return await self.sending.quick.take(jpeg, self._visit_id())

    async def photo_dropped(self, sealed: SealedPhoto) -> None:
        await self.sending.photo_dropped(sealed)

    async def photo_done(self, photo: Photo | None, sealed: SealedPhoto | None) -> bool:
        if self.drafting_photo:
            return await self.sending.photo_done(photo, sealed)
        if photo is not None and sealed is not None:
            return await self.sending.quick.keep(photo, sealed)
        if photo is not None:
            return await self.sending.quick.put(photo, self._visit_id())
        return True

    async def _add_files(self, paths: tuple[Path, ...]) -> None:
        """Photos by way of the page on which their size is chosen, others at once."""
        pictures, others = await asyncio.to_thread(by_kind, paths)
        await self.sending.quick.files(others, self._visit_id())
        await self.pick_photos(pictures)

    async def _pick_for_draft(self, paths: Sequence[Path]) -> None:
        if self._room is None:
            await self.pick_photos(paths)

    def _visit_id(self) -> str | None:
        return self._room.details.visit_id if self._room is not None else None

    async def _file(self, visit_id: str | None, data: bytes, name: str, media_type: str, purpose: str) -> None:
        assert self._capture is not None
        assert self._worker is not None
        if media_type == CLIP_TYPE:
            bound_clip(data)
        await self._capture.save([Part(data, name, media_type)], Words(purpose, visit_id=visit_id))
        self._worker.kick()

    def file_in_visit(self, visit_id: str) -> Filing:
        return functools.partial(self._file, visit_id)
