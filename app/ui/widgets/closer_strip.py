"""Looking closer, beneath the picture: what happens in words, and what can be done about it."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.presenters.views import Sentence
from app.ui import names
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.text import SentenceLine, Text


class CloserStrip(QWidget):
    """One row; hidden while it has neither words nor buttons to show."""

    def __init__(self, *buttons: ActionButton) -> None:
        super().__init__()
        self._says = SentenceLine(names.CLOSER_SAYS, on_stage=True)
        self._hint = Text(role="stage", name=names.CLOSER_HINT)
        self._hint.hide()
        self._buttons = buttons
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._says)
        words.addWidget(self._hint)
        self._hint.setIndent(38)  # under the sentence's words, not under its sign
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addLayout(words, 1)
        for button in buttons:
            row.addWidget(button)
        self.hide()

    def draw(self, says: Sentence | None, shown: tuple[ActionButton, ...], hint: str = "") -> None:
        self._says.say(says)
        self._hint.say(hint)
        self._hint.setVisible(bool(hint))
        for button in self._buttons:
            button.setVisible(button in shown)
        self.setVisible(says is not None or bool(shown))
