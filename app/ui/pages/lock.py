"""Set a passphrase later, or change it; and the row of the home pages that leads there."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.presenters.views import CommonCommands, LockView, PatientView, ProviderView
from app.ui import names
from app.ui.pages.passphrase import PassphraseField
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.form_choices import ManyRow
from app.ui.widgets.layout import Beside, Card, ScrollColumn, ground
from app.ui.widgets.text import SentenceLine, Text

_HINTS, _WEIGHTY = 3, 2


class LockRow(Beside):
    """Says that the key is weak, with the way out; where there is a passphrase, the way to change it, quietly."""

    def __init__(self, open_page: Callable[[], None]) -> None:
        super().__init__(520, 12)
        self._says = SentenceLine(names.LOCK_WEAK, announce=False)
        self._open = ActionButton(names.LOCK_OPEN, "", "", Kind.SECONDARY)
        self._open.on_press(open_page)
        self.add(self._says, 1)
        self.add(self._open, 0)
        self.hide()

    def draw(self, lock: LockView | None) -> None:
        self.setVisible(lock is not None)
        if lock is None:
            return
        self._says.say(lock.says)
        self._says.setVisible(lock.says is not None)
        self._open.set_label(self.tr("Change the passphrase") if lock.changing else self.tr("Set a passphrase"))
        self._open.set_look("", Kind.QUIET if lock.changing else Kind.SECONDARY)


class LockPage(QWidget):
    def __init__(self, commands: CommonCommands) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.LOCK)
        self._set = commands.set_passphrase
        self._changing = self._checking = False
        self._number = 0
        self._back = ActionButton(names.LOCK_BACK, self.tr("Back"), "back", Kind.SECONDARY)
        self._back.on_press(commands.close_lock)
        self._title = Text(role="title")
        self._hints = [Text(role="strong" if place == _WEIGHTY else "") for place in range(_HINTS)]
        self._fields = [PassphraseField(name) for name in (names.LOCK_OLD, names.LOCK_FIRST, names.LOCK_AGAIN)]
        labels = (
            self.tr("The passphrase you use now"),
            self.tr("Your new passphrase"),
            self.tr("The new one once more"),
        )
        self._labels = [Text(label, "strong") for label in labels]
        self._letters = ManyRow(names.LOCK_SHOW, self.tr("Show what I type"))
        self._fault = SentenceLine(names.LOCK_FAULT)
        self._go = ActionButton(names.LOCK_GO, "", "", Kind.PRIMARY, large=True)
        self._go.on_press(self._send)
        for place, field in enumerate(self._fields):
            field.textChanged.connect(self._show_button)
            self._letters.toggled.connect(field.show_letters)
            field.returnPressed.connect(lambda at=place: self._next(at))
        self._lay_out()

    def show_view(self, view: PatientView | ProviderView) -> None:
        shown = view.lock
        if shown is None:
            return
        new = shown.number != self._number
        self._number, self._changing, self._checking = shown.number, shown.changing, shown.checking
        if new:
            self._empty()
        self._say(shown)
        for field in self._fields:
            field.setReadOnly(shown.checking)
        self._back.setEnabled(not shown.checking)
        self._fault.say(shown.fault)
        self._show_button()
        if shown.fault is not None and not shown.checking:
            self._again_from(new)

    def first_focus(self) -> QWidget:
        return self._fields[0 if self._changing else 1]

    def _again_from(self, new: bool) -> None:
        """After a fault of the new one only its second typing is wanted again; else all is typed anew."""
        if not new:
            self._fields[2].clear()
        (self.first_focus() if new else self._fields[2]).setFocus(Qt.FocusReason.OtherFocusReason)

    def _empty(self) -> None:
        """Nothing typed stays in a field, nor can it be brought back by "undo"."""
        for field in self._fields:
            field.clear()
        self._letters.setChecked(False)

    def hideEvent(self, event: QHideEvent) -> None:
        self._empty()
        super().hideEvent(event)

    def _say(self, shown: LockView) -> None:
        self._title.say(self.tr("Change the passphrase") if shown.changing else self.tr("Set a passphrase"))
        for place, hint in enumerate(self._hints):
            words = shown.hints[place] if place < len(shown.hints) else ""
            hint.say(words)
            hint.setVisible(bool(words))
        for widget in (self._labels[0], self._fields[0]):
            widget.setVisible(shown.changing)
        self._go.set_label(self.tr("One moment…") if shown.checking else self.tr("Use this passphrase"))

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self._back)
        head.addWidget(self._title, 1)
        scroll = ScrollColumn(720, 16)
        column = scroll.column
        column.setSpacing(12)
        for hint in self._hints:
            column.addWidget(hint)
        card = Card(24, 6)
        card.setFrameShape(QFrame.Shape.NoFrame)
        for label, field in zip(self._labels, self._fields, strict=True):
            label.setBuddy(field)
            field.setAccessibleName(label.words())
            card.body.addWidget(label)
            card.body.addWidget(field)
        for widget in (self._letters, self._fault, self._go):
            card.body.addWidget(widget)
        column.addWidget(card)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 12, 16, 14)
        outer.addLayout(head)
        outer.addWidget(scroll, 1)

    def _wanted(self) -> list[PassphraseField]:
        return self._fields if self._changing else self._fields[1:]

    def _show_button(self) -> None:
        self._go.setEnabled(all(field.text() for field in self._wanted()) and not self._checking)

    def _next(self, place: int) -> None:
        if place < len(self._fields) - 1:
            self._fields[place + 1].setFocus(Qt.FocusReason.TabFocusReason)
        else:
            self._send()

    def _send(self) -> None:
        if self._go.isEnabled():
            self._set(*(field.text() for field in self._fields))
