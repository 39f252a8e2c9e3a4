"""Frames for pages: a centred column that scrolls, cards, and rows that keep their widgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QStyle,
    QVBoxLayout,
    QWidget,
)

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


class FlowRow(QWidget):
    """Widgets side by side in reading order, in as many lines as the width asks for; the last one added stands at the
    far end of the last line."""

    def __init__(self, spacing: int) -> None:
        super().__init__()
        self._spacing = spacing
        self._widgets: list[QWidget] = []
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, widget: QWidget) -> None:
        widget.setParent(self)
        self._widgets.append(widget)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        lines = self._lines(width)
        return sum(_tallest(line) for line in lines) + self._spacing * max(len(lines) - 1, 0)

    def sizeHint(self) -> QSize:
        width = self.width() or 600
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        least = max((w.minimumSizeHint().width() for w in self._widgets), default=0)
        return QSize(least, self.heightForWidth(max(self.width(), least)))

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.LayoutRequest:
            self._arrange()
            self.updateGeometry()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()
        self.updateGeometry()

    def _lines(self, width: int) -> list[list[tuple[QWidget, int]]]:
        """Lines of (widget, its width): as wide as they like in one line if they fit, narrower if that makes one
        line, else several."""
        shown = [w for w in self._widgets if not w.isHidden()]
        room = width - self._spacing * max(len(shown) - 1, 0)
        least = [w.minimumSizeHint().width() for w in shown]
        wish = [max(w.sizeHint().width(), low) for w, low in zip(shown, least, strict=True)]
        if sum(least) <= room:
            spare, wanted = room - sum(least), sum(wish) - sum(least)
            part = min(spare / wanted, 1.0) if wanted else 0.0
            widths = [low + int((high - low) * part) for low, high in zip(least, wish, strict=True)]
            return [list(zip(shown, widths, strict=True))] if shown else []
        lines: list[list[tuple[QWidget, int]]] = []
        left = 0
        for widget, low in zip(shown, least, strict=True):
            if not lines or low > left:
                lines.append([])
                left = width
            lines[-1].append((widget, low))
            left -= low + self._spacing
        return lines

    def _arrange(self) -> None:
        lines = self._lines(self.width())
        top = 0
        for number, line in enumerate(lines):
            high, left = _tallest(line), 0
            for place, (widget, wide) in enumerate(line):
                if number == len(lines) - 1 and place == len(line) - 1:
                    left = max(self.width() - wide, left)
                box = QRect(left, top, wide, high)
                widget.setGeometry(QStyle.visualRect(self.layoutDirection(), self.rect(), box))
                left += wide + self._spacing
            top += high + self._spacing


def _tallest(line: Sequence[tuple[QWidget, int]]) -> int:
    return max(w.heightForWidth(wide) if w.hasHeightForWidth() else w.sizeHint().height() for w, wide in line)


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
