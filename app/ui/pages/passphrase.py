"""The first page of all where there is no key ring: choose a passphrase, or type the one that was chosen."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.presenters.passphrase_page import MAX_CHARACTERS
from app.presenters.views import CommonCommands, PassphraseView, PatientView, ProviderView
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.form_choices import ManyRow
from app.ui.widgets.layout import Card, ScrollColumn, ground
from app.ui.widgets.text import SentenceLine, Text

_HINTS, _WEIGHTY = 3, 2


class PassphraseField(QLineEdit):
    """Shows dots; no dictionary of the system learns what is typed."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setMaxLength(MAX_CHARACTERS)
        self.show_letters(False)

    def show_letters(self, on: bool) -> None:
        self.setEchoMode(QLineEdit.EchoMode.Normal if on else QLineEdit.EchoMode.Password)
        hints = Qt.InputMethodHint.ImhSensitiveData | Qt.InputMethodHint.ImhNoPredictiveText
        self.setInputMethodHints(hints | Qt.InputMethodHint.ImhNoAutoUppercase)


class PassphrasePage(QWidget):
    def __init__(self, commands: CommonCommands) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.PASSPHRASE)
        self._commands = commands
        self._choosing = False
        self._checking = False
        self._question = 0
        self._title = Text(role="title", name=names.PASSPHRASE_TITLE)
        self._hints = [
            Text(role="strong" if place == _WEIGHTY else "", name=names.passphrase_hint(place))
            for place in range(_HINTS)
        ]
        self._first = PassphraseField(names.PASSPHRASE_FIRST)
        self._again = PassphraseField(names.PASSPHRASE_AGAIN)
        self._first_label, self._again_label = Text(role="strong"), Text(self.tr("The same once more"), "strong")
        self._letters = ManyRow(names.PASSPHRASE_SHOW, self.tr("Show what I type"))
        self._fault = SentenceLine(names.PASSPHRASE_FAULT)
        self._go = ActionButton(names.PASSPHRASE_GO, "", "", Kind.PRIMARY, large=True)
        self._without = ActionButton(names.PASSPHRASE_WITHOUT, self.tr("Without a passphrase"))
        self._weaker = Text(
            self.tr("This is weaker: whoever can read this computer's disk can read what you save here."), "quiet"
        )
        for field in (self._first, self._again):
            field.textChanged.connect(self._show_button)
            self._letters.toggled.connect(field.show_letters)
        self._first.returnPressed.connect(self._first_done)
        self._again.returnPressed.connect(self._send)
        self._go.on_press(self._send)
        self._without.on_press(commands.go_without_passphrase)
        self._lay_out()

    def show_view(self, view: PatientView | ProviderView) -> None:
        shown = view.passphrase
        if shown is None:
            return
        new = shown.question != self._question
        self._question, self._choosing, self._checking = shown.question, shown.choosing, shown.checking
        if new:
            self._empty()
        self._say(shown)
        for field in (self._first, self._again):
            field.setReadOnly(shown.checking)
        self._without.setEnabled(not shown.checking)
        self._fault.say(shown.fault)
        self._show_button()
        if shown.fault is not None and not shown.checking:
            self._again_from(new)

    def first_focus(self) -> QWidget:
        return self._first

    def _again_from(self, new: bool) -> None:
        """After a fault: where to type next. What was typed first stays while the same question is asked."""
        if self._choosing and not new:
            self._again.clear()
            self._again.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self._first.setFocus(Qt.FocusReason.OtherFocusReason)

    def _empty(self) -> None:
        """Nothing typed stays in a field, nor can it be brought back by "undo"."""
        self._first.clear()
        self._again.clear()
        self._letters.setChecked(False)

    def hideEvent(self, event: QHideEvent) -> None:
        self._empty()
        super().hideEvent(event)

    def _say(self, shown: PassphraseView) -> None:
        choosing = shown.choosing
        self._title.say(self.tr("Choose a passphrase") if choosing else self.tr("Welcome back"))
        label = self.tr("Your new passphrase") if choosing else self.tr("Your passphrase")
        self._first_label.say(label)
        self._first.setAccessibleName(label)
        go = self.tr("Use this passphrase") if choosing else self.tr("Open")
        self._go.set_label(self.tr("One moment…") if shown.checking else go)
        for place, hint in enumerate(self._hints):
            words = shown.hints[place] if place < len(shown.hints) else ""
            hint.say(words)
            hint.setVisible(bool(words))
        for widget in (self._again_label, self._again, self._without, self._weaker):
            widget.setVisible(choosing)

    def _lay_out(self) -> None:
        scroll = ScrollColumn(720)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        column = scroll.column
        column.addStretch(1)
        column.addWidget(self._title)
        for hint in self._hints:
            column.addWidget(hint)
        card = Card(28, 8)
        card.setFrameShape(QFrame.Shape.NoFrame)
        self._again.setAccessibleName(self._again_label.words())
        for label, field in ((self._first_label, self._first), (self._again_label, self._again)):
            label.setBuddy(field)
            card.body.addWidget(label)
            card.body.addWidget(field)
        card.body.addWidget(self._letters)
        card.body.addWidget(self._fault)
        card.body.addWidget(self._go)
        column.addWidget(card)
        other = QHBoxLayout()
        other.setSpacing(14)
        other.addWidget(self._without)
        other.addWidget(self._weaker, 1)
        column.addLayout(other)
        column.addStretch(2)

    def _show_button(self) -> None:
        typed = bool(self._first.text()) and (not self._choosing or bool(self._again.text()))
        self._go.setEnabled(typed and not self._checking)

    def _first_done(self) -> None:
        if self._choosing:
            self._again.setFocus(Qt.FocusReason.TabFocusReason)
        else:
            self._send()

    def _send(self) -> None:
        if not self._go.isEnabled():
            return
        if self._choosing:
            self._commands.choose_passphrase(self._first.text(), self._again.text())
        else:
            self._commands.give_passphrase(self._first.text())
