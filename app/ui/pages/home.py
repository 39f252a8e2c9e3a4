"""The patient's home: the next visit with one big way in, a photo or a file at any time, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.presenters.sending_views import DraftRow
from app.presenters.views import ItemView, NextVisit, PatientCommands, PatientView
from app.ui import names, past_names, sending_names
from app.ui.pages.files import ask_for_files
from app.ui.pages.lock import LockRow
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.item_list import BegunRow, SentRow
from app.ui.widgets.layout import Card, KeyedRows, ScrollColumn, ground
from app.ui.widgets.text import SentenceLine, Text
from app.ui.words import day_and_clock


class NextVisitCard(Card):
    """When and with whom, in plain words, and the way in."""

    def __init__(self, join: Callable[[str], None], past: Callable[[], None], now: Callable[[], datetime]) -> None:
        super().__init__(24, 8)
        self._now = now
        self._visit_id = ""
        self._heading = Text(self.tr("Your next visit"), "quiet")
        self._when = Text(role="title", name=names.HOME_WHEN)
        self._with = Text(role="heading", name=names.HOME_WITH)
        self._reason = Text(name=names.HOME_REASON)
        self._join = ActionButton(names.HOME_JOIN, self.tr("Join the visit"), "camera", Kind.PRIMARY, large=True)
        self._phone = Text(role="quiet", name=names.HOME_PHONE)
        self._join.on_press(lambda: join(self._visit_id))
        self._past = ActionButton(past_names.OPEN_PAST, self.tr("Earlier visits"), "calendar", Kind.SECONDARY)
        self._past.on_press(past)
        words = QVBoxLayout()
        words.setSpacing(8)
        for widget in (self._heading, self._when, self._with, self._reason):
            words.addWidget(widget)
        top = QHBoxLayout()
        top.addLayout(words, 1)
        top.addWidget(self._past, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(top)
        self.body.addWidget(self._join)
        self.body.addWidget(self._phone)

    def draw(self, visit: NextVisit | None, busy: bool) -> None:
        for widget in (self._with, self._join):
            widget.setVisible(visit is not None)
        self._reason.setVisible(visit is not None and bool(visit.reason))
        self._phone.setVisible(visit is not None and bool(visit.clinic_phone))
        if visit is None:
            self._when.say(self.tr("No visit is planned"))
            return
        self._visit_id = visit.visit_id
        self._when.say(day_and_clock(visit.starts_at, self._now()))
        self._with.say(self.tr("with {name}").format(name=visit.with_name))
        self._reason.say(visit.reason)
        self._phone.say(self.tr("Telephone of the clinic: {number}").format(number=visit.clinic_phone))
        label = self.tr("Joining…") if busy else self.tr("Join the visit with {name}").format(name=visit.with_name)
        self._join.set_label(label)
        self._join.setEnabled(not busy)

    def way_in(self) -> QWidget:
        return self._join


class HomePage(QWidget):
    def __init__(self, commands: PatientCommands, now: Callable[[], datetime]) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.HOME)
        self._commands = commands
        self._clinic = SentenceLine(names.CLINIC_STATE)
        self._visit = NextVisitCard(commands.join, commands.past_visits.open_list, now)
        self._send = ActionButton(
            sending_names.HOME_SEND, self.tr("Send something"), "sending", Kind.SECONDARY, large=True
        )
        self._send.on_press(commands.drafting.open_send)
        self._choices = ActionButton(sending_names.HOME_CHOICES, self.tr("How things are sent"), "sliders", Kind.QUIET)
        self._choices.on_press(commands.items.open_choices)
        self._drafts: KeyedRows[DraftRow, BegunRow] = KeyedRows(
            lambda draft: draft.draft,
            lambda draft: BegunRow(draft, commands.drafting.open_draft),
            sending_names.HOME_DRAFTS,
        )
        self._photo = ActionButton(names.HOME_PHOTO, self.tr("Take a photo"), "photo", Kind.SECONDARY, large=True)
        self._file = ActionButton(names.HOME_FILE, self.tr("Choose a photo"), "file", Kind.SECONDARY, large=True)
        self._sound = ActionButton(
            names.OPEN_SOUND, self.tr("Try your microphone and loudspeaker"), "ear", Kind.SECONDARY
        )
        self._sound.on_press(commands.open_sound)
        self._photo.on_press(commands.start_photo)
        self._file.on_press(self._choose)
        self._none = Text(
            self.tr("Photos and files that you send to the clinic appear here."), "quiet", names.HOME_NOTHING_SENT
        )
        self._rows: KeyedRows[ItemView, SentRow] = KeyedRows(
            lambda item: item.submission_id,
            lambda item: SentRow(item, commands.try_again, commands.items.open_item),
            names.HOME_ITEMS,
        )
        self._lock = LockRow(commands.open_lock)
        self._lay_out()

    def show_view(self, view: PatientView) -> None:
        self._lock.draw(view.lock)
        self._clinic.say(view.clinic)
        self._visit.draw(view.next_visit, view.busy)
        self._rows.show_rows(view.items, SentRow.draw)
        self._none.setVisible(not view.items)
        drafts = view.sending.drafts if view.sending is not None else ()
        self._drafts.show_rows(drafts, BegunRow.draw)
        for part in (self._begun, self._drafts):
            part.setVisible(bool(drafts))

    def first_focus(self) -> QWidget:
        return self._visit.way_in() if self._visit.way_in().isVisibleTo(self) else self._photo

    def _lay_out(self) -> None:
        scroll = ScrollColumn(margin=16)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        column = scroll.column
        column.setSpacing(12)
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._clinic, 1)
        top.addWidget(self._sound)
        column.addLayout(top)
        column.addWidget(self._visit)
        column.addWidget(Text(self.tr("Show or tell the clinic something, at any time"), "heading"))
        ways = QHBoxLayout()
        ways.setSpacing(8)
        ways.addWidget(self._send, 1)
        ways.addWidget(self._photo, 1)
        ways.addWidget(self._file, 1)
        column.addLayout(ways)
        self._begun = Text(self.tr("Begun, not sent yet"), "heading")
        column.addWidget(self._begun)
        column.addWidget(self._drafts)
        sent = QHBoxLayout()
        sent.addWidget(Text(self.tr("What you have sent"), "heading"), 1)
        sent.addWidget(self._choices)
        column.addLayout(sent)
        column.addWidget(self._none)
        column.addWidget(self._rows)
        column.addWidget(self._lock)
        column.addStretch(1)

    def _choose(self) -> None:
        def chosen(paths: list[Path]) -> None:
            self._commands.add_files(paths)

        ask_for_files(self, chosen, photos=True)
