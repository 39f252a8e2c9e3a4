"""Rows of home: what was begun, and what was sent with its stage as a sign and in words."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout

from app.presenters.sending_views import DraftRow
from app.presenters.views import ItemStage, ItemView, Level
from app.ui import names, sending_names
from app.ui.style import QUIET, TEAL, TONES, Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.icons import icon
from app.ui.widgets.layout import Card
from app.ui.widgets.text import Text

STAGES: dict[ItemStage, tuple[str, str]] = {
    ItemStage.SAVED: ("saved", TEAL),
    ItemStage.WAITING: ("waiting", QUIET),
    ItemStage.SENDING: ("sending", TEAL),
    ItemStage.RECEIVED: ("received", TONES[Level.GOOD].ink),
    ItemStage.SEEN: ("seen", TONES[Level.GOOD].ink),
    ItemStage.NEEDS_MORE: ("warn", TONES[Level.WARN].ink),
    ItemStage.ANSWERED: ("words", TONES[Level.GOOD].ink),
    ItemStage.WITHDRAWN: ("saved", QUIET),
    ItemStage.NEEDS_YOU: ("warn", TONES[Level.WARN].ink),
}


def _row(title: Text, text: Text) -> QHBoxLayout:
    """Two lines of words that take what room there is; what else a row has goes beside them."""
    words = QVBoxLayout()
    words.setSpacing(2)
    words.addWidget(title)
    words.addWidget(text)
    row = QHBoxLayout()
    row.setSpacing(12)
    row.addLayout(words, 1)
    return row


class SentRow(Card):
    """One thing sent or to be sent: its stage as a sign and in words, and how far it is."""

    def __init__(self, item: ItemView, again: Callable[[str], None], look: Callable[[str], None]) -> None:
        super().__init__(12, 6)
        key = item.submission_id
        self._sign = QLabel()
        self._sign.setFixedSize(32, 32)
        self._title = Text(role="strong", name=names.sent_title(key))
        self._text = Text(name=names.sent_text(key))
        self._progress = QProgressBar()
        self._progress.setObjectName(names.sent_progress(key))
        self._progress.setTextVisible(False)
        self._progress.setRange(0, 1000)
        self._again = ActionButton(names.sent_again(key), self.tr("Try again"), "again", Kind.SECONDARY)
        self._again.on_press(lambda: again(key))
        self._look = ActionButton(sending_names.item_open(key), self.tr("Open"), "", Kind.SECONDARY)
        self._look.on_press(lambda: look(key))
        row = _row(self._title, self._text)
        row.insertWidget(0, self._sign, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._again, 0)
        row.addWidget(self._look, 0)
        self.body.addLayout(row)
        self.body.addWidget(self._progress)

    def draw(self, item: ItemView) -> None:
        sign, colour = STAGES[item.stage]
        self._sign.setPixmap(icon(sign, colour, 30, self.devicePixelRatioF()))
        self._sign.setAccessibleName(item.text)
        self._title.say(item.title)
        self._text.say(item.text)
        self._progress.setVisible(item.stage is ItemStage.SENDING)
        self._progress.setValue(round(1000 * min(max(item.fraction, 0.0), 1.0)))
        self._progress.setAccessibleName(item.text)
        self._again.setVisible(item.stage is ItemStage.NEEDS_YOU)
        words = self.tr("Read it") if item.unread else self.tr("Open")
        self._look.set_label(words)
        self._look.set_look("", Kind.PRIMARY if item.unread else Kind.SECONDARY)
        self._look.setAccessibleName(f"{words}: {item.title}")
        self.mark(bool(item.unread))


class BegunRow(Card):
    """Something that was begun and not sent: to go on with."""

    def __init__(self, draft: DraftRow, go_on: Callable[[str], None]) -> None:
        super().__init__(12, 6)
        key = draft.draft
        self._title = Text(role="strong", name=sending_names.draft_title(key))
        self._text = Text(role="quiet")
        self._go_on = ActionButton(sending_names.draft_open(key), self.tr("Go on"), "next", Kind.SECONDARY)
        self._go_on.on_press(lambda: go_on(key))
        row = _row(self._title, self._text)
        row.addWidget(self._go_on, 0)
        self.body.addLayout(row)

    def draw(self, draft: DraftRow) -> None:
        self._title.say(draft.title)
        self._text.say(draft.text)
        self._go_on.setAccessibleName(self.tr("Go on: {what}").format(what=draft.title))
