"""What came as words, to read: messages, readings, a form's questions and answers."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.presenters.review_views import Letter, LetterRow
from app.ui import names
from app.ui.widgets.layout import Card
from app.ui.widgets.text import SentenceLine, Text

_STEP = 14  # px, for each depth of a form's groups
_DEEPEST = 4


def _row(row: LetterRow) -> QWidget:
    made = QWidget()
    column = QVBoxLayout(made)
    column.setContentsMargins(_STEP * min(row.depth, _DEEPEST), 2, 0, 2)
    column.setSpacing(1)
    if row.question:
        column.addWidget(Text(row.question, "strong" if row.heading else "quiet"))
    if row.answer:
        column.addWidget(Text(row.answer))
    if row.note:
        column.addWidget(Text(row.note, "small"))
    return made


class Letters(QWidget):
    """Drawn anew only when they have changed."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName(names.ITEM_LETTERS)
        self._shown: tuple[Letter, ...] = ()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(10)

    def show_letters(self, letters: Sequence[Letter]) -> None:
        shown = tuple(letters)
        if shown == self._shown:
            return
        self._shown = shown
        while (item := self._column.takeAt(0)) is not None:
            old = item.widget()
            if old is not None:
                old.hide()
                old.setParent(None)
                old.deleteLater()
        for letter in shown:
            self._column.addWidget(self._card(letter))
        self.setVisible(bool(shown))

    @staticmethod
    def _card(letter: Letter) -> QWidget:
        card = Card(12, 4)
        card.body.addWidget(Text(letter.title, "strong"))
        if letter.says is not None:
            line = SentenceLine("", announce=False)
            card.body.addWidget(line)  # before it is shown: without a parent it would be a window
            line.say(letter.says)
        for row in letter.rows:
            card.body.addWidget(_row(row))
        return card
