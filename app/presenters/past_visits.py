"""Visits that are over: the list of them, and the record of one. All of it is on this device, so no link is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from app.offline.standing import Stage
from app.offline.store import Store
from app.presenters.chat import Chat
from app.presenters.environment import command
from app.presenters.past_record import VisitRecord, kept_visit, mark_carry, past_visits, record, records
from app.presenters.past_sentences import (
    BROKEN,
    Two,
    began_at,
    carried_text,
    carries_sentence,
    happened,
    length_words,
    said_lines,
    title,
    two_of,
    undelivered,
    undelivered_sentence,
)
from app.presenters.past_views import FiledItem, PastVisitRow, PastVisitsView, PastVisitView
from app.presenters.views import Page

AT_ONCE = 20
"""Rows that are read at a time: a provider has thousands."""

_ARRIVED = frozenset({Stage.RECEIVED, Stage.SEEN, Stage.NEEDS_MORE, Stage.ANSWERED})


@dataclass(frozen=True)
class Filed:
    """Something that was sent with a visit. `words`: it is what was written and not delivered in it."""

    item: FiledItem
    words: bool = False


@dataclass(frozen=True)
class PastAround:
    """All on the I/O loop. `store` and `me` (our device id) raise RuntimeError before the profile is open; `live` is
    the visit under way, or None. `filed` gives what was sent with a visit, `look_for` is awaited before it does."""

    loop: asyncio.AbstractEventLoop
    store: Callable[[], Store]
    me: Callable[[], str]
    page: Callable[[], Page]
    go: Callable[[Page], None]
    live: Callable[[], str | None]
    changed: Callable[[], None]
    spawn: Callable[[Coroutine[Any, Any, None]], None]
    wall: Callable[[], datetime]
    look_for: Callable[[VisitRecord], Coroutine[Any, Any, None]]
    filed: Callable[[VisitRecord], tuple[Filed, ...]]


class PastVisits:
    """Implements app.presenters.past_views.PastVisitsCommands."""

    def __init__(self, around: PastAround) -> None:
        self.loop = around.loop
        self._around = around
        self._wanted = 0
        self._records: tuple[VisitRecord, ...] = ()
        self._more = self._loading = False
        self._open: VisitRecord | None = None

    # Commands

    @command
    def open_list(self) -> None:
        if self._around.page() is Page.HOME:
            self._around.go(Page.PAST_VISITS)
            if self._around.page() is Page.PAST_VISITS:
                self._wanted = AT_ONCE
                self._read()

    @command
    def close_list(self) -> None:
        if self._around.page() is Page.PAST_VISITS:
            self._around.go(Page.HOME)
            self._around.changed()

    @command
    def show_more(self) -> None:
        if self._around.page() is Page.PAST_VISITS and self._more and not self._loading:
            self._wanted += AT_ONCE
            self._read()

    @command
    def open_visit(self, visit_id: str) -> None:
        if self._around.page() is Page.PAST_VISITS:
            self._around.spawn(self._open_visit(visit_id))

    @command
    def close_visit(self) -> None:
        self._open = None
        self._around.changed()

    @command
    def carry_words(self, on: bool) -> None:
        if self._open is not None:
            self._around.spawn(self._carry(self._open.visit_id, on))

    # State

    def view(self) -> PastVisitsView | None:
        if self._around.page() is not Page.PAST_VISITS:
            return None
        now = self._around.wall()
        opened = self._record(self._open, now) if self._open is not None else None
        rows = tuple(self._row(one, now) for one in self._records)
        return PastVisitsView(rows, self._more, self._loading, opened)

    def forget(self) -> None:
        """The person has gone on to something else: what was clear leaves memory."""
        self._records, self._open, self._wanted = (), None, 0

    async def refresh(self) -> None:
        """A visit has ended."""
        if self._around.page() is Page.PAST_VISITS:
            await self._read_list()

    async def carry_into(self, chat: Chat, other_device: str) -> None:
        """At the beginning of a visit: what our person wanted to say again is said. Raises StoreFailed."""
        store, me = self._around.store(), self._around.me()
        for visit_id in await Chat.unfinished(store):
            visit = await store.call(kept_visit, visit_id)
            if visit is None or not visit.carry or visit_id == chat.visit_id:
                continue
            if {visit.patient_device, visit.provider_device} == {me, other_device}:
                await chat.take_on(visit_id, partial(carried_text, now=self._around.wall()))
                await store.call(mark_carry, visit_id, False)

    # Work

    def _read(self) -> None:
        self._loading = True
        self._around.changed()
        self._around.spawn(self._read_list())

    async def _read_list(self) -> None:
        try:
            store = self._around.store()
            known = await store.call(past_visits)
            over = [visit_id for visit_id in known if visit_id != self._around.live()]
            found = await store.call(records, over[: self._wanted])
            if self._around.page() is Page.PAST_VISITS:
                self._records, self._more = found, len(over) > self._wanted
        finally:
            self._loading = False
            self._around.changed()

    async def _open_visit(self, visit_id: str) -> None:
        found = await self._around.store().call(record, visit_id)
        await self._around.look_for(found)
        if self._around.page() is Page.PAST_VISITS:
            self._open = found
            self._around.changed()

    async def _carry(self, visit_id: str, on: bool) -> None:
        store = self._around.store()
        await store.call(mark_carry, visit_id, on)
        if self._open is not None and self._open.visit_id == visit_id:
            self._open = await store.call(record, visit_id)
            self._around.changed()

    # Parts

    def _two(self, one: VisitRecord) -> Two:
        return two_of(one, self._around.me())

    def _row(self, one: VisitRecord, now: datetime) -> PastVisitRow:
        two = self._two(one)
        return PastVisitRow(
            one.visit_id, title(two), began_at(one, now), length_words(one), undelivered_sentence(one, two)
        )

    def _record(self, one: VisitRecord, now: datetime) -> PastVisitView:
        two, row, filed = self._two(one), self._row(one, now), self._around.filed(one)
        written = [each.item.stage in _ARRIVED for each in filed if each.words]
        said = (row.says, carries_sentence(one, two), BROKEN if one.broken else None)
        shown = PastVisitView(
            visit_id=one.visit_id,
            title=row.title,
            at=row.at,
            text=row.text,
            reason=one.visit.reason if one.visit is not None else "",
            says=tuple(sentence for sentence in said if sentence is not None),
            said=said_lines(one, two, now, all(written) if written else None),
            filed=tuple(each.item for each in filed),
            happened=happened(one, two, now),
        )
        if not two.provider or not two.other or not undelivered(one):
            return shown
        carries = one.visit is not None and one.visit.carry
        return replace(shown, can_carry=not carries, carries=carries)
