"""The photo page, part of the patient's presenter: look with live hints, press, see it and its sizes, use it.

What the camera takes is sealed and on the disk before it is asked whether it is good; "take again" and "cancel" drop
it. Photos from files come to the same page, for their size to be chosen.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.media.devices import DeviceSpec
from app.media.events import DeviceChanged
from app.media.video import still_checks
from app.media.video.still_reference import ReferenceKind
from app.offline.errors import OfflineError
from app.offline.from_file import Pick, read_pick
from app.offline.parts import MAX_TOTAL_BYTES
from app.offline.photo_copy import FEWER_SIDES, SIDES
from app.presenters import photo_making
from app.presenters.environment import command
from app.presenters.photo_shot import Photo, SealedPhoto
from app.presenters.views import Level, Page, PhotoPhase, PhotoView

log = logging.getLogger(__name__)

_GUIDE_S = 0.7
SHOT_S = 8.0
"""A camera that has not come back from its still mode by then: the live picture from before is the photo."""
_NO_PICTURE = "There is no picture from the camera yet. Is it plugged in, and not in use elsewhere?"
_TOO_MANY = "This is too much to be sent at once. Please send these first, and the rest after that."


class Stills(Protocol):
    """Takes pictures: RGB (height, width, 3) uint8, or None while the camera gives none."""

    def still(self) -> NDArray[np.uint8] | None:
        """The live picture."""

    async def best_still(self) -> NDArray[np.uint8] | None:
        """The best the camera can; its pictures stand meanwhile."""


class StillCamera(Stills, Protocol):
    """A camera outside of a visit: its picture runs in the `mine` slot, its troubles are told on the loop."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


CameraMaker = Callable[[DeviceSpec, Callable[[DeviceChanged], None]], StillCamera]
T = TypeVar("T")
_Sealing = asyncio.Task[SealedPhoto | None]


