"""The page of a questionnaire: every state fits, says itself, and tells the presenter what was done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QLineEdit, QMainWindow, QWidget

from app.presenters.form_views import FormInput
from app.ui import names
from app.ui.form_samples import FORM_STATES, form_views
from app.ui.gallery import settle
from app.ui.pages.form import FormPage
from app.ui.style import PATIENT_BASE, TARGET, stylesheet
from app.ui.widgets.text import Text

VIEWS = form_views()
# The off-screen platform has no window hints.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


@pytest.fixture
def page(qtbot, qapp, commands) -> Iterator[FormPage]:
    window = QMainWindow()
    made = FormPage(commands)
    window.setStyleSheet(stylesheet(PATIENT_BASE))
    window.setCentralWidget(made)
    qtbot.addWidget(window)
    window.resize(900, 680)
    window.show()
    yield made
    window.close()


def named(page: QWidget, name: str) -> QWidget:
    settle()
    found = [w for w in page.findChildren(QWidget, name) if w.isVisible()]
    assert len(found) == 1, name
    return found[0]


def test_the_states_are_all_here() -> None:
    assert set(FORM_STATES) == set(VIEWS)


@pytest.mark.parametrize("state", FORM_STATES)
@pytest.mark.parametrize("size", [(900, 680), (640, 480)])
def test_every_state_fits_and_says_itself(page, qapp, state, size) -> None:
    page.window().resize(*size)
    page.show_view(VIEWS[state])
    settle()
    assert (page.window().width(), page.window().height()) == size
    for button in page.findChildren(QAbstractButton):
        if button.isVisible() and button.objectName():
            assert min(button.width(), button.height()) >= TARGET, button.objectName()
            assert button.accessibleName(), button.objectName()
    for line in page.findChildren(QLineEdit):
        if line.isVisible() and line.objectName().startswith("form."):
            assert line.accessibleName(), line.objectName()
            assert line.height() >= TARGET
    question = page.findChild(Text, names.FORM_QUESTION)
    assert question.words() == VIEWS[state].question or state in ("repeat", "summary", "summary-missing")
    assert page.first_focus().isVisible()


def test_a_choice_is_told_at_once_and_next_brings_it(page, commands, qtbot) -> None:
    page.show_view(VIEWS["one"])
    key = VIEWS["one"].key
    qtbot.mouseClick(named(page, names.form_choice("3")), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(named(page, names.FORM_NEXT), Qt.MouseButton.LeftButton)
    given = FormInput(chosen=("3",))
    assert commands.calls == [("answer_form", (key, given)), ("next_form", (key, given))]


def test_many_choices_and_an_answer_of_ones_own(page, commands, qtbot) -> None:
    page.show_view(VIEWS["many"])
    named(page, names.form_choice("1")).setFocus()
    qtbot.keyClick(named(page, names.form_choice("1")), Qt.Key.Key_Space)
    qtbot.keyClicks(named(page, names.FORM_OTHER), "Rash")
    qtbot.keyClick(named(page, names.FORM_OTHER), Qt.Key.Key_Return)
    assert commands.calls[-1] == ("next_form", (VIEWS["many"].key, FormInput(chosen=("0", "1"), other="Rash")))


def test_what_is_typed_is_not_put_away_by_a_new_view(page, commands, qtbot) -> None:
    page.show_view(VIEWS["number"])
    line = named(page, names.form_text(0))
    line.setFocus()
    line.selectAll()
    qtbot.keyClicks(line, "79,4")
    page.show_view(replace(VIEWS["number"], of=13))
    assert named(page, names.form_text(0)).text() == "79,4"
    qtbot.keyClick(line, Qt.Key.Key_Return)
    assert commands.calls == [("next_form", (VIEWS["number"].key, FormInput(("79,4",), units=(0,))))]


def test_a_date_in_three_parts(page, commands, qtbot) -> None:
    page.show_view(VIEWS["date"])
    assert page.given().texts == ("2026-11",)
    qtbot.keyClicks(named(page, f"{names.form_text(0)}.day"), "4")
    assert page.given().texts == ("2026-11-04",)
    page.show_view(VIEWS["date-clock"])
    assert page.given().texts == ("2026-11-24T14:30",)


def test_one_more_and_take_away_and_back_and_leave(page, commands, qtbot) -> None:
    page.show_view(VIEWS["lines"])
    qtbot.mouseClick(named(page, names.FORM_ADD_ANSWER), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(named(page, names.FORM_BACK), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(named(page, names.FORM_CLOSE), Qt.MouseButton.LeftButton)
    assert [call[0] for call in commands.calls] == ["answer_form", "back_form", "answer_form", "close_form"]
    assert commands.calls[0][1][1].texts == ("Metformin 500 mg", "", "")
    commands.calls.clear()
    page.show_view(VIEWS["files"])
    qtbot.mouseClick(named(page, names.form_remove(1)), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(named(page, names.FORM_ADD_FILE), Qt.MouseButton.LeftButton)
    page.show_view(VIEWS["repeat"])
    qtbot.mouseClick(named(page, names.form_remove(0)), Qt.MouseButton.LeftButton)
    qtbot.mouseClick(named(page, names.FORM_ADD_ROW), Qt.MouseButton.LeftButton)
    key, repeat = VIEWS["files"].key, VIEWS["repeat"].key
    assert commands.calls == [
        ("remove_form_file", (key, 1)),
        ("add_form_file", (key,)),
        ("remove_form_row", (repeat, 0)),
        ("add_form_row", (repeat,)),
    ]


def test_every_way_to_add_a_file_is_a_button_and_none_while_one_is_looked_at(page, commands, qtbot, tmp_path) -> None:
    page.show_view(VIEWS["files-all"])
    for name in (names.FORM_ADD_FILE, names.FORM_RECORD_CLIP, names.FORM_RECORD_VOICE, names.FORM_CHOOSE_FILE):
        qtbot.mouseClick(named(page, name), Qt.MouseButton.LeftButton)
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF-1.7")
    dialog = page.findChild(QFileDialog)
    assert dialog.fileMode() is QFileDialog.FileMode.ExistingFile
    dialog.filesSelected.emit([str(letter)])
    dialog.close()
    key = VIEWS["files-all"].key
    assert commands.calls == [
        ("add_form_file", (key,)),
        ("record_form_file", (key, True)),
        ("record_form_file", (key, False)),
        ("choose_form_file", (key, letter)),
    ]
    page.show_view(VIEWS["files-wait"])
    for name in (names.FORM_ADD_FILE, names.FORM_CHOOSE_FILE, names.FORM_NEXT):
        assert not named(page, name).isEnabled()


def test_the_summary_leads_back_and_finishes_only_when_ready(page, commands, qtbot) -> None:
    page.show_view(VIEWS["summary-missing"])
    assert not named(page, names.FORM_FINISH).isEnabled()
    assert "When did it begin?" in named(page, names.form_change("question/3")).accessibleName()
    qtbot.mouseClick(named(page, names.form_change("question/3")), Qt.MouseButton.LeftButton)
    page.show_view(VIEWS["summary"])
    qtbot.mouseClick(named(page, names.FORM_FINISH), Qt.MouseButton.LeftButton)
    assert commands.calls == [("jump_form", ("question/3",)), ("finish_form", ())]
