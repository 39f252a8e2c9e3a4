"""Every page in every state: draws, is not cut off at 800 x 600, is named, large enough and says its sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QThreadPool
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QWidget,
)

from app.presenters.views import Page
from app.ui import names, samples
from app.ui.driver import said
from app.ui.style import STAGE, TARGET
from app.ui.widgets.text import Text

PATIENT = samples.PATIENT_STATES
PROVIDER = samples.PROVIDER_STATES
SIZES = [(800, 600), (1024, 720)]
HUGE = ["enrol", "home", "photo-review", "visit-live", "visit-speech-mine", "visit-lost", "sound-asking"]
SMALL = [state for state in PATIENT if state.startswith(("visit", "sound")) and state != "visit-notice"]


def named(window: QWidget, name: str) -> QWidget:
    found = window.findChild(QWidget, name)
    assert found is not None, name
    return found


def settle(qtbot, qapp) -> None:
    QThreadPool.globalInstance().waitForDone()
    for _ in range(8):  # a layout in a layout in a scroll area comes to rest by and by
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
    for kind in (QAbstractButton, QLineEdit, QPlainTextEdit, QComboBox, QAbstractSpinBox):
        for widget in window.findChildren(kind):
            if not widget.isVisible() or isinstance(widget.parentWidget(), QAbstractSpinBox):
                continue  # a spin box's own field is part of it
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


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", PATIENT)
def test_patient_pages(qtbot, qapp, patient, state, size) -> None:
    patient.resize(*size)
    patient.show_view(samples.patient_views()[state])
    settle(qtbot, qapp)
    assert (patient.width(), patient.height()) == size
    judge(patient)


@pytest.mark.parametrize(("size", "states"), [((640, 480), SMALL), ((3840, 2160), HUGE)])
def test_patient_pages_in_the_least_and_in_a_huge_window(qtbot, qapp, patient, size, states) -> None:
    patient.resize(*size)
    for state in states:
        patient.show_view(samples.patient_views()[state])
        settle(qtbot, qapp)
        assert (patient.width(), patient.height()) == size
        judge(patient)


@pytest.mark.parametrize("size", [(640, 480), (3840, 2160)])
def test_provider_visits_in_the_least_and_in_a_huge_window(qtbot, qapp, provider, size) -> None:
    provider.resize(*size)
    for state in ("visit-live", "visit-speech-both", "visit-reconnecting", "visit-lost", "sound-in-visit"):
        provider.show_view(samples.provider_views()[state])
        settle(qtbot, qapp)
        assert (provider.width(), provider.height()) == size
        judge(provider)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("state", PROVIDER)
def test_provider_pages(qtbot, qapp, provider, state, size) -> None:
    provider.resize(*size)
    provider.show_view(samples.provider_views()[state])
    settle(qtbot, qapp)
    assert (provider.width(), provider.height()) == size
    judge(provider)


@pytest.mark.parametrize("state", ["visit-notice", "photo-preview"])
def test_a_dark_page_is_dark_all_over(qtbot, qapp, patient, state) -> None:
    """Light words on the window's light ground cannot be read: the page must paint its own ground."""
    patient.show_view(samples.patient_views()["home"])
    patient.show_view(samples.patient_views()[state])
    settle(qtbot, qapp)
    page = patient.centralWidget().findChild(QWidget, state.split("-")[0])
    seen = patient.grab().toImage()
    for corner in (page.rect().topLeft(), page.rect().topRight(), page.rect().bottomLeft()):
        assert seen.pixelColor(page.mapTo(patient, corner)).name() == STAGE.lower()


@pytest.mark.parametrize("state", ["home-busy", "home", "home-empty"])
def test_no_scroll_bar_for_what_fits(qtbot, qapp, patient, state) -> None:
    patient.resize(1024, 720)
    patient.show_view(samples.patient_views()[state])
    settle(qtbot, qapp)
    bars = [area.verticalScrollBar() for area in patient.findChildren(QScrollArea) if area.isVisible()]
    assert [bar.maximum() for bar in bars] == [0]


@pytest.mark.parametrize(("width", "beside"), [(800, False), (1024, True)])
def test_the_days_buttons_stand_beside_the_words_where_there_is_room(qtbot, qapp, provider, width, beside) -> None:
    provider.resize(width, 720)
    provider.show_view(samples.provider_views()["day"])
    settle(qtbot, qapp)
    name = named(provider, names.schedule_patient("visit0001"))
    button = named(provider, names.schedule_start("visit0001"))
    right_of = button.mapTo(provider, button.rect().topLeft()).x() > name.mapTo(provider, name.rect().topRight()).x()
    assert right_of == beside
    assert button.height() < 60


def test_the_seal_is_told_under_the_picture_it_is_of(qtbot, qapp, provider) -> None:
    view = samples.provider_views()["item"]
    provider.show_view(view)
    settle(qtbot, qapp)
    seal = named(provider, names.ITEM_SEALED)
    assert said(seal) == "Unchanged since it was sealed: 9f86 d081 884c 7d65"
    bare = replace(view.opened.parts[0], sha256="")
    provider.show_view(replace(view, opened=replace(view.opened, parts=(bare, view.opened.parts[1]))))
    assert not seal.isVisible()


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


def test_a_file_that_is_no_picture_is_said_in_words(qtbot, qapp, provider, commands) -> None:
    provider.show_view(samples.provider_views()["item-no-picture"])
    settle(qtbot, qapp)
    assert provider.findChild(QWidget, names.item_picture(0)) is None
    assert said(named(provider, names.ITEM_MESSAGE)) == "This photo is damaged and cannot be opened."
    assert not named(provider, names.ITEM_CLOSER).isVisible()
    named(provider, names.ITEM_AGAIN).click()
    assert commands.calls == [("try_part_again", ())]


def test_a_picture_is_shown_whole_and_closer(qtbot, qapp, provider) -> None:
    provider.show_view(samples.provider_views()["item"])
    still = named(provider, names.item_picture(0))
    qtbot.waitUntil(lambda: still.image_size().width() == 1280, timeout=5000)
    named(provider, names.ITEM_CLOSER).click()
    assert still.zoom() == 1.5
    named(provider, names.ITEM_FIT).click()
    assert still.zoom() == 1.0


def test_the_links_figures_stand_beside_the_timeline_and_nowhere_else(qtbot, qapp, patient, provider) -> None:
    """A label without a parent becomes a window, and then the app does not end with its own."""
    before = [w for w in qapp.topLevelWidgets() if w.isVisible()]
    for window, view in ((patient, samples.patient_views()), (provider, samples.provider_views())):
        live = view["visit-live"]
        window.show_view(replace(live, visit=replace(live.visit, figures="About 140 kbit/s from here")))
        settle(qtbot, qapp)
    assert [w for w in qapp.topLevelWidgets() if w.isVisible()] == before
    assert provider.findChild(QWidget, names.VISIT_FIGURES).isVisible()
    assert patient.findChild(QWidget, names.VISIT_FIGURES) is None
