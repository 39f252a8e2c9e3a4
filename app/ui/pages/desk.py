"""The provider's desk: an invitation for a patient, a new visit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.presenters.views import DeskView, PersonRow, ProviderCommands, ProviderView
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.fields import ChoiceBox, ClockField, InvitationText, MinutesField, label_of, labelled
from app.ui.widgets.layout import Beside, Card, ScrollColumn, ground
from app.ui.widgets.text import Text
from app.ui.words import day

_DAYS = 120
_MINUTES = 20
_MOST_MINUTES = 240
_NAME_LONG = 200
_REASON_LONG = 500
_PHONE_LONG = 50


def next_quarter(now: datetime) -> datetime:
    """The first full quarter of an hour after `now`."""
    return now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0) + timedelta(minutes=15)


class InviteCard(Card):
    def __init__(self, invite: Callable[[str], None]) -> None:
        super().__init__(20, 10)
        self._send = invite
        self._asked = False
        self.name = QLineEdit()
        self.name.setObjectName(names.DESK_NAME)
        self.name.setMaxLength(_NAME_LONG)
        self._go = ActionButton(names.DESK_INVITE, self.tr("Make the invitation"), "", Kind.PRIMARY)
        self._busy = False
        self._for = Text(role="strong", name=names.DESK_INVITED)
        self._text = InvitationText(names.DESK_INVITATION)
        self._text.setAccessibleName(self.tr("The invitation: address and code"))
        self._copy = ActionButton(names.DESK_COPY, self.tr("Copy"), "copy", Kind.SECONDARY)
        self._how = Text(self.tr("Hand it over in person, by telephone or by letter. It works once and for 14 days."))
        self._made = (self._for, self._text, self._copy, self._how)
        self.name.textChanged.connect(self._show_button)
        self.name.returnPressed.connect(self._invite)
        self._go.on_press(self._invite)
        self._copy.on_press(self._to_clipboard)
        self.body.addWidget(Text(self.tr("Invite a patient"), "heading"))
        self.body.addWidget(Text(self.tr("You get an address and a code, which the patient types in once."), "quiet"))
        self.body.addLayout(labelled(self.tr("Name of the patient"), self.name))
        self.body.addWidget(self._go)
        self.body.addSpacing(8)
        for widget in self._made:
            self.body.addWidget(widget)
        self.body.addStretch(1)
        self._show_button()

    def draw(self, desk: DeskView, busy: bool) -> None:
        new = desk.invitation != self._text.words()
        self._busy = busy
        self._for.say(self.tr("Invitation for {name}").format(name=desk.invited_name))
        self._text.say(desk.invitation)
        for widget in self._made:
            widget.setVisible(bool(desk.invitation))
        if new:
            self._copy.set_label(self.tr("Copy"))
            if desk.invitation:
                self.name.clear()
        self._show_button()
        if self._asked and not busy:
            self._asked = False
            (self._copy if new else self.name).setFocus()

    def _show_button(self) -> None:
        self._go.setEnabled(not self._busy and bool(self.name.text().strip()))

    def _invite(self) -> None:
        if self._go.isEnabled():
            self._send(self.name.text().strip())

    def expect(self) -> None:
        """The answer moves the focus on: to the copy, or back to the name."""
        self._asked = True

    def _to_clipboard(self) -> None:
        QApplication.clipboard().setText(self._text.words())
        self._copy.set_label(self.tr("Copied"))


class PlanCard(Card):
    """`add` as ProviderCommands.add_visit; times go out in the system's zone."""

    def __init__(self, add: Callable[[str, datetime, int, str, str, str], None], now: Callable[[], datetime]) -> None:
        super().__init__(20, 10)
        self._add_visit = add
        self._now = now
        self._busy = False
        self._people: tuple[PersonRow, ...] | None = None
        self._known_name = ""
        self.patient = ChoiceBox(names.DESK_PATIENT, self.tr("Choose a patient"))
        self._nobody = Text(self.tr("Nobody has connected yet. Invite a patient first."), "quiet", names.DESK_NOBODY)
        self._day = ChoiceBox(names.DESK_DAY)
        self._when = ClockField(names.DESK_WHEN)
        self._no_time = Text(self.tr("Write the time like this: 14:30"), "quiet", names.DESK_NO_TIME)
        self._at_once = ActionButton(names.DESK_NOW, self.tr("Now"), "waiting", Kind.SECONDARY)
        self._minutes = MinutesField(names.DESK_MINUTES, _MINUTES, _MOST_MINUTES)
        self._reason = QLineEdit()
        self._reason.setObjectName(names.DESK_REASON)
        self._reason.setMaxLength(_REASON_LONG)
        self._my_name = QLineEdit()
        self._my_name.setObjectName(names.DESK_MY_NAME)
        self._my_name.setMaxLength(_NAME_LONG)
        self._phone = QLineEdit()
        self._phone.setObjectName(names.DESK_PHONE)
        self._phone.setMaxLength(_PHONE_LONG)
        self._known_phone = ""
        self._go = ActionButton(names.DESK_ADD, self.tr("Put the visit on the list"), "calendar", Kind.PRIMARY)
        self.patient.currentIndexChanged.connect(self._show_button)
        self._when.changed.connect(self._show_button)
        self._my_name.textChanged.connect(self._show_button)
        self._my_name.returnPressed.connect(self._add)
        self._at_once.on_press(lambda: self._set_start(self._now()))
        self._go.on_press(self._add)
        self._lay_out()
        self.clear()

    def clear(self) -> None:
        """An empty form, starting at the next quarter of an hour; one's own name stays."""
        now = self._now()
        self._day.clear()
        for away in range(_DAYS):
            at = now + timedelta(days=away)
            self._day.add(day(at, now), at.date())
        self._set_start(next_quarter(now))
        self.patient.setCurrentIndex(-1)
        self._minutes.setValue(_MINUTES)
        self._reason.clear()

    def draw(self, desk: DeskView, busy: bool) -> None:
        self._busy = busy
        if desk.people != self._people:
            self._people = desk.people
            self._list_people(desk.people)
        if desk.my_name != self._known_name:
            self._known_name = desk.my_name
            self._my_name.setText(desk.my_name)
            self._my_name.setCursorPosition(0)
        if desk.clinic_phone != self._known_phone:
            self._known_phone = desk.clinic_phone
            self._phone.setText(desk.clinic_phone)
        self._show_button()

    def _list_people(self, people: tuple[PersonRow, ...]) -> None:
        chosen = self.patient.currentData()
        self.patient.clear()
        for person in people:
            waits = self.tr("not confirmed yet") if person.device_id else self.tr("invited, not connected yet")
            words = (
                person.name if person.enrolled else self.tr("{name} ({state})").format(name=person.name, state=waits)
            )
            self.patient.add(words, person.device_id, choosable=person.enrolled)
        kept = self.patient.findData(chosen) if chosen else -1
        self.patient.setCurrentIndex(kept if self.patient.choosable(kept) else -1)
        anyone = any(person.enrolled for person in people)
        self._nobody.setVisible(not anyone)

    def _set_start(self, at: datetime) -> None:
        first = self._day.itemData(0)
        assert isinstance(first, date)
        self._day.setCurrentIndex(max((at.date() - first).days, 0))
        self._when.set_clock(at.time())

    def _show_button(self) -> None:
        timed = self._when.clock() is not None
        self._no_time.setVisible(not timed)
        ready = timed and self.patient.currentIndex() >= 0 and bool(self._my_name.text().strip())
        self._go.setEnabled(ready and not self._busy)

    def _add(self) -> None:
        if not self._go.isEnabled():
            return
        on = self._day.currentData()
        at = self._when.clock()
        assert isinstance(on, date)
        assert at is not None
        starts_at = datetime.combine(on, at).astimezone()
        self._add_visit(
            str(self.patient.currentData()),
            starts_at,
            self._minutes.value(),
            self._reason.text().strip(),
            self._my_name.text().strip(),
            self._phone.text().strip(),
        )

    def _lay_out(self) -> None:
        body = self.body
        body.addWidget(Text(self.tr("Plan a visit"), "heading"))
        body.addLayout(labelled(self.tr("Patient"), self.patient))
        body.addWidget(self._nobody)
        body.addLayout(labelled(self.tr("Day"), self._day))
        times = QGridLayout()
        times.setHorizontalSpacing(8)
        times.setVerticalSpacing(4)
        times.addWidget(label_of(self._when, self.tr("Time")), 0, 0)
        times.addWidget(label_of(self._minutes, self.tr("Minutes")), 0, 2)
        for place, field in enumerate((self._when, self._at_once, self._minutes)):
            times.addWidget(field, 1, place)
        times.setColumnStretch(0, 2)
        times.setColumnStretch(2, 1)
        body.addLayout(times)
        body.addWidget(self._no_time)
        body.addLayout(labelled(self.tr("Reason"), self._reason))
        body.addLayout(labelled(self.tr("Your name as the patient reads it"), self._my_name))
        body.addLayout(labelled(self.tr("Telephone, should the connection be lost (may stay empty)"), self._phone))
        body.addSpacing(4)
        body.addWidget(self._go)
        body.addStretch(1)


