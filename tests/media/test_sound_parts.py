"""The small parts of the way of sound: conversion over hours, joined microphones, hearing speech, names."""

from __future__ import annotations

import subprocess
import threading
from typing import Any

import numpy as np
import pytest
from device_kit import FakeSound

from app.media.audio import choice, hotplug, pulse
from app.media.audio import portaudio as pa
from app.media.audio.choice import choose, look
from app.media.audio.convert import Converter, FromMono, ToMono
from app.media.audio.handover import Handover
from app.media.audio.sound_test import ENOUGH_S, LISTEN_S, Heard, SoundTest, SoundTestState, SoundTestStatus
from app.media.devices import DeviceSpec
from app.media.levels import Levels

RATE = 48_000


@pytest.mark.parametrize("rate", [44_100, 16_000])
def test_conversion_keeps_count_over_a_quarter_of_an_hour(rate: int) -> None:
    """In chunks of ten seconds: the counts stay within the filter's few milliseconds."""
    there, back = Converter(RATE, rate), Converter(rate, RATE)
    chunk = (8000 * np.sin(np.arange(10 * RATE) * 2 * np.pi * 300 / RATE)).astype(np.int16)
    out = end = 0
    for _ in range(90):
        part = there.convert(chunk)
        again = back.convert(part)
        out += len(part)
        end += len(again)
    assert 0 <= 900 * rate - out < rate // 50
    assert 0 <= 900 * RATE - end < RATE // 25
    middle = again[1000:-1000].astype(float)
    error = middle[2:] - 2 * np.cos(2 * np.pi * 300 / RATE) * middle[1:-1] + middle[:-2]
    assert np.abs(error).max() < 20, "no seam"


def test_stereo_devices_are_mixed_and_fed_alike() -> None:
    joint = ToMono(RATE, 2, 480)
    both = np.stack([np.full(700, 1000, np.int16), np.full(700, 3000, np.int16)], axis=1)
    frames = joint.put(both.tobytes())
    assert [len(f) for f in frames] == [480]
    assert joint.waiting == 220
    assert set(frames[0]) == {2000}
    out = FromMono(RATE, 2)
    assert out.lacks(1)
    out.put(np.arange(480, dtype=np.int16))
    assert np.frombuffer(out.take(3), np.int16).tolist() == [0, 0, 1, 1, 2, 2]
    assert out.waiting_s == pytest.approx(477 / RATE)


def test_microphones_hand_over_without_a_click_or_a_leap() -> None:
    got: list[tuple[int, Any]] = []
    handover = Handover(lambda place, samples: got.append((place, samples)))
    first, second = handover.source(), handover.source()
    first(0, np.full(960, 8000, np.int16))
    first(960, np.full(960, 8000, np.int16))
    second(480, np.full(960, -8000, np.int16))  # its clock is a little behind
    first(1920, np.full(960, 8000, np.int16))  # too late: the other one has taken over
    second(1440, np.full(960, -8000, np.int16))
    assert [place for place, _ in got] == [0, 960, 1920, 2880]
    joined = np.concatenate([samples for _, samples in got]).astype(int)
    assert np.abs(np.diff(joined)).max() < 200
    assert joined[-1] == -8000


def test_speech_is_told_from_a_fan() -> None:
    random = np.random.default_rng(3)
    fan = [(random.standard_normal(960) * 300).astype(np.int16) for _ in range(int(LISTEN_S * 50) + 10)]
    heard = Heard()
    for chunk in fan:
        heard.add(chunk)
    assert heard.nothing
    assert heard.enough
    assert heard.seconds == pytest.approx(LISTEN_S, abs=0.03)
    assert len(heard.speech()) == 0
    voice = Heard()
    for n, chunk in enumerate(fan):
        voice.add(chunk * 12 if 50 <= n < 230 else chunk)
        if voice.enough:
            break
    assert voice.speech_s == pytest.approx(ENOUGH_S, abs=0.05)
    assert len(voice.speech()) == pytest.approx((ENOUGH_S + 0.3) * RATE, rel=0.02)


