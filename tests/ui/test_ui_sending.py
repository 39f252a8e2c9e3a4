"""The pages of sending: what a person presses and types reaches the presenter, and no keystroke is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.offline.plan import Metered
from app.presenters.views import Page
from app.ui import samples, sending_names
from app.ui.gallery import settle
from app.ui.sending_samples import DAYS, EMPTY, FULL, SENT

VIEWS = samples.patient_views()
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


def named(window: QWidget, name: str) -> QWidget:
    settle()
    found = [w for w in window.findChildren(QWidget, name) if w.isVisible()]
    assert len(found) == 1, name
    return found[0]


def press(qtbot, window: QWidget, name: str) -> None:
    widget = named(window, name)
    assert widget.isEnabled()
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=widget.rect().center())


def compose(**changes: object):
    view = VIEWS["send-empty"]
    return replace(view, sending=replace(view.sending, compose=replace(EMPTY, **changes)))


def test_from_home_to_a_purpose(patient, commands, qtbot) -> None:
    patient.show_view(VIEWS["send-home"])
    press(qtbot, patient, sending_names.HOME_SEND)
    press(qtbot, patient, sending_names.draft_open("draft0001"))
    press(qtbot, patient, sending_names.item_open("item0001"))
    press(qtbot, patient, sending_names.HOME_CHOICES)
    patient.show_view(VIEWS["send-purposes"])
    press(qtbot, patient, sending_names.purpose("refill"))
    press(qtbot, patient, sending_names.SEND_BACK)
    assert commands.calls == [
        ("open_send", ()),
        ("open_draft", ("draft0001",)),
        ("open_item", ("item0001",)),
        ("open_choices", ()),
        ("choose_purpose", ("refill",)),
        ("leave_send", ()),
    ]


def test_every_way_to_add_and_to_take_out(patient, commands, qtbot) -> None:
    patient.resize(1024, 1400)
    patient.show_view(VIEWS["send-full"])
    for name in ("SEND_PHOTO", "SEND_READINGS", "SEND_CLIP", "SEND_VOICE", "SEND_URGENT"):
        press(qtbot, patient, getattr(sending_names, name))
    press(qtbot, patient, sending_names.offered_form("f0"))
    for key in ("part.p2", "form.http://f|1", "reading.0"):
        press(qtbot, patient, sending_names.added_remove(key))
    press(qtbot, patient, sending_names.added_open("form.http://f|1"))
    assert commands.calls == [
        ("take_photo", ()),
        ("open_readings", ()),
        ("open_recording", (True,)),
        ("open_recording", (False,)),
        ("set_urgent", (False,)),
        ("open_form", ("f0",)),
        ("remove_part", ("p2",)),
        ("remove_form", ("http://f|1",)),
        ("remove_reading", (0,)),
        ("resume_form", ("http://f|1",)),
    ]


def test_the_message_is_kept_while_it_is_written_and_no_old_view_undoes_it(patient, commands, qtbot) -> None:
    patient.show_view(compose())
    note = named(patient, sending_names.SEND_NOTE)
    qtbot.keyClicks(note, "It itches")
    qtbot.waitUntil(lambda: commands.calls == [("set_note", (EMPTY.draft, "It itches"))], timeout=5000)
    qtbot.keyClicks(note, " at night")
    patient.show_view(compose(urgent=True))
    assert note.toPlainText() == "It itches at night", "a view from before does not take letters away"
    patient.show_view(compose(note="It itches"))
    assert note.toPlainText() == "It itches at night"
    press(qtbot, patient, sending_names.SEND_GO)
    assert commands.calls[-1] == ("send_draft", ("It itches at night",))


def test_what_the_presenter_adds_to_the_message_is_shown(patient, qtbot) -> None:
    patient.show_view(compose(note="Warm."))
    note = named(patient, sending_names.SEND_NOTE)
    assert note.toPlainText() == "Warm."
    patient.show_view(compose(note="Warm.\nScale by a bank card."))
    assert note.toPlainText() == "Warm.\nScale by a bank card."


def test_leaving_the_page_keeps_the_message(patient, commands, qtbot) -> None:
    patient.show_view(compose())
    qtbot.keyClicks(named(patient, sending_names.SEND_NOTE), "Hot")
    patient.show_view(VIEWS["home"])
    assert commands.calls == [("set_note", (EMPTY.draft, "Hot"))]


def test_throwing_away_asks_first(patient, commands, qtbot) -> None:
    patient.show_view(VIEWS["send-full"])
    press(qtbot, patient, sending_names.SEND_DISCARD)
    press(qtbot, patient, sending_names.SEND_DISCARD_NO)
    assert commands.calls == []
    press(qtbot, patient, sending_names.SEND_DISCARD)
    press(qtbot, patient, sending_names.SEND_DISCARD_YES)
    assert commands.calls == [("discard_draft", (FULL.draft,))]


def test_a_reading_is_typed_with_its_unit(patient, commands, qtbot) -> None:
    patient.show_view(VIEWS["send-reading"])
    press(qtbot, patient, sending_names.measure("temperature"))
    patient.show_view(VIEWS["send-reading-doubt"])
    qtbot.keyClicks(named(patient, sending_names.READING_FIELD), "41,5")
    named(patient, sending_names.READING_UNIT).setCurrentIndex(1)
    qtbot.keyClick(named(patient, sending_names.READING_FIELD), Qt.Key.Key_Return)
    assert commands.calls == [("choose_measure", ("temperature",)), ("add_reading", ("41,5", "[degF]", None))]
    view = VIEWS["send-reading-doubt"]
    shown = replace(view.sending.reading, added=1, says=None, doubt=False)
    patient.show_view(replace(view, sending=replace(view.sending, reading=shown)))
    assert named(patient, sending_names.READING_FIELD).text() == ""
    patient.show_view(VIEWS["send-reading"])
    assert not named(patient, sending_names.measure("temperature")).isChecked()


def test_a_reading_may_have_been_taken_earlier(patient, commands, qtbot) -> None:
    patient.show_view(VIEWS["send-reading-doubt"])
    press(qtbot, patient, sending_names.READING_EARLIER)
    named(patient, sending_names.READING_DAY).setCurrentIndex(1)
    named(patient, sending_names.READING_TIME).lineEdit().setText("half past")
    qtbot.keyClicks(named(patient, sending_names.READING_FIELD), "37")
    press(qtbot, patient, sending_names.READING_ADD)
    assert commands.calls == [], "a time that cannot be read is asked for"
    named(patient, sending_names.READING_TIME).lineEdit().setText("7:30")
    press(qtbot, patient, sending_names.READING_ADD)
    yesterday = DAYS[1][0]
    assert commands.calls == [("add_reading", ("37", "Cel", (yesterday, time(7, 30))))]
    press(qtbot, patient, sending_names.READING_NOW)
    press(qtbot, patient, sending_names.READING_ADD)
    assert commands.calls[-1] == ("add_reading", ("37", "Cel", None))


def test_the_full_photo_may_wait_for_a_better_connection(patient, commands, qtbot) -> None:
    for name, on in (("send-sent-sending", True), ("send-sent-waits", False)):
        patient.show_view(VIEWS[name])
        press(qtbot, patient, sending_names.SENT_KEPT_WAITS)
        assert commands.calls[-1] == ("let_kept_wait", ("item0001", on))
    patient.show_view(VIEWS["send-choices"])
    press(qtbot, patient, sending_names.CHOICES_FULL_SIZE)
    assert commands.calls[-1] == ("set_full_size", (True,))


def test_recording_begins_ends_and_is_left(patient, commands, qtbot) -> None:
    patient.show_view(VIEWS["send-record-voice"])
    press(qtbot, patient, sending_names.RECORD_START)
    patient.show_view(VIEWS["send-record-clip"])
    press(qtbot, patient, sending_names.RECORD_STOP)
    press(qtbot, patient, sending_names.RECORD_LEAVE)
    assert [call[0] for call in commands.calls] == ["start_recording", "stop_recording", "leave_recording"]


def test_one_sent_thing(patient, commands, qtbot) -> None:
    patient.show_view(VIEWS["send-sent-sending"])
    for name in (sending_names.SENT_ADD, sending_names.SENT_FIRST, sending_names.SENT_SEND_KEPT):
        press(qtbot, patient, name)
    press(qtbot, patient, sending_names.SENT_WITHDRAW)
    patient.show_view(VIEWS["send-sent-withdraw"])
    press(qtbot, patient, sending_names.SENT_WITHDRAW_NO)
    press(qtbot, patient, sending_names.SENT_WITHDRAW_YES)
    patient.show_view(VIEWS["send-sent-question"])
    press(qtbot, patient, sending_names.reply_answer("reply0002"))
    assert named(patient, sending_names.reply_text("reply0001")).words() == SENT["answered"].replies[0].text
    press(qtbot, patient, sending_names.SENT_BACK)
    assert commands.calls == [
        ("add_to_item", ("item0001",)),
        ("send_first", ("item0001",)),
        ("send_kept", ("item0001",)),
        ("withdraw_item", ("item0001",)),
        ("confirm_withdraw", (False,)),
        ("confirm_withdraw", (True,)),
        ("answer_reply", ("reply0002",)),
        ("close_item", ()),
    ]


def test_how_things_are_sent(patient, commands, qtbot) -> None:
    patient.show_view(VIEWS["send-choices-metered"])
    press(qtbot, patient, sending_names.CHOICES_PAUSED)
    press(qtbot, patient, sending_names.metered("nothing"))
    press(qtbot, patient, sending_names.CHOICES_METERED_LINK)
    press(qtbot, patient, sending_names.CHOICES_BACK)
    assert commands.calls == [
        ("set_paused", (False,)),
        ("set_metered", (Metered.NOTHING,)),
        ("set_link_metered", (False,)),
        ("close_choices", ()),
    ]


def test_the_photos_size_and_the_card(patient, commands, qtbot) -> None:
    patient.show_view(VIEWS["send-photo-sizes"])
    assert named(patient, sending_names.photo_size(2048)).isChecked()
    press(qtbot, patient, sending_names.photo_size(640))
    patient.show_view(VIEWS["send-photo-card"])
    press(qtbot, patient, sending_names.PHOTO_CARD)
    assert commands.calls == [("choose_size", (640,)), ("use_card", (False,))]


def test_a_forms_page_is_in_the_window(patient, commands, qtbot) -> None:
    patient.show_view(VIEWS["send-form"])
    assert patient.centralWidget().isVisible()
    from app.ui import names

    press(qtbot, patient, names.FORM_CLOSE)
    assert commands.calls[-1] == ("close_form", ())
    assert VIEWS["send-form"].page is Page.FORM