class PhotoTaking(ABC):
    """The commands of the photo page. All but the commands runs on the I/O loop."""

    _page: Page

    def _begin_photos(self, make_camera: CameraMaker) -> None:
        self._make_camera = make_camera
        self._camera: StillCamera | None = None
        self._photo: Photo | None = None
        self._shots = 0
        self._sealing: _Sealing | None = None
        self._developing: asyncio.Task[None] | None = None
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
    def visit_camera(self) -> Stills | None:
        """The visit's own camera; None when no visit has it."""

    @abstractmethod
    def sending_rate(self) -> float | None: ...
    @property
    @abstractmethod
    def drafting_photo(self) -> bool:
        """The photo is for a draft."""

    @property
    @abstractmethod
    def can_measure(self) -> bool:
        """A card beside the place is offered, so that the clinic can measure."""

    @abstractmethod
    async def photo_taken(self, jpeg: bytes) -> SealedPhoto | None:
        """At the shutter: sealed and on the disk when it returns; None: refused, which is said."""

    @abstractmethod
    async def photo_dropped(self, sealed: SealedPhoto) -> None:
        """The person takes it again, or has cancelled."""

    @abstractmethod
    async def photo_done(self, photo: Photo | None, sealed: SealedPhoto | None) -> bool:
        """The person uses the photo (`sealed`) or those of its files, or has cancelled (None, None); False when it was
        not kept, which is said: it is shown again."""

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
        if self._photo is not None and self._photo.phase is PhotoPhase.REVIEW and not self._photo.picks:
            self._drop()
            self._photo = self._new(PhotoPhase.PREVIEW)
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
        card = self._card if self.can_measure and photo.phase is PhotoPhase.PREVIEW else None
        return PhotoView(
            photo.phase,
            photo.jpeg,
            photo.hint,
            photo.sizes(self.sending_rate()),
            card,
            sizing=photo.phase is PhotoPhase.REVIEW and photo.copies is None and not (photo.failed or photo.picks),
            saved=photo.saved,
            files=len(photo.picks),
            progress=photo.progress,
        )

    # Work

    async def open_camera(self) -> None:
        """Shows the page of the camera, with a camera of its own outside of a visit."""
        self._came_from = self._page
        self._photo = self._new(PhotoPhase.PREVIEW)
        self._page = Page.PHOTO
        if self.visit_camera() is None:
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
            found = await asyncio.to_thread(still_checks.guide, photo_making.small(rgb), wanted)
            if self._photo is before and found.hint != before.hint:
                self._photo = replace(before, hint=found.hint)
                self.changed()

    async def _shutter(self) -> None:
        live = self._still()
        if live is None or self._photo is None or self._photo.phase is not PhotoPhase.PREVIEW:
            if live is None:
                self.say(_NO_PICTURE, Level.WARN)
            return
        taking = self._photo = self._new(PhotoPhase.TAKING)
        self.changed()
        rgb = await self._best(live)
        jpeg = await asyncio.to_thread(photo_making.to_jpeg, rgb)
        if self._photo is not taking:
            return
        self._photo = replace(taking, phase=PhotoPhase.REVIEW, jpeg=jpeg)
        self._sealing = self._set_off(self._seal(taking.number, jpeg))
        self._developing = self._set_off(self._develop(taking.number, rgb, self._sealing))
        self.changed()

    async def _develop(self, number: int, rgb: NDArray[np.uint8], sealing: _Sealing) -> None:
        """What would make it better, then its sizes; what is safe comes before what is light."""
        wanted = ReferenceKind.CARD if self._card and self.can_measure else None
        found = await asyncio.to_thread(still_checks.guide, photo_making.small(rgb), wanted)
        self._alter(number, hint=found.hint, note=found.note)
        await asyncio.wait((sealing,))
        sides = SIDES if self.visit_camera() is None else FEWER_SIDES
        try:
            self._alter(number, copies=await asyncio.to_thread(photo_making.copies_of, rgb, sides))
        except Exception as exc:  # it is kept all the same, and made lighter later
            log.error("the sizes of a photo could not be made: %s", type(exc).__name__)
            self._alter(number, failed=True)

    async def _best(self, live: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The camera's best still; the live picture when that fails or takes too long."""
        camera = self._stills()
        if camera is None:
            return live
        try:
            async with asyncio.timeout(SHOT_S):
                best = await camera.best_still()
        except TimeoutError:
            log.info("the camera did not come back from its still mode in time")
            return live
        return live if best is None else best

    async def _seal(self, number: int, jpeg: bytes) -> SealedPhoto | None:
        try:
            sealed = await self.photo_taken(jpeg)
        except Exception as exc:
            log.error("a photo could not be sealed: %s", type(exc).__name__)
            sealed = None
        self._alter(number, saved=sealed is not None)
        return sealed

    async def pick_photos(self, paths: Sequence[Path]) -> None:
        """Photos from files: opened one after the other, until one is refused, which is said; then their size is
        chosen. Other files do not come here."""
        if self._photo is not None or not paths:
            return
        self._came_from = self._page
        opening = self._photo = self._new(PhotoPhase.OPENING)
        self._page = Page.PHOTO
        picks: list[Pick] = []
        for number, path in enumerate(paths, start=1):
            if self._photo is None or self._photo.number != opening.number:
                return
            self._alter(opening.number, progress=f"Photo {number} of {len(paths)}" if len(paths) > 1 else "")
            try:
                pick = await asyncio.to_thread(read_pick, path)
            except OfflineError as exc:
                self.say(f"{path.name}: {exc}", Level.WARN)
                break
            if sum(one.held for one in picks) + pick.held > MAX_TOTAL_BYTES:
                self.say(_TOO_MANY, Level.WARN)
                break
            picks.append(pick)
        shown = await asyncio.to_thread(photo_making.shown, picks[0]) if picks else b""
        if self._photo is None or self._photo.number != opening.number:
            return
        if picks:
            self._alter(opening.number, phase=PhotoPhase.REVIEW, jpeg=shown, picks=tuple(picks), progress="")
        else:
            await self._leave()

    async def _keep(self, photo: Photo) -> None:
        """Pressed before its sizes are made: in a draft, where it is seen, it is kept as soon as they are, in the one
        that is offered then; else at once, and it is made lighter afterwards."""
        saving = self._photo = replace(photo, phase=PhotoPhase.SAVING)
        self.changed()
        sealed = await self._sealed(photo)
        if self._developing is not None and self.drafting_photo:
            await asyncio.wait((self._developing,))
        now = self._photo
        if now is None or now.number != saving.number or now.phase is not PhotoPhase.SAVING:
            return  # the person thought better
        photo = now
        if (sealed is not None or photo.picks) and await self.photo_done(photo, sealed):
            self._sealing = None
            await self._leave()
        else:
            self._alter(photo.number, phase=PhotoPhase.REVIEW)

    async def _sealed(self, photo: Photo) -> SealedPhoto | None:
        """What the shutter began; tried again when that was refused."""
        if self._sealing is None:
            return None
        sealed = await asyncio.shield(self._sealing)
        if sealed is None:
            self._sealing = self._set_off(self._seal(photo.number, photo.jpeg))
            sealed = await asyncio.shield(self._sealing)
        return sealed

    async def _cancel(self) -> None:
        self._drop()
        await self.photo_done(None, None)
        await self._leave()

    def _drop(self) -> None:
        """What the shutter sealed goes again."""
        sealing, self._sealing, self._developing = self._sealing, None, None
        if sealing is not None:
            self.spawn(self._dropped(sealing))

    async def _dropped(self, sealing: _Sealing) -> None:
        sealed = await sealing
        if sealed is not None:
            await self.photo_dropped(sealed)

    async def _leave(self) -> None:
        await self.stop_camera()
        self._sealing = self._developing = None
        if self._photo is not None:
            self._photo = None
            if self._page is Page.PHOTO:
                self._page = self.page_after_photo()
        self.changed()

    def _new(self, phase: PhotoPhase) -> Photo:
        self._shots += 1
        return Photo(phase, self._shots)

    def _set_off(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Work that ends with the presenter, and is waited for elsewhere as well."""
        task = asyncio.ensure_future(work)
        self.spawn(_waited(task))
        return task

    def _alter(self, number: int, **changes: Any) -> None:
        """What has become known of a photo, unless another one is on the page by now."""
        if self._photo is not None and self._photo.number == number:
            self._photo = replace(self._photo, **changes)
            self.changed()

    def _stills(self) -> Stills | None:
        return self._camera if self._camera is not None else self.visit_camera()

    def _still(self) -> NDArray[np.uint8] | None:
        camera = self._stills()
        return camera.still() if camera is not None else None


async def _waited(task: asyncio.Task[Any]) -> None:
    await task
