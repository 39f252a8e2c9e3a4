"""Looking closer on the screens: one question and one touch; the ask, the words, the picture that gets sharper."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, QThreadPool
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from app.presenters.views import CloserLife, Page
from app.ui import names, samples
from app.ui.widgets.still import StillView


def named(window, name):
    found = window.findChild(QWidget, name)
    assert found is not None, name
    return found


def press(window, name):
    button = named(window, name)
    assert button.isVisible()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def settle(qapp):
    QThreadPool.globalInstance().waitForDone()
    for _ in range(6):
        qapp.processEvents()


def patient_view(name):
    return samples.patient_views()[f"visit-{name}"]


def provider_view(name):
    return samples.provider_views()[f"visit-{name}"]


def test_the_question_takes_the_stage_and_one_touch_agrees(qapp, patient, commands):
    patient.show_view(patient_view("closer-asked"))
    settle(qapp)
    assert named(patient, names.CLOSER_QUESTION).words() == "Dr Lee asks for a sharp photo."
    assert named(patient, names.CLOSER_PREVIEW).isVisible()
    assert not named(patient, names.VISIT_REMOTE).isVisible()
    assert "dark" in named(patient, names.CLOSER_AIM).words()
    press(patient, names.CLOSER_AGREE)
    press(patient, names.CLOSER_NOT_NOW)
    assert commands.calls == [("answer_closer", (True,)), ("answer_closer", (False,))]
    assert named(patient, names.VISIT_MUTE).isVisible(), "the talk goes on"


def test_while_it_is_taken_there_is_nothing_to_press_and_then_the_call_is_back(qapp, patient, commands):
    patient.show_view(patient_view("closer-taking"))
    settle(qapp)
    assert not named(patient, names.CLOSER_AGREE).isVisible()
    patient.show_view(patient_view("closer-sending"))
    settle(qapp)
    assert named(patient, names.VISIT_REMOTE).isVisible()
    assert named(patient, names.CLOSER_SAYS).words() == "Dr Lee sees it already. It is getting sharper: 34 %."
    assert "can ask for another" in named(patient, names.CLOSER_HINT).words()
    assert not named(patient, names.CLOSER_DONE).isVisible()
    patient.show_view(patient_view("closer-sent"))
    assert named(patient, names.CLOSER_SAYS).words() == "Sent to Dr Lee."
    press(patient, names.CLOSER_DONE)
    assert commands.calls == [("dismiss_closer", ())]
    patient.show_view(patient_view("live"))
    assert not named(patient, names.CLOSER_SAYS).isVisible()


def test_the_provider_asks_in_one_touch_and_can_take_it_back(qapp, provider, commands):
    provider.show_view(provider_view("live"))
    assert not named(provider, names.CLOSER).isEnabled(), "nobody to ask yet"
    provider.show_view(provider_view("closer-can"))
    press(provider, names.CLOSER)
    assert commands.calls == [("look_closer", ("photo",))]
    provider.show_view(provider_view("closer-asked"))
    settle(qapp)
    assert named(provider, names.CLOSER_SAYS).words() == "You asked Maria Lopez for a sharp photo."
    press(provider, names.CLOSER_WITHDRAW)
    assert commands.calls[1:] == [("withdraw_closer", ())]


def test_the_first_look_opens_by_itself_and_gets_sharper_where_one_looks(qtbot, qapp, provider, commands):
    provider.show_view(provider_view("closer-preview"))
    picture = named(provider, names.CLOSER_PICTURE)
    assert isinstance(picture, StillView)
    qtbot.waitUntil(lambda: picture.image_size().width() == 1280, timeout=5000)
    settle(qapp)
    assert picture.isVisible()
    assert "getting sharper: 34 %" in named(provider, names.CLOSER_VIEW_SAYS).words()
    press(provider, names.CLOSER_VIEW_CLOSER)
    assert picture.zoom() == 1.5
    sharper = samples.jpeg(samples.figure(2560, 1920))
    view = provider_view("closer-preview")
    closer = replace(view.visit.closer, picture=sharper)
    provider.show_view(replace(view, visit=replace(view.visit, closer=closer)))
    assert not picture.image_size().isEmpty(), "the first look stands until the sharper one is there"
    qtbot.waitUntil(lambda: picture.image_size().width() == 2560, timeout=5000)
    assert picture.zoom() == 1.5
    press(provider, names.CLOSER_VIEW_BACK)
    settle(qapp)
    assert named(provider, names.VISIT_REMOTE).isVisible()
    assert commands.calls == [], "what still comes is not stopped by looking away"
    press(provider, names.CLOSER_OPEN)
    assert picture.isVisible()


def test_putting_away_what_is_all_there_frees_it(qtbot, qapp, provider, commands):
    provider.show_view(provider_view("closer-done"))
    picture = named(provider, names.CLOSER_PICTURE)
    qtbot.waitUntil(lambda: picture.image_size().width() == 1280, timeout=5000)
    press(provider, names.CLOSER_VIEW_BACK)
    assert commands.calls == [("dismiss_closer", ())]
    provider.show_view(provider_view("closer-can"))
    assert picture.image_size().isEmpty(), "the clear picture has left memory"


def test_every_state_of_both_sides_has_words_where_something_is_to_be_said():
    for life in CloserLife:
        quiet = life in (CloserLife.REFUSED, CloserLife.WITHDRAWN, CloserLife.LATER)
        assert bool(samples.closer("patient", life).says.text) is not quiet
        assert bool(samples.closer("provider", life).says.text) is (life is not CloserLife.WITHDRAWN)
    assert samples.provider_views()["visit-closer-done"].page is Page.VISIT


def test_a_clip_is_asked_for_beside_the_photo_and_its_end_is_told(qapp, provider, commands):
    provider.show_view(provider_view("live"))
    assert not named(provider, names.CLIP_ASK).isEnabled()
    provider.show_view(provider_view("closer-can"))
    press(provider, names.CLIP_ASK)
    assert commands.calls == [("look_closer", ("clip",))]
    provider.show_view(provider_view("clip-taking"))
    assert not named(provider, names.CLIP_ASK).isEnabled()
    assert "is being recorded" in named(provider, names.CLOSER_SAYS).words()
    provider.show_view(provider_view("clip-saved"))
    settle(qapp)
    press(provider, names.CLOSER_DONE)
    assert commands.calls[1:] == [("dismiss_closer", ())]


def test_the_patient_agrees_to_a_clip_sees_the_countdown_and_can_stop_it(qapp, patient, commands):
    patient.show_view(patient_view("clip-asked"))
    settle(qapp)
    assert named(patient, names.CLOSER_AGREE).label() == "Record it now"
    assert not named(patient, names.CLIP_STOP).isVisible()
    press(patient, names.CLOSER_AGREE)
    patient.show_view(patient_view("clip-recording"))
    settle(qapp)
    assert named(patient, names.CLOSER_QUESTION).words() == "Recording: 7 s"
    assert named(patient, names.CLOSER_PREVIEW).isVisible()
    assert not named(patient, names.CLOSER_AGREE).isVisible()
    press(patient, names.CLIP_STOP)
    assert commands.calls == [("answer_closer", (True,)), ("stop_clip", ())]
    patient.show_view(patient_view("clip-saving"))
    assert not named(patient, names.CLIP_STOP).isVisible()
    patient.show_view(patient_view("clip-saved"))
    assert named(patient, names.VISIT_REMOTE).isVisible()
    assert named(patient, names.CLOSER_SAYS).words().startswith("Saved.")
    patient.show_view(patient_view("closer-asked"))
    assert named(patient, names.CLOSER_AGREE).label() == "Take it now"
