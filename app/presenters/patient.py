"""The patient's window: the next visit, photos and files at any time, one visit."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from app.media.devices import DeviceSpec
from app.media.events import DeviceChanged
from app.media.video import still_checks
from app.offline.allowance import Allowance
from app.offline.capture import Capture, Part, Words
from app.offline.clips import CLIP_TYPE, bound_clip
from app.offline.errors import OfflineError
from app.offline.photos import check_photo
from app.offline.worker import OutboxWorker, SubmissionStatus
from app.presenters.around import Filing, Session
from app.presenters.chat import Chat, notes
from app.presenters.closer_patient import PatientCloser
from app.presenters.environment import Environment, command
from app.presenters.hosting import HostingPresenter
from app.presenters.sentences import WORDS, item_view
from app.presenters.views import Level, NextVisit, Page, PatientView, PhotoPhase, PhotoView
from app.presenters.visit import VisitRoom
from app.wire.messages import Changed
from app.wire.trust import Role

log = logging.getLogger(__name__)

_JPEG_QUALITY = 92
_MAX_FILE_BYTES = 64 * 1024 * 1024


class StillCamera(Protocol):
    """A camera outside of a visit: its picture runs in the `mine` slot, its troubles are told on the loop."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def still(self) -> NDArray[np.uint8] | None: ...


@dataclass(frozen=True)
class _Photo:
    phase: PhotoPhase
    jpeg: bytes = b""
    hint: str = ""


