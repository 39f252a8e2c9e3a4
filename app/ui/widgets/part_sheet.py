"""The part of an opened item that is looked at: a picture, a document's pages, a clip, or why there is none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.presenters.review_views import OpenedItem, PartKind, PartRow, ReviewCommands, Sheet
from app.ui import names
from app.ui.pages.save_as import ask_where_to_save
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.clip_player import ClipPlayer
from app.ui.widgets.layout import FlowRow, ground
from app.ui.widgets.part_strip import PartStrip
from app.ui.widgets.still import StillView
from app.ui.widgets.text import SentenceLine, Text

_STRIP_FROM = 480  # px of height


def grouped(digest: str) -> str:
    """The first 16 hexadecimal digits in groups of four."""
    return " ".join(digest[i : i + 4] for i in range(0, 16, 4))


class PartSheet(QWidget):
    """`position`: how far a clip's sound has come in its piece (s); None while none plays."""

    def __init__(self, commands: ReviewCommands, position: Callable[[], float | None]) -> None:
        super().__init__()
        self._commands, self._position = commands, position
        self._item = ""
        self._sheet: Sheet | None = None
        self._parts: tuple[PartRow, ...] = ()
        self._page = 0
        self._from_end = False  # going back through a document begins at its last page
        self._still: StillView | None = None
        self._player: ClipPlayer | None = None
        self._good = False
        self._message = Text(role="stage", name=names.ITEM_MESSAGE)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._again = ActionButton(names.ITEM_AGAIN, self.tr("Try again"), "again", Kind.STAGE)
        self._blank = QWidget()
        self._stage = QStackedWidget()
        self._sealed = Text(role="small", name=names.ITEM_SEALED)
        self._count = Text(name=names.ITEM_COUNT)
        self._original = SentenceLine(names.ITEM_ORIGINAL, announce=False)
        self._want = ActionButton(names.ITEM_WANT, self.tr("Ask for the original"), "photo", Kind.SECONDARY)
        self._previous = ActionButton(names.ITEM_PREVIOUS, self.tr("Previous"), "previous", Kind.SECONDARY)
        self._next = ActionButton(names.ITEM_NEXT, self.tr("Next"), "next", Kind.SECONDARY)
        self._fit = ActionButton(names.ITEM_FIT, self.tr("Whole picture"), "fit", Kind.SECONDARY)
        self._closer = ActionButton(names.ITEM_CLOSER, self.tr("Closer"), "plus", Kind.SECONDARY)
        self._further = ActionButton(names.ITEM_FURTHER, self.tr("Further"), "minus", Kind.SECONDARY)
        self._strip = PartStrip(commands.show_part)
        self._again.on_press(commands.try_part_again)
        self._want.on_press(self._ask_for_original)
        self._previous.on_press(lambda: self._turn(-1))
        self._next.on_press(lambda: self._turn(1))
        for button, how in ((self._fit, StillView.fit), (self._closer, StillView.closer)):
            button.on_press(partial(self._look, how))
        self._further.on_press(partial(self._look, StillView.further))
        self._lay_out()

    def show_item(self, item: OpenedItem | None) -> None:
        sheet = item.sheet if item is not None else None
        before, self._parts = self._sheet, item.parts if item is not None else ()
        fresh = item is None or item.submission_id != self._item
        self._item = item.submission_id if item is not None else ""
        if fresh or sheet is None or before is None or not self._same(before, sheet):
            self._page = len(sheet.pages) - 1 if sheet is not None and self._from_end and sheet.pages else 0
            self._sheet = sheet
            self._show_sheet()
        self._sheet = sheet
        if sheet is not None:
            self._strip.show_parts(self._parts, sheet.place)
            self._make_room()
            self._draw()
        elif item is None:
            self._clear()

    def _clear(self) -> None:
        self._strip.show_parts((), 0)
        for text in (self._message, self._count, self._sealed):
            text.say("")
        self._original.say(None)

    def _same(self, before: Sheet, now: Sheet) -> bool:
        """Whether what stands can stay: another piece of the same clip goes into its player."""
        if before.place != now.place or (before.pages is not now.pages and before.pages != now.pages):
            return False
        if before.clip is None or now.clip is None:
            return before.clip is now.clip
        if now.clip is not before.clip and self._player is not None:
            self._player.show_clip(now.clip)
        return True

    def _show_sheet(self) -> None:
        """Clear pictures leave memory when another part is looked at."""
        for old in (self._still, self._player):
            if old is not None and self._stage.indexOf(old) >= 0:
                self._stage.removeWidget(old)
                old.hide()
                old.setParent(None)
                old.deleteLater()
        self._still = self._player = None
        self._good = False
        sheet = self._sheet
        if sheet is None:
            return
        self._from_end = self._from_end and not sheet.pages
        if sheet.clip is not None:
            save = partial(self._save, sheet.place, sheet.clip.name)
            self._player = ClipPlayer(sheet.clip, sheet.place, self._commands, self._position, save)
            self._take(self._player.still, self._player)
        elif sheet.pages:
            self._still = StillView(names.item_picture(sheet.place))
            self._take(self._still, self._still)
            self._show_page()

    def _take(self, still: StillView, widget: QWidget) -> None:
        still.loaded.connect(self._loaded)
        still.zoomed.connect(self._draw)
        self._stage.addWidget(widget)

    def _show_page(self) -> None:
        sheet = self._sheet
        if sheet is not None and self._still is not None:
            self._still.setAccessibleName(sheet.pages[self._page].name or self._parts[sheet.place].title)
            self._still.show_bytes(sheet.pages[self._page].data)

    def _loaded(self, good: bool) -> None:
        self._good = good
        self._draw()

    def _save(self, place: int, name: str) -> None:
        voice = self._parts[place].kind is PartKind.VOICE
        ask_where_to_save(self, name, partial(self._commands.save_clip, place), voice=voice)

    def _look(self, how: Callable[[StillView], None]) -> None:
        still = self._looked_at()
        if still is not None:
            how(still)

    def _looked_at(self) -> StillView | None:
        if self._player is not None:
            return self._player.still if self._sheet and self._sheet.clip and self._sheet.clip.safe.pictures else None
        return self._still

    def _turn(self, by: int) -> None:
        """To the next page, and after the last one to the next part."""
        sheet = self._sheet
        if sheet is None:
            return
        if 0 <= self._page + by < len(sheet.pages):
            self._page += by
            self._show_page()
            self._draw()
        elif 0 <= sheet.place + by < len(self._parts):
            self._from_end = by < 0
            self._commands.show_part(sheet.place + by)

    def _ask_for_original(self) -> None:
        if self._sheet is not None:
            self._commands.want_original(self._sheet.place, not self._parts[self._sheet.place].wanted)

    def _draw(self) -> None:
        sheet = self._sheet
        if sheet is None:
            return
        part, many = self._parts[sheet.place], len(sheet.pages)
        made = self._player or self._still
        self._stage.setCurrentWidget(made if made is not None else self._blank)
        self._message.say(sheet.says.text if sheet.says is not None else "")
        self._again.setVisible(part.says is not None and sheet.says == part.says and part.fraction >= 1)
        title = self.tr("{part}, page {n} of {many}").format(part=part.title, n=self._page + 1, many=many)
        self._count.say(title if many > 1 else part.title)
        self._sealed.say(self.tr("Unchanged since it was sealed: {digits}").format(digits=grouped(part.sha256)))
        self._sealed.setVisible(bool(part.sha256))
        self._original.say(part.original)
        self._want.setVisible(part.can_want)
        asked = self.tr("Do not ask for the original")
        self._want.set_label(asked if part.wanted else self.tr("Ask for the original"))
        several = many > 1 or len(self._parts) > 1
        for button in (self._previous, self._next):
            button.setVisible(several)
        self._previous.setEnabled(self._page > 0 or sheet.place > 0)
        self._next.setEnabled(self._page < many - 1 or sheet.place < len(self._parts) - 1)
        still = self._looked_at()
        for button in (self._fit, self._closer, self._further):
            button.setVisible(still is not None)
        if still is not None:
            self._fit.setEnabled(still.zoom() > 1)
            self._further.setEnabled(still.zoom() > 1)
            self._closer.setEnabled(still.can_go_closer())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """In a low window the picture needs the room more than the small ones."""
        self._strip.setVisible(len(self._parts) > 1 and self.height() >= _STRIP_FROM)

    def _lay_out(self) -> None:
        ground(self._blank, "dark")
        blank = QVBoxLayout(self._blank)
        blank.addStretch(1)
        blank.addWidget(self._message)
        blank.addWidget(self._again, 0, Qt.AlignmentFlag.AlignHCenter)
        blank.addStretch(1)
        self._stage.addWidget(self._blank)
        turn = FlowRow(6)
        for button in (self._previous, self._next):
            turn.add(button)
        tools = FlowRow(6)
        for button in (self._further, self._closer, self._fit, self._want):
            tools.add(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(self._stage, 1)
        column.addWidget(self._count)
        column.addWidget(self._sealed)
        column.addWidget(turn)
        column.addWidget(self._original)
        column.addWidget(tools)
        column.addWidget(self._strip)
