"""The provider's day: who comes and who waits; what came in and is not yet read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import zip_longest

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.presenters.review_views import InboxRow
from app.presenters.views import Level, ProviderCommands, ProviderView, ScheduleRow
from app.ui import names, past_names
from app.ui.pages.lock import LockRow
from app.ui.style import QUIET, TARGET, TEAL, TONES, Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.icons import icon
from app.ui.widgets.layout import Beside, Card, KeyedRows, ScrollColumn, ground
from app.ui.widgets.text import SentenceLine, Text
from app.ui.words import day_and_clock

_TOLD = 3  # sentences of a row


class SignedText(QWidget):
    """A small sign and a word or two: a row's state."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._sign = QLabel()
        self._sign.setFixedSize(22, 22)
        self._text = Text(role="strong", name=name)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._sign)
        row.addWidget(self._text, 1)

    def say(self, sign: str, colour: str, words: str) -> None:
        self._sign.setPixmap(icon(sign, colour, 20, self.devicePixelRatioF()))
        self._sign.setAccessibleName(words)
        self._text.say(words)


def _row(words: Sequence[QWidget], button: QWidget) -> QWidget:
    """The words with the button beside them where there is room, else under them."""
    said = QWidget()
    column = QVBoxLayout(said)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(3)
    for widget in words:
        column.addWidget(widget)
    row = Beside(400, 8)
    row.add(said, 1)
    row.add(button, 0)
    return row


class ScheduleCard(Card):
    def __init__(self, row: ScheduleRow, start: Callable[[str], None], now: Callable[[], datetime]) -> None:
        super().__init__(12, 4)
        key = row.visit_id
        self._now = now
        self._when = Text(role="quiet")
        self._patient = Text(role="heading", name=names.schedule_patient(key))
        self._reason = Text()
        self._state = SignedText(names.schedule_state(key))
        self._start = ActionButton(names.schedule_start(key), self.tr("Start the visit"), "camera", Kind.SECONDARY)
        self._start.on_press(lambda: start(key))
        self.body.addWidget(_row((self._when, self._patient, self._reason, self._state), self._start))

    def draw(self, row: ScheduleRow, busy: bool) -> None:
        self._when.say(day_and_clock(row.starts_at, self._now()))
        self._patient.say(row.patient_name)
        self._reason.say(row.reason)
        self._reason.setVisible(bool(row.reason))
        if row.live:
            self._state.say("speech", TEAL, self.tr("In the visit"))
        elif row.waiting:
            self._state.say("person", TONES[Level.GOOD].ink, self.tr("Waiting for you"))
        else:
            self._state.say("waiting", QUIET, self.tr("Not here yet"))
        here = row.waiting or row.live
        self.mark(here)
        self._start.set_label(self.tr("Go back to the visit") if row.live else self.tr("Start the visit"))
        self._start.set_look("camera", Kind.PRIMARY if here else Kind.SECONDARY)
        self._start.setEnabled(not busy)


class InboxCard(Card):
    def __init__(self, row: InboxRow, open_item: Callable[[str], None], now: Callable[[], datetime]) -> None:
        super().__init__(12, 4)
        key = row.submission_id
        self._now = now
        self._state = SignedText(names.inbox_state(key))
        self._patient = Text(role="heading", name=names.inbox_patient(key))
        self._holds = Text(name=names.inbox_holds(key))
        self._told = [SentenceLine(names.inbox_told(key, n), announce=False) for n in range(_TOLD)]
        self._due = SentenceLine(names.inbox_due(key), announce=False)
        self._when = Text(role="quiet")
        self._open = ActionButton(names.inbox_open(key), self.tr("Open"), "", Kind.SECONDARY)
        self._open.on_press(lambda: open_item(key))
        words = (self._state, self._patient, self._holds, *self._told, self._due, self._when)
        self.body.addWidget(_row(words, self._open))

    def draw(self, row: InboxRow, busy: bool) -> None:
        if row.answered:
            self._state.say("received", QUIET, self.tr("Answered"))
        elif row.opened:
            self._state.say("opened", QUIET, self.tr("Opened"))
        else:
            self._state.say("unread", TEAL, self.tr("New"))
        self.mark(not row.opened)
        self._patient.say(row.patient_name)
        self._holds.say(f"{row.purpose}: {row.holds}" if row.purpose else row.holds)
        for line, told in zip_longest(self._told, row.told[:_TOLD]):
            line.say(told)
        self._due.say(row.due)
        self._when.say(self.tr("Received: {when}").format(when=day_and_clock(row.received_at, self._now())))
        self._open.set_look("", Kind.SECONDARY)
        self._open.setEnabled(not busy)


