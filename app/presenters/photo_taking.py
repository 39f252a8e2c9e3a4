"""Taking a photo, part of the patient's presenter: look with live hints, press, see it and its sizes, keep it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from app.media.devices import DeviceSpec
from app.media.events import DeviceChanged
from app.media.video import still_checks
from app.media.video.still_reference import ReferenceKind
from app.offline.photo_copy import SIDES, CopyChoice, PhotoCopies, camera_copies, choices
from app.presenters.environment import command
from app.presenters.sending_words import size_words, time_words
from app.presenters.views import Level, Page, PhotoPhase, PhotoSize, PhotoView

_JPEG_QUALITY = 92
_GUIDE_S = 0.7
_GUIDED_SIDE = 960
_LINE_MORE = 1.15
_SIZE_NAMES = (
    (1000, "Small: quick to send"),
    (1800, "Medium"),
    (2600, "Fine: small marks can be seen"),
    (99_999, "Very fine"),
)


class StillCamera(Protocol):
    """A camera outside of a visit: its picture runs in the `mine` slot, its troubles are told on the loop."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def still(self) -> NDArray[np.uint8] | None: ...


CameraMaker = Callable[[DeviceSpec, Callable[[DeviceChanged], None]], StillCamera]


@dataclass(frozen=True)
class Photo:
    """`copies` come a moment after the picture itself; `side` is the chosen one's, 0: the one that is offered."""

    phase: PhotoPhase
    jpeg: bytes = b""
    hint: str = ""
    copies: PhotoCopies | None = None
    side: int = 0
    note: str = ""

    def choices(self, rate: float | None) -> tuple[CopyChoice, ...]:
        return () if self.copies is None else choices(self.copies, rate, _LINE_MORE)

    def chosen(self, rate: float | None) -> CopyChoice | None:
        found = self.choices(rate)
        return next((one for one in found if one.side == self.side), None) or next(
            (one for one in found if one.offered), None
        )


