"""The provider's desk: an invitation is made and handed over; a visit is planned, by keys and by the driver."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QWidget

from app.presenters.views import DeskView, Page, PersonRow
from app.ui import names, samples
from app.ui.app import ProviderWindow
from app.ui.driver import Driver, said
from app.ui.invitation import find_invitation
from app.ui.pages.desk import next_quarter
from app.ui.words import clock, read_clock


def named(window: QWidget, name: str) -> QWidget:
    found = window.findChild(QWidget, name)
    assert found is not None, name
    return found


def desk(**changes: object):
    plain = DeskView(samples.PEOPLE, "", "", "Dr Lee")
    return samples.provider(Page.DESK, desk=replace(plain, **changes))


class Hand:
    def __init__(self, window: QWidget) -> None:
        self._out = io.StringIO()
        self._driver = Driver(window, self._out)

    def __call__(self, do: str, name: str, **more: object) -> dict[str, object]:
        self._driver.take(json.dumps({"id": 1, "do": do, "name": name, **more}))
        return json.loads(self._out.getvalue().splitlines()[-1])


@pytest.fixture
def hand(provider) -> Hand:
    return Hand(provider)


def test_an_invitation_is_made_for_the_name_typed(provider, commands, hand) -> None:
    provider.show_view(desk())
    assert not named(provider, names.DESK_INVITE).isEnabled()
    hand("type", names.DESK_NAME, text="  Bertha Olsen ")
    assert hand("click", names.DESK_INVITE)["ok"]
    assert commands.calls == [("invite_patient", ("Bertha Olsen",))]


def test_the_invitation_is_shown_read_and_copied(qapp, provider, hand) -> None:
    provider.show_view(desk())
    assert hand("visible", names.DESK_INVITATION)["visible"] is False
    assert hand("visible", names.DESK_COPY)["visible"] is False
    hand("type", names.DESK_NAME, text="Bertha Olsen")
    provider.show_view(desk(invitation=samples.INVITATION, invited_name="Bertha Olsen"))
    assert hand("text", names.DESK_INVITATION)["text"] == samples.INVITATION
    assert "Bertha Olsen" in said(named(provider, names.DESK_INVITED))
    assert said(named(provider, names.DESK_NAME)) == ""
    assert hand("click", names.DESK_COPY)["ok"]
    assert qapp.clipboard().text() == samples.INVITATION
    assert said(named(provider, names.DESK_COPY)) == "Copied"
    other = samples.INVITATION.replace("1ABC", "2ABC")
    provider.show_view(desk(invitation=other, invited_name="Anne"))
    assert said(named(provider, names.DESK_COPY)) == "Copy"
    provider.show_view(desk())
    assert hand("visible", names.DESK_INVITATION)["visible"] is False


@pytest.mark.parametrize("state", ["desk-invited", "desk-long"])
def test_what_is_marked_by_hand_enrols_too(qtbot, qapp, provider, state) -> None:
    """The lines are broken for the eye; what a person marks and copies must still be one code, all of it in sight."""
    view = samples.provider_views()[state]
    provider.show_view(view)
    text = named(provider, names.DESK_INVITATION)
    qtbot.waitUntil(lambda: text.verticalScrollBar().maximum() == 0, timeout=5000)
    qtbot.keyClick(text, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(text, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    found = find_invitation(qapp.clipboard().text())
    assert [found.address, found.code] == view.desk.invitation.splitlines()


def test_after_the_answer_the_focus_is_where_work_goes_on(qtbot, provider, hand) -> None:
    provider.show_view(desk())
    name = named(provider, names.DESK_NAME)
    hand("type", names.DESK_NAME, text="Bertha")
    qtbot.keyClick(name, Qt.Key.Key_Return)
    provider.show_view(replace(desk(), busy=True))
    provider.show_view(desk(invitation=samples.INVITATION, invited_name="Bertha"))
    assert provider.focusWidget() is named(provider, names.DESK_COPY)
    hand("type", names.DESK_NAME, text="Anne")
    qtbot.keyClick(name, Qt.Key.Key_Return)
    provider.show_view(replace(desk(invitation=samples.INVITATION, invited_name="Bertha"), busy=True))
    provider.show_view(desk(invitation=samples.INVITATION, invited_name="Bertha"))
    assert provider.focusWidget() is name
    assert said(name) == "Anne"


def test_a_visit_is_planned_for_the_next_quarter_of_an_hour(provider, commands, hand) -> None:
    provider.show_view(desk())
    assert not hand("click", names.DESK_ADD)["ok"]
    assert hand("choose", names.DESK_PATIENT, text="Tom Okafor") == {"id": 1, "ok": True, "text": "Tom Okafor"}
    assert hand("type", names.DESK_REASON, text=" Blood pressure ")["ok"]
    assert hand("text", names.DESK_MY_NAME)["text"] == "Dr Lee"
    assert hand("click", names.DESK_ADD)["ok"]
    start = datetime(2026, 11, 23, 14, 15).astimezone()
    assert commands.calls == [("add_visit", ("device0002", start, 20, "Blood pressure", "Dr Lee", ""))]
    assert commands.calls[0][1][1].tzinfo is not None


def test_now_another_day_and_other_minutes(qtbot, provider, commands, hand) -> None:
    provider.show_view(desk())
    hand("choose", names.DESK_PATIENT, text="Maria")
    hand("click", names.DESK_NOW)
    assert hand("choose", names.DESK_DAY, text="Tomorrow")["text"] == "Tomorrow"
    assert hand("type", names.DESK_MINUTES, text="45")["text"] == "45"
    hand("click", names.DESK_ADD)
    start = datetime(2026, 11, 24, 14, 10).astimezone()
    assert commands.calls == [("add_visit", ("device0001", start, 45, "", "Dr Lee", ""))]


@pytest.mark.parametrize(("steps", "expected"), [(1, (14, 15)), (-1, (14, 0)), (2, (14, 30)), (-57, (0, 0))])
def test_a_step_goes_to_the_next_quarter(provider, hand, steps, expected) -> None:
    provider.show_view(desk())
    hand("click", names.DESK_NOW)  # 14:10
    when = named(provider, names.DESK_WHEN)
    when.stepBy(steps)
    assert (when.clock().hour, when.clock().minute) == expected


def test_the_steps_are_pressed(qtbot, provider) -> None:
    provider.show_view(desk())
    minutes, when = named(provider, names.DESK_MINUTES), named(provider, names.DESK_WHEN)
    for field, expected in ((minutes, "25"), (when, clock(samples.NOW.replace(minute=30)))):
        middle = field.height() // 2
        qtbot.mouseClick(field, Qt.MouseButton.LeftButton, pos=QPoint(field.width() - 22, middle))
        assert said(field) == expected
    qtbot.mouseClick(minutes, Qt.MouseButton.LeftButton, pos=QPoint(minutes.width() - 66, minutes.height() // 2))
    assert said(minutes) == "20"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("14:30", (14, 30)), ("14.30", (14, 30)), ("1430", (14, 30)), ("9", (9, 0)), ("9h05", (9, 5))),
        *(("2:30 PM", (14, 30)), ("2:30\u202fPM", (14, 30)), ("12 am", (0, 0)), ("12:15 p.m.", (12, 15))),
        *(
            ("24:00", None),
            ("9:60", None),
            ("13 pm", None),
            ("0 am", None),
            ("soon", None),
            ("", None),
            ("1:2:3", None),
        ),
    ],
)
def test_times_as_people_write_them(text, expected) -> None:
    at = read_clock(text)
    assert (None if at is None else (at.hour, at.minute)) == expected


def test_what_is_no_time_is_said_and_holds_the_button_back(provider, hand) -> None:
    provider.show_view(desk())
    hand("choose", names.DESK_PATIENT, text="Tom")
    hand("type", names.DESK_WHEN, text="soon")
    assert hand("visible", names.DESK_NO_TIME)["visible"]
    assert not hand("click", names.DESK_ADD)["ok"]
    hand("type", names.DESK_WHEN, text="16")
    assert not hand("visible", names.DESK_NO_TIME)["visible"]
    assert hand("click", names.DESK_ADD)["ok"]
    assert said(named(provider, names.DESK_WHEN)) == clock(samples.NOW.replace(hour=16, minute=0))


def test_a_time_typed_key_by_key(provider, commands, hand) -> None:
    provider.show_view(desk())
    hand("choose", names.DESK_PATIENT, text="Tom")
    assert hand("type", names.DESK_WHEN, text="3:40 pm")["text"] == "3:40 pm"
    hand("click", names.DESK_ADD)
    assert commands.calls[0][1][1] == datetime(2026, 11, 23, 15, 40).astimezone()


@pytest.mark.parametrize(
    ("hour", "minute", "expected"), [(14, 10, (23, 14, 15)), (14, 15, (23, 14, 30)), (23, 50, (24, 0, 0))]
)
def test_the_next_quarter(hour, minute, expected) -> None:
    at = next_quarter(samples.NOW.replace(hour=hour, minute=minute, second=31))
    assert (at.day, at.hour, at.minute) == expected
    assert (at.second, at.microsecond) == (0, 0)


def test_late_in_the_evening_the_day_is_tomorrow(qtbot, qapp, commands, bridge, slots) -> None:
    window = ProviderWindow(commands, bridge, *slots, now=lambda: samples.NOW.replace(hour=23, minute=50))
    qtbot.addWidget(window)
    window.show()
    window.show_view(desk())
    assert said(named(window, names.DESK_DAY)) == "Tomorrow"


def test_who_has_not_connected_is_shown_but_not_choosable(provider, hand) -> None:
    provider.show_view(desk())
    box = named(provider, names.DESK_PATIENT)
    rows = [box.itemText(row) for row in range(box.count())]
    assert rows[2:] == ["Anne Whitfield (not confirmed yet)", "Bertha Olsen (invited, not connected yet)"]
    assert not hand("choose", names.DESK_PATIENT, text="Anne")["ok"]
    assert not hand("choose", names.DESK_PATIENT, text="Bertha")["ok"]
    assert not hand("choose", names.DESK_PATIENT, text="Nobody at all")["ok"]
    assert not hand("choose", names.DESK_NAME, text="Tom")["ok"]
    assert box.currentIndex() == -1
    assert not named(provider, names.DESK_NOBODY).isVisible()
    provider.show_view(desk(people=samples.PEOPLE[2:]))
    assert named(provider, names.DESK_NOBODY).isVisible()


def test_the_chosen_patient_stays_chosen_when_others_connect(provider, hand) -> None:
    provider.show_view(desk())
    hand("choose", names.DESK_PATIENT, text="Tom")
    provider.show_view(desk(people=(PersonRow("device0009", "Aaron Abel", True), *samples.PEOPLE)))
    assert said(named(provider, names.DESK_PATIENT)) == "Tom Okafor"
    provider.show_view(desk(people=samples.PEOPLE[:1]))
    assert named(provider, names.DESK_PATIENT).currentIndex() == -1
    assert not named(provider, names.DESK_ADD).isEnabled()


def test_a_form_left_is_empty_when_it_is_opened_again(provider, hand) -> None:
    provider.show_view(desk())
    hand("choose", names.DESK_PATIENT, text="Tom")
    hand("type", names.DESK_REASON, text="Blood pressure")
    hand("type", names.DESK_NAME, text="Bertha")
    hand("type", names.DESK_MY_NAME, text="Dr M. Lee")
    provider.show_view(samples.provider(Page.HOME))
    provider.show_view(desk(my_name="Dr M. Lee"))
    assert said(named(provider, names.DESK_PATIENT)) == ""
    assert said(named(provider, names.DESK_REASON)) == ""
    assert said(named(provider, names.DESK_NAME)) == ""
    assert said(named(provider, names.DESK_MY_NAME)) == "Dr M. Lee"


@pytest.mark.parametrize(
    ("button", "field"),
    [(names.DESK_OPEN_INVITE, names.DESK_NAME), (names.DESK_OPEN_PLAN, names.DESK_PATIENT)],
)
def test_each_button_leads_to_its_own_form(qtbot, provider, hand, button, field) -> None:
    provider.resize(800, 600)
    provider.show_view(samples.provider(Page.HOME))
    assert hand("click", button)["ok"]
    provider.show_view(desk(invitation=samples.INVITATION, invited_name="Bertha"))
    widget = named(provider, field)
    assert provider.focusWidget() is widget
    whole = widget.rect()
    qtbot.waitUntil(lambda: widget.visibleRegion().boundingRect() == whole, timeout=5000)


def test_the_keys_go_down_the_page_as_the_eye_does(provider, hand) -> None:
    provider.show_view(desk(invitation=samples.INVITATION, invited_name="Bertha"))
    hand("type", names.DESK_NAME, text="Anne")
    hand("choose", names.DESK_PATIENT, text="Tom")
    order = [
        *(names.DESK_BACK, names.DESK_NAME, names.DESK_INVITE, names.DESK_INVITATION, names.DESK_COPY),
        *(names.DESK_PATIENT, names.DESK_DAY, names.DESK_WHEN, names.DESK_NOW, names.DESK_MINUTES),
        *(names.DESK_REASON, names.DESK_MY_NAME, names.DESK_PHONE, names.DESK_ADD),
    ]
    named(provider, order[0]).setFocus()
    seen = [order[0]]
    for _ in range(40):
        provider.focusNextChild()
        seen.append(provider.focusWidget().objectName())
        if seen[-1] == order[-1]:
            break
    assert list(dict.fromkeys(seen)) == order


@pytest.mark.parametrize("turn", [-120, 120])
@pytest.mark.parametrize("name", [names.DESK_DAY, names.DESK_WHEN, names.DESK_MINUTES])
def test_the_wheel_over_a_field_changes_nothing(qapp, provider, hand, name, turn) -> None:
    """It scrolls the page on which the field lies: a day must not change unseen."""
    provider.show_view(desk())
    hand("choose", names.DESK_DAY, text="Tomorrow")
    field = named(provider, name)
    before = said(field)
    event = QWheelEvent(
        *(QPointF(5, 5), QPointF(5, 5), QPoint(0, 0), QPoint(0, turn)),
        *(Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False),
    )
    qapp.sendEvent(field, event)
    assert said(field) == before


def test_days_reach_months_ahead(provider) -> None:
    provider.show_view(desk())
    day = named(provider, names.DESK_DAY)
    assert day.itemData(0) == samples.NOW.date()
    assert day.itemData(day.count() - 1) >= samples.NOW.date() + timedelta(days=90)
