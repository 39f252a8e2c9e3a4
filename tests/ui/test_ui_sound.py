"""The page of sound and camera, the level meters, and speech alone on the visit's page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QWidget

from app.media.levels import Levels
from app.presenters.views import Page
from app.ui import names, samples
from app.ui.app import PatientWindow
from app.ui.driver import said
from app.ui.widgets.layout import FlowRow
from app.ui.widgets.meter import LevelMeter, MeterWords, share

WORDS = MeterWords("What the microphone hears", "It hears something", "It hears nothing")
LOUD = np.full(48_000, 6000, np.int16)


class Box(QWidget):
    def sizeHint(self) -> QSize:
        return QSize(100, 50)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def metered(qtbot, qapp):
    """A meter on a clock of the test's own; its levels are put at that clock's time."""
    clock = Clock()
    levels = Levels(clock)
    meter = LevelMeter(levels, "microphone", "meter", WORDS, blocks=10, clock=clock)
    qtbot.addWidget(meter)
    meter.resize(240, 18)
    return clock, levels, meter


def named(window: QWidget, name: str) -> QWidget:
    found = window.findChild(QWidget, name)
    assert found is not None, name
    return found


def test_a_meter_rises_at_once_and_falls_gently(metered) -> None:
    clock, levels, meter = metered
    meter.look()
    assert meter.lit() == 0
    assert (meter.accessibleName(), meter.accessibleDescription()) == (WORDS.name, WORDS.quiet)
    clock.now = 1.0
    levels.put("microphone", LOUD)
    meter.look()
    assert meter.lit() == 9
    assert meter.accessibleDescription() == WORDS.heard
    seen = []
    for step in range(1, 13):
        clock.now = 1.0 + step / 12
        levels.put("microphone", np.zeros(4000, np.int16))
        meter.look()
        seen.append(meter.lit())
    assert seen == sorted(seen, reverse=True)
    assert seen[0] >= 7
    assert seen[-1] == 0


def test_a_meter_shows_nothing_for_a_stream_that_has_stopped_and_for_who_is_muted(metered) -> None:
    clock, levels, meter = metered
    levels.put("microphone", LOUD)
    meter.look()
    meter.switch_off(True)
    assert (meter.lit(), meter.accessibleDescription()) == (0, WORDS.quiet)
    meter.switch_off(False)
    assert meter.lit() > 0
    clock.now = 5.0
    meter.look()
    clock.now = 6.0
    meter.look()
    assert meter.lit() == 0


def test_a_meter_looks_only_while_it_is_seen_and_fills_from_the_side_where_reading_begins(qtbot, metered) -> None:
    _clock, levels, meter = metered
    assert not meter._timer.isActive()
    levels.put("microphone", LOUD)
    meter.show()
    assert meter._timer.isActive()
    first = meter.grab().toImage().pixelColor(8, 9)
    meter.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    assert meter.grab().toImage().pixelColor(231, 9) == first
    assert meter.grab().toImage().pixelColor(8, 9) != first
    meter.hide()
    assert not meter._timer.isActive()


def test_the_scale_of_a_meter() -> None:
    assert share(-90.0) == 0.0
    assert share(0.0) == 1.0
    assert share(-30.0) < share(-20.0)


@pytest.mark.parametrize("state", ["speech-mine", "speech-theirs", "speech-both"])
def test_both_screens_say_who_chose_speech_alone(patient, provider, state) -> None:
    for window, views, page in (
        (patient, samples.VISITS, samples.patient),
        (provider, samples.PROVIDER_VISITS, samples.provider),
    ):
        view = views[state]
        window.show_view(page(Page.VISIT, visit=view))
        assert said(named(window, names.VISIT_STAGE)) == view.stage.text
        assert named(window, names.VISIT_STAGE).isVisible()
        assert said(named(window, names.VISIT_PHASE)) == "Speech alone"
        assert not named(window, names.VISIT_SELF).isVisible()
        button = named(window, names.VISIT_SPEECH_ALONE)
        assert said(button) == ("Pictures again" if view.speech_alone else "Speech alone")
        window.show_view(page(Page.VISIT, visit=views["live"]))
        assert not named(window, names.VISIT_STAGE).isVisible()
        assert named(window, names.VISIT_SELF).isVisible()


def test_the_camera_button_says_what_it_does_when_the_pictures_come_back(patient) -> None:
    view = samples.VISITS["speech-theirs"]
    button = named(patient, names.VISIT_CAMERA)
    patient.show_view(samples.patient(Page.VISIT, visit=view))
    assert said(button) == "Keep camera off"
    patient.show_view(samples.patient(Page.VISIT, visit=replace(view, camera_on=False)))
    assert said(button) == "Allow camera"
    assert button.isEnabled()


def test_the_meter_beside_the_mute_button_is_dark_for_who_is_muted(qtbot, qapp, commands, bridge, slots) -> None:
    levels = Levels()
    window = PatientWindow(commands, bridge, *slots, now=lambda: samples.NOW, levels=levels)
    qtbot.addWidget(window)
    window.show_view(samples.patient(Page.VISIT, visit=samples.visit()))
    window.show()
    meter = named(window, names.VISIT_LEVEL)
    levels.put("microphone", LOUD)
    meter.look()
    assert meter.lit() > 0
    window.show_view(samples.patient(Page.VISIT, visit=samples.VISITS["muted"]))
    assert meter.lit() == 0


def test_a_sound_test_shows_the_meter_of_what_is_going_on(patient) -> None:
    for state, kind in (("listening", "microphone"), ("playing", "speaker")):
        patient.show_view(samples.patient_views()[f"sound-{state}"])
        assert named(patient, f"{names.SOUND_LEVEL}.{kind}").isVisible()
        assert not named(patient, names.SOUND_START).isEnabled()  # a second press must not stop it
    patient.show_view(samples.patient_views()["sound-asking"])
    assert not named(patient, names.SOUND_START).isVisible()
    assert not named(patient, f"{names.SOUND_LEVEL}.microphone").isVisible()


def test_the_focus_follows_a_sound_test(qtbot, patient) -> None:
    expected = {
        "ready": names.SOUND_START,
        "listening": names.SOUND_STOP,
        "asking": names.SOUND_HEARD,
        "not-heard": names.SOUND_START,
    }
    for state, name in expected.items():
        patient.show_view(samples.patient_views()[f"sound-{state}"])
        assert patient.focusWidget() is named(patient, name)


def test_a_device_is_chosen_by_name_and_by_keys(qtbot, patient, commands) -> None:
    patient.show_view(samples.patient_views()["sound-ready"])
    box = named(patient, names.device_choice("microphone"))
    assert said(box) == "Headset (USB)"
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Up)
    qtbot.keyClick(box, Qt.Key.Key_Home)
    assert commands.calls == [
        ("choose_device", ("microphone", "Built-in microphone")),
        ("choose_device", ("microphone", "")),
    ]


def test_a_new_list_of_devices_is_shown_and_tells_nobody(patient, commands) -> None:
    view = samples.patient_views()["sound-ready"]
    patient.show_view(view)
    patient.show_view(replace(view, sound=replace(view.sound, devices=samples.GONE)))
    assert said(named(patient, names.device_choice("microphone"))) == "Headset (USB) (not plugged in)"
    assert "Until it is plugged in" in said(named(patient, names.device_note("microphone")))
    assert said(named(patient, names.device_note("camera"))) == "No camera was found. Plug one in."
    assert commands.calls == []


def test_in_a_visit_devices_are_chosen_but_not_tried(patient) -> None:
    patient.show_view(samples.patient_views()["sound-in-visit"])
    assert not named(patient, names.SOUND_START).isVisible()
    assert "goes on" in said(named(patient, names.SOUND_VISIT))
    assert said(named(patient, names.SOUND_BACK)) == "Back to the visit"
    assert named(patient, names.device_level("microphone")).isVisible()


@pytest.mark.parametrize("direction", list(Qt.LayoutDirection)[:2])
def test_what_does_not_fit_goes_to_a_second_line_and_the_last_stays_at_the_far_end(qtbot, qapp, direction) -> None:
    row = FlowRow(6)
    qtbot.addWidget(row)
    row.setLayoutDirection(direction)
    boxes = [Box() for _ in range(4)]
    for box in boxes:
        row.add(box)
    row.resize(500, row.heightForWidth(500))
    row.show()
    qapp.processEvents()
    assert row.heightForWidth(500) == 50
    ends = boxes[-1].geometry().right() if direction is Qt.LayoutDirection.LeftToRight else boxes[-1].geometry().left()
    assert ends == (499 if direction is Qt.LayoutDirection.LeftToRight else 0)
    row.resize(320, row.heightForWidth(320))
    qapp.processEvents()
    assert row.height() == 106
    assert {box.geometry().top() for box in boxes} == {0, 56}
    assert all(row.rect().contains(box.geometry()) for box in boxes)
