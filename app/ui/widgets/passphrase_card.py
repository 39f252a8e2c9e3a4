"""What the pages of passphrases share: what is said first, and the card in which one is typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLineEdit

from app.presenters.passphrase_page import MAX_CHARACTERS
from app.presenters.views import Sentence
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.form_choices import ManyRow
from app.ui.widgets.layout import Card
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


class Hints:
    """Up to three, the last of them weighty. `name`: of the widget at a place."""

    def __init__(self, name: Callable[[int], str] = lambda place: "") -> None:
        self.texts = [Text(role="strong" if place == _WEIGHTY else "", name=name(place)) for place in range(_HINTS)]

    def say(self, hints: Sequence[str]) -> None:
        for place, text in enumerate(self.texts):
            words = hints[place] if place < len(hints) else ""
            text.say(words)
            text.setVisible(bool(words))


class PassphraseCard(Card):
    """Fields, each under its label, a switch that shows the letters, what was wrong, and the button that goes on.

    `names`: of the fields; those of `show`, `fault` and `go` likewise. `send` gets what stands in the fields. `use`
    says which of them are in use; the others are hidden.
    """

    def __init__(
        self,
        names: Sequence[str],
        send: Callable[..., None],
        *,
        show: str,
        fault: str,
        go: str,
        margin: int = 24,
        spacing: int = 6,
    ) -> None:
        super().__init__(margin, spacing)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self._send = send
        self._checking = False
        self.fields = [PassphraseField(name) for name in names]
        self._labels = [Text(role="strong") for _ in names]
        self._letters = ManyRow(show, self.tr("Show what I type"))
        self._fault = SentenceLine(fault)
        self._go = ActionButton(go, "", "", Kind.PRIMARY, large=True)
        self._go.on_press(self._press)
        for place, (label, field) in enumerate(zip(self._labels, self.fields, strict=True)):
            label.setBuddy(field)
            field.textChanged.connect(self._show_button)
            self._letters.toggled.connect(field.show_letters)
            field.returnPressed.connect(lambda at=place: self._next(at))
            self.body.addWidget(label)
            self.body.addWidget(field)
        for widget in (self._letters, self._fault, self._go):
            self.body.addWidget(widget)
        self._used = list(self.fields)

    def use(self, labels: Sequence[str], go: str, *, checking: bool) -> None:
        """`labels` of the fields in order, "" for one that is not in use; `go`: what the button says."""
        self._checking = checking
        for label, field, words in zip(self._labels, self.fields, labels, strict=True):
            label.say(words)
            field.setAccessibleName(words)
            label.setVisible(bool(words))
            field.setVisible(bool(words))
            field.setReadOnly(checking)
        self._used = [field for field, words in zip(self.fields, labels, strict=True) if words]
        self._go.set_label(self.tr("One moment…") if checking else go)
        self._show_button()

    def say(self, fault: Sentence | None) -> None:
        self._fault.say(fault)

    def first_focus(self) -> PassphraseField:
        return self._used[0]

    def focus(self, field: PassphraseField) -> None:
        field.setFocus(Qt.FocusReason.OtherFocusReason)

    def empty(self) -> None:
        """Nothing typed stays in a field, nor can it be brought back by "undo"."""
        for field in self.fields:
            field.clear()
        self._letters.setChecked(False)

    def _show_button(self) -> None:
        self._go.setEnabled(all(field.text() for field in self._used) and not self._checking)

    def _next(self, place: int) -> None:
        after = self._used.index(self.fields[place]) + 1
        if after < len(self._used):
            self._used[after].setFocus(Qt.FocusReason.TabFocusReason)
        else:
            self._press()

    def _press(self) -> None:
        if self._go.isEnabled():
            self._send(*(field.text() for field in self.fields))
