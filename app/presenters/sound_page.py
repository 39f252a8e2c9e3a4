"""The page of sound and camera, part of every presenter: trying them alone, choosing them before and in a visit."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.media.devices import DeviceKind, DeviceSpec, FoundDevice
from app.media.events import DeviceChanged
from app.presenters.devices import KINDS, Chosen, DeviceChoice, load_choice, save_choice
from app.presenters.environment import Environment, command
from app.presenters.sentences import device_sentence
from app.presenters.sound import SoundCheck, choosing_in_visit
from app.presenters.views import Page, Sentence, SoundPhase, SoundView
from app.presenters.visit import VisitRoom

log = logging.getLogger(__name__)

_FROM = frozenset({Page.HOME, Page.VISIT})


class SoundPage(ABC):
    """Implements app.presenters.views.SoundCommands. All but the commands runs on the I/O loop."""

    env: Environment
    _page: Page
    _room: VisitRoom | None
    _notice: Sentence | None

    def _begin_sound(self) -> None:
        self._choice = DeviceChoice(self.env.given)
        self._sound_check = SoundCheck(self.env.sound_test, self.changed)
        self._devices_in_use = Chosen()
        self._device_notices: dict[str, Sentence] = {}
        self._choice_saving = asyncio.Lock()

    @abstractmethod
    def changed(self) -> None: ...

    @abstractmethod
    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None: ...

    @property
    @abstractmethod
    def folder(self) -> Path:
        """The profile's folder."""

    # Commands

    @command
    def open_sound(self) -> None:
        if self._page in _FROM:
            self._page = Page.SOUND
            self.changed()
            self.spawn(self._look_for_devices())

    @command
    def close_sound(self) -> None:
        self._leave_sound()

    @command
    def start_sound_test(self) -> None:
        if self._page is Page.SOUND and not self._media_on():
            chosen = self._choice.specs()
            self.spawn(self._sound_check.start(chosen.microphone, chosen.speaker))

    @command
    def stop_sound_test(self) -> None:
        self.spawn(self._sound_check.stop())

    @command
    def answer_sound_test(self, heard: bool) -> None:
        self._sound_check.answer(heard)

    @command
    def choose_device(self, kind: DeviceKind, name: str) -> None:
        if kind in KINDS and self._page is Page.SOUND:
            self._choice = self._choice.choose(kind, name)
            self.changed()
            self.spawn(self._save_choice())
            self._use_choice()
            if self._sound_check.running:
                self.spawn(self._sound_check.stop())

    @command
    def turn_picture(self) -> None:
        """One's own picture a quarter further, clockwise: as it is sent, and as one sees oneself."""
        if self._page is Page.SOUND:
            self._choice = self._choice.turned()
            self.changed()
            self.spawn(self._save_choice())
            self._use_choice()

    # State

    def sound_view(self) -> SoundView | None:
        if self._page is not Page.SOUND:
            return None
        rows = self._choice.rows()
        room = self._room
        if room is not None and self._media_on():
            return SoundView(SoundPhase.IN_VISIT, choosing_in_visit(room.other), (), rows)
        return SoundView(self._sound_check.phase, self._sound_check.says, self._sound_check.hints, rows)

    def camera_spec(self) -> DeviceSpec:
        """What to open for a camera outside of a visit."""
        return self._choice.spec("camera")

    def chosen_devices(self) -> Chosen:
        """What to open outside of a visit."""
        return self._choice.specs()

    def chosen_for_visit(self) -> Chosen:
        """What a visit's session is to open; later changes reach it by :meth:`VisitRoom.use_device`."""
        self._devices_in_use = self._choice.specs()
        return self._devices_in_use

    def on_devices(self, found: tuple[FoundDevice, ...]) -> None:
        """What is there now: a chosen device that comes back is used again, one that goes is stood in for."""
        self._choice = self._choice.told(found)
        self._use_choice()
        self.changed()

    def on_device(self, event: DeviceChanged) -> None:
        """Says in a sentence that a device is missing or busy; takes the sentence back when it is there again."""
        other = self._room.other if self._room is not None else ""
        sentence = device_sentence(event.kind, event.state, other)
        if sentence is not None:
            self._device_notices[event.kind] = sentence
            self._notice = sentence
        elif self._device_notices.pop(event.kind, None) is self._notice:
            self._notice = None
        self.changed()

    def _back_to_visit(self) -> None:
        """The visit under way has the window again."""
        if self._room is not None:
            self._page = Page.VISIT
            self.changed()

    async def make_way(self) -> None:
        """A visit's media begins and needs the devices; who is trying them goes to the visit."""
        if self._page is Page.SOUND:
            self._leave_sound()
        await self._sound_check.stop()

    async def _load_choice(self) -> None:
        names, turns = await asyncio.to_thread(load_choice, self.folder)
        self._choice = replace(self._choice, names=names, turns=turns)
        if names:
            self.spawn(self._look_for_devices())

    async def _save_choice(self) -> None:
        async with self._choice_saving:
            await asyncio.to_thread(save_choice, self.folder, self._choice)

    async def _look_for_devices(self) -> None:
        """Looks for devices; a session under way tells of them itself, and must not be disturbed."""
        if not self._media_on() or self._choice.found is None:
            self._choice = replace(self._choice, found=await asyncio.to_thread(self.env.list_devices))
            self._use_choice()
            self.changed()

    def _leave_sound(self) -> None:
        if self._page is Page.SOUND:
            self._page = Page.HOME if self._room is None else Page.VISIT
            self.spawn(self._sound_check.stop())
            self.changed()

    def _media_on(self) -> bool:
        return self._room is not None and self._room.session is not None

    def _use_choice(self) -> None:
        """Brings a visit under way in step with what is chosen and there."""
        room, wanted = self._room, self._choice.specs()
        if room is None or not self._media_on():
            return
        for kind in KINDS:
            if wanted.of(kind) != self._devices_in_use.of(kind):
                self.spawn(room.use_device(kind, wanted.of(kind)))
        self._devices_in_use = wanted
