"""The notice bar: the last thing that went wrong or right, in one sentence, until it is put away."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.presenters.views import Level, Sentence
from app.ui import names
from app.ui.style import TONES, Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.text import SentenceLine


class NoticeBar(QWidget):
    """`lock`: to the page of the passphrase, offered where the sentence is about the weak key."""

    def __init__(self, dismiss: Callable[[], None], lock: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName(names.NOTICE)
        self._level = Level.NOTE
        self._line = SentenceLine(names.NOTICE_TEXT)
        self._close = ActionButton(names.NOTICE_DISMISS, self.tr("Close"), "close", Kind.SECONDARY)
        self._close.on_press(dismiss)
        self._lock = ActionButton(names.NOTICE_LOCK, self.tr("Set a passphrase"), "", Kind.SECONDARY)
        self._lock.on_press(lock)
        self._lock.hide()
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 6, 14, 6)
        row.addWidget(self._line, 1)
        row.addWidget(self._lock, 0)
        row.addWidget(self._close, 0)
        self.hide()

    def say(self, sentence: Sentence | None, *, locks: bool = False) -> None:
        self._lock.setVisible(locks)
        self.setVisible(sentence is not None)
        self._line.say(sentence)
        if sentence is not None and sentence.level is not self._level:
            self._level = sentence.level
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        tone = TONES[self._level]
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(tone.wash))
        painter.setPen(QPen(QColor(tone.ink), 2))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)
        painter.end()
