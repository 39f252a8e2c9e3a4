"""Real PortAudio streams over a sound server of the tests' own: what is taken, given, told and exchanged."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from device_kit import Told
from pulse import BLOCK, Samples, SoundServer

from app.media.audio import sound_test
from app.media.audio import stream as streams
from app.media.audio.choice import choose, look
from app.media.audio.hotplug import Watcher
from app.media.audio.microphone import Microphone
from app.media.audio.sound_test import SoundTest, SoundTestState, SoundTestStatus
from app.media.audio.speaker import Speaker
from app.media.devices import DeviceSpec, Sinks, Sources
from app.media.equipment import Equipment
from app.media.events import DeviceChanged, DevicesChanged
from app.media.levels import Levels
from app.media.settings import MediaSettings

RATE = 48_000


class Tone:
    """A tone at 48 kHz, 10 ms or any amount at once: to the loudspeaker (`pull`) or into the microphone (`give`)."""

    def __init__(self, hertz: float, loud: float = 8000) -> None:
        self.hertz, self.loud, self.place = hertz, loud, 0

    def pull(self, count: int, now: float) -> Samples:
        places = np.arange(self.place, self.place + count)
        self.place += count
        return (self.loud * np.sin(places * 2 * np.pi * self.hertz / RATE)).astype(np.int16)

    def give(self) -> Samples:
        return self.pull(BLOCK, 0.0)


class Ear:
    """Collects what a loudspeaker plays or a microphone delivers, and lets a test wait for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.blocks: list[Samples] = []

    def take(self, block: Samples) -> None:
        with self._changed:
            self.blocks.append(block)
            self._changed.notify_all()

    def deliver(self, _place: int, chunk: Samples) -> None:
        self.take(chunk)

    def until(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, timeout)

    def more(self) -> None:
        """Waits for the next one."""
        count = len(self.blocks)
        self.until(lambda: len(self.blocks) > count)

    def hears(self, hertz: float, seconds: float = 0.2, after: int = 0) -> bool:
        """The last so many seconds (of blocks after the given one) are that tone."""
        samples = np.concatenate([np.zeros(1, np.int16), *self.blocks[after:][-int(seconds * 100) :]])
        return len(samples) >= seconds * RATE * 0.9 and purity(samples, hertz) > 0.98

    def clear(self) -> None:
        with self._changed:
            self.blocks.clear()


def purity(samples: Samples, hertz: float, rate: int = RATE) -> float:
    """How much of the energy is at that frequency, 0..1."""
    x = samples.astype(np.float64) * np.hanning(len(samples))
    power = np.abs(np.fft.rfft(x)) ** 2
    near = np.abs(np.fft.rfftfreq(len(x), 1 / rate) - hertz) < 25
    return float(power[near].sum() / max(power.sum(), 1.0)) if power.sum() > 1e6 else 0.0


def clicks(samples: Samples, hertz: float) -> int:
    """Places at which a tone breaks: what x[n] = 2 cos w x[n-1] - x[n-2] does not foretell."""
    x = samples.astype(np.float64)
    error = np.abs(x[2:] - 2 * np.cos(2 * np.pi * hertz / RATE) * x[1:-1] + x[:-2])
    places = np.flatnonzero(error > 40)
    return 0 if not len(places) else 1 + int((np.diff(places) > BLOCK).sum())


def play(source: Any, told: Told, which: str = "", **more: Any) -> Speaker:
    speaker = Speaker("device", which, source, report=told.report, played=lambda *_: None, retry_s=0.3, **more)
    speaker.start()
    return speaker


def test_a_tone_goes_out_whole(sound: SoundServer) -> None:
    ear, told, levels = Ear(), Told(), Levels()
    with sound.recording(sound.speaker, ear.take):
        speaker = play(Tone(440), told, levels=levels)
        ear.until(lambda: ear.hears(440, 1.0))
        heard = np.concatenate(ear.blocks[-80:])
        level, delay = levels.read("speaker"), speaker.delay_s
        speaker.stop()
    assert told.states == [("ready", "Test loudspeaker")]
    assert clicks(heard, 440) <= 1, "this machine may be busy with other work"
    assert level.rms_dbfs == pytest.approx(20 * np.log10(8000 / 2**0.5 / 32768), abs=1.0)
    assert level.peak_dbfs == pytest.approx(20 * np.log10(8000 / 32768), abs=1.0)
    assert 0.02 < delay < 0.12


