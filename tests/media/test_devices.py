"""Cameras, microphones and loudspeakers, real ones absent: what is told, what comes out, what it costs."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from device_kit import FakeCv2, FakeSound, Told, write_film
from session_pair import write_tone

from app.media.audio import portaudio as pa
from app.media.audio import stream as streams
from app.media.audio.choice import Target
from app.media.audio.microphone import Microphone
from app.media.audio.speaker import Speaker
from app.media.audio.stream import open_input
from app.media.devices import DeviceSpec, list_devices
from app.media.slot import FrameSlot
from app.media.video import capture
from app.media.video.camera import Camera, CameraPreview
from app.media.video.capture import CameraBusy, CameraMissing, CameraUnavailable, FileReader, open_reader


@pytest.mark.parametrize("name", ["film.mkv", "film.y4m"])
def test_a_film_stands_in_for_a_camera_again_and_again(tmp_path: Path, name: str) -> None:
    film, told, slot = write_film(tmp_path / name), Told(), FrameSlot()
    camera = Camera("file", str(film), report=told.report, tap=told.take, view=slot)
    camera.start()
    told.until(lambda: len(told.items) >= 25)  # two and a half times through
    still = camera.still()
    camera.stop()
    assert told.states == [("ready", name)]
    assert still is not None
    assert still.shape == (120, 160, 3)
    assert slot.latest() is not None
    numbers = [item[0].number for item in told.items]
    assert numbers == sorted(set(numbers))
    assert camera.latest() is None


def test_a_slow_reader_skips_frames_instead_of_falling_behind(tmp_path: Path) -> None:
    reader = FileReader(str(write_film(tmp_path / "film.mkv", frames=40)))
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    first = reader.read(wait)
    assert first is not None
    reader._start -= 0.5  # half a second passes: 25 frames
    later = reader.read(wait)
    assert later is not None
    skipped = (int(later.to_ndarray()[0, 0]) - int(first.to_ndarray()[0, 0])) // 5
    reader.close()
    assert skipped >= 20


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("none.mp4", None, CameraMissing),
        ("text.mp4", b"no film " * 50, CameraUnavailable),
        ("empty.mp4", b"", CameraUnavailable),
    ],
)
def test_unreadable_films_are_typed_and_named(tmp_path: Path, name: str, content: bytes | None, error: type) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    reader = open_reader("file", str(tmp_path / name))
    with pytest.raises(error, match=name):
        reader.read(lambda _: False)


def test_a_camera_that_appears_later_is_found(tmp_path: Path) -> None:
    told, path = Told(), tmp_path / "late.mkv"
    camera = Camera("file", str(path), report=told.report, tap=told.take, retry_s=0.05)
    camera.start()
    told.until(lambda: bool(told.states))
    assert told.states[0][0] == "missing"
    write_film(tmp_path / "made.mkv").rename(path)
    told.until(lambda: bool(told.items))
    camera.stop()
    assert [s for s, _ in told.states] == ["missing", "ready"]


def test_a_camera_pulled_out_is_told_and_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, told = FakeCv2(), Told()
    monkeypatch.setattr(capture, "_cv2", lambda: fake)
    camera = Camera("device", "0", report=told.report, tap=told.take, retry_s=0.02)
    camera.start()
    told.until(lambda: len(told.items) > 3)
    fake.gives = False
    told.until(lambda: len(told.states) > 1)
    assert told.states[1] == ("missing", told.states[0][1]), "by its own name"
    fake.gives = True
    told.until(lambda: len(told.states) > 2)
    camera.stop()
    assert [s for s, _ in told.states] == ["ready", "missing", "ready"]
    assert fake.released >= 2
    assert told.items[0][0].frame.height == 120, "odd sizes are cut to even ones"


def test_a_camera_is_known_by_its_name_or_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeCv2()
    monkeypatch.setattr(capture, "_cv2", lambda: fake)
    cameras = [(0, "Laptop Camera"), (2, "USB Document Camera"), (4, "Document Camera")]
    monkeypatch.setattr(capture, "list_cameras", lambda: cameras)
    known = {"": 0, "7": 7, "Document Camera": 4, "usb doc": 2, "camera": 0}
    assert {which: capture.camera_number(which) for which in known} == known
    told = Told()
    camera = Camera("device", DeviceSpec.parse("device:Microscope").which, report=told.report, retry_s=0.02)
    camera.start()
    try:
        told.until(lambda: ("missing", "Microscope") in told.states)
        cameras.append((6, "Microscope"))
        told.until(lambda: any(state == "ready" for state, _ in told.states))  # it looks again by itself
    finally:
        camera.stop()


def test_a_busy_camera_has_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeCv2()
    fake.opened = False
    monkeypatch.setattr(capture, "_cv2", lambda: fake)
    monkeypatch.setattr(capture.platform, "system", lambda: "Linux")
    monkeypatch.setattr(capture.Path, "exists", lambda _path: True)
    with pytest.raises(CameraBusy, match="in use by another program"):
        open_reader("device", "0")


def test_a_preview_outside_a_visit() -> None:
    told, slot = Told(), FrameSlot()
    preview = CameraPreview("synthetic", "", slot, told.report)
    preview.start()
    told.until(lambda: bool(told.states))
    still = preview.still()
    preview.stop()
    assert still is not None
    assert still.shape == (240, 320, 3)
    assert slot.latest() is not None
    assert preview.still() is None


def test_no_camera_means_no_thread_and_no_pictures() -> None:
    camera = Camera("none", "", report=Told().report)
    camera.start()
    assert camera.latest() is None
    assert camera.still() is None
    camera.stop()
    with pytest.raises(ValueError, match="no pictures"):
        open_reader("none", "")


def test_a_recording_stands_in_for_a_microphone(tmp_path: Path) -> None:
    told = Told()
    microphone = Microphone("file", str(write_tone(tmp_path / "a.wav", 0.3)), deliver=told.take, report=told.report)
    microphone.start()
    told.until(lambda: len(told.items) >= 40)  # 0.8 s: it went round
    microphone.stop()
    assert told.states == [("ready", "a.wav")]
    places = [place for place, _ in told.items]
    assert all((b - a) % 960 == 0 and b > a for a, b in itertools.pairwise(places))
    assert all(len(chunk) == 960 and chunk.dtype == np.int16 for _, chunk in told.items)
    assert max(np.abs(chunk).max() for _, chunk in told.items) > 8000


def test_without_a_microphone_there_is_silence_at_the_clocks_pace(tmp_path: Path) -> None:
    told = Told()
    start = time.monotonic()
    microphone = Microphone("file", str(tmp_path / "none.wav"), deliver=told.take, report=told.report, retry_s=0.1)
    microphone.start()
    told.until(lambda: len(told.items) >= 20)
    passed = time.monotonic() - start
    microphone.stop()
    assert told.states == [("missing", "none.wav")]
    assert not any(chunk.any() for _, chunk in told.items)
    assert told.items[-1][0] <= passed * 48_000, "never ahead of the clock"


class Constant:
    """A source of one value, which remembers when it was asked."""

    def __init__(self, value: int) -> None:
        self.value = value
        self.asked: list[float] = []

    def pull(self, count: int, now: float) -> Any:
        self.asked.append(now)
        return np.full(count, self.value, np.int16)


class When:
    """PortAudio's times: what was taken 20 ms ago, what will be heard in 40 ms."""

    currentTime = 1.0
    inputBufferAdcTime = 0.98
    outputBufferDacTime = 1.04


