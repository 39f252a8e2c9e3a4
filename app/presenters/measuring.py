"""Readings that a person types into a draft: what cannot be is refused, what is unusual is asked once."""

from __future__ import annotations

from datetime import UTC

from app.offline.errors import OfflineError
from app.offline.readings import Measure, Reading, typed
from app.presenters.drafting import Drafting
from app.presenters.environment import command
from app.presenters.sending_around import SendingAround
from app.presenters.sending_views import ReadingView
from app.presenters.sending_words import measures
from app.presenters.views import Level, Page, Sentence


class Measuring:
    """Implements app.presenters.sending_views.MeasuringCommands."""

    def __init__(self, around: SendingAround, drafting: Drafting) -> None:
        self.loop = around.loop
        self._around = around
        self._drafting = drafting
        self._shown = ReadingView(measures())
        self._doubted: tuple[str, str] | None = None

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
    def add_reading(self, text: str, unit: str) -> None:
        draft = self._drafting.draft
        if draft is None or not self._shown.measure:
            return
        try:
            found = typed(Measure(self._shown.measure), text, unit, self._around.wall().astimezone(UTC))
        except OfflineError as exc:
            self._say(Sentence(str(exc), Level.WARN))
            return
        if found.doubt and self._doubted != (text, unit):
            self._doubted = (text, unit)
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
        self._shown = ReadingView(measures(), measure, added=self._shown.added)

    def _say(self, sentence: Sentence, *, doubt: bool = False) -> None:
        shown = self._shown
        self._shown = ReadingView(shown.measures, shown.measure, sentence, doubt, shown.added)
        self._around.changed()

    async def _add(self, reading: Reading) -> None:
        draft = self._drafting.draft
        if draft is None:
            return
        shown, self._doubted = self._shown, None
        if await self._drafting.change(self._drafting.book.set_readings(draft.draft, (*draft.readings, reading))):
            says = Sentence("Added. You can add another one, or go back.", Level.GOOD)
            self._shown = ReadingView(shown.measures, shown.measure, says, added=shown.added + 1)
        elif self._drafting.says is not None:
            self._say(self._drafting.says)
        self._around.changed()

    async def _set(self, readings: tuple[Reading, ...]) -> None:
        if self._drafting.draft is not None:
            await self._drafting.change(self._drafting.book.set_readings(self._drafting.draft.draft, readings))
