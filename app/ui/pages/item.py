"""One opened submission: its pictures large, who sent it and when, and what they wrote."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.presenters.views import OpenedItem, ProviderCommands, ProviderView
from app.ui import names
from app.ui.pages.save_as import ask_where_to_save
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.clip_player import ClipPlayer
from app.ui.widgets.layout import ScrollColumn, ground
from app.ui.widgets.still import StillView
from app.ui.widgets.text import Text
from app.ui.words import day_and_clock

_WORDS_WIDE = 320  # px, beside a picture
QWIDGETSIZE_MAX = (1 << 24) - 1  # Qt's word for no limit; PySide6 has no name for it


def _grouped(digest: str) -> str:
    """The first 16 hexadecimal digits in groups of four."""
    return " ".join(digest[i : i + 4] for i in range(0, 16, 4))


class ItemPage(QWidget):
    """`position`: how far a clip's sound has come (s); None while none plays."""

    def __init__(
        self,
        commands: ProviderCommands,
        now: Callable[[], datetime],
        position: Callable[[], float | None] = lambda: None,
    ) -> None:
        super().__init__()
        self._commands, self._position = commands, position
        ground(self, "page")
        self.setObjectName("item")
        self._now = now
        self._item: OpenedItem | None = None
        self._views: list[StillView] = []
        self._sheets: list[QWidget] = []  # what the stack shows: a picture, or a player with its clip
        self._broken: set[int] = set()
        self._place = 0
        self._back = ActionButton(names.ITEM_BACK, self.tr("Back"), "back", Kind.SECONDARY)
        self._patient = Text(role="title", name=names.ITEM_PATIENT)
        self._time = Text(role="quiet", name=names.ITEM_TIME)
        self._purpose = Text(role="strong", name=names.ITEM_PURPOSE)
        self._note = Text(name=names.ITEM_NOTE)
        self._no_picture = Text(self.tr("This file cannot be shown here as a picture."))
        self._no_picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pictures = QStackedWidget()
        self._pictures.addWidget(self._no_picture)
        self._sealed = Text(role="small", name=names.ITEM_SEALED)
        self._count = Text(name=names.ITEM_COUNT)
        self._count.setWordWrap(False)
        self._previous = ActionButton(names.ITEM_PREVIOUS, self.tr("Previous"), "previous", Kind.SECONDARY)
        self._next = ActionButton(names.ITEM_NEXT, self.tr("Next"), "next", Kind.SECONDARY)
        self._fit = ActionButton(names.ITEM_FIT, self.tr("Whole picture"), "fit", Kind.SECONDARY)
        self._closer = ActionButton(names.ITEM_CLOSER, self.tr("Closer"), "plus", Kind.SECONDARY)
        self._further = ActionButton(names.ITEM_FURTHER, self.tr("Further"), "minus", Kind.SECONDARY)
        self._back.on_press(commands.close_item)
        self._previous.on_press(lambda: self._turn(-1))
        self._next.on_press(lambda: self._turn(1))
        self._fit.on_press(partial(self._look, StillView.fit))
        self._closer.on_press(partial(self._look, StillView.closer))
        self._further.on_press(partial(self._look, StillView.further))
        self._lay_out()

    def show_view(self, view: ProviderView) -> None:
        item = view.opened
        if item is self._item or (item is not None and item == self._item):
            return
        self._item = item
        for old in self._sheets:  # clear pictures leave memory with the page
            self._pictures.removeWidget(old)
            old.hide()
            old.setParent(None)
            old.deleteLater()
        self._views, self._sheets = [], []
        self._broken = set()
        self._place = 0
        if item is None:
            return
        self._patient.say(item.patient_name)
        seen = bool(item.pictures or item.clips)
        made = self.tr("Taken: {when}") if seen else self.tr("Written: {when}")
        self._time.say(made.format(when=day_and_clock(item.created_at, self._now())))
        self._side.setVisible(seen)  # written words alone have the page to themselves
        self._words.setMinimumWidth(_WORDS_WIDE)
        self._words.setMaximumWidth(_WORDS_WIDE if seen else QWIDGETSIZE_MAX)
        self._purpose.say(item.purpose)
        self._purpose.setVisible(bool(item.purpose))
        self._note.say(item.note or self.tr("No note was written."))
        for index, clip in enumerate(item.clips):
            player = ClipPlayer(clip, index, self._commands, self._position, partial(self._save, index, clip.name))
            self._add(player.still, player)
        for index, picture in enumerate(item.pictures):
            still = StillView(names.item_picture(index))
            still.setAccessibleName(picture.name or self.tr("Picture {n}").format(n=index + 1))
            self._add(still, still)
            still.show_bytes(picture.data)
        self._draw_place()

    def _add(self, still: StillView, sheet: QWidget) -> None:
        still.loaded.connect(partial(self._loaded, len(self._views)))
        still.zoomed.connect(self._draw_place)
        self._views.append(still)
        self._sheets.append(sheet)
        self._pictures.addWidget(sheet)

    def _save(self, place: int, name: str) -> None:
        ask_where_to_save(self, name, partial(self._commands.save_clip, place))

    def first_focus(self) -> QWidget:
        return self._back

    def _loaded(self, index: int, good: bool) -> None:
        if not good:
            self._broken.add(index)
        self._draw_place()

    def _look(self, how: Callable[[StillView], None]) -> None:
        how(self._views[self._place])

    def _turn(self, by: int) -> None:
        self._place = min(max(self._place + by, 0), len(self._views) - 1)
        self._draw_place()

    def _draw_place(self) -> None:
        many = len(self._views)
        shown = self._views[self._place] if many and self._place not in self._broken else None
        self._pictures.setCurrentWidget(self._sheets[self._place] if shown is not None else self._no_picture)
        self._count.say(self.tr("{n} of {many}").format(n=self._place + 1, many=many) if many else "")
        digest = self._digests()[self._place] if many else ""
        self._sealed.say(self.tr("Unchanged since it was sealed: {digits}").format(digits=_grouped(digest)))
        self._sealed.setVisible(bool(digest))
        for button in (self._previous, self._next, self._count):
            button.setVisible(many > 1)
        self._previous.setEnabled(self._place > 0)
        self._next.setEnabled(self._place < many - 1)
        for button in (self._fit, self._closer, self._further):
            button.setVisible(shown is not None)
        self._fit.setEnabled(shown is not None and shown.zoom() > 1)
        self._further.setEnabled(shown is not None and shown.zoom() > 1)
        self._closer.setEnabled(shown is not None and shown.can_go_closer())

    def _digests(self) -> list[str]:
        item = self._item
        return [] if item is None else [*(c.sha256 for c in item.clips), *(p.sha256 for p in item.pictures)]

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self._back, 0)
        head.addWidget(self._patient, 1)
        tools = QHBoxLayout()
        tools.setSpacing(2)
        tools.addStretch(1)
        for button in (self._further, self._closer, self._fit):
            tools.addWidget(button)
        self._side = QWidget()
        picture = QVBoxLayout(self._side)
        picture.setContentsMargins(0, 0, 0, 0)
        picture.setSpacing(6)
        picture.addWidget(self._pictures, 1)
        picture.addWidget(self._sealed)
        picture.addLayout(tools)
        words = self._words = ScrollColumn(margin=10)
        for text in (self._time, self._purpose, self._note):
            words.column.addWidget(text)
        turn = QHBoxLayout()
        turn.addWidget(self._previous)
        turn.addWidget(self._next)
        words.column.addWidget(self._count)
        words.column.addLayout(turn)
        words.column.addStretch(1)
        sides = QHBoxLayout()
        sides.addWidget(self._side, 1)
        sides.addWidget(words, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(18, 12, 18, 12)
        outer.addLayout(head)
        outer.addLayout(sides, 1)
