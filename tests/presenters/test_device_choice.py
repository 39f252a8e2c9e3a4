"""Which devices are opened: what was chosen while it is there; remembered, and never the cause of a lost visit."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.media.devices import DEFAULT_DEVICE, DeviceSpec, FoundDevice
from app.presenters.devices import KINDS, Chosen, DeviceChoice, load_choice, save_choice

HEADSET = FoundDevice("microphone", "Headset", DeviceSpec("device", "3"))
DESK = FoundDevice("microphone", "Desk", DeviceSpec("device", "1"))


def test_nothing_chosen_means_the_computers_own():
    choice = DeviceChoice()
    assert choice.specs() == Chosen()
    assert [row.kind for row in choice.rows()] == ["microphone", "speaker", "camera"]
    assert all(row.present and row.chosen == "" for row in choice.rows())


def test_the_chosen_one_is_opened_as_it_was_found():
    choice = DeviceChoice(found=(DESK, HEADSET)).choose("microphone", "Headset")
    assert choice.spec("microphone") == HEADSET.spec
    assert choice.spec("speaker") == DEFAULT_DEVICE
    row = choice.rows()[0]
    assert (row.names, row.chosen, row.present) == (("Desk", "Headset"), "Headset", True)
    assert choice.choose("microphone", "").spec("microphone") == DEFAULT_DEVICE


def test_a_headset_left_at_home_is_stood_in_for_and_not_forgotten():
    choice = DeviceChoice(names={"microphone": "Headset"}, found=(DESK,))
    assert choice.spec("microphone") == DEFAULT_DEVICE
    assert choice.rows()[0].present is False
    assert choice.rows()[0].chosen == "Headset"
    before_anyone_looked = DeviceChoice(names={"microphone": "Headset"})
    assert before_anyone_looked.spec("microphone") == DeviceSpec("device", "Headset")
    assert before_anyone_looked.rows()[0].present


def test_the_command_line_goes_before_memory_and_a_person_before_both():
    given_ = Chosen(microphone=DeviceSpec("file", "/tmp/talk.flac"))
    choice = DeviceChoice(given_, {"microphone": "Headset"}, (DESK, HEADSET))
    assert choice.spec("microphone") == DeviceSpec("file", "/tmp/talk.flac")
    assert choice.rows()[0].chosen == "talk.flac"
    assert choice.choose("microphone", "Desk").spec("microphone") == DESK.spec


def test_a_device_that_is_listed_twice_is_shown_once():
    assert DeviceChoice(found=(DESK, DESK, HEADSET)).rows()[0].names == ("Desk", "Headset")


def test_a_list_without_cameras_says_nothing_of_them():
    camera = FoundDevice("camera", "Lens", DeviceSpec("device", "2"))
    choice = DeviceChoice(names={"camera": "Lens"})
    assert choice.spec("camera") == DEFAULT_DEVICE  # nobody has looked: a camera is opened by its number
    choice = choice.told((camera, DESK)).told((HEADSET,))
    assert choice.spec("camera") == camera.spec
    assert choice.rows()[0].names == ("Headset",)
    other = FoundDevice("camera", "Other", DeviceSpec("device", "0"))
    assert choice.told((other,)).spec("camera") == DEFAULT_DEVICE


def test_what_was_chosen_is_there_next_time(tmp_path):
    assert load_choice(tmp_path)[0] == {}
    save_choice(tmp_path, DeviceChoice(names={"microphone": "Mikrofon für Ömer", "camera": ""}))
    assert load_choice(tmp_path)[0] == {"microphone": "Mikrofon für Ömer"}
    assert (tmp_path / "devices.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[1]",
        b"null",
        b'{"microphone": 3, "speaker": ["x"]}',
        b"\xff\xfe",
        b"[" * 9000,
        b'"' + b"x" * 40_000,
    ],
)
def test_an_unreadable_memory_means_the_defaults(tmp_path, data):
    (tmp_path / "devices.json").write_bytes(data)
    assert load_choice(tmp_path)[0] == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.binary(max_size=200) | st.dictionaries(st.text(), st.text()).map(lambda d: repr(d).encode()))
def test_no_memory_breaks_the_start(tmp_path, data):
    (tmp_path / "devices.json").write_bytes(data)
    assert set(load_choice(tmp_path)[0]) <= set(KINDS)


def test_a_folder_in_its_place_means_the_defaults(tmp_path):
    (tmp_path / "devices.json").mkdir()
    assert load_choice(tmp_path)[0] == {}


def test_a_turn_belongs_to_its_camera_and_is_remembered(tmp_path):
    inside = FoundDevice("camera", "Inside", DeviceSpec("device", "0"))
    arm = FoundDevice("camera", "Arm", DeviceSpec("device", "2"))
    choice = DeviceChoice(found=(inside, arm)).choose("camera", "Arm").turned()
    assert choice.spec("camera") == DeviceSpec("device", "2", 90)
    assert choice.rows()[2].turn == 90
    assert choice.spec("microphone") == DEFAULT_DEVICE
    assert choice.choose("camera", "Inside").spec("camera") == inside.spec
    save_choice(tmp_path, choice)
    assert load_choice(tmp_path) == ({"camera": "Arm"}, {"Arm": 90})
    assert choice.turned().turned().turned().turns == {}


@pytest.mark.parametrize("turns", ['{"Arm": 45}', '{"Arm": "90"}', '{"Arm": true}', "[90]", '{"Arm": [90]}'])
def test_a_turn_that_is_none_is_dropped(tmp_path, turns):
    (tmp_path / "devices.json").write_text(f'{{"turns": {turns}}}')
    assert load_choice(tmp_path) == ({}, {})
