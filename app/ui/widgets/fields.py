"""Fields of a form: a list to choose from, a time of day, a number, and a text to hand over."""

from __future__ import annotations

import math
from datetime import time

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import (
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QStandardItemModel,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QPlainTextEdit,
    QSizePolicy,
    QSpinBox,
    QStyledItemDelegate,
    QVBoxLayout,
    QWidget,
)

from app.ui.style import OFF_INK, TARGET, TEAL
from app.ui.widgets.icons import icon
from app.ui.widgets.text import Text
from app.ui.words import clock, read_clock

_STEP = 5  # minutes
_GROUPS_A_LINE = 5
_SIGN = 18
_FRAME = 30  # px; the padding and the line around a text field, above and below, and a little room


def label_of(field: QWidget, words: str) -> Text:
    """The field's label, which also names it to a screen reader."""
    label = Text(words, "strong")
    label.setBuddy(field)
    field.setAccessibleName(words)
    return label


def labelled(words: str, field: QWidget) -> QVBoxLayout:
    """A field under its label."""
    column = QVBoxLayout()
    column.setSpacing(4)
    column.addWidget(label_of(field, words))
    column.addWidget(field)
    return column


class ChoiceBox(QComboBox):
    """A list to choose one from; nothing is chosen until a person does. The wheel scrolls the page, not the choice."""

    def __init__(self, name: str, hint: str = "") -> None:
        super().__init__()
        self.setObjectName(name)
        self.setPlaceholderText(hint)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMaxVisibleItems(8)
        self.setItemDelegate(QStyledItemDelegate(self))  # the box's own heeds no style sheet
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def add(self, words: str, value: object, *, choosable: bool = True) -> None:
        self.addItem(words, value)
        model = self.model()
        assert isinstance(model, QStandardItemModel)
        model.item(self.count() - 1).setEnabled(choosable)

    def choosable(self, index: int) -> bool:
        """Whether a person can choose the row; False when there is none."""
        model = self.model()
        assert isinstance(model, QStandardItemModel)
        item = model.item(index)
        return item is not None and item.isEnabled()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        _paint_sign(self, "down", 0 if mirrored else self.width() - TARGET)


class MinutesField(QSpinBox):
    def __init__(self, name: str, value: int, most: int) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setRange(_STEP, most)
        self.setSingleStep(_STEP)
        self.setValue(value)
        _prepare(self, 56)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        _paint_steps(self)


class ClockField(QAbstractSpinBox):
    """A time of day: written freely ("14:30", "2.30 pm", "9"), stepped by quarters of an hour."""

    changed = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.lineEdit().textChanged.connect(lambda _text: self.changed.emit())
        self.editingFinished.connect(self._write_well)
        _prepare(self, 124)

    def clock(self) -> time | None:
        """What it says; None when that is no time of day."""
        return read_clock(self.text())

    def set_clock(self, at: time) -> None:
        self.lineEdit().setText(clock(at))

    def stepBy(self, steps: int) -> None:
        at = self.clock()
        if at is not None:
            quarters = (60 * at.hour + at.minute) / 15
            whole = math.floor(quarters) + steps if steps > 0 else math.ceil(quarters) + steps
            self.set_clock(time(*divmod(whole * 15 % (24 * 60), 60)))
            self.selectAll()

    def stepEnabled(self) -> QAbstractSpinBox.StepEnabledFlag:
        return QAbstractSpinBox.StepEnabledFlag.StepUpEnabled | QAbstractSpinBox.StepEnabledFlag.StepDownEnabled

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        _paint_steps(self)

    def _write_well(self) -> None:
        at = self.clock()
        if at is not None and clock(at) != self.text():
            self.set_clock(at)


class InvitationText(QPlainTextEdit):
    """An invitation to read out or to copy: the address on its line, the code in lines of whole groups."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setProperty("role", "code")
        self.setReadOnly(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setTabChangesFocus(True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._tall = 0  # px
        self._words = ""

    def say(self, text: str) -> None:
        """Shows the invitation `text`: its code, when it has one, broken after every fifth group."""
        if text != self._words:
            self._words = text
            self.setPlainText("\n".join(_broken(line) for line in text.splitlines()))
            self._measure()

    def words(self) -> str:
        """The invitation as it was given."""
        return self._words

    def sizeHint(self) -> QSize:
        self.ensurePolished()
        return QSize(360, self._tall + _FRAME)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._measure()

    def _measure(self) -> None:
        """All of it is to be in sight; Qt lays a block out (and knows its height) only when it is asked for."""
        high = 0.0  # the margins are in the first and the last block
        block = self.document().begin()
        while block.isValid():
            high += self.document().documentLayout().blockBoundingRect(block).height()
            block = block.next()
        if math.ceil(high) != self._tall:
            self._tall = math.ceil(high)
            self.updateGeometry()


def _broken(line: str) -> str:
    groups = line.split("-")
    if len(groups) <= _GROUPS_A_LINE or any(len(group) > 4 for group in groups):
        return line  # an address
    lines = [groups[i : i + _GROUPS_A_LINE] for i in range(0, len(groups), _GROUPS_A_LINE)]
    return "-\n".join("-".join(some) for some in lines)


def _prepare(field: QAbstractSpinBox, room: int) -> None:
    """`room`: the least width (px) for the value, beside the two steps."""
    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    field.lineEdit().setTextMargins(10, 0, 0, 0)  # the style sheet's padding does not reach into it
    field.setMinimumWidth(2 * TARGET + room)


def _paint_steps(field: QAbstractSpinBox) -> None:
    _paint_sign(field, "minus", field.width() - 2 * TARGET)
    _paint_sign(field, "plus", field.width() - TARGET)


def _paint_sign(field: QWidget, sign: str, left: int) -> None:
    painter = QPainter(field)
    place = QRect(left, 0, TARGET, field.height())
    colour = TEAL if field.isEnabled() else OFF_INK
    at = place.center() - QRect(0, 0, _SIGN, _SIGN).center()
    painter.drawPixmap(at, icon(sign, colour, _SIGN, field.devicePixelRatioF()))
    painter.end()