class PhotoTaking(ABC):
    """The commands of the photo page. All but the commands runs on the I/O loop."""

    _page: Page

    def _begin_photos(self, make_camera: CameraMaker) -> None:
        self._make_camera = make_camera
        self._camera: StillCamera | None = None
        self._photo: Photo | None = None
        self._copying: asyncio.Future[PhotoCopies] | None = None
        self._came_from = Page.HOME
        self._card = False

    # What the presenter gives

    @abstractmethod
    def changed(self) -> None: ...
    @abstractmethod
    def say(self, text: str, level: Level = Level.NOTE) -> None: ...
    @abstractmethod
    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None: ...
    @abstractmethod
    def camera_spec(self) -> DeviceSpec: ...
    @abstractmethod
    def on_device(self, event: DeviceChanged) -> None: ...
    @property
    @abstractmethod
    def ready(self) -> bool: ...
    @abstractmethod
    def session_still(self) -> Callable[[], NDArray[np.uint8] | None] | None:
        """Takes a still of the visit's own camera; None when no visit has it."""

    @abstractmethod
    def sending_rate(self) -> float | None: ...
    @property
    @abstractmethod
    def drafting_photo(self) -> bool:
        """The photo is for a draft: its sizes are to be chosen from."""

    @property
    @abstractmethod
    def can_measure(self) -> bool:
        """A card beside the place is offered, so that the clinic can measure."""

    @abstractmethod
    async def photo_done(self, photo: Photo | None) -> bool:
        """The person uses the photo, or has cancelled (None); False when it was not kept: it is shown again."""

    @abstractmethod
    def page_after_photo(self) -> Page: ...

    # Commands

    @command
    def start_photo(self) -> None:
        if self._photo is None and self.ready:
            self.spawn(self.open_camera())

    @command
    def shutter(self) -> None:
        if self._photo is not None and self._photo.phase is PhotoPhase.PREVIEW:
            self.spawn(self._shutter())

    @command
    def retake(self) -> None:
        if self._photo is not None and self._photo.phase is PhotoPhase.REVIEW:
            self._photo = Photo(PhotoPhase.PREVIEW)
            self.changed()

    @command
    def choose_size(self, side: int) -> None:
        if self._photo is not None and self._photo.phase is PhotoPhase.REVIEW:
            self._photo = replace(self._photo, side=side)
            self.changed()

    @command
    def use_card(self, on: bool) -> None:
        self._card = on
        self.changed()

    @command
    def keep_photo(self) -> None:
        if self._photo is not None and self._photo.phase is PhotoPhase.REVIEW:
            self.spawn(self._keep(self._photo))

    @command
    def cancel_photo(self) -> None:
        self.spawn(self._cancel())

    # State

    def photo_view(self) -> PhotoView | None:
        photo = self._photo
        if photo is None:
            return None
        rate = self.sending_rate()
        chosen = photo.chosen(rate)
        sizes = tuple(_size(one, one is chosen or one == chosen) for one in photo.choices(rate))
        card = self._card if self.can_measure and photo.phase is PhotoPhase.PREVIEW else None
        return PhotoView(photo.phase, photo.jpeg, photo.hint, sizes, card)

    # Work

    async def open_camera(self) -> None:
        """Shows the page of the camera, with a camera of its own outside of a visit."""
        self._came_from = self._page
        self._photo = Photo(PhotoPhase.PREVIEW)
        self._page = Page.PHOTO
        if self.session_still() is None:
            self._camera = self._make_camera(self.camera_spec(), self.on_device)
            await self._camera.start()
        self.spawn(self._guide())
        self.changed()

    async def camera_again(self) -> None:
        """The visit ended under an open camera page: it stays open, with a camera of its own."""
        self._page, self._came_from = Page.PHOTO, Page.HOME
        if self._photo is not None and self._photo.phase is PhotoPhase.PREVIEW and self._camera is None:
            self._camera = self._make_camera(self.camera_spec(), self.on_device)
            await self._camera.start()

    async def stop_camera(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            await camera.stop()

    async def _guide(self) -> None:
        """While one looks: what would make the picture better, in words."""
        while self._photo is not None:
            await asyncio.sleep(_GUIDE_S)
            before, rgb = self._photo, self._still()
            if before is None or before.phase is not PhotoPhase.PREVIEW or rgb is None:
                continue
            wanted = ReferenceKind.CARD if self._card and self.can_measure else None
            found = await asyncio.to_thread(still_checks.guide, _small(rgb), wanted)
            if self._photo is before and found.hint != before.hint:
                self._photo = replace(before, hint=found.hint)
                self.changed()

    async def _shutter(self) -> None:
        rgb = self._still()
        if rgb is None:
            self.say(
                "There is no picture from the camera yet. Is it plugged in, and not in use elsewhere?", Level.WARN
            )
            return
        jpeg = await asyncio.to_thread(_to_jpeg, rgb)
        wanted = ReferenceKind.CARD if self._card and self.can_measure else None
        found = await asyncio.to_thread(still_checks.guide, _small(rgb), wanted)
        if self._photo is None or self._photo.phase is not PhotoPhase.PREVIEW:
            return
        taken = self._photo = Photo(PhotoPhase.REVIEW, jpeg, found.hint, note=found.note)
        self.changed()
        if self.drafting_photo:
            self._copying = asyncio.ensure_future(asyncio.to_thread(_copies, rgb))
            copies = await self._copying
            if self._photo is taken:
                self._photo = replace(taken, copies=copies)
                self.changed()

    async def _keep(self, photo: Photo) -> None:
        """Pressed before its sizes are made: it is kept as soon as they are, in the one that is offered then."""
        saving = self._photo = replace(photo, phase=PhotoPhase.SAVING)
        self.changed()
        try:
            if self.drafting_photo and photo.copies is None and self._copying is not None:
                photo = replace(photo, copies=await self._copying)
        except Exception:
            self._photo = photo
            self.say("This photo could not be made ready. Please take it again.", Level.WARN)
            return  # what has happened is told where the copies were begun
        if self._photo is not saving:
            return  # the person thought better
        if await self.photo_done(photo):
            await self._leave()
        elif self._photo is not None:
            self._photo = photo
            self.changed()

    async def _cancel(self) -> None:
        await self.photo_done(None)
        await self._leave()

    async def _leave(self) -> None:
        await self.stop_camera()
        if self._photo is not None:
            self._photo = None
            if self._page is Page.PHOTO:
                self._page = self.page_after_photo()
        self.changed()

    def _still(self) -> NDArray[np.uint8] | None:
        if self._camera is not None:
            return self._camera.still()
        still = self.session_still()
        return still() if still is not None else None


def _size(choice: CopyChoice, chosen: bool) -> PhotoSize:
    label = next(words for most, words in _SIZE_NAMES if choice.side <= most)
    detail = size_words(choice.size)
    if choice.seconds is not None:
        detail += f", {time_words(choice.seconds)}"
    return PhotoSize(choice.side, label, detail, chosen)


def _to_jpeg(rgb: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise RuntimeError("a picture of the camera could not be encoded")
    return bytes(data)


def _copies(rgb: NDArray[np.uint8]) -> PhotoCopies:
    return camera_copies(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8), SIDES)


def _small(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _GUIDED_SIDE / max(rgb.shape)
    if scale >= 1.0:
        return rgb
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