def test_a_microphone_pulled_out_becomes_silence_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, told = FakeSound(), Told()
    monkeypatch.setattr(pa, "portaudio", lambda: fake)
    microphone = Microphone("device", "", deliver=told.take, report=told.report, retry_s=0.1)
    microphone.start()
    told.until(lambda: bool(told.states))
    fake.callback(np.full(960, 1234, np.int16).tobytes(), 960, When, None)
    told.until(lambda: bool(told.items))
    assert told.items[0][1][0] == 1234
    fake.active = False
    told.until(lambda: ("ready", "Headset") in told.states[1:])
    microphone.stop()
    assert [s for s, _ in told.states][:3] == ["ready", "missing", "ready"]
    assert any(not chunk.any() for _, chunk in told.items), "silence in between"


def test_a_stream_with_gaps_gets_a_longer_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, told = FakeSound(), Told()
    monkeypatch.setattr(pa, "portaudio", lambda: fake)
    monkeypatch.setattr(streams, "_CALM_S", -1.0)
    speaker = Speaker("device", "", Constant(500), report=told.report, played=told.take, retry_s=0.2)
    speaker.start()
    told.until(lambda: bool(told.states))
    for _ in range(5):
        fake.callback(memoryview(bytearray(960)), 480, When, True)
    with fake.opened:
        assert fake.opened.wait_for(lambda: len(fake.latencies) == 2, 5)
    speaker.stop()
    assert fake.latencies == list(streams.LATENCIES_S[:2])
    assert told.states == [("ready", "Headset")]


@pytest.mark.parametrize(
    ("error", "kind"), [("Device unavailable", pa.AudioBusy), ("No such device", pa.AudioMissing)]
)
def test_sound_devices_that_cannot_be_opened_are_typed(
    monkeypatch: pytest.MonkeyPatch, error: str, kind: type[Exception]
) -> None:
    monkeypatch.setattr(pa, "portaudio", lambda: FakeSound(error))
    with pytest.raises(kind):
        open_input(Target("", "Headset", None), lambda *_: None)


def test_a_speaker_takes_sound_from_the_playout_and_survives_its_device(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, told, playout = FakeSound(), Told(), Constant(500)
    monkeypatch.setattr(pa, "portaudio", lambda: fake)
    speaker = Speaker("device", "", playout, report=told.report, played=told.take, retry_s=0.2)
    speaker.start()
    told.until(lambda: bool(told.states))
    out = bytearray(960 * 2)
    fake.callback(memoryview(out), 960, When, None)
    assert speaker.delay_s == pytest.approx(0.04)
    assert np.frombuffer(bytes(out), np.int16)[0] == 500
    fake.active = False
    told.until(lambda: len(told.items) > 12)  # the clock goes on pulling
    speaker.stop()
    assert told.states[1] == ("missing", "Headset")
    assert speaker.seconds >= 0.1


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("default", DeviceSpec("device")),
        ("none", DeviceSpec("none")),
        ("synthetic", DeviceSpec("synthetic")),
        ("2", DeviceSpec("device", "2")),
        ("device: Jabra 510", DeviceSpec("device", "Jabra 510")),
        ("/tmp/a b.y4m", DeviceSpec("file", "/tmp/a b.y4m")),
    ],
)
def test_device_words(text: str, spec: DeviceSpec) -> None:
    assert DeviceSpec.parse(text) == spec


def test_listing_devices_works_on_a_machine_with_none() -> None:
    for found in list_devices():
        assert found.name
        assert found.spec.kind == "device"


def test_a_machine_without_portaudio_has_no_sound_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise pa.AudioMissing("Sound needs the PortAudio library, which is not installed.")

    monkeypatch.setattr(pa, "portaudio", missing)
    assert all(found.kind == "camera" for found in list_devices())
    told = Told()
    microphone = Microphone("device", "", deliver=told.take, report=told.report, retry_s=0.1)
    microphone.start()
    told.until(lambda: bool(told.states) and bool(told.items))
    microphone.stop()
    assert told.states[0][0] == "missing"
