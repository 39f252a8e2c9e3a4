"""Written words in a visit's page: seen at every size, sent by Enter, button and phrase, marked while not seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget
from test_ui_pages import judge, named, settle

from app.presenters.views import Page, QuickPhrase, WordsLine, WordsView
from app.ui import names, samples
from app.ui.driver import said
from app.ui.style import TARGET

LONG = "A very long word without any break at all: " + "x" * 90 + ". " + "And a good many words more. " * 60


def words(*lines: tuple[bool, str], quick: tuple[QuickPhrase, ...] = ()) -> WordsView:
    return WordsView(tuple(WordsLine(f"k{n}", m, t, samples.NOW, None) for n, (m, t) in enumerate(lines)), quick)


def show(window, view: WordsView, visit_id: str = "visit0001") -> None:
    window.show_view(samples.patient(Page.VISIT, visit=samples.visit(words=view, visit_id=visit_id)))


def press(qtbot, window: QWidget, name: str) -> None:
    qtbot.mouseClick(named(window, name), Qt.MouseButton.LeftButton)


def panel(window) -> QWidget:
    return named(window, names.WORDS)


@pytest.mark.parametrize("size", [(640, 480), (800, 600), (900, 600), (1400, 800)])
@pytest.mark.parametrize("state", ["words-cut", "lost", "waiting"])
def test_the_open_panel_at_every_size(qtbot, qapp, patient, state, size) -> None:
    patient.resize(*size)
    patient.show_view(samples.patient_views()[f"visit-{state}"])
    settle(qtbot, qapp)
    if not panel(patient).isVisible():
        press(qtbot, patient, names.VISIT_WORDS)
    settle(qtbot, qapp)
    assert (patient.width(), patient.height()) == size
    judge(patient)
    shown = [named(patient, names.words_quick(place)) for place in range(4)]
    assert all(button.isVisible() and button.height() >= TARGET for button in shown)
    beside = size[0] >= 900
    assert named(patient, names.VISIT_HANGUP).isVisible() == beside, "in a narrow window words have the page"
    press(qtbot, patient, names.WORDS_CLOSE)
    settle(qtbot, qapp)
    assert named(patient, names.VISIT_HANGUP).isVisible()
    judge(patient)


@pytest.mark.parametrize("size", [(640, 480), (800, 600), (1024, 720), (1400, 800)])
def test_a_providers_panel_and_what_happened(qtbot, qapp, provider, size) -> None:
    provider.resize(*size)
    provider.show_view(samples.provider_views()["visit-live"])
    press(qtbot, provider, names.VISIT_WORDS)
    settle(qtbot, qapp)
    judge(provider)
    assert named(provider, names.VISIT_TIMELINE).isVisible() == (size[0] >= 1120), "what happened gives way"
    press(qtbot, provider, names.VISIT_WORDS if size[0] >= 900 else names.WORDS_CLOSE)
    assert named(provider, names.VISIT_TIMELINE).isVisible() == (size[0] >= 760)


def test_very_long_words_scroll(qtbot, qapp, patient) -> None:
    patient.resize(1024, 720)
    show(patient, words((False, LONG), (True, LONG)))
    settle(qtbot, qapp)
    assert panel(patient).isVisible()
    judge(patient)


def test_writing_by_enter_and_by_the_button(qtbot, patient, commands) -> None:
    show(patient, words())
    press(qtbot, patient, names.VISIT_WORDS)
    field = named(patient, names.WORDS_FIELD)
    assert isinstance(field, QLineEdit)
    assert field.hasFocus(), "one can write at once"
    assert named(patient, names.WORDS_NONE).isVisible()
    qtbot.keyClicks(field, "  I am here  ")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.keyClicks(field, "and well")
    press(qtbot, patient, names.WORDS_SEND)
    assert field.text() == ""
    qtbot.keyClicks(field, "   ")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    press(qtbot, patient, names.WORDS_SEND)
    assert commands.calls == [("say_words", ("I am here",)), ("say_words", ("and well",))]
    field.clear()
    field.insert("x" * 3_000)
    assert len(field.text()) == 2_000


def test_a_phrase_goes_at_one_press_and_an_open_one_is_ended_first(qtbot, patient, commands) -> None:
    quick = (QuickPhrase("I cannot hear you."), QuickPhrase("Please call me: ", whole=False))
    show(patient, words(quick=quick))
    press(qtbot, patient, names.VISIT_WORDS)
    assert [named(patient, names.words_quick(n)).isVisible() for n in range(4)] == [True, True, False, False]
    press(qtbot, patient, names.words_quick(0))
    assert commands.calls == [("say_words", ("I cannot hear you.",))]
    assert said(named(patient, names.words_quick(1))) == "Please call me: …"
    press(qtbot, patient, names.words_quick(1))
    field = named(patient, names.WORDS_FIELD)
    assert field.hasFocus()
    qtbot.keyClicks(field, "555 0199")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert commands.calls[1:] == [("say_words", ("Please call me: 555 0199",))]


def test_what_the_other_writes_comes_up_by_itself_until_somebody_closes_it(qtbot, patient, commands) -> None:
    patient.resize(1024, 720)
    show(patient, words((True, "hello")))
    assert not panel(patient).isVisible(), "one's own words are no news"
    show(patient, words((True, "hello"), (False, "one")))
    assert panel(patient).isVisible()
    assert not named(patient, names.WORDS_FIELD).hasFocus(), "nothing is taken from under the hands"
    assert said(named(patient, names.VISIT_WORDS)) == "Write"
    press(qtbot, patient, names.WORDS_CLOSE)
    show(patient, words((True, "hello"), (False, "one"), (False, "two")))
    show(patient, words((True, "hello"), (False, "one"), (False, "two"), (False, "three")))
    assert not panel(patient).isVisible()
    assert said(named(patient, names.VISIT_WORDS)) == "2 new"
    assert named(patient, names.VISIT_WORDS).accessibleName() == "2 new"
    press(qtbot, patient, names.VISIT_WORDS)
    assert said(named(patient, names.VISIT_WORDS)) == "Write"
    assert commands.calls == []


def test_in_a_narrow_window_the_picture_stays_and_the_button_tells(qtbot, qapp, patient) -> None:
    patient.resize(640, 480)
    show(patient, words())
    settle(qtbot, qapp)
    show(patient, words((False, "one")))
    assert not panel(patient).isVisible()
    assert said(named(patient, names.VISIT_WORDS)) == "1 new"


def test_another_visit_begins_with_an_empty_field_and_a_closed_panel(qtbot, patient) -> None:
    patient.resize(1024, 720)
    show(patient, words((False, "one")))
    named(patient, names.WORDS_FIELD).setText("half a th")
    press(qtbot, patient, names.WORDS_CLOSE)
    show(patient, words(), "visit0002")
    assert named(patient, names.WORDS_FIELD).text() == ""
    show(patient, words((False, "two")), "visit0002")
    assert panel(patient).isVisible(), "what was closed in another visit is not closed in this one"


def test_a_line_says_who_when_and_where_it_stands(qtbot, patient) -> None:
    patient.show_view(samples.patient_views()["visit-words-cut"])
    last = samples.VISITS["words-cut"].words.lines[-1]
    assert said(named(patient, names.words_text(last.key))) == last.text
    assert said(named(patient, names.words_state(last.key))) == last.state.text
    line = replace(last, state=samples.VISITS["words"].words.lines[1].state)
    show(patient, WordsView((line,)))
    assert said(named(patient, names.words_state(last.key))) == "Dr Lee has it"


def test_written_words_in_the_inbox_have_the_page_to_themselves(qtbot, qapp, provider) -> None:
    provider.show_view(samples.provider_views()["item"])
    settle(qtbot, qapp)
    provider.show_view(samples.provider_views()["item-words"])
    settle(qtbot, qapp)
    assert "call me" in said(named(provider, names.ITEM_NOTE))
    assert named(provider, names.ITEM_NOTE).width() > 600
    assert said(named(provider, names.ITEM_TIME)).startswith("Written:")
    provider.show_view(samples.provider_views()["item"])
    settle(qtbot, qapp)
    assert named(provider, names.item_picture(0)).isVisible()
