"""When something was measured: now, or a day and a time before."""

from __future__ import annotations

from datetime import date, datetime, time

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.ui import sending_names as names
from app.ui.widgets.compose_rows import choose_one, on_click
from app.ui.widgets.fields import ChoiceBox, ClockField, labelled
from app.ui.widgets.form_choices import OneRow
from app.ui.widgets.text import Text


class TakenPanel(QWidget):
    """Stands at "now" until a person says otherwise; what was said stays for the next reading."""

    def __init__(self) -> None:
        super().__init__()
        self._no_time = Text(self.tr("Write the time like this: 14:30"), "strong")
        self._now = OneRow(names.READING_NOW, self.tr("Just now"))
        self._earlier = OneRow(names.READING_EARLIER, self.tr("Earlier"))
        on_click(self._now, lambda _on: self._choose(True))
        on_click(self._earlier, lambda _on: self._choose(False))
        self._day = ChoiceBox(names.READING_DAY)
        self._time = ClockField(names.READING_TIME)
        self._time.changed.connect(self._no_time.hide)
        self._lay_out()
        self._choose(True)

    def begin(self, days: tuple[tuple[date, str], ...], now: time) -> None:
        """The page is opened: `days` to choose from, the newest first."""
        self._day.clear()
        for day, words in days:
            self._day.add(words, day)
        self._day.setCurrentIndex(0)
        self._time.set_clock(now)
        self._choose(True)

    def complete(self) -> bool:
        """Whether a time can be read from it; if not, how it is written is shown."""
        fine = self._now.isChecked() or self._time.clock() is not None
        self._no_time.setVisible(not fine)
        if not fine:
            self._time.setFocus()
        return fine

    def taken(self) -> tuple[date, time] | None:
        """The day and the time of day; None: now."""
        at, day = self._time.clock(), self._day.currentData()
        return None if self._now.isChecked() or at is None or not isinstance(day, date) else (day, at)

    def _choose(self, now: bool) -> None:
        choose_one(((self._now, now), (self._earlier, not now)))
        self._fields.setVisible(not now)
        self._no_time.hide()
        if not now and self.isVisible():
            self._day.setFocus()

    def _lay_out(self) -> None:
        rows = QHBoxLayout()
        rows.setSpacing(8)
        rows.addWidget(self._now, 1)
        rows.addWidget(self._earlier, 1)
        self._fields = QWidget()
        fields = QHBoxLayout(self._fields)
        fields.setContentsMargins(0, 0, 0, 0)
        fields.setSpacing(12)
        fields.addLayout(labelled(self.tr("Day"), self._day), 2)
        fields.addLayout(labelled(self.tr("Time"), self._time), 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 6, 0, 0)
        column.setSpacing(6)
        column.addWidget(Text(self.tr("When did you measure it?"), "strong"))
        column.addLayout(rows)
        column.addWidget(self._fields)
        column.addWidget(self._no_time)


def minute_of(at: datetime) -> time:
    """Its time of day, without seconds."""
    return at.time().replace(second=0, microsecond=0, tzinfo=None)
