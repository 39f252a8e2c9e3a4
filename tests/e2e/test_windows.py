"""Both real windows with the real service: everything by mouse and keys, as two people do."""

import contextlib

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.compose import WindowOptions, build, take_down
from app.desk_line import main as desk_line
from app.ui import names
from app.ui.app import dress
from app.ui.driver import said
from tests.clinic.service import start_clinic

SECONDS = 20_000


class Person:
    """A person at a window."""

    def __init__(self, qtbot, role, folder):
        self.qtbot = qtbot
        self.running = build(
            WindowOptions(role, folder, camera="synthetic", microphone="synthetic", speaker="none", keyring=False)
        )
        self.window = self.running.window
        qtbot.addWidget(self.window)
        self.window.show()
        self.running.io.submit(self.running.presenter.start()).result(10)

    def find(self, name):
        return next((w for w in self.window.findChildren(QWidget, name) if w.isVisible()), None)

    def sees(self, name, words=""):
        self.qtbot.waitUntil(lambda: (w := self.find(name)) is not None and words in said(w), timeout=SECONDS)
        return self.find(name)

    def presses(self, name):
        self.sees(name)
        self.qtbot.waitUntil(lambda: self.find(name).isEnabled(), timeout=SECONDS)
        self.qtbot.mouseClick(self.find(name), Qt.MouseButton.LeftButton)

    def types(self, name, text):
        field = self.sees(name)
        field.setFocus()
        self.qtbot.keyClick(field, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        self.qtbot.keyClicks(field, text)

    def enrols(self, address, code):
        self.types(names.ENROL_ADDRESS, address)
        self.types(names.ENROL_CODE, code)
        self.presses(names.ENROL_GO)

    def first(self, begin, end):
        found = [w.objectName() for w in self.window.findChildren(QWidget) if w.isVisible()]
        return next((n for n in found if n.startswith(begin) and n.endswith(end)), None)


@pytest.fixture
def at(qtbot, qapp, tmp_path):
    """Opens windows and takes them down in the end."""
    dress(qapp)
    with contextlib.ExitStack() as stack:

        def open_window(role):
            person = Person(qtbot, role, tmp_path / role)
            stack.callback(lambda: take_down(person.running) or pytest.fail("the window did not end in time"))
            return person

        yield open_window


def desk(capsys, *arguments):
    import json

    assert desk_line([*arguments, "--no-keyring", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_two_people_meet_talk_and_send_a_photo(at, tmp_path, capsys, qtbot):
    clinic = start_clinic(tmp_path, tls="self")
    try:
        profile = ("--profile", str(tmp_path / "desk"))
        desk(capsys, "enrol", *profile, clinic.url, clinic.code)
        provider, patient = at("provider"), at("patient")
        for person, role, name in ((provider, "provider", "Dr Lee"), (patient, "patient", "Ann Example")):
            person.enrols(clinic.url, desk(capsys, "invite", *profile, role, "--name", name)["code"])
            person.sees(names.CLINIC_STATE, "Connected")
        visit = desk(
            capsys, "add-visit", *profile, "--patient", "Ann Example", "--provider", "Dr Lee", "--phone", "+1 555"
        )["visit_id"]
        patient.sees(names.HOME_WITH, "Dr Lee")
        provider.sees(names.schedule_patient(visit), "Ann Example")
        meet(patient, provider, visit)
        controls(patient, provider)
        photo(patient, provider)
    finally:
        clinic.stop()


def meet(patient, provider, visit):
    patient.presses(names.HOME_JOIN)
    patient.sees(names.VISIT_LINK, "waiting room")
    provider.sees(names.schedule_state(visit), "Waiting")
    provider.presses(names.schedule_start(visit))
    for person, other in ((patient, "Dr Lee"), (provider, "Ann Example")):
        person.sees(names.VISIT_OTHER, f"{other} hears you and sees you")
        person.sees(names.VISIT_LINK, "connection is good")


def controls(patient, provider):
    patient.presses(names.VISIT_MUTE)
    patient.sees(names.VISIT_OTHER, "You are muted")
    patient.presses(names.VISIT_MUTE)
    patient.presses(names.VISIT_CAMERA)
    patient.sees(names.VISIT_OTHER, "cannot see you: your camera is off")
    patient.presses(names.VISIT_CAMERA)
    patient.sees(names.VISIT_OTHER, "hears you and sees you")


def photo(patient, provider):
    patient.presses(names.VISIT_PHOTO)
    patient.presses(names.PHOTO_SHUTTER)
    patient.presses(names.PHOTO_KEEP)
    patient.sees(names.NOTICE_TEXT, "Saved")
    provider.presses(names.VISIT_HANGUP)
    patient.sees(names.HOME_ITEMS)
    patient.qtbot.waitUntil(lambda: patient.first("items.", ".text") is not None, timeout=SECONDS)
    item = patient.first("items.", ".text")
    patient.sees(item, "Received by the clinic")
    provider.qtbot.waitUntil(lambda: provider.first("inbox.", ".open") is not None, timeout=SECONDS)
    provider.presses(provider.first("inbox.", ".open"))
    provider.sees(names.item_picture(0))
    patient.sees(item, "Opened by")


def test_a_wrong_code_is_told_under_the_button_and_the_window_stays(at, tmp_path):
    patient = at("patient")
    patient.enrols("127.0.0.1:9", "not a code!")
    patient.sees(names.ENROL_ERROR, "letters and digits")
    assert patient.find(names.ENROL_GO).isEnabled()
