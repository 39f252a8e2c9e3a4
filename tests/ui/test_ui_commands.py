"""What a person presses or types becomes the right command; views from other threads reach the screen."""

from __future__ import annotations

import io
import json
import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.media.events import View
from app.presenters.views import Level, Page, PhotoPhase, PhotoView, Sentence
from app.ui import names, samples
from app.ui.driver import Driver, said
from app.ui.invitation import find_invitation, group_code
from app.ui.pages.files import ask_for_files
from app.ui.style import SHAPE_PAIRS, TEXT_PAIRS

CODE = samples.CODE
JPEG_VIEW = PhotoView(PhotoPhase.REVIEW, b"", "")

CLICKS = [
    (samples.patient(Page.HOME), names.HOME_JOIN, ("join", ("visit0001",))),
    (samples.patient(Page.HOME), names.HOME_PHOTO, ("start_photo", ())),
    (samples.patient(Page.HOME, items=samples.ITEMS), names.sent_again("item0006"), ("try_again", ("item0006",))),
    (samples.patient(Page.HOME, notice=Sentence("Saved.", Level.GOOD)), names.NOTICE_DISMISS, ("dismiss_notice", ())),
    (samples.patient(Page.PHOTO, photo=PhotoView(PhotoPhase.PREVIEW, b"", "")), names.PHOTO_SHUTTER, ("shutter", ())),
    (samples.patient(Page.PHOTO, photo=JPEG_VIEW), names.PHOTO_KEEP, ("keep_photo", ())),
    (samples.patient(Page.PHOTO, photo=JPEG_VIEW), names.PHOTO_RETAKE, ("retake", ())),
    (samples.patient(Page.PHOTO, photo=JPEG_VIEW), names.PHOTO_CANCEL, ("cancel_photo", ())),
    (samples.patient(Page.VISIT, visit=samples.visit()), names.VISIT_MUTE, ("set_microphone", (False,))),
    (samples.patient(Page.VISIT, visit=samples.VISITS["muted"]), names.VISIT_MUTE, ("set_microphone", (True,))),
    (samples.patient(Page.VISIT, visit=samples.visit()), names.VISIT_CAMERA, ("set_camera", (False,))),
    (samples.patient(Page.VISIT, visit=samples.visit()), names.VISIT_PHOTO, ("start_photo", ())),
    (samples.patient(Page.VISIT, visit=samples.visit()), names.VISIT_HANGUP, ("hang_up", ())),
    (samples.patient(Page.VISIT, visit=samples.visit()), names.VISIT_SPEECH_ALONE, ("set_speech_alone", (True,))),
    (
        samples.patient(Page.VISIT, visit=samples.VISITS["speech-mine"]),
        names.VISIT_SPEECH_ALONE,
        ("set_speech_alone", (False,)),
    ),
    (
        samples.patient(Page.VISIT, visit=samples.VISITS["speech-theirs"]),
        names.VISIT_SPEECH_ALONE,
        ("set_speech_alone", (True,)),
    ),
    (samples.patient(Page.VISIT, visit=samples.VISITS["waiting"]), names.VISIT_TRY_SOUND, ("open_sound", ())),
    (samples.patient(Page.VISIT, visit=samples.visit()), names.VISIT_SOUND, ("open_sound", ())),
    (samples.patient(Page.HOME), names.OPEN_SOUND, ("open_sound", ())),
    (samples.patient_views()["sound-ready"], names.SOUND_START, ("start_sound_test", ())),
    (samples.patient_views()["sound-ready"], names.SOUND_BACK, ("close_sound", ())),
    (samples.patient_views()["sound-listening"], names.SOUND_STOP, ("stop_sound_test", ())),
    (samples.patient_views()["sound-asking"], names.SOUND_HEARD, ("answer_sound_test", (True,))),
    (samples.patient_views()["sound-asking"], names.SOUND_NOT_HEARD, ("answer_sound_test", (False,))),
    (samples.patient_views()["sound-no-sound"], names.SOUND_START, ("start_sound_test", ())),
]
DESK_CLICKS = [
    ("day", names.schedule_start("visit0001"), ("start_visit", ("visit0001",))),
    ("day", names.inbox_open("item0002"), ("open_item", ("item0002",))),
    ("item", names.ITEM_BACK, ("close_item", ())),
    ("item", names.item_part(1), ("show_part", (1,))),
    ("item", names.ITEM_NEXT, ("show_part", (1,))),
    ("item", names.ITEM_WANT, ("want_original", (0, True))),
    ("item-answered", names.ITEM_WANT, ("want_original", (0, False))),
    ("item-answered", names.item_other("item0009"), ("open_item", ("item0009",))),
    ("day", names.DESK_OPEN_INVITE, ("open_desk", ())),
    ("day", names.DESK_OPEN_PLAN, ("open_desk", ())),
    ("desk-invited", names.DESK_BACK, ("close_desk", ())),
    ("day", names.OPEN_SOUND, ("open_sound", ())),
    ("visit-live", names.VISIT_SOUND, ("open_sound", ())),
    ("visit-live", names.VISIT_SPEECH_ALONE, ("set_speech_alone", (True,))),
    ("visit-live", names.VISIT_INBOX, ("open_inbox", ())),
    ("visit-came", names.VISIT_INBOX, ("open_inbox", ())),
    ("beside-day", names.STRIP_BACK, ("back_to_visit", ())),
    ("beside-item", names.STRIP_BACK, ("back_to_visit", ())),
    ("sound-in-visit", names.SOUND_BACK, ("close_sound", ())),
    ("sound-in-visit", names.SOUND_TURN, ("turn_picture", ())),
    ("visit-live", names.visit_view("detail"), ("wish_view", (View.DETAIL,))),
    ("visit-wished", names.visit_view("motion"), ("wish_view", (View.MOTION,))),
]


