"""A presenter whose visits can be looked at when they are over: who met is kept, and the pages of earlier visits."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from app.presenters.base import V
from app.presenters.chat import Chat
from app.presenters.hosting import HostingPresenter
from app.presenters.past_record import VisitRecord, keep_visit
from app.presenters.past_visits import Filed, PastAround, PastVisits
from app.presenters.views import Page
from app.wire.visits import VisitDetails

_BEHIND = frozenset({Page.PAST_VISITS, Page.SENT, Page.ITEM})  # the way back from there is to the record


class RememberingPresenter(HostingPresenter[V]):
    """`past_visits` implements app.presenters.past_views.PastVisitsCommands."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.past_visits = PastVisits(
            PastAround(
                loop=self.loop,
                store=lambda: self.account.store,
                me=lambda: self.account.clinic.device_id,
                page=lambda: self._page,
                go=self._turn_to,
                live=lambda: self._room.details.visit_id if self._room is not None else None,
                changed=self.changed,
                spawn=self.spawn,
                wall=self.env.wall,
                look_for=self.look_for_filed,
                filed=self.filed_with,
            )
        )

    @abstractmethod
    def filed_with(self, record: VisitRecord) -> tuple[Filed, ...]:
        """What was sent with a visit, as far as it is known here, oldest first."""

    async def look_for_filed(self, record: VisitRecord) -> None:
        """Before :meth:`filed_with`: what must be read first."""

    def _turn_to(self, page: Page) -> None:
        if self.ready:
            self._page, self._notice = page, None

    def changed(self) -> None:
        if self._page not in _BEHIND:
            self.past_visits.forget()
        super().changed()

    async def enter_visit(self, visit_id: str) -> None:
        await super().enter_visit(visit_id)
        room = self._room
        if room is not None and room.details.visit_id == visit_id:
            self.spawn(self._keep_visit(room.details))

    async def _keep_visit(self, details: VisitDetails) -> None:
        await self.account.store.call(keep_visit, details)

    async def _open_words(self, visit_id: str) -> Chat:
        chat = await super()._open_words(visit_id)
        details = next((d for d in self._visits if d.visit_id == visit_id), None)
        if details is not None:
            await self.past_visits.carry_into(chat, details.other_device(self.account.clinic.device_id))
        return chat

    async def _after_visit(self) -> None:
        await super()._after_visit()
        await self.past_visits.refresh()
