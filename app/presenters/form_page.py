"""A questionnaire being filled in: one question a page, forward and back, a summary, and the finished response.

Everything that was answered is kept after each step (`keep`), so that a draft survives anything; `finish` gets the
whole response. The engine and the evaluator's child run in a thread; steps are taken one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from app.offline.forms.answers import Answers, add_row, remove_row, rows_of, set_values, values_of
from app.offline.forms.calculate import Filled, recalculate, start
from app.offline.forms.checks import Fault, Wrong, faults, faults_of
from app.offline.forms.expressions import Evaluator, ExpressionFailed, Scope
from app.offline.forms.in_words import in_words, question_words
from app.offline.forms.model import Form, Item, ItemType, Value
from app.offline.forms.pages import SUMMARY, PageKind, Spot, after, ahead_of, number, numbered, pages
from app.offline.forms.response import Status, begun, finished, write_response
from app.presenters.form_input import NotUnderstood, fault_sentence, field_of, values_of_input
from app.presenters.form_views import FieldView, FormInput, FormView, RepeatRow, SummaryRow
from app.presenters.views import Level, Sentence

_LATER = " If you cannot answer it now, press Next again: you can come back to it at the end."
_LOOKING = Sentence("The file is being looked at. One moment…", Level.NOTE)
_UNSUPPORTED = Sentence(
    "This question cannot be answered in this app. Your clinic will see that it was not asked. Please go on.",
    Level.NOTE,
)


@dataclass(frozen=True)
class FormFile:
    """A file of the same draft that is an answer: `url` names it ("urn:uuid:..." or its part's id)."""

    url: str
    title: str
    media_type: str
    size: int


class FormFilling:
    """All methods run on the I/O loop. `keep` is given the response so far (FHIR JSON) after every change; `finish`
    the finished one. `amends`: the response answers a form that was sent before."""

    def __init__(
        self,
        form: Form,
        *,
        changed: Callable[[], None],
        keep: Callable[[bytes], Awaitable[None]],
        finish: Callable[[bytes], Awaitable[None]],
        now: Callable[[], datetime],
        language: str = "en",
        evaluator: Evaluator | None = None,
        answers: Answers | None = None,
        amends: bool = False,
    ) -> None:
        self._form = form
        self._changed = changed
        self._keep = keep
        self._finish = finish
        self._now = now
        self._language = language
        self._evaluator = evaluator
        self._new = answers is None
        self._amends = amends
        self._filled = Filled(form, answers if answers is not None else begun(form))
        self._spots: tuple[Spot, ...] = (SUMMARY,)
        self._at = SUMMARY
        self._typed: FormInput | None = None  # stands in the field while it is no answer, or has an empty line more
        self._unread = False
        self._says: Sentence | None = None
        self._warned = ""
        self._busy = False
        self._turn = asyncio.Lock()

    async def begin(self) -> None:
        """Works out what the form brings by itself and shows the first page. Raises OfflineError of `keep`."""
        async with self._turn:
            first = start if self._new else recalculate
            filled = await asyncio.to_thread(first, self._form, self._filled.answers, self._evaluator)
            self._take(filled)
            self._at = self._spots[0]
            self._changed()

    async def answer(self, key: str, given: FormInput) -> None:
        """What stands in the field of the page called `key`, while it is still being answered."""
        async with self._turn:
            if key == self._at.key:
                await self._answer(given)
                self._changed()

    async def next(self, key: str, given: FormInput) -> None:
        """Takes the answer; to the next page, unless something is wrong with it that was not said before."""
        async with self._turn:
            if key != self._at.key:
                return
            fault = await self._answer(given)
            if fault and self._warned != f"{key}\n{fault}":
                self._warned = f"{key}\n{fault}"
                self._says = Sentence(fault + ("" if self._unread else _LATER), Level.WARN)
            elif not self._unread:
                self._go(after(self._spots, key, self._place))
            self._changed()

    async def back(self, key: str, given: FormInput) -> None:
        """Takes the answer as far as it is one; to the page before."""
        async with self._turn:
            if key == self._at.key:
                await self._answer(given)
                self._go(ahead_of(self._spots, key, self._place))
                self._changed()

    async def jump(self, key: str) -> None:
        async with self._turn:
            at = number(self._spots, key)
            if at is not None:
                self._go(self._spots[at])
                self._changed()

    async def add_row(self, key: str) -> None:
        """One more of the group that the page asks about, and to its first question."""
        async with self._turn:
            item, parent = self._at.item, self._at.parent
            if key != self._at.key or item is None or not self._may_add_row(self._at):
                return
            await self._change(add_row(self._form, self._filled.answers, parent, item.link_id))
            last = len(rows_of(self._filled.answers, parent, item.link_id)) - 1
            place = (*parent, (item.link_id, last))
            inside = (spot for spot in self._spots if spot.parent[: len(place)] == place)
            self._go(next(inside, self._at))
            self._changed()

    async def remove_row(self, key: str, n: int) -> None:
        async with self._turn:
            item, parent = self._at.item, self._at.parent
            if key == self._at.key and item is not None and n < len(rows_of(self._answers, parent, item.link_id)):
                await self._change(remove_row(self._form, self._answers, parent, item.link_id, n))
                self._changed()

    async def add_file(self, key: str, file: FormFile) -> None:
        """A file of this draft becomes an answer of the page called `key`."""
        async with self._turn:
            item = self.asks_for_files(key)
            if item is None:
                return
            there = values_of(self._answers, self._at.parent, item.link_id) if item.repeats else ()
            await self._set(item, (*there, _attachment(file)))
            self._changed()

    def asks_for_files(self, key: str) -> Item | None:
        """The question of the page called `key`, while it is on show and takes files."""
        item = self._at.item
        return item if key == self._at.key and item is not None and item.type is ItemType.ATTACHMENT else None

    def refuses(self, key: str, file: FormFile) -> str:
        """Why a file cannot be an answer there, in a sentence; empty when it can."""
        item = self.asks_for_files(key)
        wrong = faults_of(item, self._at.parent, (_attachment(file),)) if item is not None else ()
        kinds = (Wrong.FILE_TOO_LARGE, Wrong.OTHER_FILE)
        return next((fault_sentence(fault) for fault in wrong if fault.wrong in kinds), "")

    def wait(self, on: bool) -> None:
        """A file is being looked at, which takes a moment."""
        self._busy, self._says = on, _LOOKING if on else None
        self._changed()

    async def remove_file(self, key: str, n: int) -> None:
        async with self._turn:
            item = self._at.item
            if key == self._at.key and item is not None and item.type is ItemType.ATTACHMENT:
                there = values_of(self._answers, self._at.parent, item.link_id)
                await self._set(item, there[:n] + there[n + 1 :])
                self._changed()

    async def finish(self) -> bool:
        """Hands over the finished response; False when something is still missing, which the summary says."""
        async with self._turn:
            enabling = self._filled.enabling()
            if self._busy or faults(self._form, self._answers, enabling):
                return False
            self._busy = True
            self._changed()
            try:
                status = Status.AMENDED if self._amends else Status.COMPLETED
                whole = finished(self._form, self._answers, enabling, status, self._now(), self._language)
                await self._finish(await asyncio.to_thread(write_response, whole))
            finally:
                self._busy = False
                self._changed()
            return True

    # Showing

    def view(self) -> FormView:
        spot = self._at
        plain = FormView(
            title=self._form.title.said(self._language),
            key=spot.key,
            kind=spot.kind,
            number=self._place + 1,
            of=len(self._spots),
            group=self._group(spot),
            before=tuple(item.words.said(self._language) for item in spot.before),
            says=self._says,
            busy=self._busy,
        )
        if spot.kind is PageKind.SUMMARY:
            return self._summary(plain)
        item = spot.item
        assert item is not None
        if spot.kind is PageKind.REPEAT:
            rows = rows_of(self._answers, spot.parent, item.link_id)
            named = question_words(item, None, self._language)
            labels = tuple(RepeatRow(n, f"{named} {n + 1}") for n in range(len(rows)))
            return replace(plain, question=named, repeats=labels, can_add_row=self._may_add_row(spot))
        if spot.kind is PageKind.WORDS:
            return plain
        return replace(
            plain,
            question=question_words(item, None, self._language),
            optional=not item.required,
            help=tuple(words.said(self._language) for words in item.help),
            links=item.links,
            field=self._field(spot, item),
            says=plain.says or (_UNSUPPORTED if item.unsupported is not None else None),
        )

    def _field(self, spot: Spot, item: Item) -> FieldView:
        field = field_of(item, values_of(self._answers, spot.parent, item.link_id), self._language)
        if self._typed is not None and self._typed.texts:
            return replace(field, texts=self._typed.texts, unit=self._typed.units)
        return field

    def _summary(self, plain: FormView) -> FormView:
        wrong = faults(self._form, self._answers, self._filled.enabling())
        rows = tuple(self._row(spot, wrong) for spot in self._spots if spot.kind is PageKind.QUESTION)
        return replace(plain, rows=rows, ready=not wrong)

    def _row(self, spot: Spot, wrong: tuple[Fault, ...]) -> SummaryRow:
        item = spot.item
        assert item is not None
        values = values_of(self._answers, spot.parent, item.link_id)
        said = "; ".join(in_words(value, item, self._language) for value in values)
        mine = (fault for fault in wrong if (fault.parent, fault.link_id) == (spot.parent, item.link_id))
        says = next((fault_sentence(fault) for fault in mine), "")
        if item.unsupported is not None:
            said = "Cannot be answered here"
        group = self._group(spot)
        question = question_words(item, None, self._language)
        return SummaryRow(spot.key, f"{group}: {question}" if group else question, said, says)

    def _group(self, spot: Spot) -> str:
        """ "Your family · Relative 2 of 3": the groups around a page that have a text."""
        parts = []
        for item, n, of in numbered(self._filled, spot.parent):
            text = item.words.said(self._language)
            if item.repeats and of > 1:
                parts.append(f"{text} {n} of {of}".strip())
            elif text:
                parts.append(text)
        return " · ".join(parts[-2:])

    # State

    @property
    def _answers(self) -> Answers:
        return self._filled.answers

    @property
    def _place(self) -> int:
        return number(self._spots, self._at.key) or 0

    def _take(self, filled: Filled) -> None:
        place = self._place
        self._filled = filled
        self._spots = pages(filled)
        at = number(self._spots, self._at.key)
        self._at = self._spots[at if at is not None else min(place, len(self._spots) - 1)]

    def _go(self, spot: Spot) -> None:
        self._at, self._typed, self._unread, self._says = spot, None, False, None

    def _may_add_row(self, spot: Spot) -> bool:
        most = spot.item.bounds.max_occurs if spot.item is not None else 0
        count = len(rows_of(self._answers, spot.parent, spot.item.link_id)) if spot.item is not None else 0
        return spot.kind is PageKind.REPEAT and (most is None or max(count, 1) < most)

    async def _answer(self, given: FormInput) -> str:
        """Takes the field's answer; what is wrong with it, in a sentence, or nothing."""
        item = self._at.item
        field = self.view().field
        if item is None or field is None or self._at.kind is not PageKind.QUESTION:
            return ""
        self._says = None
        if field.kind in ("read", "none"):
            return ""
        if field.kind != "files":
            try:
                values = values_of_input(item, given, self._now().tzinfo or self._now().astimezone().tzinfo)  # type: ignore[arg-type]
            except NotUnderstood as exc:
                self._typed, self._unread, self._says = given, True, Sentence(str(exc), Level.WARN)
                return str(exc)
            self._unread = False
            self._typed = given if len(given.texts) > max(len(values), 1) else None
            values = self._without_exclusive(item, values)
            if values != values_of(self._answers, self._at.parent, item.link_id):
                await self._set(item, values)
        there = values_of(self._answers, self._at.parent, item.link_id)
        wrong = faults_of(item, self._at.parent, there) or await self._pattern(item, there)
        return fault_sentence(wrong[0]) if wrong else ""

    def _without_exclusive(self, item: Item, values: tuple[Value, ...]) -> tuple[Value, ...]:
        """An exclusive answer newly chosen puts the others away; another newly chosen puts it away."""
        alone = [option.value for option in item.options if option.exclusive]
        before = values_of(self._answers, self._at.parent, item.link_id)
        if len(values) < 2 or not any(value in alone for value in values):
            return values
        new = [value for value in values if value not in before]
        if any(value in alone for value in new):
            return tuple(value for value in new if value in alone)[:1]
        return tuple(value for value in values if value not in alone)

    async def _pattern(self, item: Item, values: tuple[Value, ...]) -> tuple[Fault, ...]:
        """The form's own regular expression, tried in the limited child: it may be made to run for ever."""
        if not item.bounds.pattern or self._evaluator is None:
            return ()
        for value in values:
            text, pattern = (_quoted(part) for part in (str(value.data), f"^(?:{item.bounds.pattern})$"))
            try:
                found = await asyncio.to_thread(self._evaluator.evaluate, f"{text}.matches({pattern})", Scope())
            except ExpressionFailed:
                continue
            if list(found) == [False]:
                return (Fault(self._at.parent, item.link_id, Wrong.PATTERN),)
        return ()

    async def _set(self, item: Item, values: tuple[Value, ...]) -> None:
        await self._change(set_values(self._form, self._answers, self._at.parent, item.link_id, values))

    async def _change(self, answers: Answers) -> None:
        filled = await asyncio.to_thread(recalculate, self._form, answers, self._evaluator)
        self._take(filled)
        await self._keep(await asyncio.to_thread(write_response, filled.answers))


def _attachment(file: FormFile) -> Value:
    data = {"contentType": file.media_type, "url": file.url, "size": file.size, "title": file.title}
    return Value("valueAttachment", data)


def _quoted(text: str) -> str:
    """A FHIRPath string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
