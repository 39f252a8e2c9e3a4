"""What a provider sees of what patients sent, and the answering: words told, fields kept, buttons that fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QThreadPool
from PySide6.QtWidgets import QPlainTextEdit, QScrollArea, QWidget

from app.presenters.review_views import Sheet
from app.ui import names, samples
from app.ui.driver import said
from app.ui.review_samples import INBOX, ITEM_STATES
from app.ui.style import TARGET
from app.ui.widgets.buttons import ActionButton


def named(window, name):
    found = window.findChild(QWidget, name)
    assert found is not None, name
    return found


def settle(qapp):
    for _ in range(4):
        QThreadPool.globalInstance().waitForDone()
        qapp.processEvents()


def show(provider, qapp, state):
    provider.show_view(samples.provider_views()[state])
    settle(qapp)


def test_rows_tell_what_is_known_and_no_more(provider, qapp):
    show(provider, qapp, "day")
    assert said(named(provider, names.inbox_holds("item0001"))) == "Wound check: 3 photos, words"
    assert said(named(provider, names.inbox_told("item0001", 0))) == "Urgent, says the patient."
    assert said(named(provider, names.inbox_due("item0001"))).startswith("Answer by ")
    assert said(named(provider, names.inbox_due("item0005"))).startswith("An answer was due ")
    assert said(named(provider, names.inbox_holds("item0004"))) == "Sealed, 1.2 MB"
    assert not named(provider, names.inbox_due("item0004")).isVisible()
    assert "damaged" in said(named(provider, names.inbox_told("item0006", 0)))
    assert said(named(provider, names.inbox_state("item0003"))) == "Answered"
    places = [
        named(provider, names.inbox_open(row.submission_id))
        .mapTo(provider, named(provider, names.inbox_open(row.submission_id)).rect().topLeft())
        .y()
        for row in INBOX
    ]
    assert places == sorted(places)


@pytest.mark.parametrize("state", ITEM_STATES)
@pytest.mark.parametrize("size", [(640, 480), (1024, 720)])
def test_every_button_can_be_pressed_in_any_window(provider, qapp, state, size):
    provider.resize(*size)
    show(provider, qapp, state)
    buttons = [b for b in provider.findChildren(ActionButton) if b.isVisible()]
    assert {names.ITEM_BACK, names.ANSWER_SEND} <= {b.objectName() for b in buttons}
    for button in buttons:
        assert min(button.width(), button.height()) >= TARGET, button.objectName()
        assert button.height() >= button.heightForWidth(button.width()), button.objectName()
    for area in provider.findChildren(QScrollArea):
        if area.isVisible() and area.objectName() != names.ITEM_PARTS and not area.objectName().startswith("item.pic"):
            assert area.horizontalScrollBar().maximum() == 0, area.objectName()


def test_what_came_in_a_visit_tells_which_one(provider, qapp):
    show(provider, qapp, "item-clip")
    assert said(named(provider, names.item_told(0))) == "From the visit of 14:00 today."


def test_a_documents_pages_are_turned_before_the_next_part(provider, qapp, commands):
    show(provider, qapp, "item-document")
    count = named(provider, names.ITEM_COUNT)
    assert said(count) == "Document, page 1 of 2"
    named(provider, names.ITEM_NEXT).click()
    assert said(count) == "Document, page 2 of 2"
    assert commands.calls == []
    named(provider, names.ITEM_NEXT).click()
    assert commands.calls == [("show_part", (3,))]
    named(provider, names.ITEM_PREVIOUS).click()
    assert said(count) == "Document, page 1 of 2"


def test_back_into_a_document_is_to_its_last_page(provider, qapp, commands):
    view = samples.provider_views()["item-document"]
    clip = samples.provider_views()["item-coming"].opened
    pages = view.opened.sheet.pages
    provider.show_view(replace(view, opened=clip))
    named(provider, names.ITEM_PREVIOUS).click()
    assert commands.calls == [("show_part", (2,))]
    provider.show_view(replace(view, opened=replace(clip, sheet=Sheet(2))))
    provider.show_view(replace(view, opened=replace(clip, sheet=Sheet(2, pages))))
    assert said(named(provider, names.ITEM_COUNT)) == "Document, page 2 of 2"


def test_what_has_not_come_says_so_and_the_picture_stays_while_more_comes(provider, qapp):
    show(provider, qapp, "item-coming")
    assert said(named(provider, names.ITEM_SAYS)).startswith("7 of 9 parts are here, 5.4 MB to come.")
    assert said(named(provider, names.ITEM_MESSAGE)) == "Not here yet."
    show(provider, qapp, "item")
    still = named(provider, names.item_picture(0))
    view = samples.provider_views()["item"]
    parts = (view.opened.parts[0], replace(view.opened.parts[1], fraction=0.5))
    provider.show_view(replace(view, opened=replace(view.opened, parts=parts)))
    assert named(provider, names.item_picture(0)) is still, "it does not flicker"


def test_words_and_answers_are_read_in_full(provider, qapp):
    show(provider, qapp, "item-readings")
    text = " ".join(said(label) for label in named(provider, names.ITEM_LETTERS).findChildren(QWidget) if said(label))
    for words in ("210/118 mmHg", "Unusual", "Which medicines do you take?", "Metformin", "could not ask this"):
        assert words in text
    show(provider, qapp, "item-answered")
    assert said(named(provider, names.reply_state("reply0001"))).startswith("Read by the patient")
    assert said(named(provider, names.reply_state("reply0003"))).startswith("Saved here, sealed.")
    show(provider, qapp, "day")
    assert not named(provider, names.ITEM_LETTERS).findChildren(QWidget), "clear words leave with the page"


def test_an_answer_is_written_kept_and_sent(qtbot, provider, qapp, commands):
    show(provider, qapp, "item")
    send, ask = named(provider, names.ANSWER_SEND), named(provider, names.ANSWER_ASK)
    assert not send.isEnabled()
    named(provider, names.answer_quick(0)).click()
    field = provider.findChild(QPlainTextEdit, names.ANSWER_FIELD)
    assert field.toPlainText() == "Thank you. Please go on as before."
    qtbot.waitUntil(lambda: commands.calls == [("keep_answer", (field.toPlainText(),))], timeout=3000)
    field.appendPlainText("Keep it dry.")
    send.click()
    text = "Thank you. Please go on as before.\nKeep it dry."
    assert commands.calls[-1] == ("send_answer", (text, False))
    ask.click()
    assert commands.calls[-1] == ("send_answer", (text, True))
    view = samples.provider_views()["item"]
    sending = replace(view.opened, answer=replace(view.opened.answer, busy=True))
    provider.show_view(replace(view, opened=sending))
    assert (send.isEnabled(), ask.isEnabled()) == (False, False), "an impatient finger sends once"
    assert field.toPlainText() == text, "it stays until it is kept"
    provider.show_view(replace(view, opened=replace(view.opened, answer=replace(view.opened.answer, number=1))))
    assert field.toPlainText() == ""


def test_what_was_typed_is_kept_when_the_page_is_left(provider, qapp, commands):
    show(provider, qapp, "item")
    provider.findChild(QPlainTextEdit, names.ANSWER_FIELD).setPlainText("Half a")
    show(provider, qapp, "day")
    assert ("keep_answer", ("Half a",)) in commands.calls


def test_asking_for_originals_alone_says_so(provider, qapp):
    show(provider, qapp, "item-answered")
    assert said(named(provider, names.ANSWER_WANTS)) == "Asks for the original of 1 photo."
    send, ask = named(provider, names.ANSWER_SEND), named(provider, names.ANSWER_ASK)
    assert (send.isEnabled(), ask.isEnabled(), said(ask)) == (True, True, "Ask this question")
    provider.findChild(QPlainTextEdit, names.ANSWER_FIELD).setPlainText("")
    assert (send.isEnabled(), ask.isEnabled(), said(ask)) == (False, True, "Ask for the original")
    assert said(named(provider, names.ITEM_WANT)) == "Do not ask for the original"


def test_the_answer_button_goes_to_the_field(provider, qapp):
    show(provider, qapp, "item-readings")
    named(provider, names.ITEM_TO_ANSWER).click()
    settle(qapp)
    assert provider.focusWidget() is provider.findChild(QPlainTextEdit, names.ANSWER_FIELD)
    assert not named(provider, names.ANSWER_FIELD).visibleRegion().isEmpty()
