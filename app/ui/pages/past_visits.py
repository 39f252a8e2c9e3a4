"""Earlier visits: the list of them, and the record of one: what was written, what was sent, what happened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import zip_longest

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.presenters.past_views import (
    FiledItem,
    Happened,
    PastVisitRow,
    PastVisitsCommands,
    PastVisitView,
    SaidLine,
)
from app.presenters.views import PatientView, ProviderView
from app.ui import past_names as names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.layout import Card, KeyedRows, ScrollColumn, ground
from app.ui.widgets.past_rows import FiledRow, HappenedRow, SaidRow, VisitRow
from app.ui.widgets.text import SentenceLine, Text
from app.ui.words import day_and_clock

_SAYS = 3  # sentences of a record


class RecordSheet(QWidget):
    """One visit. `look` opens a thing that was sent with it."""

    def __init__(self, commands: PastVisitsCommands, look: Callable[[str], None], now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now
        self._carries = False
        self._when = Text(role="heading", name=names.PAST_WHEN)
        self._long = Text(name=names.PAST_LONG)
        self._reason = Text(name=names.PAST_REASON)
        self._says = [SentenceLine(names.says(place), announce=False) for place in range(_SAYS)]
        self._carry = ActionButton(names.PAST_CARRY, "", "words", Kind.SECONDARY)
        self._carry.on_press(lambda: commands.carry_words(not self._carries))
        self._said: KeyedRows[SaidLine, SaidRow] = KeyedRows(lambda line: line.key, SaidRow, names.PAST_SAID)
        self._filed: KeyedRows[FiledItem, FiledRow] = KeyedRows(
            lambda item: item.submission_id, lambda item: FiledRow(item, look), names.PAST_FILED
        )
        self._happened: KeyedRows[tuple[int, Happened], HappenedRow] = KeyedRows(
            lambda row: str(row[0]), lambda row: HappenedRow(), names.PAST_HAPPENED
        )
        self._nothing_said = Text(self.tr("Nothing was written in this visit."), "quiet", names.PAST_SAID_NONE)
        self._nothing_filed = Text(self.tr("Nothing was sent with this visit."), "quiet", names.PAST_FILED_NONE)
        self._lay_out()

    def show_record(self, shown: PastVisitView | None) -> None:
        """None: what was clear leaves the widgets."""
        self._when.say(day_and_clock(shown.at, self._now()) if shown is not None else "")
        self._long.say(shown.text if shown is not None else "")
        self._reason.say(self.tr("About: {reason}").format(reason=shown.reason) if shown and shown.reason else "")
        self._reason.setVisible(bool(self._reason.words()))
        for line, sentence in zip_longest(self._says, shown.says[:_SAYS] if shown is not None else ()):
            line.say(sentence)
        self._carries = shown is not None and shown.carries
        self._carry.setVisible(shown is not None and (shown.can_carry or shown.carries))
        self._carry.set_label(
            self.tr("Do not send it in the next visit") if self._carries else self.tr("Send it in the next visit")
        )
        self._said.show_rows(shown.said if shown is not None else (), SaidRow.draw)
        self._filed.show_rows(shown.filed if shown is not None else (), FiledRow.draw)
        happened = shown.happened if shown is not None else ()
        self._happened.show_rows(tuple(enumerate(happened)), lambda widget, row: widget.draw(row[1]))
        self._happened_card.setVisible(bool(happened))
        self._nothing_said.setVisible(shown is not None and not shown.said)
        self._nothing_filed.setVisible(shown is not None and not shown.filed)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        head = Card(16, 4)
        for widget in (self._when, self._long, self._reason, *self._says):
            head.body.addWidget(widget)
        head.body.addWidget(self._carry, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(head)
        self._add_heading(column, self.tr("What was written"))
        column.addWidget(self._nothing_said)
        column.addWidget(self._said)
        self._add_heading(column, self.tr("What was sent with the visit"))
        column.addWidget(self._nothing_filed)
        column.addWidget(self._filed)
        self._add_heading(column, self.tr("What happened"))
        self._happened_card = Card(16, 8)
        self._happened_card.body.addWidget(self._happened)
        column.addWidget(self._happened_card)

    @staticmethod
    def _add_heading(column: QVBoxLayout, words: str) -> None:
        """Nearer to what it stands over than to what is above it."""
        column.addSpacing(8)
        column.addWidget(Text(words, "heading"))


class PastVisitsPage(QWidget):
    """`look` opens a thing that was sent with a visit."""

    def __init__(self, commands: PastVisitsCommands, look: Callable[[str], None], now: Callable[[], datetime]) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.PAST)
        self._commands = commands
        self._opened: str | None = None
        self._back = ActionButton(names.PAST_BACK, self.tr("Back"), "back", Kind.SECONDARY)
        self._back.on_press(self._leave)
        self._title = Text(role="title", name=names.PAST_TITLE)
        self._none = Text(self.tr("There was no visit on this computer yet."), "quiet", names.PAST_NONE)
        self._rows: KeyedRows[PastVisitRow, VisitRow] = KeyedRows(
            lambda row: row.visit_id, lambda row: VisitRow(row, commands.open_visit, now), names.PAST_ROWS
        )
        self._more = ActionButton(names.PAST_MORE, self.tr("Show older visits"), "down", Kind.SECONDARY)
        self._more.on_press(commands.show_more)
        self._record = RecordSheet(commands, look, now)
        self._list, self._sheet = ScrollColumn(margin=12), ScrollColumn(margin=12)
        self._stack = QStackedWidget()
        self._lay_out()

    def show_view(self, view: PatientView | ProviderView) -> None:
        past = view.past
        opened = past.opened if past is not None else None
        before, self._opened = self._opened, opened.visit_id if opened is not None else None
        self._title.say(opened.title if opened is not None else self.tr("Earlier visits"))
        self._record.show_record(opened)
        rows = past.rows if past is not None else ()
        self._rows.show_rows(rows, VisitRow.draw)
        self._none.setVisible(past is not None and not rows and not past.loading)
        self._more.setVisible(past is not None and past.more)
        self._more.setEnabled(past is not None and not past.loading)
        self._stack.setCurrentWidget(self._sheet if opened is not None else self._list)
        if before != self._opened:
            self._sheet.verticalScrollBar().setValue(0)
            if self.isVisible():
                self._back.setFocus(Qt.FocusReason.OtherFocusReason)

    def put_away(self, view: PatientView | ProviderView) -> None:
        """Another page is shown: what was clear leaves the widgets."""
        self.show_view(view)

    def first_focus(self) -> QWidget:
        return self._back

    def _leave(self) -> None:
        if self._opened is not None:
            self._commands.close_visit()
        else:
            self._commands.close_list()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self._back)
        head.addWidget(self._title, 1)
        for widget in (self._none, self._rows):
            self._list.column.addWidget(widget)
        self._list.column.addWidget(self._more, 0, Qt.AlignmentFlag.AlignLeft)
        self._list.column.addStretch(1)
        self._sheet.column.addWidget(self._record)
        self._sheet.column.addStretch(1)
        self._stack.addWidget(self._list)
        self._stack.addWidget(self._sheet)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 12, 16, 14)
        outer.setSpacing(8)
        outer.addLayout(head)
        outer.addWidget(self._stack, 1)
