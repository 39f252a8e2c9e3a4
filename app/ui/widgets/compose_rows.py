"""Rows of what is being put together, and a question that must be answered before something is thrown away."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QVBoxLayout

from app.presenters.sending_views import ComposeView, PartKind
from app.presenters.view_basics import Level, Sentence
from app.ui import sending_names as names
from app.ui.style import TEAL, Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.form_choices import OneRow
from app.ui.widgets.icons import icon
from app.ui.widgets.layout import Card
from app.ui.widgets.still import StillView
from app.ui.widgets.text import SentenceLine, Text

_SIGNS = {PartKind.PHOTO: "photo", PartKind.DOCUMENT: "file", PartKind.CLIP: "film", PartKind.VOICE: "microphone"}
_PICTURE = 72  # px


@dataclass(frozen=True)
class Added:
    """One thing in a draft. `key` begins with "part.", "form." or "reading."."""

    key: str
    sign: str
    title: str
    detail: str
    thumbnail: bytes = b""
    can_open: bool = False

    @property
    def what(self) -> str:
        """What the presenter calls it: a blob, an address, a place."""
        return self.key.partition(".")[2]


def added_rows(view: ComposeView, finished: str, unfinished: str) -> tuple[Added, ...]:
    """Everything in the draft beside the message; `finished`, `unfinished`: what is said of a form's answers."""
    parts = (Added(f"part.{p.blob}", _SIGNS[p.kind], p.title, p.detail, p.thumbnail) for p in view.parts)
    forms = (
        Added(f"form.{f.form}", "words", f.title, finished if f.finished else unfinished, b"", f.can_open)
        for f in view.forms
    )
    readings = (Added(f"reading.{r.place}", "calendar", r.title, r.words) for r in view.readings)
    return (*parts, *forms, *readings)


class AddedRow(Card):
    """Its picture or sign, what it is, and the way to take it out again."""

    def __init__(self, row: Added, open_it: Callable[[Added], None], remove: Callable[[Added], None]) -> None:
        super().__init__(10, 4)
        self.setObjectName(names.added(row.key))
        self._picture = StillView(f"{names.added(row.key)}.picture", zoomable=False)
        self._picture.setFixedSize(_PICTURE, _PICTURE)
        self._row = row
        self._title = Text(role="strong")
        self._detail = Text(role="quiet")
        self._sign = SignLabel(_PICTURE if row.sign == "photo" else 36)
        self._open = ActionButton(names.added_open(row.key), self.tr("Open"), "", Kind.SECONDARY)
        self._open.on_press(lambda: open_it(self._row))
        self._remove = ActionButton(names.added_remove(row.key), self.tr("Take out"), "close", Kind.SECONDARY)
        self._remove.on_press(lambda: remove(self._row))
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._title)
        words.addWidget(self._detail)
        line = QHBoxLayout()
        line.setSpacing(14)
        line.addWidget(self._picture)
        line.addWidget(self._sign)
        line.addLayout(words, 1)
        line.addWidget(self._open, 0, Qt.AlignmentFlag.AlignVCenter)
        line.addWidget(self._remove, 0, Qt.AlignmentFlag.AlignVCenter)
        self.body.addLayout(line)

    def draw(self, row: Added) -> None:
        self._row = row
        self._title.say(row.title)
        self._detail.say(row.detail)
        self._picture.setVisible(bool(row.thumbnail))
        self._sign.setVisible(not row.thumbnail)
        self._sign.show_sign(row.sign)
        if row.thumbnail:
            self._picture.show_bytes(row.thumbnail)
            self._picture.setAccessibleName(row.title)
        self._open.setVisible(row.can_open)
        self._open.setAccessibleName(self.tr("Open: {what}").format(what=row.title))
        self._remove.setAccessibleName(self.tr("Take out: {what}").format(what=row.title))


def on_click(row: QAbstractButton, act: Callable[[bool], None]) -> None:
    """Calls `act` with whether it is checked now. PySide counts a function's parameters before it passes any: this one
    has the one that it needs, whatever `act` is made of."""

    def told(checked: bool) -> None:
        act(checked)

    row.clicked.connect(told)


def choose_one(rows: Iterable[tuple[OneRow, bool]]) -> None:
    """Checks rows as they are told to be; of rows that exclude each other Qt alone would not let the last one go."""
    for row, on in rows:
        if row.isChecked() != on:
            row.setAutoExclusive(False)
            row.setChecked(on)
            row.setAutoExclusive(True)


class SignLabel(Text):
    """A sign alone in a place of `side` px; `size` of the sign itself (px)."""

    def __init__(self, side: int, size: int = 32) -> None:
        super().__init__()
        self._size = size
        self.setFixedSize(side, max(size, 36))
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def show_sign(self, sign: str, colour: str = TEAL) -> None:
        self.setPixmap(icon(sign, colour, self._size, self.devicePixelRatioF()))


class Sure(Card):
    """A question with a yes that does it and a no that does nothing."""

    def __init__(
        self, question: str, yes: tuple[str, str], no: tuple[str, str], answer: Callable[[bool], None]
    ) -> None:
        super().__init__(14, 10)
        self.mark(True)
        self._line = SentenceLine("")
        self.yes = ActionButton(*yes, "", Kind.DANGER)
        self.no = ActionButton(*no, "", Kind.SECONDARY)
        self.yes.on_press(lambda: answer(True))
        self.no.on_press(lambda: answer(False))
        buttons = QHBoxLayout()
        buttons.setSpacing(12)
        buttons.addWidget(self.no, 1)
        buttons.addWidget(self.yes, 1)
        self.body.addWidget(self._line)
        self._line.say(Sentence(question, Level.WARN))  # not before it stands in something: it would be a window
        self.body.addLayout(buttons)
