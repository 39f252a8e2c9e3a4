"""The patient's home: the next visit with one big way in, a photo or a file at any time, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from app.presenters.views import ItemStage, ItemView, Level, NextVisit, PatientCommands, PatientView
from app.ui import names
from app.ui.pages.files import ask_for_files
from app.ui.style import QUIET, TEAL, TONES, Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.icons import icon
from app.ui.widgets.layout import Card, KeyedRows, ScrollColumn, ground
from app.ui.widgets.text import SentenceLine, Text
from app.ui.words import day_and_clock

_STAGES: dict[ItemStage, tuple[str, str]] = {
    ItemStage.SAVED: ("saved", TEAL),
    ItemStage.WAITING: ("waiting", QUIET),
    ItemStage.SENDING: ("sending", TEAL),
    ItemStage.RECEIVED: ("received", TONES[Level.GOOD].ink),
    ItemStage.SEEN: ("seen", TONES[Level.GOOD].ink),
    ItemStage.NEEDS_MORE: ("warn", TONES[Level.WARN].ink),
    ItemStage.ANSWERED: ("seen", TONES[Level.GOOD].ink),
    ItemStage.WITHDRAWN: ("saved", QUIET),
    ItemStage.NEEDS_YOU: ("warn", TONES[Level.WARN].ink),
}


class SentRow(Card):
    """One thing sent or to be sent: its stage as a sign and in words, and how far it is."""

    def __init__(self, item: ItemView, again: Callable[[str], None]) -> None:
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
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._title)
        words.addWidget(self._text)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addLayout(words, 1)
        row.addWidget(self._again, 0)
        self.body.addLayout(row)
        self.body.addWidget(self._progress)

    def draw(self, item: ItemView) -> None:
        sign, colour = _STAGES[item.stage]
        self._sign.setPixmap(icon(sign, colour, 30, self.devicePixelRatioF()))
        self._sign.setAccessibleName(item.text)
        self._title.say(item.title)
        self._text.say(item.text)
        self._progress.setVisible(item.stage is ItemStage.SENDING)
        self._progress.setValue(round(1000 * min(max(item.fraction, 0.0), 1.0)))
        self._progress.setAccessibleName(item.text)
        self._again.setVisible(item.stage is ItemStage.NEEDS_YOU)


class NextVisitCard(Card):
    """When and with whom, in plain words, and the way in."""

    def __init__(self, join: Callable[[str], None], now: Callable[[], datetime]) -> None:
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
        for widget in (self._heading, self._when, self._with, self._reason, self._join, self._phone):
            self.body.addWidget(widget)

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
        self._visit = NextVisitCard(commands.join, now)
        self._photo = ActionButton(names.HOME_PHOTO, self.tr("Take a photo"), "photo", Kind.SECONDARY, large=True)
        self._file = ActionButton(names.HOME_FILE, self.tr("Choose a file"), "file", Kind.SECONDARY, large=True)
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
            lambda item: item.submission_id, lambda item: SentRow(item, commands.try_again), names.HOME_ITEMS
        )
        self._lay_out()

    def show_view(self, view: PatientView) -> None:
        self._clinic.say(view.clinic)
        self._visit.draw(view.next_visit, view.busy)
        self._rows.show_rows(view.items, SentRow.draw)
        self._none.setVisible(not view.items)

    def first_focus(self) -> QWidget:
        return self._visit.way_in() if self._visit.way_in().isVisibleTo(self) else self._photo

    def _lay_out(self) -> None:
        scroll = ScrollColumn(margin=18)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        column = scroll.column
        column.setSpacing(14)
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._clinic, 1)
        top.addWidget(self._sound)
        column.addLayout(top)
        column.addWidget(self._visit)
        column.addWidget(Text(self.tr("Show the clinic something, at any time"), "heading"))
        ways = QHBoxLayout()
        ways.setSpacing(8)
        ways.addWidget(self._photo, 1)
        ways.addWidget(self._file, 1)
        column.addLayout(ways)
        column.addWidget(Text(self.tr("What you have sent"), "heading"))
        column.addWidget(self._none)
        column.addWidget(self._rows)
        column.addStretch(1)

    def _choose(self) -> None:
        def chosen(paths: list[Path]) -> None:
            self._commands.add_files(paths)

        ask_for_files(self, chosen)