def ask(driver: Driver, out: io.StringIO, **request: object) -> dict[str, object]:
    driver.take(json.dumps({"id": 1, **request}))
    return json.loads(out.getvalue().splitlines()[-1])


@pytest.mark.parametrize(("view", "name", "command"), CLICKS)
def test_patient_presses(qtbot, patient, commands, view, name, command) -> None:
    patient.show_view(view)
    out = io.StringIO()
    assert ask(Driver(patient, out), out, do="click", name=name) == {"id": 1, "ok": True}
    assert commands.calls == [command]


@pytest.mark.parametrize(("state", "name", "command"), DESK_CLICKS)
def test_provider_presses(qtbot, provider, commands, state, name, command) -> None:
    provider.show_view(samples.provider_views()[state])
    out = io.StringIO()
    assert ask(Driver(provider, out), out, do="click", name=name)["ok"]
    assert commands.calls == [command]


def test_the_hand_refuses_what_a_person_could_not_press(patient, commands) -> None:
    patient.show_view(samples.patient(Page.HOME, busy=True))
    out = io.StringIO()
    driver = Driver(patient, out)
    assert "disabled" in ask(driver, out, do="click", name=names.HOME_JOIN)["error"]
    assert "hidden" in ask(driver, out, do="click", name=names.VISIT_HANGUP)["error"]
    assert not ask(driver, out, do="click", name="no.such")["ok"]
    patient.show_view(samples.patient(Page.ENROL))
    assert not ask(driver, out, do="type", name=names.ENROL_ADDRESS, text="Łódź")["ok"]
    assert commands.calls == []


def test_enrolment_typed_key_by_key(patient, commands) -> None:
    patient.show_view(samples.patient(Page.ENROL))
    out = io.StringIO()
    driver = Driver(patient, out)
    ask(driver, out, do="type", name=names.ENROL_ADDRESS, text="https://clinic.example:8443")
    assert ask(driver, out, do="type", name=names.ENROL_CODE, text=CODE.lower())["text"] == CODE
    ask(driver, out, do="click", name=names.ENROL_GO)
    assert commands.calls == [("enrol", ("https://clinic.example:8443", CODE))]


