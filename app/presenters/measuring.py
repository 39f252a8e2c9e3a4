"""Readings that a person types into a draft: what cannot be is refused, what is unusual is asked once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from app.offline.errors import OfflineError
from app.offline.readings import Measure, Reading, dated, typed
from app.presenters.drafting import Drafting
from app.presenters.environment import command
from app.presenters.sending_around import SendingAround
from app.presenters.sending_views import ReadingView
from app.presenters.sending_words import day_words, measures
from app.presenters.views import Level, Page, Sentence

_DAYS = 31
"""So many can be chosen from; a diary of a month is typed at the most."""


class Measuring:
    """Implements app.presenters.sending_views.MeasuringCommands."""

    def __init__(
        self, around: SendingAround, drafting: Drafting, here: Callable[[datetime], datetime] = datetime.astimezone
    ) -> None:
        """`here` gives a time of day the zone of this place, summer time of that day heeded."""
        self.loop = around.loop
        self._around = around
        self._drafting = drafting
        self._here = here
        self._shown = ReadingView(measures())
        self._doubted: tuple[str, str, tuple[date, time] | None] | None = None

    @command
    def open_readings(self) -> None:
        if self._drafting.draft is not None:
            self._begin("")
            self._around.go(Page.READING)
            self._around.changed()

    @command
    def choose_measure(self, value: str) -> None:
        self._begin(Measure(value).value)
        self._around.changed()

    @command
    def add_reading(self, text: str, unit: str, taken: tuple[date, time] | None = None) -> None:
        draft = self._drafting.draft
        if draft is None or not self._shown.measure:
            return
        try:
            found = typed(Measure(self._shown.measure), text, unit, self._taken(taken))
        except OfflineError as exc:
            self._say(Sentence(str(exc), Level.WARN))
            return
        if found.doubt and self._doubted != (text, unit, taken):
            self._doubted = (text, unit, taken)
            self._say(Sentence(found.doubt, Level.WARN), doubt=True)
            return
        self._around.spawn(self._add(found.reading))

    @command
    def remove_reading(self, place: int) -> None:
        draft = self._drafting.draft
        if draft is not None and 0 <= place < len(draft.readings):
            rest = (*draft.readings[:place], *draft.readings[place + 1 :])
            self._around.spawn(self._set(rest))

    @command
    def close_readings(self) -> None:
        if self._around.page() is Page.READING:
            self._around.go(Page.SEND)
            self._around.changed()

    def view(self) -> ReadingView | None:
        return self._shown if self._around.page() is Page.READING else None

    def _begin(self, measure: str) -> None:
        self._doubted = None
        self._shown = ReadingView(measures(), measure, added=self._shown.added, days=self._days())

    def _taken(self, taken: tuple[date, time] | None) -> datetime:
        """Raises ReadingRefused for a time that cannot be."""
        now = self._around.wall()
        at = now if taken is None else self._here(datetime.combine(*taken))
        return dated(at, now).astimezone(UTC)

    def _days(self) -> tuple[tuple[date, str], ...]:
        today = self._around.wall().date()
        return tuple((day, day_words(day, today)) for day in (today - timedelta(days=n) for n in range(_DAYS)))

    def _say(self, sentence: Sentence, *, doubt: bool = False) -> None:
        shown = self._shown
        self._shown = replace(shown, says=sentence, doubt=doubt)
        self._around.changed()

    async def _add(self, reading: Reading) -> None:
        draft = self._drafting.draft
        if draft is None:
            return
        shown, self._doubted = self._shown, None
        if await self._drafting.change(self._drafting.book.set_readings(draft.draft, (*draft.readings, reading))):
            says = Sentence("Added. You can add another one, or go back.", Level.GOOD)
            self._shown = replace(shown, says=says, doubt=False, added=shown.added + 1)
        elif self._drafting.says is not None:
            self._say(self._drafting.says)
        self._around.changed()

    async def _set(self, readings: tuple[Reading, ...]) -> None:
        if self._drafting.draft is not None:
            await self._drafting.change(self._drafting.book.set_readings(self._drafting.draft.draft, readings))
