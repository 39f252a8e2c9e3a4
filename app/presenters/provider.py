"""The provider's window: today's list and who waits, the inbox, the desk, one visit."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from app.media.closer.messages import What
from app.media.events import View
from app.offline.clips import CLIP_TYPE
from app.offline.inbox import InboxReader, OpenedPart
from app.offline.opened import holds
from app.offline.photos import clean_copy
from app.presenters.clip_shelf import ClipShelf
from app.presenters.closer_provider import ProviderCloser
from app.presenters.desk import Desk, DeskError, Person
from app.presenters.environment import Environment, command
from app.presenters.inviting import InvitingPresenter
from app.presenters.refresh import Refresh
from app.presenters.sentences import purpose_words
from app.presenters.views import (
    DeskView,
    InboxRow,
    Level,
    OpenedItem,
    OpenedPicture,
    Page,
    PersonRow,
    ProviderView,
    ScheduleRow,
)
from app.presenters.visit import VisitRoom
from app.presenters.words_sentences import words_left
from app.wire.intake import InboxItem
from app.wire.messages import Changed
from app.wire.trust import Role

log = logging.getLogger(__name__)

_MY_NAME = "my-name"
_PHONE = "clinic-phone"
_MAX_PICTURES = 20
_MAX_CLIPS = 2


class ProviderPresenter(InvitingPresenter[ProviderView]):
    """Implements app.presenters.views.ProviderCommands."""

    role = Role.PROVIDER

    def __init__(
        self, env: Environment, loop: asyncio.AbstractEventLoop, publish: Callable[[ProviderView], None]
    ) -> None:
        super().__init__(env, loop, publish)
        self._desk: Desk | None = None
        self._reader: InboxReader | None = None
        self._people: tuple[Person, ...] = ()
        self._inbox: tuple[InboxItem, ...] = ()
        self._item: OpenedItem | None = None
        self._shelf = ClipShelf(env.clip_sound, lambda: self._choice.spec("speaker"))
        self._invitation = ""
        self._invited = ""
        self._my_name = ""
        self._phone = ""
        self._refresh_people = Refresh(self._fetch_people)
        self._refresh_inbox = Refresh(self._fetch_inbox)

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
    def open_item(self, submission_id: str) -> None:
        if not self._busy:
            self.spawn(self._open_item(submission_id))

    @command
    def play_clip(self, place: int, at_s: float) -> None:
        if self._item is not None:
            self.spawn(self._shelf.play(place, at_s))

    @command
    def pause_clip(self) -> None:
        self.spawn(self._shelf.pause())

    @command
    def save_clip(self, place: int, path: Path) -> None:
        if self._item is not None and 0 <= place < len(self._item.clips):
            self.spawn(self._save_clip(place, path))

    @command
    def close_item(self) -> None:
        self._item = None
        self.spawn(self._shelf.clear())
        if self._page is Page.ITEM:
            self._page = Page.HOME
        self.changed()

    @command
    def open_desk(self) -> None:
        self._page = Page.DESK
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
            inbox=tuple(
                InboxRow(
                    item.submission,
                    item.received_at.astimezone(),
                    self._name_of(item.device_id),
                    self._was_opened(item),
                )
                for item in self._inbox
            ),
            opened=self._item,
            visit=self.visit_view(),
            desk=self._desk_view() if self._page is Page.DESK else None,
            sound=self.sound_view(),
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

    def _name_of(self, device_id: str) -> str:
        for person in self._people:
            if person.device_id == device_id:
                return person.name
        return next((d.patient_name for d in self._visits if d.patient_device == device_id), "A patient")

    def _was_opened(self, item: InboxItem) -> bool:
        """By the signed word of the care team, not by the service's."""
        team = self.account.team
        return item.opened is not None and team is not None and holds(item.opened, item.submission, team)

    async def _opened(self) -> None:
        self._desk = Desk(self.account)
        self._reader = InboxReader(self.account.http, self.account.clinic.device_id, self.account.keys)
        self._my_name = (await self.account.store.get(_MY_NAME) or b"").decode()
        self._phone = (await self.account.store.get(_PHONE) or b"").decode()

    async def _finish(self) -> None:
        await self._shelf.clear()

    async def words_left(self, room: VisitRoom) -> None:
        """A provider has no outbox: in a lost visit the lines wait; when it has ended, they say so."""
        if self._room is not room:
            sentence = words_left(room.other)
            self.say(sentence.text, sentence.level)

    async def _refresh(self) -> None:
        await self._refresh_people()
        await self._refresh_inbox()

    def _on_changed(self, message: Changed) -> None:
        match message.what:
            case "inbox":
                self.wish(self._refresh_inbox)
            case "devices":
                self.wish(self._refresh_people)
            case _:
                log.debug("nothing to do for %s", message.what)

    async def _fetch_people(self) -> None:
        assert self._desk is not None
        await self._desk.open()
        self._people = await self._desk.people()
        self.changed()

    async def _fetch_inbox(self) -> None:
        assert self._reader is not None
        self._inbox = (await self._reader.rows()).items
        self.changed()

    async def _open_item(self, submission_id: str) -> None:
        row = next((item for item in self._inbox if item.submission == submission_id), None)
        if row is None or self._reader is None:
            return
        self._busy = True
        self.changed()
        try:
            record = await self.account.record(row.device_id)
            keys = {record.device_id: record.ed25519} if record is not None else {}
            content = await self._reader.open(row, keys)
            self._item = OpenedItem(
                submission_id=submission_id,
                patient_name=self._name_of(row.device_id),
                created_at=content.manifest.created_at.astimezone(),
                purpose=purpose_words(content.manifest.purpose),
                note=content.manifest.note,
                pictures=tuple([await _safe_picture(part) for part in _shown(content.parts, clips=False)]),
                clips=await self._shelf.put(_shown(content.parts, clips=True)),
            )
            self._page = Page.ITEM
        finally:
            self._busy = False
            self.changed()
        if not self._was_opened(row):
            await self._reader.mark_opened(submission_id)
            await self._refresh_inbox()

    async def _save_clip(self, place: int, path: Path) -> None:
        said = await self._shelf.save(place, path)
        self.say(said.text, said.level)

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
            self._page = Page.HOME
            self.say("The visit is on the list.", Level.GOOD)
        except DeskError as exc:
            self.say(str(exc), Level.WARN)
        finally:
            self._busy = False
            self.changed()


def _shown(parts: tuple[OpenedPart, ...], *, clips: bool) -> tuple[OpenedPart, ...]:
    """By the sender's word; whether it is true, the decoding will tell."""
    most = _MAX_CLIPS if clips else _MAX_PICTURES
    return tuple(part for part in parts if (part.media_type == CLIP_TYPE) is clips)[:most]


async def _safe_picture(part: OpenedPart) -> OpenedPicture:
    """What a patient's device sent is foreign: it is decoded in a limited process and shown as a copy."""
    copy = await asyncio.to_thread(clean_copy, part.data)
    return OpenedPicture(part.name, "image/jpeg", copy.jpeg, hashlib.sha256(part.data).hexdigest())
