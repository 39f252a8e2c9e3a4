"""Typing what was measured: which measure, the number, its unit; what is unusual is asked once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.presenters.sending_views import MeasureChoice, ReadingView
from app.presenters.views import PatientCommands, PatientView
from app.ui import sending_names as names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.compose_rows import choose_one, on_click
from app.ui.widgets.fields import ChoiceBox, label_of
from app.ui.widgets.form_choices import OneRow
from app.ui.widgets.layout import ScrollColumn, ground
from app.ui.widgets.taken import TakenPanel, minute_of
from app.ui.widgets.text import SentenceLine, Text


class ReadingPage(QWidget):
    def __init__(self, commands: PatientCommands, now: Callable[[], datetime]) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.READING)
        self._commands = commands.measuring
        self._now = now
        self._shown: ReadingView | None = None
        self._back = ActionButton(names.READING_BACK, self.tr("Back"), "back", Kind.SECONDARY)
        self._back.on_press(self._commands.close_readings)
        self._rows: dict[str, OneRow] = {}
        self._choices = QGridLayout()
        self._choices.setSpacing(8)
        self._field = QLineEdit()
        self._field.setObjectName(names.READING_FIELD)
        self._field.returnPressed.connect(self._add)
        self._unit = ChoiceBox(names.READING_UNIT)
        self._unit_words = Text(role="strong")
        self._hint = Text(role="quiet")
        self._taken = TakenPanel()
        self._says = SentenceLine(names.READING_SAYS)
        self._go = ActionButton(names.READING_ADD, self.tr("Add this"), "plus", Kind.PRIMARY, large=True)
        self._go.on_press(self._add)
        self._lay_out()

    def show_view(self, view: PatientView) -> None:
        shown = view.sending.reading if view.sending is not None else None
        if shown is None:
            self._shown = None
            return
        before, self._shown = self._shown, shown
        if before is None:
            self._taken.begin(shown.days, minute_of(self._now()))
        self._make_rows(shown.measures)
        measure = next((m for m in shown.measures if m.value == shown.measure), None)
        choose_one((row, value == shown.measure) for value, row in self._rows.items())
        self._entry.setVisible(measure is not None)
        self._go.setVisible(measure is not None)
        if measure is not None and (before is None or before.measure != shown.measure):
            self._begin(measure)
        elif before is not None and shown.added != before.added:
            self._field.clear()
        self._says.say(shown.says)
        self._go.set_label(self.tr("Yes, it is right: add it") if shown.doubt else self.tr("Add this"))

    def first_focus(self) -> QWidget:
        return next(iter(self._rows.values()), self._back)

    def _begin(self, measure: MeasureChoice) -> None:
        self._field.clear()
        self._hint.say(measure.hint)
        self._label.say(measure.label)
        self._field.setAccessibleName(measure.label)
        self._field.setAccessibleDescription(measure.hint)
        self._unit.clear()
        for code, words in measure.units:
            self._unit.add(words, code)
        self._unit.setCurrentIndex(0)
        self._unit.setVisible(len(measure.units) > 1)
        self._unit_words.setVisible(len(measure.units) == 1)
        self._unit_words.say(measure.units[0][1])
        if self.isVisible():
            self._field.setFocus()

    def _make_rows(self, measures: tuple[MeasureChoice, ...]) -> None:
        if self._rows:
            return
        for place, measure in enumerate(measures):
            row = OneRow(names.measure(measure.value), measure.label)
            on_click(row, partial(self._choose, measure.value))
            self._rows[measure.value] = row
            self._choices.addWidget(row, place // 2, place % 2)

    def _choose(self, value: str, _checked: bool) -> None:
        self._commands.choose_measure(value)

    def _add(self) -> None:
        if self._shown is not None and self._shown.measure and self._taken.complete():
            unit = str(self._unit.currentData() or "")
            self._commands.add_reading(self._field.text(), unit, self._taken.taken())

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self._back)
        head.addWidget(Text(self.tr("What did you measure?"), "title"), 1)
        self._label = label_of(self._field, "")
        self._unit.setAccessibleName(self.tr("Unit"))
        self._entry = QWidget()
        entry = QVBoxLayout(self._entry)
        entry.setContentsMargins(0, 0, 0, 0)
        entry.setSpacing(6)
        line = QHBoxLayout()
        line.setSpacing(12)
        line.addWidget(self._field, 2)
        line.addWidget(self._unit, 1)
        line.addWidget(self._unit_words, 1)
        entry.addWidget(self._label)
        entry.addWidget(self._hint)
        entry.addLayout(line)
        entry.addWidget(self._taken)
        scroll = ScrollColumn(margin=12)
        scroll.column.addLayout(self._choices)
        scroll.column.addWidget(self._entry)
        scroll.column.addWidget(self._says)
        scroll.column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 12, 16, 14)
        outer.setSpacing(8)
        outer.addLayout(head)
        outer.addWidget(scroll, 1)
        outer.addWidget(self._go)