def test_a_microphone_takes_what_is_said_to_it(sound: SoundServer) -> None:
    ear, told, levels = Ear(), Told(), Levels()
    with sound.speaking(sound.microphone, Tone(600).give):
        microphone = Microphone("device", "", deliver=ear.deliver, report=told.report, levels=levels)
        microphone.start()
        ear.until(lambda: ear.hears(600, 1.0))
        level = levels.read("microphone")
        microphone.stop()
    assert told.states == [("ready", "Test microphone")]
    assert {len(block) for block in ear.blocks} == {960}
    assert clicks(np.concatenate(ear.blocks[-50:]), 600) <= 1
    assert level.rms_dbfs == pytest.approx(-15.3, abs=1.5)


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (44_100, 2), (16_000, 2)])
def test_a_device_of_another_kind_is_converted(
    sound: SoundServer, monkeypatch: pytest.MonkeyPatch, rate: int, channels: int
) -> None:
    """The streams are real; only the list of what the device takes is cut to one entry."""
    monkeypatch.setattr(streams, "_formats", lambda *_: [(rate, channels)])
    ear, heard, told = Ear(), Ear(), Told()
    with sound.recording(sound.speaker, ear.take), sound.speaking(sound.microphone, Tone(900).give):
        speaker = play(Tone(700), told)
        microphone = Microphone("device", "", deliver=heard.deliver, report=told.report)
        microphone.start()
        ear.until(lambda: ear.hears(700, 0.5))
        heard.until(lambda: heard.hears(900, 0.5))
        speaker.stop()
        microphone.stop()


def test_devices_are_found_by_name_and_part_of_a_name(sound: SoundServer) -> None:
    devices = look()
    by_id = choose(devices, "speaker", "output")
    assert by_id is not None
    assert by_id.name == "Test loudspeaker"
    assert choose(devices, "test LOUD", "output") == by_id
    assert choose(devices, "Test loudspeaker", "output") == by_id
    assert choose(devices, "headset", "output") is None
    assert choose(devices, "speaker", "input") is None
    numbered = choose(devices, "0", "output")
    assert numbered is not None
    assert numbered.number == 0
    assert choose(devices, "77", "output") is None


