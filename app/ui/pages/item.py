"""One opened submission: what to look at, large; who sent it, when, their words; what was answered, and answering."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import zip_longest

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.presenters.review_views import OpenedItem, OtherItem
from app.presenters.views import ProviderCommands, ProviderView
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.answer_box import AnswerBox
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.layout import KeyedRows, ScrollColumn, ground
from app.ui.widgets.letters import Letters
from app.ui.widgets.part_sheet import PartSheet
from app.ui.widgets.text import SentenceLine, Text
from app.ui.words import day_and_clock

_WORDS_WIDE = 300  # px, beside a picture
_TOLD = 3
_OVER_FIELD = 48  # px, for its heading
QWIDGETSIZE_MAX = (1 << 24) - 1  # Qt's word for no limit; PySide6 has no name for it


class ItemPage(QWidget):
    """`position`: how far a clip's sound has come (s); None while none plays."""

    def __init__(
        self,
        commands: ProviderCommands,
        now: Callable[[], datetime],
        position: Callable[[], float | None] = lambda: None,
    ) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName("item")
        self._now = now
        self._item: OpenedItem | None = None
        self._back = ActionButton(names.ITEM_BACK, self.tr("Back"), "back", Kind.SECONDARY)
        self._patient = Text(role="title", name=names.ITEM_PATIENT)
        self._answer = ActionButton(names.ITEM_TO_ANSWER, self.tr("Answer"), "words", Kind.PRIMARY)
        self._purpose = Text(role="heading", name=names.ITEM_PURPOSE)
        self._time = Text(role="quiet", name=names.ITEM_TIME)
        self._told = [SentenceLine(names.item_told(n), announce=False) for n in range(_TOLD)]
        self._says = SentenceLine(names.ITEM_SAYS, announce=False)
        self._others: KeyedRows[OtherItem, ActionButton] = KeyedRows(
            lambda one: one.submission_id, lambda one: self._other(one, commands.open_item), names.ITEM_OTHERS
        )
        self._note = Text(name=names.ITEM_NOTE)
        self._letters = Letters()
        self._box = AnswerBox(commands, now)
        self._sheet = PartSheet(commands, position)
        self._back.on_press(commands.close_item)
        self._answer.on_press(self._to_the_answer)
        self._lay_out()

    def show_view(self, view: ProviderView) -> None:
        item, before = view.opened, self._item
        if item is before or item == before:
            return
        self._item = item
        self._sheet.show_item(item)
        self._box.show_item(item)
        if item is None:
            self._clear()
            return
        if before is None or before.submission_id != item.submission_id:
            self._words.verticalScrollBar().setValue(0)
        self._patient.say(item.patient_name)
        seen = bool(item.parts)
        made = self.tr("Taken: {when}") if seen else self.tr("Written: {when}")
        self._time.say(made.format(when=day_and_clock(item.created_at, self._now())))
        self._sheet.setVisible(seen)  # written words alone have the page to themselves
        self._words.setMinimumWidth(_WORDS_WIDE)
        self._words.setMaximumWidth(_WORDS_WIDE if seen else QWIDGETSIZE_MAX)
        self._purpose.say(item.purpose)
        self._purpose.setVisible(bool(item.purpose))
        for line, told in zip_longest(self._told, item.told[:_TOLD]):
            line.say(told)
        self._says.say(item.says)
        self._others.show_rows(item.others, lambda button, one: button.set_label(one.text))
        self._others.setVisible(bool(item.others))
        self._note.say(item.note or self.tr("No note was written."))
        self._note.setVisible(bool(item.note) or not item.letters)
        self._letters.show_letters(item.letters)

    def put_away(self, view: ProviderView) -> None:
        """Another page is shown. What comes back is drawn anew."""
        if self._item is not None:
            self._item = None
            self._sheet.show_item(None)
            self._box.show_item(None)
            self._clear()

    def first_focus(self) -> QWidget:
        return self._back

    def _clear(self) -> None:
        """The patient's words leave the widgets: closed is closed."""
        self._letters.show_letters(())
        self._others.show_rows((), lambda button, one: None)
        for text in (self._patient, self._purpose, self._time, self._note):
            text.say("")
        for line in (*self._told, self._says):
            line.say(None)

    @staticmethod
    def _other(one: OtherItem, open_item: Callable[[str], None]) -> ActionButton:
        button = ActionButton(names.item_other(one.submission_id), one.text, "next", Kind.SECONDARY)
        button.on_press(lambda: open_item(one.submission_id))
        return button

    def _to_the_answer(self) -> None:
        """The field at the top, so that as much as can be is seen of what belongs to it."""
        sheet = self._words.widget()
        if sheet is not None:
            place = self._box.field.mapTo(sheet, self._box.field.rect().topLeft()).y()
            self._words.verticalScrollBar().setValue(max(0, place - _OVER_FIELD))
        self._box.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self._back, 0)
        head.addWidget(self._patient, 1)
        head.addWidget(self._answer, 0)
        words = self._words = ScrollColumn(margin=10)
        words.column.setSpacing(12)
        above: Sequence[QWidget] = (self._purpose, self._time, *self._told, self._says, self._others)
        for widget in (*above, self._note, self._letters, self._box):
            words.column.addWidget(widget)
        words.column.addStretch(1)
        sides = QHBoxLayout()
        sides.addWidget(self._sheet, 1)
        sides.addWidget(words, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(18, 12, 18, 12)
        outer.addLayout(head)
        outer.addLayout(sides, 1)
