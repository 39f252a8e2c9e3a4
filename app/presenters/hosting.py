"""Guests in a visit, for both apps: the provider's invites and introduces, the patient's believes the provider's word.

Each app has a call of its own with the guest's page (a mesh), on the devices that the visit uses.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Any, Literal

from app.media.events import DeviceChanged, DevicesChanged
from app.net.errors import NetError
from app.net.guest_signals import GuestSignals
from app.offline.errors import SealBroken
from app.offline.vault import open_document
from app.presenters.around import Session
from app.presenters.base import Presenter, V
from app.presenters.environment import command
from app.presenters.guest import GuestAround, GuestCall, GuestWho
from app.presenters.guest_sentences import GuestState, guest_left
from app.presenters.link_shares import guest_leaves
from app.presenters.views import VisitPhase, VisitView
from app.presenters.visit import VisitRoom
from app.presenters.visit_upload import tightest
from app.wire.guests import GuestIntroduction, GuestKeys, GuestSaid, GuestSeen
from app.wire.messages import ServerMessage

log = logging.getLogger(__name__)

_MOST_SEEN = 32


class HostingPresenter(Presenter[V]):
    """A presenter whose visits may have one guest."""

    _guest: GuestCall | None = None

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._guests_here: dict[str, None] = {}

    # Commands that reach the guest too

    @command
    def set_microphone(self, on: bool) -> None:
        super().set_microphone(on)
        self.loop.call_soon(self._choose)

    @command
    def set_camera(self, on: bool) -> None:
        super().set_camera(on)
        self.loop.call_soon(self._choose)

    @command
    def set_speech_alone(self, on: bool) -> None:
        super().set_speech_alone(on)
        self.loop.call_soon(self._choose)

    def _choose(self) -> None:
        if self._guest is not None and self._room is not None:
            self._guest.choose(**self._chosen_now(self._room))

    def _chosen_now(self, room: VisitRoom) -> dict[str, bool]:
        alone = room.view().speech_alone
        return {"microphone_on": self._microphone_on, "camera_on": self._camera_on, "speech_alone": alone}

    @property
    def upload_allowance(self) -> float | None:
        """Bytes a second that bulk upload may take beside the visit and its guest; None: no bound, 0: nothing."""
        room, guest = self._room, self._guest
        return tightest(
            None if room is None else room.upload_allowance, None if guest is None else guest.upload_allowance
        )

    @property
    def bulk_waits(self) -> bool:
        """Whether something could be uploaded if the visit left it room."""
        return False

    def divide_link(self) -> None:
        """What the visit, its guest and the outbox leave each other of the one link."""
        room, guest, waits = self._room, self._guest, self.bulk_waits
        if room is None:
            return
        room.set_bulk(waits)
        if guest is not None:
            guest.set_bulk(waits and not room.closer.busy)
            wanted = self._camera_on and room.pictures_wanted
            guest.set_left(guest_leaves(guest.left, room.link_bps, pictures=wanted, looking_closer=room.closer.busy))

    def mind_upload(self) -> None:
        """For who uploads: what the link leaves the outbox may have changed."""

    # Showing

    def visit_view(self) -> VisitView | None:
        room, guest = self._room, self._guest
        if room is None:
            return None
        return room.view() if guest is None else replace(room.view(), guest=guest.view())

    async def guest_stats(self) -> dict[str, Any]:
        """W3C getStats names of the call with the guest; empty when there is none."""
        return await self._guest.stats() if self._guest is not None else {}

    # What comes in

    def _on_message(self, message: ServerMessage) -> None:
        match message:
            case GuestSeen(guest_id=guest_id, present=present):
                self._see(guest_id, present)
            case GuestSaid(guest_id=guest_id, box=box):
                if self._guest is not None and self._guest.who.guest_id == guest_id:
                    self._guest.said(box)
            case _:
                super()._on_message(message)

    def _see(self, guest_id: str, present: bool) -> None:
        self._guests_here.pop(guest_id, None)
        if present:
            self._guests_here[guest_id] = None
            while len(self._guests_here) > _MOST_SEEN:
                del self._guests_here[next(iter(self._guests_here))]
        if self._guest is not None and self._guest.who.guest_id == guest_id:
            self._guest.seen(present)

    def _on_stream(self, error: NetError | None) -> None:
        if error is not None:
            self._guests_here.clear()
        super()._on_stream(error)

    # One visit

    async def enter_visit(self, visit_id: str) -> None:
        await super().enter_visit(visit_id)
        if self._room is not None:
            self._room.on_guest = self._on_guest_word

    def changed(self) -> None:
        self._let_go_with_the_visit()
        self.divide_link()
        self.mind_upload()
        super().changed()

    def _let_go_with_the_visit(self) -> None:
        """Whose provider has been gone for a minute does not stay alone with a guest who nobody has verified."""
        room, guest = self._room, self._guest
        if room is not None and guest is not None and not guest.who.provider and room.view().phase is VisitPhase.LOST:
            self._part()

    def _on_guest_word(self, sealed: bytes) -> None:
        """The provider's app says who is a guest (the signature has been checked). A provider is told nothing."""
        room = self._room
        if room is None or self.account.clinic.device_id == room.details.provider_device:
            return
        try:
            word = open_document(sealed, self.account.keys.identity, GuestIntroduction)
        except SealBroken as exc:
            log.info("a word about a guest does not open: %s", exc)
            return
        known = self._guest
        if known is not None and (word.ended or known.who.guest_id != word.guest_id):
            self._part()
        if not word.ended and self._guest is None:
            details = room.details
            who = GuestWho(word.guest_id, word.name, word.role, details.patient_name, details.provider_name, False)
            self._host(who, GuestKeys(word.to_guest, word.from_guest))

    def _host(self, who: GuestWho, keys: GuestKeys) -> None:
        """From now on this guest may come in."""
        room = self._room
        assert room is not None
        role: Literal["provider", "patient"] = "provider" if who.provider else "patient"
        signals = GuestSignals(who.guest_id, keys, who.host, role, lambda: time.time_ns() // 1_000_000)
        around = GuestAround(
            say=self._tell,
            make_session=self._make_guest_session,
            make_way=self.make_way,
            remote=self.env.guest,
            clock=self.env.clock,
            changed=self.changed,
            note=room.note,
            device=self._on_guest_device,
            left=self._on_guest_left,
        )
        self._guest = GuestCall(who, signals, around, **self._chosen_now(room))
        if who.guest_id in self._guests_here:
            self._guest.seen(True)
        self.changed()

    def _make_guest_session(self, **given: Any) -> Session:
        assert self.env.guest_session is not None
        return self.env.guest_session(ice=self._ice, chosen=self.chosen_for_visit(), **given)

    def _on_guest_device(self, event: DeviceChanged | DevicesChanged) -> None:
        """Told twice while the visit's own session has the same devices: then that one's word is enough."""
        if self._room is not None and self._room.session is not None:
            return
        if isinstance(event, DeviceChanged):
            self.on_device(event)
        else:
            self.on_devices(event.devices)

    def _on_guest_left(self) -> None:
        if self._guest is not None:
            sentence = guest_left(self._guest.who.title)
            self._part()
            self.say(sentence.text, sentence.level)

    def _part(self) -> GuestCall | None:
        """The guest goes: its media ends beside whatever else is done. The guest, if there was one."""
        guest, self._guest = self._guest, None
        if guest is not None:
            if self._room is not None and guest.state is not GuestState.LEFT:
                self._room.note(f"{guest.who.title} is not in the visit any more")
            self.spawn(guest.close())
            self.changed()
        return guest

    async def _end_visit(self) -> None:
        guest, self._guest = self._guest, None
        if guest is None:
            await super()._end_visit()
        else:
            await asyncio.gather(guest.close(), super()._end_visit())
