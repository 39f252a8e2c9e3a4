"""The fields of a questionnaire's page: lines, numbers with their unit, dates in three parts, files, texts to read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time
from functools import partial
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from app.presenters.form_views import FieldKind, FieldView, FileWay, FormCommands, FormInput
from app.ui import names
from app.ui.pages.files import ask_for_files
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.fields import ChoiceBox, ClockField, labelled
from app.ui.widgets.form_choices import ChoicesField
from app.ui.widgets.layout import Card
from app.ui.widgets.text import Text
from app.ui.words import english_here, read_clock


class Entry(Protocol):
    """One answer that is written: its text as the presenters read it."""

    def text(self) -> str: ...

    def set_text(self, text: str) -> None: ...

    def first(self) -> QWidget: ...

    def name(self, words: str) -> None: ...


class Line(QLineEdit):
    """A line; Enter goes on to the next page."""

    def __init__(self, name: str, done: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName(name)
        self._done = done

    def set_text(self, text: str) -> None:
        if not self.hasFocus() and text != self.text():
            self.setText(text)

    def first(self) -> QWidget:
        return self

    def name(self, words: str) -> None:
        self.setAccessibleName(words)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat():
            self._done()
        else:
            super().keyPressEvent(event)


class Paragraph(QPlainTextEdit):
    """Several lines; the Tab key leaves it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setTabChangesFocus(True)
        self.setMinimumHeight(150)

    def text(self) -> str:
        return self.toPlainText()

    def set_text(self, text: str) -> None:
        if not self.hasFocus() and text != self.toPlainText():
            self.setPlainText(text)

    def first(self) -> QWidget:
        return self

    def name(self, words: str) -> None:
        self.setAccessibleName(words)


class DateParts(QWidget):
    """A day in three parts, each with its label: no order of digits to guess. The year alone, or month and year, will
    do: who does not know the day leaves it empty. Text: "2026-12-24", "2026-12", "2026" or what was written."""

    def __init__(self, name: str, done: Callable[[], None]) -> None:
        super().__init__()
        self._day = Line(f"{name}.day", done)
        self._month = ChoiceBox(f"{name}.month", self.tr("Month"))
        self._year = Line(name, done)
        self._month.add(self.tr("Not known"), "")
        for number in range(1, 13):
            self._month.add(english_here().standaloneMonthName(number, QLocale.FormatType.LongFormat), f"{number:02}")
        self._day.setMaxLength(2)
        self._year.setMaxLength(4)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        for label, field, stretch in (
            (self.tr("Day"), self._day, 2),
            (self.tr("Month"), self._month, 4),
            (self.tr("Year, like 1951"), self._year, 3),
        ):
            row.addLayout(labelled(label, field), stretch)

    def text(self) -> str:
        day, month, year = self._day.text().strip(), str(self._month.currentData() or ""), self._year.text().strip()
        if day:
            return f"{year}-{month}-{day.zfill(2)}"
        return f"{year}-{month}" if month else year

    def set_text(self, text: str) -> None:
        if text == self.text():
            return
        year, _, rest = text.partition("-")
        month, _, day = rest.partition("-")
        self._year.set_text(year)
        self._month.setCurrentIndex(self._month.findData(month) if month else -1)
        self._day.set_text(day.lstrip("0"))

    def first(self) -> QWidget:
        return self._day

    def name(self, words: str) -> None:
        self.setAccessibleName(words)
        for field in (self._day, self._year):
            field.setAccessibleDescription(words)


class Clock(ClockField):
    """A time of day; text "14:30", or what was written where that is none."""

    def text(self) -> str:
        at = self.clock() if super().text().strip() else None
        return at.strftime("%H:%M") if at is not None else super().text()

    def clock(self) -> time | None:
        return read_clock(super().text())

    def set_text(self, text: str) -> None:
        if not self.hasFocus() and text != self.text():
            self.lineEdit().setText(text)

    def first(self) -> QWidget:
        return self

    def name(self, words: str) -> None:
        self.setAccessibleName(words)


class DateClock(QWidget):
    """A day and a time: "2026-12-24T14:30", or the day alone."""

    def __init__(self, name: str, done: Callable[[], None]) -> None:
        super().__init__()
        self._date = DateParts(name, done)
        self._clock = Clock(f"{name}.clock")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self._date)
        column.addLayout(labelled(self.tr("Time, like 14:30"), self._clock))

    def text(self) -> str:
        clock = self._clock.text().strip()
        return f"{self._date.text()}T{clock}" if clock else self._date.text()

    def set_text(self, text: str) -> None:
        day, _, clock = text.partition("T")
        self._date.set_text(day)
        self._clock.set_text(clock)

    def first(self) -> QWidget:
        return self._date.first()

    def name(self, words: str) -> None:
        self._date.name(words)
        self._clock.setAccessibleDescription(words)


