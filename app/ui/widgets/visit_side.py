"""Beside a visit, for the provider: the guest, and what happened."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.presenters.views import TimelineEntry, VisitView
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.guest import GuestCard
from app.ui.widgets.layout import KeyedRows, ScrollColumn, ground
from app.ui.widgets.text import Text
from app.ui.words import clock

_WIDE = 264  # px
QWIDGETSIZE_MAX = (1 << 24) - 1  # Qt's word for no limit; PySide6 has no name for it


class TimelineRow(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._at = Text(role="quiet")
        self._text = Text()
        self._at.setWordWrap(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(self._at, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)

    def draw(self, entry: TimelineEntry) -> None:
        self._at.say(clock(entry.at))
        self._text.say(entry.text)


class VisitSide(QWidget):
    """What happened, and over it, always in sight, the guest. `close` is for where it stands in place of the visit."""

    def __init__(self, guest: GuestCard | None, close: Callable[[], None]) -> None:
        super().__init__()
        ground(self, "paper")
        self.guest = guest
        self._close = ActionButton(names.GUEST_CLOSE, self.tr("Back to the visit"), "back", Kind.PRIMARY)
        self._close.on_press(close)
        self._figures = Text(role="quiet", name=names.VISIT_FIGURES)
        self._rows: KeyedRows[tuple[int, TimelineEntry], TimelineRow] = KeyedRows(
            lambda row: str(row[0]), lambda row: TimelineRow(), names.VISIT_TIMELINE
        )
        self._timeline = self._timeline_panel()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        top = QVBoxLayout()
        top.setContentsMargins(16, 16, 16, 0)
        top.addWidget(self._close)
        if guest is not None:
            top.addWidget(guest)
        column.addLayout(top)
        column.addWidget(self._timeline, 1)
        self.stand_alone(False)

    def stand_alone(self, on: bool) -> None:
        """In place of the visit it has the window to itself, for the guest."""
        self._close.setVisible(on)
        self.setMinimumWidth(0 if on else _WIDE)
        self.setMaximumWidth(QWIDGETSIZE_MAX if on else _WIDE)

    def first_focus(self) -> QWidget:
        return self._close if not self._close.isHidden() else self

    def draw(self, visit: VisitView) -> None:
        if self.guest is not None:
            self.guest.draw(visit.guest)
        self._figures.say(visit.figures)
        self._figures.setVisible(bool(visit.figures))
        self._rows.show_rows(tuple(enumerate(visit.timeline)), lambda widget, row: widget.draw(row[1]))

    def _timeline_panel(self) -> QWidget:
        panel = ScrollColumn(margin=16)
        panel.column.addWidget(self._figures)
        panel.column.addWidget(Text(self.tr("What happened in this visit"), "heading"))
        panel.column.addWidget(self._rows)
        panel.column.addStretch(1)
        bar = panel.verticalScrollBar()
        bar.rangeChanged.connect(lambda _least, most: bar.setValue(most))
        return panel
