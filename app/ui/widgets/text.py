"""Words on the screen: labels that wrap, sentences with their level's sign."""

from __future__ import annotations

import re

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from app.presenters.views import Level, Sentence
from app.ui.style import TONES
from app.ui.widgets.icons import icon

_LONG = re.compile(r"[^\s-]{18,}")  # a line breaks at a hyphen by itself
_BREAK = "\u200b"


def _breakable(text: str) -> str:
    """Lets a very long word break: names and file names come from outside and must not push the page apart."""
    return _LONG.sub(lambda m: _BREAK.join(m.group()[i : i + 6] for i in range(0, len(m.group()), 6)), text)


class Text(QLabel):
    """Plain text (never markup: it may come from outside) that wraps. `role` chooses its look in the style sheet."""

    def __init__(self, text: str = "", role: str = "", name: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        if role:
            self.setProperty("role", role)
        if name:
            self.setObjectName(name)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._words = ""
        self.say(text)

    def say(self, text: str) -> None:
        """Shows `text`; nothing happens when it is there already."""
        if text == self._words:
            return
        self._words = text
        self.setText(_breakable(text))
        self.setAccessibleName(text)

    def words(self) -> str:
        """What it says, as it was given."""
        return self._words

    def minimumSizeHint(self) -> QSize:
        """At the width it has, the whole text must have room: QLabel's own hint may cut the last line."""
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), 120), hint.height())


def announce(widget: QWidget, words: str) -> None:
    """A screen reader says the words, when the widget can be seen."""
    if widget.isVisible() and words:
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, words))


class SentenceLine(QWidget):
    """A sentence with the sign of its level: shape and words say it, colour only helps.

    `name` names the words. When `announce` is set a screen reader speaks each change.
    """

    def __init__(self, name: str, *, on_stage: bool = False, announce: bool = True, role: str = "") -> None:
        super().__init__()
        self._on_stage = on_stage
        self._announce = announce
        self._shown: Sentence | None = None
        self._sign = QLabel()
        self._sign.setFixedSize(28, 28)
        self._text = Text(role=role or ("stage" if on_stage else ""), name=name)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._text, 1)
        self.hide()

    def say(self, sentence: Sentence | None) -> None:
        """Shows the sentence; with None the line is hidden."""
        if sentence == self._shown:
            return
        self._shown = sentence
        self.setVisible(sentence is not None)
        if sentence is None:
            self._text.say("")
            return
        tone = TONES[sentence.level]
        colour = tone.stage if self._on_stage else tone.ink
        self._sign.setPixmap(icon(sentence.level.value, colour, 26, self.devicePixelRatioF()))
        self._sign.setAccessibleName(LEVEL_WORDS[sentence.level])
        self._text.say(sentence.text)
        if self._announce:
            announce(self._text, sentence.text)

    def words(self) -> str:
        return self._text.words()


LEVEL_WORDS = {Level.GOOD: "Good", Level.NOTE: "Note", Level.WARN: "Take care", Level.BAD: "Problem"}
