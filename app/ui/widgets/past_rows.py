"""Rows of earlier visits: one visit, a line that was written in it, a thing sent with it, what happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.presenters.past_views import FiledItem, Happened, PastVisitRow, SaidLine
from app.ui import past_names as names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.compose_rows import SignLabel
from app.ui.widgets.item_list import STAGES
from app.ui.widgets.layout import Card
from app.ui.widgets.text import SentenceLine, Text
from app.ui.words import clock, day_and_clock

_ASIDE = 28  # px, by which a line stands in on the other's side


def _beside(words: tuple[QWidget, ...], button: QWidget, sign: QWidget | None = None) -> QHBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(2)
    for widget in words:
        column.addWidget(widget)
    row = QHBoxLayout()
    row.setSpacing(12)
    if sign is not None:
        row.addWidget(sign, 0, Qt.AlignmentFlag.AlignVCenter)
    row.addLayout(column, 1)
    row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
    return row


class VisitRow(Card):
    def __init__(self, row: PastVisitRow, look: Callable[[str], None], now: Callable[[], datetime]) -> None:
        super().__init__(14, 4)
        key = row.visit_id
        self._now = now
        self._title = Text(role="heading", name=names.row_title(key))
        self._text = Text(name=names.row_text(key))
        self._says = SentenceLine(names.row_says(key), announce=False)
        self._look = ActionButton(names.row_open(key), self.tr("Open"), "", Kind.SECONDARY)
        self._look.on_press(lambda: look(key))
        self.body.addLayout(_beside((self._title, self._text, self._says), self._look))

    def draw(self, row: PastVisitRow) -> None:
        when = day_and_clock(row.at, self._now())
        self._title.say(row.title)
        self._text.say(f"{when}. {row.text}")
        self._says.say(row.says)
        self._look.setAccessibleName(self.tr("Open: {what}").format(what=f"{row.title}, {when}"))


class SaidRow(QWidget):
    """Ours stands in on the left, theirs on the right, as in the visit."""

    def __init__(self, line: SaidLine) -> None:
        super().__init__()
        self._card = Card(12, 2)
        self._card.setProperty("role", "mine" if line.mine else "theirs")
        self._head = Text(role="quiet")
        self._text = Text(name=names.said_text(line.key))
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._state = SentenceLine(names.said_state(line.key), announce=False)
        for widget in (self._head, self._text, self._state):
            self._card.body.addWidget(widget)
        row = QHBoxLayout(self)
        row.setContentsMargins(_ASIDE if line.mine else 0, 0, 0 if line.mine else _ASIDE, 0)
        row.addWidget(self._card)

    def draw(self, line: SaidLine) -> None:
        self._head.say(self.tr("{who}, {time}").format(who=line.who, time=clock(line.at)))
        self._text.say(line.text)
        self._state.say(line.state)


class FiledRow(Card):
    def __init__(self, item: FiledItem, look: Callable[[str], None]) -> None:
        super().__init__(12, 4)
        key = item.submission_id
        self._sign = SignLabel(30)
        self._title = Text(role="strong", name=names.filed_title(key))
        self._text = Text()
        self._look = ActionButton(names.filed_open(key), self.tr("Open"), "", Kind.SECONDARY)
        self._look.on_press(lambda: look(key))
        self.body.addLayout(_beside((self._title, self._text), self._look, self._sign))

    def draw(self, item: FiledItem) -> None:
        self._sign.setVisible(item.stage is not None)
        if item.stage is not None:
            self._sign.show_sign(*STAGES[item.stage])
        self._title.say(item.title)
        self._text.say(item.text)
        self._text.setVisible(bool(item.text))
        self._look.setAccessibleName(self.tr("Open: {what}").format(what=item.title))


class HappenedRow(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._at = Text(role="quiet")
        self._at.setWordWrap(False)
        self._text = Text()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._at, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1)

    def draw(self, entry: Happened) -> None:
        self._at.say(clock(entry.at))
        self._text.say(entry.text)
