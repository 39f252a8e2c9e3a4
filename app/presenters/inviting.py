"""The provider's side of guests: the one-time link, and the word to the patient's app about who comes."""

from __future__ import annotations

import asyncio

from app.net.errors import NetError
from app.offline.vault import seal_document
from app.presenters.base import V
from app.presenters.environment import command
from app.presenters.guest import GuestCall, GuestWho
from app.presenters.guest_sentences import LINK_MINUTES, LINK_RAN_OUT, NO_NAME, ONE_GUEST, clean_name
from app.presenters.remembering import RememberingPresenter
from app.wire.guests import CloseGuest, GuestIntroduction, GuestLink, GuestRole, OpenGuest
from app.wire.messages import Presence, ServerMessage


class InvitingPresenter(RememberingPresenter[V]):
    """Implements app.presenters.views.GuestCommands. The link's secret is in memory alone, as long as the visit."""

    _link: GuestLink | None = None
    _runs_out: asyncio.TimerHandle | None = None

    @command
    def invite_guest(self, role: str, name: str) -> None:
        """A link for the guest `name`, shown in the visit's view."""
        room, cleaned = self._room, clean_name(name)
        if room is None or self.env.guest_session is None:
            return
        if not cleaned:
            self.say(NO_NAME.text, NO_NAME.level)
        elif self._guest is not None:
            self.say(ONE_GUEST.text, ONE_GUEST.level)
        else:
            link = GuestLink.new()
            host = room.details.provider_name
            url = link.url(self.account.clinic.base_url)
            who = GuestWho(link.guest_id, cleaned, GuestRole(role), host, host, True, url)
            self._link = link
            self._host(who, link.keys(self.account.clinic.device_id))
            self._open_link()
            self._runs_out = self.loop.call_later(LINK_MINUTES * 60, self._on_run_out, link)
            self.spawn(self._introduce(link, who))

    @command
    def dismiss_guest(self) -> None:
        """Takes the link back, or ends the call with the guest."""
        self._part()

    def _open_link(self) -> None:
        if self._link is not None and self._room is not None:
            self._tell(OpenGuest(visit_id=self._room.details.visit_id, guest_id=self._link.guest_id))

    def _on_run_out(self, link: GuestLink) -> None:
        if self._link is link and self._guest is not None and not self._guest.used:
            self._part()
            self.say(LINK_RAN_OUT.text, LINK_RAN_OUT.level)

    async def _introduce(self, link: GuestLink, who: GuestWho, *, ended: bool = False) -> None:
        """Sealed to the patient's device: the keys between its app and the guest are not for the service."""
        room = self._room
        if room is None or not room.other_present:
            return
        record = await self.account.record(room.peer_device)
        if record is None:
            return
        keys = link.keys(room.peer_device)
        word = GuestIntroduction(
            guest_id=who.guest_id, name=who.name, role=who.role,
            to_guest=keys.to_guest, from_guest=keys.from_guest, ended=ended,
        )  # fmt: skip
        room.tell_of_guest(await asyncio.to_thread(seal_document, word, [record.age_recipient]))

    def _on_message(self, message: ServerMessage) -> None:
        super()._on_message(message)
        if isinstance(message, Presence) and message.present:
            self._introduce_to(message)

    def _introduce_to(self, message: Presence) -> None:
        """The patient comes (back) in: its app hears of the guest who is there."""
        room, guest, link = self._room, self._guest, self._link
        if room is None or guest is None or link is None:
            return
        if (message.visit_id, message.device_id) == (room.details.visit_id, room.peer_device):
            self.spawn(self._introduce(link, guest.who))

    def _on_stream(self, error: NetError | None) -> None:
        super()._on_stream(error)
        if error is None:
            self._open_link()

    def _part(self) -> GuestCall | None:
        guest, link = super()._part(), self._link
        if guest is not None and link is not None:
            self.spawn(self._introduce(link, guest.who, ended=True))
            # After the goodbye, with which the closing under way begins: the page hears that first.
            self.loop.call_soon(self._tell, CloseGuest(guest_id=guest.who.guest_id))
            self._forget_link()
        return guest

    async def _end_visit(self) -> None:
        self._forget_link()
        await super()._end_visit()

    def _forget_link(self) -> None:
        self._link = None
        if self._runs_out is not None:
            self._runs_out.cancel()
            self._runs_out = None