def test_a_whole_invitation_can_be_pasted(qtbot, qapp, patient, commands) -> None:
    patient.show_view(samples.patient(Page.ENROL))
    letter = f"Dear Maria,\nAddress: https://clinic.example:8443\nCode: {CODE}\nYour clinic"
    qapp.clipboard().setText(letter)
    field = patient.findChild(QWidget, names.ENROL_ADDRESS)
    qtbot.keyClick(field, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert said(field) == "https://clinic.example:8443"
    assert said(patient.findChild(QWidget, names.ENROL_CODE)) == CODE


def test_invitations_of_many_shapes() -> None:
    assert find_invitation(f"clinic.example.org {CODE}").address == "clinic.example.org"
    assert find_invitation(f"127.0.0.1:8443, {CODE.replace('-', ' ')}").code == CODE
    assert find_invitation(CODE.replace("-", "").lower()).code == CODE
    assert find_invitation("hello there, dear clinic").code == ""
    assert group_code(" 1abcd–2ef ") == "1ABC-D2EF"


def test_views_from_another_thread_reach_the_window(qtbot, patient, bridge) -> None:
    def publish() -> None:
        for state in samples.VISITS.values():
            bridge.publish(samples.patient(Page.VISIT, visit=state))
        bridge.publish(samples.patient(Page.HOME, clinic=Sentence("The last one.", Level.NOTE)))

    thread = threading.Thread(target=publish)
    thread.start()
    thread.join()
    label = patient.findChild(QWidget, names.CLINIC_STATE)
    qtbot.waitUntil(lambda: label.isVisible() and said(label) == "The last one.", timeout=5000)


@pytest.mark.qt_log_ignore("does not support propagateSizeHints")  # the off-screen plugin, of any dialog
def test_a_file_chosen_by_typing_its_path(qtbot, qapp, patient, commands, tmp_path) -> None:
    path = tmp_path / "rash.jpg"
    path.write_bytes(samples.jpeg(samples.figure(64, 48)))
    patient.show_view(samples.patient(Page.HOME))
    out = io.StringIO()
    driver = Driver(patient, out)
    assert ask(driver, out, do="click", name=names.HOME_FILE)["ok"]
    assert ask(driver, out, do="type", name=names.FILE_PATH, text=str(path))["ok"]
    answer = ask(driver, out, do="click", name=names.FILE_OPEN)
    assert answer["ok"], answer
    assert commands.calls == [("add_files", ([path],))]


@pytest.mark.qt_log_ignore("does not support propagateSizeHints")
@pytest.mark.parametrize("photos", [False, True])
def test_the_dialog_shows_first_what_is_taken_there(qtbot, qapp, patient, photos) -> None:
    dialog = ask_for_files(patient, lambda paths: None, photos=photos)
    shown = dialog.nameFilters()[0]
    dialog.reject()
    taken = {"jpg", "JPEG", "png", "webp", "avif", "HEIC"}
    others = {"pdf", "mp4", "ogg", "json"}
    assert all(f"*.{ending}" in shown for ending in taken)
    assert all((f"*.{ending}" in shown) is not photos for ending in others)
    assert ("files" in dialog.windowTitle()) is not photos
    assert said(patient.findChild(QWidget, names.HOME_FILE)) == "Choose a photo"


def test_closing_the_window_is_told(patient) -> None:
    closed = []
    patient.on_close = lambda: closed.append(True)
    patient.close()
    assert closed == [True]


def test_a_wait_ends_when_the_text_comes_and_when_it_does_not(qtbot, patient) -> None:
    out = io.StringIO()
    driver = Driver(patient, out)
    driver.take(json.dumps({"id": 5, "do": "wait", "name": names.VISIT_LINK, "text_has": "good", "seconds": 9}))
    assert out.getvalue() == ""
    patient.show_view(samples.patient(Page.VISIT, visit=samples.visit()))
    qtbot.waitUntil(lambda: '"id": 5, "ok": true' in out.getvalue(), timeout=5000)
    driver.take(json.dumps({"id": 6, "do": "wait", "name": names.VISIT_LINK, "text_has": "never", "seconds": 0}))
    qtbot.waitUntil(lambda: '"id": 6, "ok": false' in out.getvalue(), timeout=5000)


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, two: str) -> float:
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("pairs", "least"), [(TEXT_PAIRS, 4.5), (SHAPE_PAIRS, 3.0)])
def test_contrast(pairs, least) -> None:
    assert [(a, b, round(contrast(a, b), 2)) for a, b in pairs if contrast(a, b) < least] == []