class PatientPresenter(HostingPresenter[PatientView]):
    """Implements app.presenters.views.PatientCommands."""

    role = Role.PATIENT

    def __init__(
        self,
        env: Environment,
        loop: asyncio.AbstractEventLoop,
        publish: Callable[[PatientView], None],
        make_camera: Callable[[DeviceSpec, Callable[[DeviceChanged], None]], StillCamera],
    ) -> None:
        super().__init__(env, loop, publish)
        self._make_camera = make_camera
        self._camera: StillCamera | None = None
        self._photo: _Photo | None = None
        self._came_from = Page.HOME
        self._allowance = Allowance()
        self._worker: OutboxWorker | None = None
        self._capture: Capture | None = None
        self._items: tuple[SubmissionStatus, ...] = ()
        self._leaving = asyncio.Lock()

    # Commands

    @command
    def join(self, visit_id: str) -> None:
        self.spawn(self.enter_visit(visit_id))

    @command
    def start_photo(self) -> None:
        if self._photo is None and self.ready:
            self.spawn(self._start_photo())

    @command
    def shutter(self) -> None:
        if self._photo is not None and self._photo.phase is PhotoPhase.PREVIEW:
            self.spawn(self._shutter())

    @command
    def retake(self) -> None:
        if self._photo is not None and self._photo.phase is PhotoPhase.REVIEW:
            self._photo = _Photo(PhotoPhase.PREVIEW)
            self.changed()

    @command
    def keep_photo(self) -> None:
        if self._photo is not None and self._photo.phase is PhotoPhase.REVIEW:
            self.spawn(self._keep_photo(self._photo.jpeg))

    @command
    def cancel_photo(self) -> None:
        self.spawn(self._leave_photo())

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
        if self._worker is not None:
            self.spawn(self._worker.try_again(submission_id))

    # State

    def view(self) -> PatientView:
        photo = self._photo
        return PatientView(
            page=self._page,
            busy=self._busy,
            clinic=self.clinic_state(),
            notice=self._notice,
            next_visit=self._next_visit(),
            visit=self.visit_view(),
            photo=PhotoView(photo.phase, photo.jpeg, photo.hint) if photo is not None else None,
            items=tuple(
                item_view(item, self._clinic_error is None, self._allowance.rate is not None) for item in self._items
            ),
            sound=self.sound_view(),
        )

    def _next_visit(self) -> NextVisit | None:
        now = datetime.now(UTC)
        for d in self._visits:
            if d.starts_at + timedelta(minutes=d.minutes) + timedelta(hours=2) > now:
                return NextVisit(d.visit_id, d.starts_at.astimezone(), d.provider_name, d.reason, d.clinic_phone)
        return None

    async def _opened(self) -> None:
        account = self.account
        self._capture = Capture(account.store, account.profile.blobs)
        self._worker = OutboxWorker(
            account.store,
            account.profile.blobs,
            account.http,
            allowance=self._allowance,
            on_change=self._outbox_changed,
        )
        self._worker.start()
        for visit_id in await Chat.unfinished(account.store):  # the app ended before its visit did
            await self._to_outbox(await self._open_words(visit_id))

    async def _finish(self) -> None:
        if self._worker is not None:
            await self._worker.stop()
        await self._stop_camera()

    async def _refresh(self) -> None:
        await self.account.refresh_team()
        if self._worker is not None:
            self._worker.kick()
            await self._worker.refresh_states()

    def _on_changed(self, message: Changed) -> None:
        if message.what == "submissions" and self._worker is not None:
            self.spawn(self._worker.refresh_states())

    def changed(self) -> None:
        self._allowance.set(self._room.upload_allowance if self._room is not None else None)
        super().changed()

    async def _after_visit(self) -> None:
        if self._photo is not None and self._page is Page.HOME:
            # The visit ended under an open camera page: it stays open, with a camera of its own.
            self._page, self._came_from = Page.PHOTO, Page.HOME
            if self._photo.phase is PhotoPhase.PREVIEW and self._camera is None:
                self._camera = self._make_camera(self.camera_spec(), self.on_device)
                await self._camera.start()

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
        if self._worker is not None:
            items = tuple(reversed(self._worker.snapshot()))
            if items != self._items:
                self._items = items
                self.changed()

    # Photos

    async def _start_photo(self) -> None:
        self._came_from = self._page
        self._photo = _Photo(PhotoPhase.PREVIEW)
        self._page = Page.PHOTO
        self._notice = None
        if self._session() is None:
            self._camera = self._make_camera(self.camera_spec(), self.on_device)
            await self._camera.start()
        self.changed()

    async def _shutter(self) -> None:
        rgb = self._still()
        if rgb is None:
            self.say(
                "There is no picture from the camera yet. Is it plugged in, and not in use elsewhere?", Level.WARN
            )
            return
        jpeg = await asyncio.to_thread(_to_jpeg, rgb)
        hint = await asyncio.to_thread(still_checks.hint, rgb)
        self._photo = _Photo(PhotoPhase.REVIEW, jpeg, hint)
        self.changed()

    async def _keep_photo(self, jpeg: bytes) -> None:
        self._photo = _Photo(PhotoPhase.SAVING, jpeg)
        self.changed()
        try:
            await self._save(jpeg, "photo.jpg", "image/jpeg")
        except OfflineError as exc:
            self._photo = _Photo(PhotoPhase.REVIEW, jpeg)
            self.say(str(exc), Level.BAD)
            return
        await self._leave_photo()
        self.say("Saved. It is sent as soon as the connection allows.", Level.GOOD)

    async def _leave_photo(self) -> None:
        await self._stop_camera()
        if self._photo is not None:
            self._photo = None
            if self._page is Page.PHOTO:
                in_visit = self._room is not None and self._came_from is Page.VISIT
                self._page = Page.VISIT if in_visit else Page.HOME
        self.changed()

    async def _stop_camera(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            await camera.stop()

    def _session(self) -> Session | None:
        return self._room.session if self._room is not None else None

    def _still(self) -> NDArray[np.uint8] | None:
        if self._camera is not None:
            return self._camera.still()
        session = self._session()
        return session.still() if session is not None else None

    async def _add_files(self, paths: tuple[Path, ...]) -> None:
        saved = 0
        for path in paths:
            try:
                data = await asyncio.to_thread(_read_file, path)
                info = await asyncio.to_thread(check_photo, data)
                await self._save(data, path.name, info.media_type)
                saved += 1
            except OfflineError as exc:
                self.say(f"{path.name}: {exc}", Level.WARN)
                return
            except OSError:
                self.say(f"{path.name}: This file cannot be read.", Level.WARN)
                return
        if saved:
            self.say("Saved. It is sent as soon as the connection allows.", Level.GOOD)

    async def _save(self, data: bytes, name: str, media_type: str) -> None:
        visit_id = self._room.details.visit_id if self._room is not None else None
        await self._file(visit_id, data, name, media_type, "photo")

    async def _file(self, visit_id: str | None, data: bytes, name: str, media_type: str, purpose: str) -> None:
        assert self._capture is not None
        assert self._worker is not None
        if media_type == CLIP_TYPE:
            bound_clip(data)
        await self._capture.save([Part(data, name, media_type)], Words(purpose, visit_id=visit_id))
        self._worker.kick()

    def file_in_visit(self, visit_id: str) -> Filing:
        return functools.partial(self._file, visit_id)


def _to_jpeg(rgb: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise RuntimeError("a picture of the camera could not be encoded")
    return bytes(data)


def _read_file(path: Path) -> bytes:
    """A file a person chose; one byte more than allowed tells check_photo that it is too large."""
    with path.open("rb") as file:
        return file.read(_MAX_FILE_BYTES + 1)