class DayPage(QWidget):
    """`invite` and `plan` turn the desk to its one or its other card, before it is opened."""

    def __init__(
        self,
        commands: ProviderCommands,
        now: Callable[[], datetime],
        invite: Callable[[], None],
        plan: Callable[[], None],
    ) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.DAY)
        self._clinic = SentenceLine(names.CLINIC_STATE)
        self._schedule: KeyedRows[tuple[ScheduleRow, bool], ScheduleCard] = KeyedRows(
            lambda row: row[0].visit_id, lambda row: ScheduleCard(row[0], commands.start_visit, now), names.SCHEDULE
        )
        self._inbox: KeyedRows[tuple[InboxRow, bool], InboxCard] = KeyedRows(
            lambda row: row[0].submission_id, lambda row: InboxCard(row[0], commands.open_item, now), names.INBOX
        )
        self._no_visits = Text(self.tr("No visits are planned."), "quiet", names.SCHEDULE_NONE)
        self._no_items = Text(self.tr("Nothing has come in."), "quiet", names.INBOX_NONE)
        self._count = Text(role="quiet", name=names.INBOX_COUNT)
        self._invite = ActionButton(names.DESK_OPEN_INVITE, self.tr("Invite a patient"), "invite", Kind.SECONDARY)
        self._plan = ActionButton(names.DESK_OPEN_PLAN, self.tr("Plan a visit"), "calendar", Kind.SECONDARY)
        self._sound = ActionButton(names.OPEN_SOUND, self.tr("Sound and camera"), "sliders", Kind.SECONDARY)
        self._sound.on_press(commands.open_sound)
        for button, aim in ((self._invite, invite), (self._plan, plan)):
            button.on_press(aim)
            button.on_press(commands.open_desk)
        self._past = ActionButton(past_names.OPEN_PAST, self.tr("Earlier visits"), "calendar", Kind.SECONDARY)
        self._past.on_press(commands.past_visits.open_list)
        self._lock = LockRow(commands.open_lock)
        self._lay_out()

    def show_view(self, view: ProviderView) -> None:
        self._lock.draw(view.lock)
        self._clinic.say(view.clinic)
        self._schedule.show_rows([(row, view.busy) for row in view.schedule], lambda card, row: card.draw(*row))
        self._inbox.show_rows([(row, view.busy) for row in view.inbox], lambda card, row: card.draw(*row))
        self._no_visits.setVisible(not view.schedule)
        self._no_items.setVisible(not view.inbox)
        new = sum(not row.opened for row in view.inbox)
        self._count.say(self.tr("{n} new").format(n=new) if new else "")

    def first_focus(self) -> QWidget:
        return self

    def _lay_out(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 16, 0, 0)
        top = QHBoxLayout()
        top.setContentsMargins(24, 0, 24, 0)
        top.setSpacing(8)
        top.addWidget(self._clinic, 1)
        top.addWidget(self._sound)
        top.addWidget(self._invite)
        top.addWidget(self._plan)
        outer.addLayout(top)
        sides = QHBoxLayout()
        sides.setSpacing(0)
        left = self._column(self.tr("Visits"), self._past, self._no_visits, self._schedule, self._lock)
        right = self._column(self.tr("Sent by patients"), self._count, self._no_items, self._inbox)
        sides.addWidget(left, 1)
        sides.addWidget(right, 1)
        outer.addLayout(sides, 1)

    @staticmethod
    def _column(title: str, beside: QWidget | None, *rows: QWidget) -> QWidget:
        scroll = ScrollColumn(720, 20)
        head = QHBoxLayout()
        head.addStrut(TARGET)
        head.addWidget(Text(title, "title"), 1)
        if beside is not None:
            head.addWidget(beside, 0, Qt.AlignmentFlag.AlignVCenter)
        scroll.column.addLayout(head)
        for row in rows:
            scroll.column.addWidget(row)
        scroll.column.addStretch(1)
        return scroll
