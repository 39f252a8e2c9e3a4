"""Written words in a visit: what was written and where it stands, phrases for one press, and a field."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.media.words import LONGEST_TEXT
from app.presenters.views import QuickPhrase, WordsLine, WordsView
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.layout import Card, KeyedRows, ScrollColumn, ground
from app.ui.widgets.text import SentenceLine, Text, announce
from app.ui.words import clock

_TWO_ABREAST = 560  # px
_ASIDE = 28  # px, by which a line stands in on the other's side


class Bubble(QWidget):
    """One line: ours to the right, theirs to the left, with who, when, and where ours stands."""

    def __init__(self, line: WordsLine) -> None:
        super().__init__()
        self.setObjectName(names.words_line(line.key))
        self._card = Card(12, 2)
        self._card.setProperty("role", "mine" if line.mine else "theirs")
        self._head = Text(role="small")
        self._text = Text(name=names.words_text(line.key))
        self._state = SentenceLine(names.words_state(line.key), announce=False, role="small")
        for widget in (self._head, self._text, self._state):
            self._card.body.addWidget(widget)
        row = QHBoxLayout(self)
        row.setContentsMargins(_ASIDE if line.mine else 0, 0, 0 if line.mine else _ASIDE, 0)
        row.addWidget(self._card)

    def draw(self, line: WordsLine, other: str) -> None:
        who = self.tr("You") if line.mine else other
        self._head.say(self.tr("{who}, {time}").format(who=who, time=clock(line.at)))
        self._text.say(line.text)
        self._state.say(line.state)


class WordsPanel(QWidget):
    """`say` sends a line, `close` is pressed to leave the panel; `unread` counts theirs not seen yet."""

    def __init__(self, say: Callable[[str], None], close: Callable[[], None]) -> None:
        super().__init__()
        ground(self, "paper")
        self.setObjectName(names.WORDS)
        self._say = say
        self._other = ""
        self._seen: set[str] = set()
        self._theirs: tuple[str, ...] = ()
        self._phrases: tuple[QuickPhrase, ...] = ()
        self._title = Text(role="heading", name=names.WORDS_TITLE)
        self._close = ActionButton(names.WORDS_CLOSE, self.tr("Close"), "close", Kind.QUIET)
        self._close.on_press(close)
        self._none = Text(
            self.tr("What you write here gets through even when speech does not."), "quiet", names.WORDS_NONE
        )
        self._rows: KeyedRows[WordsLine, Bubble] = KeyedRows(lambda line: line.key, Bubble, names.WORDS_LINES)
        self._quick = [ActionButton(names.words_quick(place), "", "", Kind.SECONDARY) for place in range(4)]
        for place, button in enumerate(self._quick):
            button.on_press(partial(self._press, place))
        self.field = QLineEdit()
        self.field.setObjectName(names.WORDS_FIELD)
        self.field.setMaxLength(LONGEST_TEXT)
        self.field.returnPressed.connect(self._send)
        self._go = ActionButton(names.WORDS_SEND, self.tr("Send"), "", Kind.PRIMARY)
        self._go.on_press(self._send)
        self._grid = QGridLayout()
        self._lay_out()

    @property
    def unread(self) -> int:
        return len(set(self._theirs) - self._seen)

    def begin(self) -> None:
        """Another visit: nothing of the last one stays in the field."""
        self._seen = set()
        self.field.clear()

    def show_words(self, words: WordsView, other: str) -> bool:
        """Draws it; True when a line of theirs is new."""
        self._other = other
        self._title.say(self.tr("Write to {name}").format(name=other))
        self.field.setPlaceholderText(self.tr("Write here"))
        self.field.setAccessibleName(self.tr("Write to {name}").format(name=other))
        self._none.setVisible(not words.lines)
        self._rows.show_rows(words.lines, lambda bubble, line: bubble.draw(line, other))
        self._phrases = words.quick
        for place, button in enumerate(self._quick):
            there = place < len(words.quick)
            button.setVisible(there)
            phrase = words.quick[place] if there else QuickPhrase("")
            button.set_label(phrase.text if phrase.whole else f"{phrase.text.strip()} …")
        theirs = tuple(line.key for line in words.lines if not line.mine)
        fresh = [line for line in words.lines if not line.mine and line.key not in set(self._theirs)]
        self._theirs = theirs
        if self.isVisible():
            self.read()
        if fresh:
            announce(self._title, self.tr("{name} writes: {text}").format(name=other, text=fresh[-1].text))
        return bool(fresh)

    def read(self) -> None:
        """All that is there has been seen."""
        self._seen = set(self._theirs)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_quick()

    def _send(self) -> None:
        text = self.field.text().strip()
        if text:
            self._say(text)
            self.field.clear()

    def _press(self, place: int) -> None:
        """A phrase goes as it is; one that is not whole is ended by the person."""
        phrase = self._phrases[place]
        if phrase.whole:
            self._say(phrase.text)
            return
        self.field.setText(phrase.text)
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.field.end(False)

    def _place_quick(self) -> None:
        across = 2 if self.width() >= _TWO_ABREAST else 1
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, across - 1)
        for place, button in enumerate(self._quick):
            self._grid.addWidget(button, place // across, place % across)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        lines = ScrollColumn(margin=0)
        lines.column.setSpacing(8)
        lines.column.addWidget(self._none)
        lines.column.addWidget(self._rows)
        lines.column.addStretch(1)
        bar = lines.verticalScrollBar()
        bar.rangeChanged.connect(lambda _least, most: bar.setValue(most))
        self._grid.setSpacing(6)
        entry = QHBoxLayout()
        entry.setSpacing(6)
        entry.addWidget(self.field, 1)
        entry.addWidget(self._go)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 12, 14, 12)
        column.setSpacing(10)
        column.addLayout(head)
        column.addWidget(lines, 1)
        column.addLayout(self._grid)
        column.addLayout(entry)
        self._place_quick()
