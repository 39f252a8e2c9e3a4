"""Frames for pages: a centred column that scrolls, cards, and rows that keep their widgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.ui.style import COLUMN

Row = TypeVar("Row")
RowWidget = TypeVar("RowWidget", bound=QWidget)


def ground(widget: QWidget, role: str) -> None:
    """Gives a widget the background that the style sheet has for `role`.

    Qt draws a style sheet's background for QWidget itself, but for a class derived from it only when asked to:
    without that, light words stand on the light window.
    """
    widget.setProperty("role", role)
    widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)


class _Sheet(QWidget):
    """What a ScrollColumn scrolls. Its layout's least height is that at its least width, which is taller than the
    text at the width it has and would make a scroll bar for nothing: the height for the width is what counts."""

    def minimumSizeHint(self) -> QSize:
        return QSize(super().minimumSizeHint().width(), 0)


class ScrollColumn(QScrollArea):
    """A column of readable width in the middle; scrolls up and down when the window is small, never sideways."""

    def __init__(self, width: int = COLUMN, margin: int = 24) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer = _Sheet()
        ground(outer, "paper")
        inner = QWidget()
        inner.setMaximumWidth(width)
        inner.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        sides = QHBoxLayout(outer)
        sides.setContentsMargins(margin, margin, margin, margin)
        sides.addStretch(1)
        sides.addWidget(inner, 1000)
        sides.addStretch(1)
        self.column = QVBoxLayout(inner)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(16)
        self.setWidget(outer)


class Beside(QWidget):
    """Its widgets side by side when it is at least `least` px wide, one under the other when it is not."""

    def __init__(self, least: int, spacing: int) -> None:
        super().__init__()
        self._least = least
        self._row = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(spacing)

    def add(self, widget: QWidget, stretch: int) -> None:
        """Without a stretch the widget keeps its height and stands in the middle of the row."""
        self._row.addWidget(widget, stretch, Qt.AlignmentFlag(0) if stretch else Qt.AlignmentFlag.AlignVCenter)

    def minimumSizeHint(self) -> QSize:
        """The least width is that of one under the other: side by side they must not keep a window from narrowing."""
        items = [self._row.itemAt(place) for place in range(self._row.count())]
        return QSize(max((item.minimumSize().width() for item in items if item is not None), default=0), 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        way = QBoxLayout.Direction.LeftToRight if self.width() >= self._least else QBoxLayout.Direction.TopToBottom
        if way is not self._row.direction():
            self._row.setDirection(way)
        super().resizeEvent(event)


class Card(QFrame):
    """A raised sheet; `mark` makes it stand out (with more than colour: a thicker edge)."""

    def __init__(self, margin: int = 18, spacing: int = 8) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(margin, margin, margin, margin)
        self.body.setSpacing(spacing)

    def mark(self, on: bool) -> None:
        if bool(self.property("mark")) != on:
            self.setProperty("mark", on)
            self.style().unpolish(self)
            self.style().polish(self)


class KeyedRows(QWidget, Generic[Row, RowWidget]):
    """A list of rows told apart by key: what stays keeps its widget, and with it focus and place."""

    def __init__(self, key: Callable[[Row], str], make: Callable[[Row], RowWidget], name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self._key = key
        self._make = make
        self._widgets: dict[str, RowWidget] = {}
        self._rows: tuple[Row, ...] = ()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(10)

    def show_rows(self, rows: Sequence[Row], draw: Callable[[RowWidget, Row], None]) -> None:
        """Brings the widgets in step with `rows`. Raises ValueError when two rows have one key."""
        shown = tuple(rows)
        if shown == self._rows:
            return
        keys = [self._key(row) for row in shown]
        if len(set(keys)) != len(keys):
            raise ValueError("two rows have the same key")
        for gone in self._widgets.keys() - set(keys):
            widget = self._widgets.pop(gone)
            self._column.removeWidget(widget)
            widget.hide()
            widget.setParent(None)
            widget.deleteLater()
        for place, (key, row) in enumerate(zip(keys, shown, strict=True)):
            kept = self._widgets.get(key)
            if kept is None:
                kept = self._widgets[key] = self._make(row)
            at = self._column.itemAt(place)
            if at is None or at.widget() is not kept:
                self._column.removeWidget(kept)
                self._column.insertWidget(place, kept)
            draw(kept, row)
        self._rows = shown
