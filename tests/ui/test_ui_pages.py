"""Every page in every state: draws, is not cut off at 800 x 600, is named, large enough and says its sentences."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QThreadPool
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QPlainTextEdit, QScrollArea, QWidget

from app.presenters.views import Page
from app.ui import names, samples
from app.ui.driver import said
from app.ui.style import TARGET
from app.ui.widgets.text import Text

PATIENT = samples.PATIENT_STATES
PROVIDER = samples.PROVIDER_STATES


def named(window: QWidget, name: str) -> QWidget:
    found = window.findChild(QWidget, name)
    assert found is not None, name
    return found


def settle(qtbot, qapp) -> None:
    QThreadPool.globalInstance().waitForDone()
    qapp.processEvents()
    qapp.processEvents()


def in_scroll_area(widget: QWidget) -> bool:
    parent = widget.parentWidget()
    while parent is not None:
        if isinstance(parent, QScrollArea):
            return True
        parent = parent.parentWidget()
    return False


def judge(window: QWidget) -> None:
    """Nothing visible is cut, too small, nameless or outside of the window."""
    for text in window.findChildren(Text):
        if text.isVisible() and text.words():
            need = text.heightForWidth(text.width()) if text.wordWrap() else text.sizeHint().height()
            assert text.height() >= need, f"cut: {text.words()!r} has {text.height()} of {need} px"
    for kind in (QAbstractButton, QLineEdit, QPlainTextEdit):
        for widget in window.findChildren(kind):
            if not widget.isVisible():
                continue
            assert widget.objectName(), widget
            assert QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name), widget.objectName()
            assert widget.width() >= TARGET, widget.objectName()
            assert widget.height() >= TARGET, widget.objectName()
            if kind is QAbstractButton:
                assert widget.height() >= widget.heightForWidth(widget.width()), widget.objectName()
                assert widget.width() >= widget.minimumSizeHint().width(), widget.objectName()
            if not in_scroll_area(widget):
                corner = widget.mapTo(window, widget.rect().bottomRight())
                assert window.rect().contains(corner), widget.objectName()


@pytest.mark.parametrize("size", [(800, 600), (1024, 720)])
@pytest.mark.parametrize("state", PATIENT)
def test_patient_pages(qtbot, qapp, patient, state, size) -> None:
    patient.resize(*size)
    patient.show_view(samples.patient_views()[state])
    settle(qtbot, qapp)
    assert (patient.width(), patient.height()) == size
    judge(patient)


@pytest.mark.parametrize("size", [(800, 600), (1024, 720)])
@pytest.mark.parametrize("state", PROVIDER)
def test_provider_pages(qtbot, qapp, provider, state, size) -> None:
    provider.resize(*size)
    provider.show_view(samples.provider_views()[state])
    settle(qtbot, qapp)
    assert (provider.width(), provider.height()) == size
    judge(provider)


@pytest.mark.parametrize("state", list(samples.VISITS))
def test_both_people_read_the_truth_about_the_link(patient, state) -> None:
    view = samples.VISITS[state]
    patient.show_view(samples.patient(Page.VISIT, visit=view))
    assert said(named(patient, names.VISIT_LINK)) == view.link.text
    other = named(patient, names.VISIT_OTHER)
    assert other.isVisible() == (view.other is not None)
    assert said(other) == (view.other.text if view.other else "")


def test_a_frozen_picture_shows_its_age(patient) -> None:
    patient.show_view(samples.patient(Page.VISIT, visit=samples.VISITS["frozen"]))
    assert said(named(patient, names.VISIT_AGE)) == "Picture from 12 seconds ago"
    patient.show_view(samples.patient(Page.VISIT, visit=samples.VISITS["live"]))
    assert not named(patient, names.VISIT_AGE).isVisible()


def test_a_lost_link_offers_the_telephone_and_a_photo(patient, commands) -> None:
    patient.show_view(samples.patient(Page.VISIT, visit=samples.VISITS["lost"]))
    assert samples.PHONE in said(named(patient, names.VISIT_LOST_PHONE))
    named(patient, names.VISIT_LOST_PHOTO).click()
    assert commands.calls == [("start_photo", ())]


def test_rows_keep_their_widgets_and_focus(patient) -> None:
    patient.show_view(samples.patient(Page.HOME, items=samples.ITEMS))
    again = named(patient, names.sent_again("item0006"))
    again.setFocus()
    patient.show_view(samples.patient(Page.HOME, items=samples.ITEMS[2:]))
    assert named(patient, names.sent_again("item0006")) is again
    assert patient.focusWidget() is again
    assert patient.findChild(QWidget, names.sent_title("item0001")) is None


def test_a_file_that_is_no_picture_is_said_in_words(qtbot, qapp, provider) -> None:
    provider.show_view(samples.provider_views()["item-no-picture"])
    settle(qtbot, qapp)
    assert not named(provider, names.item_picture(0)).isVisible()
    assert not named(provider, names.ITEM_CLOSER).isEnabled()


def test_a_picture_is_shown_whole_and_closer(qtbot, qapp, provider) -> None:
    provider.show_view(samples.provider_views()["item"])
    still = named(provider, names.item_picture(0))
    qtbot.waitUntil(lambda: still.image_size().width() == 1280, timeout=5000)
    named(provider, names.ITEM_CLOSER).click()
    assert still.zoom() == 1.5
    named(provider, names.ITEM_FIT).click()
    assert still.zoom() == 1.0
