"""The passphrase's page: what is typed becomes the right command, is hidden, and does not stay."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QWidget

from app.presenters.views import Page
from app.ui import names, samples
from app.ui.driver import said

GOOD = "blue paper boat"


def named(window: QWidget, name: str) -> QWidget:
    found = window.findChild(QWidget, name)
    assert found is not None, name
    return found


def typed(qtbot, window: QWidget, name: str, text: str = GOOD) -> QLineEdit:
    field = window.findChild(QLineEdit, name)
    qtbot.keyClicks(field, text)
    return field


def show(window, name: str) -> None:
    window.show_view(samples.patient_views()[name])


def test_a_new_one_is_typed_twice_and_hidden(qtbot, patient, commands) -> None:
    show(patient, "passphrase-new")
    go = named(patient, names.PASSPHRASE_GO)
    assert patient.focusWidget().objectName() == names.PASSPHRASE_FIRST
    first = typed(qtbot, patient, names.PASSPHRASE_FIRST)
    assert not go.isEnabled()
    qtbot.keyClick(first, Qt.Key.Key_Return)
    assert patient.focusWidget().objectName() == names.PASSPHRASE_AGAIN
    again = typed(qtbot, patient, names.PASSPHRASE_AGAIN)
    assert go.isEnabled()
    assert GOOD not in said(first) + said(again)
    named(patient, names.PASSPHRASE_SHOW).click()
    assert said(first) == said(again) == GOOD
    qtbot.keyClick(again, Qt.Key.Key_Return)
    go.click()
    assert commands.calls == [("choose_passphrase", (GOOD, GOOD))] * 2
    assert "nobody can bring it back" in said(named(patient, names.passphrase_hint(2)))


def test_after_a_fault_only_the_second_is_typed_again(qtbot, patient) -> None:
    show(patient, "passphrase-new")
    first, again = (typed(qtbot, patient, name) for name in (names.PASSPHRASE_FIRST, names.PASSPHRASE_AGAIN))
    show(patient, "passphrase-checking")
    assert not named(patient, names.PASSPHRASE_GO).isEnabled()
    assert not named(patient, names.PASSPHRASE_WITHOUT).isEnabled()
    show(patient, "passphrase-fault")
    assert (first.text(), again.text()) == (GOOD, "")
    assert patient.focusWidget() is again
    assert "not the same" in said(named(patient, names.PASSPHRASE_FAULT))


def test_without_one_is_offered_once_and_named_as_weaker(patient, commands) -> None:
    show(patient, "passphrase-new")
    named(patient, names.PASSPHRASE_WITHOUT).click()
    assert commands.calls == [("go_without_passphrase", ())]
    show(patient, "passphrase-open")
    assert not named(patient, names.PASSPHRASE_WITHOUT).isVisible()


def test_the_one_that_was_set_is_asked_for_and_a_wrong_one_is_taken_out(qtbot, patient, commands) -> None:
    show(patient, "passphrase-open")
    assert not named(patient, names.PASSPHRASE_AGAIN).isVisible()
    field = typed(qtbot, patient, names.PASSPHRASE_FIRST)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert commands.calls == [("give_passphrase", (GOOD,))]
    show(patient, "passphrase-wrong")
    assert field.text() == ""
    assert not field.isUndoAvailable()
    assert "not the right passphrase" in said(named(patient, names.PASSPHRASE_FAULT))


def test_nothing_stays_in_the_fields_and_no_other_page_can_be_reached(qtbot, patient, provider) -> None:
    for window, sample in ((patient, samples.patient), (provider, samples.provider)):
        view = samples.passphrases(samples.Role.PATIENT)["passphrase-open"]
        window.show_view(sample(Page.PASSPHRASE, passphrase=view))
        field = typed(qtbot, window, names.PASSPHRASE_FIRST)
        there = {b.objectName() for b in window.findChildren(QAbstractButton) if b.isVisible() and b.isEnabled()}
        assert there == {names.PASSPHRASE_SHOW, names.PASSPHRASE_GO}
        window.show_view(sample(Page.PASSPHRASE, passphrase=replace(view, checking=True)))
        window.show_view(sample(Page.ENROL))
        assert field.text() == ""
        assert field.echoMode() is QLineEdit.EchoMode.Password


def test_a_weak_key_is_said_with_the_way_out_by_the_notice_or_by_the_page(patient, provider, commands) -> None:
    for window, views in ((patient, samples.patient_views()), (provider, samples.provider_views())):
        commands.calls.clear()
        window.show_view(views["lock-weak"])
        assert not named(window, names.LOCK_OPEN).isVisible()
        named(window, names.NOTICE_LOCK).click()
        window.show_view(views["lock-weak-later"])
        assert not named(window, names.NOTICE_LOCK).isVisible()
        assert "not locked" in said(named(window, names.LOCK_WEAK))
        named(window, names.LOCK_OPEN).click()
        assert commands.calls == [("open_lock", ())] * 2
        window.show_view(views["lock-kept"])
        assert not named(window, names.LOCK_WEAK).isVisible()
        assert not named(window, names.NOTICE_LOCK).isVisible()
        assert "Change" in said(named(window, names.LOCK_OPEN))
        window.show_view(views["enrol"])


def test_one_is_set_later(qtbot, patient, commands) -> None:
    show(patient, "lock-set")
    assert not named(patient, names.LOCK_OLD).isVisible()
    assert patient.focusWidget().objectName() == names.LOCK_FIRST
    qtbot.keyClick(typed(qtbot, patient, names.LOCK_FIRST), Qt.Key.Key_Return)
    assert not named(patient, names.LOCK_GO).isEnabled()
    assert patient.focusWidget().objectName() == names.LOCK_AGAIN
    qtbot.keyClick(typed(qtbot, patient, names.LOCK_AGAIN), Qt.Key.Key_Return)
    named(patient, names.LOCK_BACK).click()
    assert commands.calls == [("set_passphrase", ("", GOOD, GOOD)), ("close_lock", ())]


def test_changing_asks_for_the_present_one_first_and_a_wrong_one_empties_all(qtbot, patient, commands) -> None:
    show(patient, "lock-change")
    assert patient.focusWidget().objectName() == names.LOCK_OLD
    fields = [typed(qtbot, patient, name) for name in (names.LOCK_OLD, names.LOCK_FIRST, names.LOCK_AGAIN)]
    assert all(GOOD not in said(field) for field in fields)
    qtbot.keyClick(fields[2], Qt.Key.Key_Return)
    assert commands.calls == [("set_passphrase", (GOOD, GOOD, GOOD))]
    show(patient, "lock-fault")
    assert [field.text() for field in fields] == [GOOD, GOOD, ""]
    show(patient, "lock-checking")
    assert not named(patient, names.LOCK_GO).isEnabled()
    assert not named(patient, names.LOCK_BACK).isEnabled()
    show(patient, "lock-wrong")
    assert [field.text() for field in fields] == ["", "", ""]
    assert not any(field.isUndoAvailable() for field in fields)
    assert patient.focusWidget() is fields[0]
    assert "3 times" in said(named(patient, names.LOCK_FAULT))


@pytest.mark.parametrize("name", [*samples.PASSPHRASES, *samples.LOCKS])
def test_every_sentence_fits_the_least_window(qtbot, patient, name) -> None:
    patient.resize(640, 480)
    show(patient, name)
    assert (patient.width(), patient.height()) == (640, 480)
