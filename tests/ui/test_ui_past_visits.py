"""Earlier visits on the screen: read, opened, left; and no clear word stays in a widget of a page that was left."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QPlainTextEdit, QWidget
from test_ui_pages import judge, named, settle

from app.presenters.views import Page
from app.ui import names, past_names, samples
from app.ui.driver import said


def press(qtbot, window: QWidget, name: str) -> None:
    qtbot.mouseClick(named(window, name), Qt.MouseButton.LeftButton)


def every_word(window: QWidget) -> str:
    """All that the widgets hold, seen or not."""
    found = [w.text() for kind in (QLabel, QLineEdit) for w in window.findChildren(kind)]
    found += [w.toPlainText() for w in window.findChildren(QPlainTextEdit)]
    found += [w.accessibleName() for w in window.findChildren(QWidget)]
    return "\n".join(found)


@pytest.mark.parametrize("size", [(640, 480), (3840, 2160)])
def test_in_the_least_and_in_a_huge_window(qtbot, qapp, patient, provider, size) -> None:
    for window, views in ((patient, samples.patient_views()), (provider, samples.provider_views())):
        window.resize(*size)
        for state in ("past-list", "past-record", "past-waits"):
            window.show_view(views[state])
            settle(qtbot, qapp)
            assert (window.width(), window.height()) == size
            judge(window)


@pytest.mark.parametrize("who", ["patient", "provider"])
def test_from_home_to_a_record_and_back(qtbot, qapp, request, commands, who) -> None:
    window = request.getfixturevalue(who)
    window.resize(1024, 2400)
    views = getattr(samples, f"{who}_views")()
    window.show_view(views["home" if who == "patient" else "day"])
    settle(qtbot, qapp)
    press(qtbot, window, past_names.OPEN_PAST)
    window.show_view(views["past-list"])
    settle(qtbot, qapp)
    press(qtbot, window, past_names.PAST_MORE)
    press(qtbot, window, past_names.row_open("visit0009"))
    window.show_view(views["past-record"])
    settle(qtbot, qapp)
    press(qtbot, window, past_names.filed_open("item0001"))
    if who == "provider":
        press(qtbot, window, past_names.PAST_CARRY)
        window.show_view(views["past-waits"])
        settle(qtbot, qapp)
        press(qtbot, window, past_names.PAST_CARRY)
    press(qtbot, window, past_names.PAST_BACK)
    window.show_view(views["past-list"])
    settle(qtbot, qapp)
    press(qtbot, window, past_names.PAST_BACK)
    carried = [("carry_words", (True,)), ("carry_words", (False,))] if who == "provider" else []
    assert commands.calls == [
        ("open_list", ()),
        ("show_more", ()),
        ("open_visit", ("visit0009",)),
        ("open_item", ("item0001",)),
        *carried,
        ("close_visit", ()),
        ("close_list", ()),
    ]


def test_a_record_says_who_when_whether_received_and_what_happened(qtbot, qapp, patient) -> None:
    patient.show_view(samples.patient_views()["past-waits"])
    settle(qtbot, qapp)
    assert said(named(patient, past_names.PAST_TITLE)) == "Visit with Dr Lee"
    assert said(named(patient, past_names.PAST_LONG)) == "18 minutes."
    assert said(named(patient, past_names.said_state("line0"))) == "Dr Lee got this."
    assert "see below" in said(named(patient, past_names.said_state("line2")))
    assert not named(patient, past_names.PAST_CARRY).isVisible(), "a patient's words go by themselves"
    happened = every_word(named(patient, past_names.PAST_HAPPENED))
    assert "From you: sound alone, because the connection was weak." in happened
    patient.show_view(samples.patient_views()["past-plain"])
    settle(qtbot, qapp)
    assert named(patient, past_names.PAST_SAID_NONE).isVisible()
    assert named(patient, past_names.PAST_FILED_NONE).isVisible()


SECRETS = {
    "patient": [
        ("past-record", "past-list", ("The cream is finished", "From you: sound alone", "skin rash")),
        ("past-record", "send-sent-question", ("The cream is finished",)),
        ("past-record", "home-empty", ("The cream is finished", "Visit with Dr Lee", "the connection was weak")),
        ("send-sent-question", "home-empty", ("Is it warm to the touch", "Dr Lee asks")),
        ("visit-words", "home-empty", ("I cannot hear you.", "hold the photo")),
    ],
    "provider": [
        ("past-record", "day-empty", ("The cream is finished", "Maria Lopez", "skin rash")),
        ("visit-words", "day-empty", ("hold the photo", "speech alone (")),
        ("item", "day-empty", ("It itches", "Maria Lopez", "Wound check", "9f86", "Photo 1", "Photo 2")),
        ("item-readings", "day-empty", ("158/96", "Metformin", "Maria Lopez", "Urgent")),
        ("item-answered", "day-empty", ("keep it dry", "Read by the patient", "Open the originals")),
        ("item-document", "day-empty", ("letter.pdf", "Document, page 1")),
        ("item-no-picture", "day-empty", ("damaged",)),
    ],
}


@pytest.mark.parametrize("who", list(SECRETS))
def test_what_was_clear_leaves_the_widgets_with_the_page_and_comes_back_with_it(qtbot, qapp, request, who) -> None:
    window = request.getfixturevalue(who)
    window.resize(1024, 1400)
    views = getattr(samples, f"{who}_views")()
    for state, then, secrets in SECRETS[who]:
        for _ in range(2):
            window.show_view(views[state])
            settle(qtbot, qapp)
            words = every_word(window)
            assert [one for one in secrets if one not in words] == [], f"{state}: they are there"
            window.show_view(views[then])
            settle(qtbot, qapp)
            words = every_word(window)
            assert [one for one in secrets if one in words] == [], f"{state}: they are gone"


def test_what_was_typed_is_kept_before_it_leaves_the_field(qtbot, qapp, provider, commands) -> None:
    provider.show_view(samples.provider_views()["item"])
    settle(qtbot, qapp)
    provider.findChild(QPlainTextEdit, names.ANSWER_FIELD).setPlainText("Half a")
    provider.show_view(samples.provider_views()["day"])
    assert ("keep_answer", ("Half a",)) in commands.calls
    assert provider.findChild(QPlainTextEdit, names.ANSWER_FIELD).toPlainText() == ""


def test_the_strip_of_a_visit_that_goes_on_stands_over_it(qtbot, qapp, provider) -> None:
    provider.show_view(samples.provider_views()["beside-past"])
    settle(qtbot, qapp)
    assert samples.provider_views()["beside-past"].page is Page.PAST_VISITS
    assert named(provider, names.STRIP_BACK).isVisible()