class DeskPage(QWidget):
    def __init__(self, commands: ProviderCommands, now: Callable[[], datetime]) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.DESK)
        self._commands = commands
        self._back = ActionButton(names.DESK_BACK, self.tr("Back"), "back", Kind.SECONDARY)
        self._back.on_press(commands.close_desk)
        self._invite = InviteCard(self._send_invitation)
        self._plan = PlanCard(commands.add_visit, now)
        self._aim: QWidget = self._invite.name
        head = QHBoxLayout()
        head.setContentsMargins(24, 0, 24, 0)
        head.setSpacing(14)
        head.addWidget(self._back, 0)
        head.addWidget(Text(self.tr("Invitations and visits"), "title"), 1)
        self._scroll = ScrollColumn(1240, 16)
        cards = Beside(860, 16)
        cards.add(self._invite, 1)
        cards.add(self._plan, 1)
        self._scroll.column.addWidget(cards)
        self._scroll.column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 12, 0, 0)
        outer.setSpacing(0)
        outer.addLayout(head)
        outer.addWidget(self._scroll, 1)

    def aim_at_invitation(self) -> None:
        """The page opens with the name of the person to invite under the hand."""
        self._aim = self._invite.name

    def aim_at_visit(self) -> None:
        self._aim = self._plan.patient

    def first_focus(self) -> QWidget:
        return self._aim

    def show_view(self, view: ProviderView) -> None:
        if view.desk is not None:
            self._invite.draw(view.desk, view.busy)
            self._plan.draw(view.desk, view.busy)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not event.spontaneous():
            self._plan.clear()
            QTimer.singleShot(0, self, lambda: self._scroll.ensureWidgetVisible(self._aim, 0, 80))

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not event.spontaneous():
            self._invite.name.clear()

    def _send_invitation(self, name: str) -> None:
        self._invite.expect()
        self._commands.invite_patient(name)
