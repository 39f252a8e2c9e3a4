"""Frames for pages: a centred column that scrolls, cards, and rows that keep their widgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.ui.style import COLUMN

Row = TypeVar("Row")
RowWidget = TypeVar("RowWidget", bound=QWidget)


class ScrollColumn(QScrollArea):
    """A column of readable width in the middle; scrolls up and down when the window is small, never sideways."""

    def __init__(self, width: int = COLUMN, margin: int = 24) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        outer = QWidget()
        outer.setProperty("role", "paper")
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
