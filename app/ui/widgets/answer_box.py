"""Answering a patient: what was answered and how far it has come, and a field for the next answer or question."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from app.presenters.review_views import OpenedItem, ReplyLine, ReviewCommands
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.layout import Card, FlowRow, KeyedRows
from app.ui.widgets.text import SentenceLine, Text
from app.ui.words import day_and_clock

_KEEP_MS = 400
_FIELD_HIGH = 112  # px
_PHRASES = 4


class ReplyCard(Card):
    def __init__(self, line: ReplyLine) -> None:
        super().__init__(12, 2)
        self.setProperty("role", "mine")
        self._head = Text(role="small")
        self._text = Text(name=names.reply_text(line.reply))
        self._asks = Text(role="small")
        self._state = SentenceLine(names.reply_state(line.reply), role="small")
        for widget in (self._head, self._text, self._asks, self._state):
            self.body.addWidget(widget)

    def draw(self, line: ReplyLine, now: datetime) -> None:
        asked = line.question or line.wish
        kind = self.tr("{who} asked, {when}") if asked else self.tr("{who} answered, {when}")
        self._head.say(kind.format(who=line.who, when=day_and_clock(line.at, now)))
        self._text.say(line.text)
        self._text.setVisible(bool(line.text))
        self._asks.say(line.asks)
        self._asks.setVisible(bool(line.asks))
        self._state.say(line.state)


class AnswerBox(QWidget):
    """What is typed is kept (encrypted, by the presenter) a moment after the last key, and when the page is left."""

    def __init__(self, commands: ReviewCommands, now: Callable[[], datetime]) -> None:
        super().__init__()
        self.setObjectName(names.ITEM_ANSWER)
        self._commands, self._now = commands, now
        self._item, self._number = "", -1
        self._can_send = True
        self._phrases: tuple[str, ...] = ()
        self._replies: KeyedRows[ReplyLine, ReplyCard] = KeyedRows(
            lambda line: line.reply, ReplyCard, names.ITEM_REPLIES
        )
        self._title = Text(role="heading")
        self.field = QPlainTextEdit()
        self.field.setObjectName(names.ANSWER_FIELD)
        self.field.setTabChangesFocus(True)
        self.field.setFixedHeight(_FIELD_HIGH)
        self._wants = Text(role="strong", name=names.ANSWER_WANTS)
        self._quick = [ActionButton(names.answer_quick(n), "", "", Kind.QUIET) for n in range(_PHRASES)]
        self._send = ActionButton(names.ANSWER_SEND, self.tr("Send the answer"), "", Kind.PRIMARY)
        self._ask = ActionButton(names.ANSWER_ASK, self.tr("Ask this question"), "", Kind.SECONDARY)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_KEEP_MS)
        self._timer.timeout.connect(self._keep)
        self.field.textChanged.connect(self._typed)
        for place, button in enumerate(self._quick):
            button.on_press(partial(self._begin_with, place))
        self._send.on_press(partial(self._go, False))
        self._ask.on_press(partial(self._go, True))
        self._lay_out()

    def show_item(self, item: OpenedItem | None) -> None:
        if item is None:
            self._item, self._number = "", -1
            self._set_text("")
            self._title.say("")
            self._wants.say("")
            self.field.setAccessibleName("")
            self._replies.show_rows((), lambda card, line: None)
            return
        answer = item.answer
        self._title.say(self.tr("Answer to {name}").format(name=item.patient_name))
        self.field.setAccessibleName(self._title.words())
        self._replies.show_rows(item.replies, lambda card, line: card.draw(line, self._now()))
        self._replies.setVisible(bool(item.replies))
        if (item.submission_id, answer.number) != (self._item, self._number):
            self._item, self._number = item.submission_id, answer.number
            self._set_text(answer.draft)
        self._wants.say(answer.asks)
        self._wants.setVisible(bool(answer.asks))
        self._phrases = answer.quick[:_PHRASES]
        for place, button in enumerate(self._quick):
            button.setVisible(place < len(self._phrases))
            button.set_label(self._phrases[place] if place < len(self._phrases) else "")
        self._can_send = not answer.busy
        self._draw()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._timer.isActive():
            self._keep()

    def _typed(self) -> None:
        self._timer.start()
        self._draw()

    def _set_text(self, text: str) -> None:
        self._timer.stop()
        self.field.blockSignals(True)
        self.field.setPlainText(text)
        self.field.blockSignals(False)

    def _keep(self) -> None:
        self._timer.stop()
        self._commands.keep_answer(self.field.toPlainText())

    def _begin_with(self, place: int) -> None:
        """The phrase goes to the end of what is there; the person reads it before it goes anywhere."""
        text = self.field.toPlainText().rstrip()
        self.field.setPlainText(f"{text}{chr(10) if text else ''}{self._phrases[place]}")
        self.field.moveCursor(self.field.textCursor().MoveOperation.End)
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _go(self, question: bool) -> None:
        self._timer.stop()
        self._commands.send_answer(self.field.toPlainText().strip(), question)

    def _draw(self) -> None:
        text, wants = bool(self.field.toPlainText().strip()), bool(self._wants.words())
        alone = wants and not text
        self._ask.set_label(self.tr("Ask for the original") if alone else self.tr("Ask this question"))
        self._send.setEnabled(self._can_send and text)
        self._ask.setEnabled(self._can_send and (text or wants))

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._replies)
        column.addWidget(self._title)
        column.addWidget(self.field)
        column.addWidget(self._wants)
        buttons = FlowRow(8)
        buttons.add(self._send)
        buttons.add(self._ask)
        column.addWidget(buttons)
        column.addWidget(Text(self.tr("Phrases to begin with. You can change them before you send."), "small"))
        for button in self._quick:
            column.addWidget(button)