class WrittenField(QWidget):
    """One entry for each answer, units beside, and a button for one more."""

    def __init__(self, field: FieldView, done: Callable[[], None], more: Callable[[], None], question: str) -> None:
        super().__init__()
        self._entries: list[Entry] = []
        self._units: list[ChoiceBox] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        for number in range(len(field.texts)):
            row = QHBoxLayout()
            row.setSpacing(12)
            entry, widget = _entry(field.kind, names.form_text(number), done)
            entry.name(question if len(field.texts) == 1 else f"{question} {number + 1}")
            self._entries.append(entry)
            row.addWidget(widget, 3)
            self._add_units(field, number, row)
            column.addLayout(row)
        self._more = ActionButton(names.FORM_ADD_ANSWER, self.tr("Add one more"), "plus", Kind.SECONDARY)
        self._more.on_press(more)
        column.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        self.draw(field)

    def draw(self, field: FieldView) -> None:
        for entry, text in zip(self._entries, field.texts, strict=True):
            entry.set_text(text)
        for box, at in zip(self._units, field.unit, strict=False):
            box.setCurrentIndex(at)
        self._more.setVisible(field.can_add)

    def given(self) -> FormInput:
        units = tuple(max(box.currentIndex(), 0) for box in self._units)
        return FormInput(texts=tuple(entry.text() for entry in self._entries), units=units)

    def first_focus(self) -> QWidget:
        return self._entries[-1].first()

    def _add_units(self, field: FieldView, number: int, row: QHBoxLayout) -> None:
        if len(field.units) == 1:
            row.addWidget(Text(field.units[0], "heading"), 1)
        elif field.units:
            box = ChoiceBox(f"{names.form_text(number)}.unit", self.tr("Unit"))
            box.setAccessibleName(self.tr("Unit"))
            for unit in field.units:
                box.add(unit, unit)
            self._units.append(box)
            row.addWidget(box, 2)


def _entry(kind: FieldKind, name: str, done: Callable[[], None]) -> tuple[Entry, QWidget]:
    if kind is FieldKind.PARAGRAPH:
        paragraph = Paragraph(name)
        return paragraph, paragraph
    if kind is FieldKind.DATE:
        parts = DateParts(name, done)
        return parts, parts
    if kind is FieldKind.CLOCK:
        clock = Clock(name)
        return clock, clock
    if kind is FieldKind.DATE_CLOCK:
        both = DateClock(name, done)
        return both, both
    line = Line(name, done)
    return line, line


class FilesField(QWidget):
    """The files that are the answer, each to be taken away, and the ways to add one. `key`: of the page."""

    def __init__(self, field: FieldView, commands: FormCommands, key: Callable[[], str]) -> None:
        super().__init__()
        self._commands, self._key, self._endings = commands, key, field.endings
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        for number, title in enumerate(field.texts):
            column.addWidget(self._given_file(number, title))
        self._ways = {way: self._button(way) for way in field.ways}
        grid = QGridLayout()
        grid.setSpacing(10)
        for place, (way, button) in enumerate(self._ways.items()):
            button.set_look(_WAY_SIGNS[way], Kind.SECONDARY if place else Kind.PRIMARY)
            grid.addWidget(button, place // 2, place % 2)
        column.addLayout(grid)
        self.draw(field)

    def draw(self, field: FieldView) -> None:
        for button in self._ways.values():
            button.setVisible(field.can_add_file)

    def given(self) -> FormInput:
        return FormInput()

    def first_focus(self) -> QWidget | None:
        return next((button for button in self._ways.values() if not button.isHidden()), None)

    def _given_file(self, number: int, title: str) -> Card:
        card = Card(12, 6)
        row = QHBoxLayout()
        row.addWidget(Text(title, "strong"), 1)
        gone = ActionButton(names.form_remove(number), self.tr("Take away"), "close", Kind.SECONDARY)
        gone.setAccessibleName(self.tr("Take away {name}").format(name=title))
        gone.on_press(lambda: self._commands.remove_form_file(self._key(), number))
        row.addWidget(gone)
        card.body.addLayout(row)
        return card

    def _button(self, way: FileWay) -> ActionButton:
        ways: dict[FileWay, tuple[str, Callable[[], None]]] = {
            FileWay.PHOTO: (self.tr("Take a photo"), lambda: self._commands.add_form_file(self._key())),
            FileWay.FILE: (self.tr("Choose a file"), self._choose),
            FileWay.CLIP: (self.tr("Record a clip"), partial(self._record, True)),
            FileWay.VOICE: (self.tr("Record your voice"), partial(self._record, False)),
        }
        words, press = ways[way]
        button = ActionButton(_WAY_NAMES[way], words, "", Kind.SECONDARY, large=True)
        button.on_press(press)
        return button

    def _choose(self) -> None:
        def chosen(paths: list[Path]) -> None:
            for path in paths[:1]:
                self._commands.choose_form_file(self._key(), path)

        ask_for_files(self, chosen, endings=self._endings, many=False)

    def _record(self, film: bool) -> None:
        self._commands.record_form_file(self._key(), film)


_WAY_SIGNS = {FileWay.PHOTO: "photo", FileWay.FILE: "file", FileWay.CLIP: "film", FileWay.VOICE: "microphone"}
_WAY_NAMES = {
    FileWay.PHOTO: names.FORM_ADD_FILE,
    FileWay.FILE: names.FORM_CHOOSE_FILE,
    FileWay.CLIP: names.FORM_RECORD_CLIP,
    FileWay.VOICE: names.FORM_RECORD_VOICE,
}


class ReadField(QWidget):
    """What was worked out or given, to be read."""

    def __init__(self, field: FieldView) -> None:
        super().__init__()
        card = Card()
        self._text = Text(role="heading", name=names.FORM_READ)
        card.body.addWidget(self._text)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(card)
        self.draw(field)

    def draw(self, field: FieldView) -> None:
        self._text.say("; ".join(field.texts) or self.tr("Nothing yet"))
        self.setVisible(field.kind is FieldKind.READ)

    def given(self) -> FormInput:
        return FormInput()

    def first_focus(self) -> QWidget | None:
        return None


FormField = ChoicesField | WrittenField | FilesField | ReadField