@pytest.mark.parametrize(
    ("microphone", "state", "word"),
    [("synthetic", SoundTestState.NO_SOUND, "Nothing was heard"), ("device", SoundTestState.FAILED, "No microphone")],
)
def test_a_sound_test_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, microphone: Any, state: SoundTestState, word: str
) -> None:
    monkeypatch.setattr("app.media.audio.sound_test.LISTEN_S", 0.2)
    monkeypatch.setattr(pa, "portaudio", lambda: FakeSound("no such device"))
    told: list[SoundTestStatus] = []
    test = SoundTest(DeviceSpec(microphone), DeviceSpec("none"), Levels(), told.append)
    test.start()
    test._thread.join(10)
    test.stop()
    assert told[0].state is SoundTestState.LISTENING or state is SoundTestState.FAILED
    assert told[-1].state is state
    assert word in told[-1].problem


def test_a_sound_test_that_is_stopped_says_no_more() -> None:
    told: list[SoundTestStatus] = []
    test = SoundTest(DeviceSpec("synthetic"), DeviceSpec("none"), Levels(), told.append)
    test.start()
    test.stop()
    assert not test._thread.is_alive()
    assert all(status.state is SoundTestState.LISTENING for status in told)


class Cards(FakeSound):
    """ALSA's list: two cards and its plug-ins."""

    def query_devices(self, number: int | None = None, kind: str | None = None) -> Any:
        names = ["HDA Intel: ALC257 (hw:0,0)", "Jabra 510: USB Audio (hw:2,0)", "sysdefault", "default"]
        devices = [{**FakeSound.query_devices(self, 0, kind), "name": name} for name in names]
        if number is not None and not 0 <= number < len(names):
            raise ValueError("no such device")
        return devices if number is None and kind is None else devices[3 if number is None else number]


def test_cards_are_named_without_their_changing_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pa, "portaudio", Cards)
    monkeypatch.setattr(choice.platform, "system", lambda: "Linux")
    devices = look()
    assert [t.id for t in devices.inputs] == ["HDA Intel: ALC257", "Jabra 510: USB Audio"]
    jabra = choose(devices, "Jabra 510: USB Audio", "output")
    assert jabra is not None
    assert jabra.number == 1
    default = choose(devices, "", "input")
    assert default is not None
    assert default.number is None
    assert choose(devices, "9", "input") is None


@pytest.mark.parametrize("answer", [b"", b"{", b"[1]", b'{"default_sink_name": 3}', b'[{"name": 5}, 7, null]'])
def test_a_strange_sound_server_is_no_server_or_has_no_devices(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    monkeypatch.setattr(pulse.shutil, "which", lambda _name: "/usr/bin/pactl")
    done = subprocess.CompletedProcess([], 0, answer, b"")
    monkeypatch.setattr(pulse.subprocess, "run", lambda *_, **__: done)
    assert pulse.look() is None


def test_without_a_sound_server_the_machine_is_asked_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    prints = iter(["one", "one", "two"])
    monkeypatch.setattr(hotplug.shutil, "which", lambda _name: None)
    monkeypatch.setattr(hotplug, "fingerprint", lambda: next(prints, "two"))
    marked: list[bool] = []
    monkeypatch.setattr(hotplug.portaudio, "mark_stale", lambda: marked.append(True))
    seen = threading.Event()
    watcher = hotplug.Watcher(seen.set, poll_s=0.01)
    watcher.start()
    assert seen.wait(5)
    watcher.stop()
    assert marked == [True]


def test_a_stale_list_is_made_anew_when_the_last_stream_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class Library(FakeSound):
        def _terminate(self) -> None:
            calls.append("anew")

    library = Library()
    monkeypatch.setattr(pa, "portaudio", lambda: library)
    with pa.opening():
        pa.opened()
    pa.mark_stale()
    pa.rescan()
    assert calls == [], "not while a stream is open"
    pa.close_stream(library)
    assert pa.is_stale()
    with pa.opening() as opened:
        assert opened is library
    assert calls == ["anew"]
    assert not pa.is_stale()
