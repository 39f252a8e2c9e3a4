"""The provider's window: today's list and who waits, the inbox, the desk, one visit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from app.media.closer.messages import What
from app.media.events import View
from app.presenters.closer_provider import ProviderCloser
from app.presenters.desk import Desk, DeskError, Person
from app.presenters.environment import Environment, command
from app.presenters.refresh import Refresh
from app.presenters.reviewing import ReviewingPresenter
from app.presenters.views import (
    DeskView,
    Level,
    Page,
    PersonRow,
    ProviderView,
    ScheduleRow,
)
from app.presenters.visit import VisitRoom
from app.presenters.words_sentences import words_left
from app.wire.messages import Changed
from app.wire.trust import Role

log = logging.getLogger(__name__)

_MY_NAME = "my-name"
_PHONE = "clinic-phone"
_MAX_PICTURES = 20
_MAX_CLIPS = 2


class ProviderPresenter(ReviewingPresenter):
    """Implements app.presenters.views.ProviderCommands."""

    role = Role.PROVIDER

    def __init__(
        self, env: Environment, loop: asyncio.AbstractEventLoop, publish: Callable[[ProviderView], None]
    ) -> None:
        super().__init__(env, loop, publish)
        self._desk: Desk | None = None
        self._people: tuple[Person, ...] = ()
        self._invitation = ""
        self._invited = ""
        self._my_name = ""
        self._phone = ""
        self._refresh_people = Refresh(self._fetch_people)

    # Commands

    @command
    def start_visit(self, visit_id: str) -> None:
        self.spawn(self.enter_visit(visit_id))

    @command
    def look_closer(self, what: What) -> None:
        if self._room is not None and isinstance(self._room.closer, ProviderCloser):
            self._room.closer.ask(what)

    @command
    def wish_view(self, view: View) -> None:
        if self._room is not None:
            self._room.set_wish(view)

    @command
    def withdraw_closer(self) -> None:
        if self._room is not None and isinstance(self._room.closer, ProviderCloser):
            self._room.closer.withdraw()

    @command
    def dismiss_closer(self) -> None:
        if self._room is not None:
            self._room.closer.dismiss()

    @command
    def open_desk(self) -> None:
        self._page, self._invitation, self._invited = Page.DESK, "", ""
        self.changed()

    @command
    def close_desk(self) -> None:
        self._page, self._invitation, self._invited = Page.HOME, "", ""
        self.changed()

    @command
    def invite_patient(self, name: str) -> None:
        if not self._busy:
            self.spawn(self._invite(name))

    @command
    def add_visit(
        self, device_id: str, starts_at: datetime, minutes: int, reason: str, my_name: str, phone: str
    ) -> None:
        if not self._busy:
            self.spawn(self._add_visit(device_id, starts_at, minutes, reason, my_name.strip(), phone.strip()))

    # State

    def view(self) -> ProviderView:
        return ProviderView(
            page=self._page,
            busy=self._busy,
            clinic=self.clinic_state(),
            notice=self._notice,
            schedule=self._schedule(),
            inbox=self.inbox_view(),
            opened=self.item_view(),
            visit=self.visit_view(),
            desk=self._desk_view() if self._page is Page.DESK else None,
            sound=self.sound_view(),
            passphrase=self.passphrase_view(),
            past=self.past_visits.view(),
            lock=self.lock_view(),
        )

    def _desk_view(self) -> DeskView:
        people = tuple(PersonRow(p.device_id, p.name, p.vouched) for p in self._people if p.role is Role.PATIENT)
        return DeskView(people, self._invitation, self._invited, self._my_name, self._phone)

    def _schedule(self) -> tuple[ScheduleRow, ...]:
        me = self.account.clinic.device_id if self.ready else ""
        live = self._room.details.visit_id if self._room is not None else ""
        return tuple(
            ScheduleRow(
                visit_id=d.visit_id,
                starts_at=d.starts_at.astimezone(),
                patient_name=d.patient_name,
                reason=d.reason,
                waiting=(d.visit_id, d.patient_device) in self._present,
                live=d.visit_id == live,
            )
            for d in self._visits
            if d.provider_device == me
        )

    def names(self) -> dict[str, str]:
        """By the desk's sealed words first, else as a visit calls them."""
        visits = {d.patient_device: d.patient_name for d in self._visits}
        return visits | {person.device_id: person.name for person in self._people if person.device_id}

    def my_name(self) -> str:
        """As patients know it from visits, else as it was typed at the desk."""
        me = self.account.clinic.device_id
        return next((d.provider_name for d in self._visits if d.provider_device == me), self._my_name)

    async def _opened(self) -> None:
        self._desk = Desk(self.account)
        await super()._opened()
        self._my_name = (await self.account.store.get(_MY_NAME) or b"").decode()
        self._phone = (await self.account.store.get(_PHONE) or b"").decode()

    async def words_left(self, room: VisitRoom) -> None:
        """A provider has no outbox: in a lost visit the lines wait; when it has ended, they say so."""
        if self._room is not room:
            sentence = words_left(room.other)
            self.say(sentence.text, sentence.level)

    async def _refresh(self) -> None:
        await self._refresh_people()
        await self.refresh_review()

    def _on_changed(self, message: Changed) -> None:
        match message.what:
            case "inbox":
                self.wish(self.refresh_inbox)
            case "devices":
                self.wish(self._refresh_people)
            case "replies":
                self.wish(self.refresh_answers)
            case "forms":
                self.wish(self.refresh_forms)
            case _:
                log.debug("nothing to do for %s", message.what)

    async def _fetch_people(self) -> None:
        assert self._desk is not None
        await self._desk.open()
        self._people = await self._desk.people()
        self.changed()

    async def _invite(self, name: str) -> None:
        assert self._desk is not None
        self._busy = True
        self.changed()
        try:
            await self._desk.open()
            code = await self._desk.invite(Role.PATIENT, name)
            self._invited = name.strip()
            self._invitation = f"{self.account.clinic.base_url}\n{code}"
        except DeskError as exc:
            self.say(str(exc), Level.WARN)
        finally:
            self._busy = False
            self.changed()

    async def _add_visit(
        self, device_id: str, starts_at: datetime, minutes: int, reason: str, my_name: str, phone: str
    ) -> None:
        assert self._desk is not None
        self._busy = True
        self.changed()
        try:
            await self._desk.open()
            me = self.account.clinic.device_id
            await self._desk.add_visit(device_id, me, starts_at, minutes, reason, my_name, phone)
            self._my_name, self._phone = my_name, phone
            await self.account.store.put_many({_MY_NAME: my_name.encode(), _PHONE: phone.encode()})
            await self.refresh_visits()
            if self._page is Page.DESK:
                self._page = Page.HOME
            self.say("The visit is on the list.", Level.GOOD)
        except DeskError as exc:
            self.say(str(exc), Level.WARN)
        finally:
            self._busy = False
            self.changed()
