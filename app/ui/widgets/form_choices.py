"""Answers to choose from: rows as wide as the page, easy to hit, that say themselves to a screen reader."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QLineEdit,
    QRadioButton,
    QSizePolicy,
    QStyle,
    QVBoxLayout,
    QWidget,
)

from app.presenters.form_views import FieldKind, FieldView, FormInput
from app.ui import names
from app.ui.style import FIELD_LINE, FOCUS, INK, RADIUS, SURFACE, TEAL, TEAL_WASH
from app.ui.widgets.fields import ChoiceBox, labelled

_LEAST = 58  # px
_PAD = 18
_SIGN = 28
_FLAGS = int(Qt.TextFlag.TextWordWrap) | int(Qt.AlignmentFlag.AlignVCenter.value)
_MANY = 40  # from so many on, one choice is made in a list that drops down


def _prepare(row: QAbstractButton, name: str) -> None:
    row.setObjectName(name)
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    row.setSizePolicy(policy)
    row.setFocusPolicy(Qt.FocusPolicy.StrongFocus)


def _label(row: QAbstractButton, words: str) -> None:
    row.setText(words.replace("&", "&&"))
    row.setAccessibleName(words)
    row.setProperty("words", words)


def _high(row: QAbstractButton, width: int) -> int:
    room = max(width - 3 * _PAD - _SIGN, 60)
    words = QFontMetrics(row.font()).boundingRect(QRect(0, 0, room, 4000), _FLAGS, str(row.property("words") or ""))
    return max(words.height() + 2 * 12, _LEAST)


def _paint(row: QAbstractButton, round_sign: bool) -> None:
    painter = QPainter(row)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    on, focus = row.isChecked(), row.hasFocus()
    edge = QPen(QColor(FOCUS if focus else TEAL if on else FIELD_LINE), 4 if focus else 3 if on else 2)
    painter.setPen(edge)
    painter.setBrush(QColor(TEAL_WASH if on or row.underMouse() else SURFACE))
    painter.drawRoundedRect(QRectF(row.rect()).adjusted(2, 2, -2, -2), RADIUS, RADIUS)
    left = row.width() - _PAD - _SIGN if row.layoutDirection() is Qt.LayoutDirection.RightToLeft else _PAD
    sign = QRectF(left, (row.height() - _SIGN) / 2, _SIGN, _SIGN)
    painter.setPen(QPen(QColor(TEAL if on else FIELD_LINE), 2.5))
    painter.setBrush(QColor(TEAL if on and not round_sign else SURFACE))
    if round_sign:
        painter.drawEllipse(sign)
        if on:
            painter.setBrush(QColor(TEAL))
            painter.drawEllipse(sign.adjusted(6, 6, -6, -6))
    else:
        painter.drawRoundedRect(sign, 6, 6)
        if on:
            painter.setPen(QPen(QColor(SURFACE), 3.5))
            corner = sign.topLeft()
            painter.drawPolyline([corner + QPointF(6, 15), corner + QPointF(12, 21), corner + QPointF(22, 8)])
    painter.setPen(QColor(INK))
    box = QRect(QPoint(2 * _PAD + _SIGN, 0), QSize(row.width() - 3 * _PAD - _SIGN, row.height()))
    painter.drawText(
        QStyle.visualRect(row.layoutDirection(), row.rect(), box), _FLAGS, str(row.property("words") or "")
    )
    painter.end()


if TYPE_CHECKING:
    _Button = QAbstractButton
else:
    _Button = object  # Qt allows one of its classes among the bases, and a row brings its own


class _Row(_Button):
    """As wide as the page and as high as its words need; all of it can be hit. Stands before a button of Qt's."""

    round_sign = True

    def __init__(self, name: str, words: str) -> None:
        super().__init__()
        _prepare(self, name)
        _label(self, words)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return _high(self, width)

    def sizeHint(self) -> QSize:
        return QSize(400, _high(self, self.width() if self.width() > 100 else 400))

    def minimumSizeHint(self) -> QSize:
        return QSize(200, _high(self, max(self.width(), 200)))

    def hitButton(self, at: QPoint) -> bool:
        return self.rect().contains(at)

    def paintEvent(self, event: QPaintEvent) -> None:
        _paint(self, self.round_sign)


class OneRow(_Row, QRadioButton):
    """One of several answers; arrow keys move among them."""


class ManyRow(_Row, QCheckBox):
    """One of several answers of which more than one may be chosen."""

    round_sign = False


class _OtherLine(QLineEdit):
    """A line where Enter means "done", not the window's default."""

    def __init__(self, done: Callable[[], None]) -> None:
        super().__init__()
        self._done = done

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._done()
        else:
            super().keyPressEvent(event)


class ChoicesField(QWidget):
    """Choices one under the other; with `other`, a line for an answer that is not among them."""

    def __init__(self, field: FieldView, changed: Callable[[], None], done: Callable[[], None]) -> None:
        super().__init__()
        self._one = field.kind is FieldKind.ONE
        self._rows: dict[str, QAbstractButton] = {}
        self._box: ChoiceBox | None = None
        self._other: QLineEdit | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        if self._one and len(field.choices) >= _MANY:
            self._box = ChoiceBox(names.form_choice("list"), self.tr("Choose one"))
            for choice in field.choices:
                self._box.add(choice.label, choice.key)
            self._box.activated.connect(lambda _at: changed())
            column.addWidget(self._box)
        else:
            for choice in field.choices:
                make = OneRow if self._one else ManyRow
                row = self._rows[choice.key] = make(names.form_choice(choice.key), choice.label)
                row.clicked.connect(lambda _on: changed())
                column.addWidget(row)
        if field.other is not None:
            self._other = _OtherLine(done)
            self._other.setObjectName(names.FORM_OTHER)
            words = self.tr("Another answer, in your own words") if field.choices else self.tr("Your answer")
            column.addLayout(labelled(words, self._other))
            if self._one:
                self._other.textEdited.connect(lambda text: self._put_away() if text else None)
        self.draw(field)

    def draw(self, field: FieldView) -> None:
        for choice in field.choices:
            row = self._rows.get(choice.key)
            if row is not None and row.isChecked() != choice.chosen:
                row.setAutoExclusive(False)
                row.setChecked(choice.chosen)
            if row is not None:
                row.setAutoExclusive(self._one)
            if self._box is not None and choice.chosen:
                self._box.setCurrentIndex(self._box.findData(choice.key))
        if self._other is not None and not self._other.hasFocus() and self._other.text() != (field.other or ""):
            self._other.setText(field.other or "")

    def given(self) -> FormInput:
        chosen = [key for key, row in self._rows.items() if row.isChecked()]
        if self._box is not None and self._box.currentIndex() >= 0:
            chosen = [str(self._box.currentData())]
        other = self._other.text() if self._other is not None else ""
        return FormInput(chosen=tuple(chosen), other=other)

    def first_focus(self) -> QWidget:
        chosen = next((row for row in self._rows.values() if row.isChecked()), None)
        return chosen or next(iter(self._rows.values()), None) or self._box or self._other or self

    def _put_away(self) -> None:
        """Whoever writes an answer of their own has not chosen one of the list."""
        for row in self._rows.values():
            row.setAutoExclusive(False)
            row.setChecked(False)
            row.setAutoExclusive(True)
