"""One thing that was sent: where it stands, what the clinic wrote, and what can still be done with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.presenters.sending_views import ReplyView, SentView
from app.presenters.views import ItemStage, PatientCommands, PatientView
from app.ui import sending_names as names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.compose_rows import SignLabel, Sure
from app.ui.widgets.item_list import STAGES
from app.ui.widgets.layout import Card, FlowRow, KeyedRows, ScrollColumn, ground
from app.ui.widgets.text import Text
from app.ui.words import day_and_clock


class ReplyCard(Card):
    """What a provider wrote; a question has the way to answer it."""

    def __init__(self, reply: ReplyView, answer: Callable[[str], None], now: Callable[[], datetime]) -> None:
        super().__init__(16, 6)
        self._now = now
        self._title = Text(role="heading")
        self._at = Text(role="quiet")
        self._text = Text(name=names.reply_text(reply.reply))
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._state = Text(role="quiet")
        self._answer = ActionButton(names.reply_answer(reply.reply), self.tr("Answer"), "words", Kind.PRIMARY)
        self._answer.on_press(lambda: answer(reply.reply))
        for part in (self._title, self._at, self._text, self._state):
            self.body.addWidget(part)
        self.body.addWidget(self._answer, 0, Qt.AlignmentFlag.AlignLeft)

    def draw(self, reply: ReplyView) -> None:
        self._title.say(reply.title)
        self._at.say(day_and_clock(reply.at, self._now()))
        self._text.say(reply.text)
        self._state.say(reply.state)
        self._state.setVisible(bool(reply.state))
        self._answer.setVisible(reply.can_answer)
        self.mark(reply.can_answer)


class SentPage(QWidget):
    def __init__(self, commands: PatientCommands, now: Callable[[], datetime]) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.SENT)
        items = commands.items
        self._items = items
        self._shown: SentView | None = None
        self._back = ActionButton(names.SENT_BACK, self.tr("Back"), "back", Kind.SECONDARY)
        self._back.on_press(items.close_item)
        self._title = Text(role="title", name=names.SENT_TITLE)
        self._sign = SignLabel(44)
        self._state = Text(role="strong", name=names.SENT_STATE)
        self._explains = Text(role="quiet", name=names.SENT_EXPLAINS)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName(self.tr("How much of it the clinic has"))
        self._replies: KeyedRows[ReplyView, ReplyCard] = KeyedRows(
            lambda reply: reply.reply, lambda reply: ReplyCard(reply, items.answer_reply, now), "sent.replies"
        )
        self._kept = Text(name=names.SENT_KEPT)
        self._send_kept = ActionButton(names.SENT_SEND_KEPT, self.tr("Send it in full size now"), "sending")
        self._send_kept.on_press(lambda: items.send_kept(self._key()))
        self._keep_waiting = ActionButton(
            names.SENT_KEPT_WAITS, self.tr("Send it when the connection is better"), "waiting"
        )
        self._keep_waiting.on_press(self._let_wait)
        self._sure = Sure(
            self.tr("Take this back? The clinic will not be able to read it."),
            (names.SENT_WITHDRAW_YES, self.tr("Yes, take it back")),
            (names.SENT_WITHDRAW_NO, self.tr("No, leave it")),
            items.confirm_withdraw,
        )
        self._add = ActionButton(names.SENT_ADD, self.tr("Add something to it"), "plus")
        self._first = ActionButton(names.SENT_FIRST, self.tr("Send this one first"), "sending")
        self._try = ActionButton(names.SENT_TRY, self.tr("Try again"), "again", Kind.PRIMARY)
        self._withdraw = ActionButton(names.SENT_WITHDRAW, self.tr("Take it back"), "close")
        self._add.on_press(lambda: items.add_to_item(self._key()))
        self._first.on_press(lambda: items.send_first(self._key()))
        self._try.on_press(lambda: items.try_item_again(self._key()))
        self._withdraw.on_press(lambda: items.withdraw_item(self._key()))
        self._lay_out()

    def show_view(self, view: PatientView) -> None:
        shown = view.sending.sent if view.sending is not None else None
        before, self._shown = self._shown, shown
        if shown is None:
            if before is not None:
                self._clear()
            return
        item = shown.item
        self._title.say(item.title)
        self._sign.show_sign(*STAGES[item.stage])
        self._state.say(item.text)
        self._explains.say(shown.explains)
        self._bar.setVisible(item.stage is ItemStage.SENDING)
        self._bar.setValue(round(1000 * min(max(item.fraction, 0.0), 1.0)))
        self._replies.show_rows(shown.replies, ReplyCard.draw)
        self._replies.setVisible(bool(shown.replies))
        self._kept.say(shown.kept)
        self._kept_card.setVisible(bool(shown.kept))
        self._keep_waiting.set_label(
            self.tr("Keep it here until the clinic asks")
            if shown.kept_waits
            else self.tr("Send it when the connection is better")
        )
        self._sure.setVisible(shown.asks_withdraw)
        for button, can in (
            (self._add, shown.can_add),
            (self._first, shown.can_first),
            (self._try, shown.can_try),
            (self._withdraw, shown.can_withdraw and not shown.asks_withdraw),
        ):
            button.setVisible(can)
        if shown.asks_withdraw and not (before is not None and before.asks_withdraw) and self.isVisible():
            self._sure.no.setFocus()

    def put_away(self, view: PatientView) -> None:
        """Another page is shown."""
        self.show_view(view)

    def first_focus(self) -> QWidget:
        return self._back

    def _clear(self) -> None:
        """What was sent and answered leaves the widgets: closed is closed."""
        self._replies.show_rows((), ReplyCard.draw)
        for text in (self._title, self._state, self._explains, self._kept):
            text.say("")

    def _key(self) -> str:
        return self._shown.item.submission_id if self._shown is not None else ""

    def _let_wait(self) -> None:
        if self._shown is not None:
            self._items.let_kept_wait(self._key(), not self._shown.kept_waits)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self._back)
        head.addWidget(self._title, 1)
        state = Card(16, 8)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(self._state)
        words.addWidget(self._explains)
        line = QHBoxLayout()
        line.setSpacing(14)
        line.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignVCenter)
        line.addLayout(words, 1)
        state.body.addLayout(line)
        state.body.addWidget(self._bar)
        self._kept_card = Card(16, 8)
        self._kept_card.body.addWidget(Text(self.tr("Photos in full size"), "strong"))
        self._kept_card.body.addWidget(self._kept)
        ways = FlowRow(10)
        ways.add(self._keep_waiting)
        ways.add(self._send_kept)
        self._kept_card.body.addWidget(ways)
        buttons = FlowRow(10)
        for button in (self._try, self._add, self._first, self._withdraw):
            buttons.add(button)
        scroll = ScrollColumn(margin=12)
        for part in (state, self._sure, self._replies, self._kept_card):
            scroll.column.addWidget(part)
        scroll.column.addWidget(buttons)
        scroll.column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 12, 16, 14)
        outer.addLayout(head)
        outer.addWidget(scroll, 1)