class Visit:
    """An Equipment with what it told and fed."""

    def __init__(self, source: Any, speaker: DeviceSpec) -> None:
        self.events: list[DeviceChanged | DevicesChanged] = []
        self.places: list[int] = []
        self.ear = Ear()
        self._moved = asyncio.Condition()
        self.sinks = Sinks(speaker=speaker)
        self.equipment = Equipment(self.sinks, source, MediaSettings(device_retry=0.3), self._feed, self._changed)

    def _feed(self, place: int, chunk: Samples) -> None:
        self.places.append(place)
        self.ear.take(chunk)

    def _changed(self, event: DeviceChanged | DevicesChanged) -> None:
        self.events.append(event)

    def told(self, kind: str) -> list[tuple[str, str]]:
        return [(e.state, e.name) for e in self.events if isinstance(e, DeviceChanged) and e.kind == kind]

    async def until(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.to_thread(self.ear.more)


def test_the_chosen_loudspeaker_goes_and_comes_back(sound: SoundServer) -> None:
    async def run() -> None:
        sound.add_speaker("headset", "Test headset")
        visit = Visit(Tone(500), DeviceSpec("device", "headset"))
        visit.equipment.open(Sources(DeviceSpec("none"), DeviceSpec("synthetic")))
        await visit.until(lambda: visit.told("speaker") == [("ready", "Test headset")])
        await visit.until(visit.equipment._watcher.watching.is_set)  # type: ignore[union-attr]
        sound.remove("headset")
        there = ("ready", "Test loudspeaker")
        await visit.until(lambda: visit.told("speaker")[-1] == there)
        assert visit.told("speaker")[1] == ("missing", "Test headset")
        ear = Ear()
        with sound.recording(sound.speaker, ear.take):
            await asyncio.to_thread(ear.until, lambda: ear.hears(500))
        sound.add_speaker("headset", "Test headset")
        await visit.until(lambda: visit.told("speaker")[-1] == ("ready", "Test headset"))
        ear.clear()
        with sound.recording("headset", ear.take):
            await asyncio.to_thread(ear.until, lambda: ear.hears(500))
        sound.remove("headset")
        changes = [e for e in visit.events if isinstance(e, DevicesChanged)]
        await visit.until(lambda: len([e for e in visit.events if isinstance(e, DevicesChanged)]) >= 3)
        assert [any(d.name == "Test headset" for d in c.devices) for c in changes[:2]] == [False, True]
        await visit.equipment.close()

    asyncio.run(run())


def test_another_loudspeaker_and_another_microphone_in_the_middle_of_a_visit(sound: SoundServer) -> None:
    async def run() -> None:
        visit, ear, other = Visit(Tone(500), DeviceSpec("device", "speaker")), Ear(), Ear()
        sound.add_speaker("second", "Second loudspeaker")
        sound.add_microphone("far-mic", "Second microphone")
        with (
            sound.speaking("microphone", Tone(300).give),
            sound.speaking("far-mic", Tone(800).give),
            sound.recording("speaker", ear.take),
            sound.recording("second", other.take),
        ):
            visit.equipment.open(Sources(DeviceSpec("none"), DeviceSpec("device", "microphone")))
            await asyncio.to_thread(ear.until, lambda: ear.hears(500))
            await visit.until(lambda: visit.ear.hears(300))
            played = visit.equipment.played_s
            await visit.equipment.use_speaker(DeviceSpec("device", "second"))
            await asyncio.to_thread(other.until, lambda: other.hears(500))
            assert visit.equipment.played_s > played
            await asyncio.to_thread(ear.until, lambda: not any(b.any() for b in ear.blocks[-5:]))
            before = len(visit.places)
            await visit.equipment.use_microphone(DeviceSpec("device", "far-mic"))
            await visit.until(lambda: visit.ear.hears(800, after=before))
        await visit.equipment.close()
        sound.remove("second")
        sound.remove("far-mic")
        assert visit.told("speaker") == [("ready", "Test loudspeaker"), ("ready", "Second loudspeaker")]
        assert visit.told("microphone") == [("ready", "Test microphone"), ("ready", "Second microphone")]
        steps = np.diff(visit.places)
        assert steps.min() > 0, "time never goes back"
        assert steps.max() <= 5 * 960, "no dead call while the microphone is exchanged"
        left = np.concatenate(ear.blocks)
        end = int(np.flatnonzero(np.abs(left) > 50)[-1])
        assert np.abs(left[end - 100 : end]).max() < 2500, "it fades out"

    asyncio.run(run())


def test_a_watcher_sees_a_server_that_goes_and_nothing_it_should_not(sound: SoundServer) -> None:
    seen = threading.Semaphore(0)
    watcher = Watcher(lambda: seen.release(), poll_s=0.1)
    watcher.start()
    assert watcher.watching.wait(5)
    assert seen.acquire(timeout=5), "a first look, for what came while it was starting"
    sound.pactl("set-sink-volume", "speaker", "90%")
    sound.add_speaker("late", "Late loudspeaker")
    assert seen.acquire(timeout=5)
    sound.remove("late")
    assert seen.acquire(timeout=5)
    watcher.stop()
    assert not watcher._thread.is_alive()


def test_a_person_hears_themselves_back(sound: SoundServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_test, "ENOUGH_S", 1.0)
    ear, statuses, done = Ear(), [], threading.Event()
    place = 0

    def voice() -> Samples:
        """Sounds and pauses, like words: 0.4 s of tone, 0.1 s of quiet, after half a second of silence."""
        nonlocal place
        places = np.arange(place, place + BLOCK)
        place += BLOCK
        spoken = (places > RATE // 2) & (places % (RATE // 2) < 0.4 * RATE)
        return (spoken * 6000 * np.sign(np.sin(places * 2 * np.pi * 200 / RATE))).astype(np.int16)

    def tell(status: SoundTestStatus) -> None:
        statuses.append(status)
        if status.state not in (SoundTestState.LISTENING, SoundTestState.PLAYING):
            done.set()

    with sound.recording(sound.speaker, ear.take), sound.speaking(sound.microphone, voice):
        test = SoundTest(DeviceSpec("device"), DeviceSpec("device"), Levels(), tell)
        test.start()
        assert done.wait(20)
        test.stop()
    states = [status.state for status in statuses]
    assert list(dict.fromkeys(states)) == [SoundTestState.LISTENING, SoundTestState.PLAYING, SoundTestState.DONE]
    assert statuses[-1].problem == ""
    played = np.concatenate(ear.blocks)
    loud = np.abs(played.astype(np.int32)) > 500
    assert 0.8 * RATE < np.flatnonzero(loud)[-1] - np.flatnonzero(loud)[0] < 2 * RATE
