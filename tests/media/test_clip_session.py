"""Ten real seconds of files in the place of camera and microphone; and what becomes of a clip when a call ends."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from app.media.audio.playout import Playout
from app.media.clip.bounds import CHUNK, RATE
from app.media.clip.taking import ClipTaking
from app.media.devices import DeviceSpec, Sinks, Sources, Taps
from app.media.equipment import Equipment
from app.media.settings import MediaSettings
from app.media.video.camera import Camera
from app.media.video.capture import SyntheticReader
from tests.media.clip_watch import Seen, onsets, write_beeps, write_flashes
from tests.media.session_pair import NONE, pair

LARGE = DeviceSpec("synthetic", "12mp")


class Truth:
    """When the devices gave light and sound, by the wall clock: what the clip is held against."""

    def __init__(self):
        self.light, self.before, self.chunks, self.sizes = [], True, [], set()

    def seen(self, captured):
        self.sizes.add((captured.frame.width, captured.frame.height))
        light = captured.frame.to_ndarray(format="gray").mean() > 120
        if light and not self.before:
            self.light.append(captured.wall)
        self.before = light

    def heard(self, at, chunk):
        self.chunks.append((at - CHUNK / RATE, chunk))

    def apart(self):
        """How long after a flash its beep came (s), the median."""
        loud = np.concatenate([chunk for _, chunk in self.chunks])
        start = min(at - number * CHUNK / RATE for number, (at, _) in enumerate(self.chunks))
        beeps = [start + at for at in onsets(loud, 1500)]
        return float(np.median([min((b - flash for b in beeps), key=abs) for flash in self.light]))


async def record(truth, camera, microphone, seconds):
    """Of devices of their own, without a call."""
    taking = None

    def feed(place, chunk):
        if taking is not None:
            taking.hear(place, chunk)

    taps = Taps(captured_picture=truth.seen, captured_speech=truth.heard)
    devices = Equipment(Sinks(speaker=NONE, taps=taps), Playout(), MediaSettings(), feed, lambda event: None)
    devices.open(Sources(camera, microphone))
    taking = ClipTaking(devices, lambda: None, seconds)
    try:
        return await taking.run()
    finally:
        await devices.close()


def test_ten_seconds_of_camera_and_microphone_as_much_in_step_as_they_were(tmp_path):
    camera = DeviceSpec("file", str(write_flashes(tmp_path / "flash.mp4")))
    microphone = DeviceSpec("file", str(write_beeps(tmp_path / "beep.wav")))
    truth = Truth()
    clip = asyncio.run(record(truth, camera, microphone, 10.0))
    seen = Seen(clip.data)
    assert abs(seen.seconds - 10.0) <= 0.3
    assert (clip.width, clip.height) == (1280, 720)
    assert seen.pictures >= 100, "a busy machine leaves some out"
    assert abs(float(np.median(seen.apart())) - truth.apart()) <= 0.1
    assert len(clip.data) < 4 * 1024 * 1024


def test_the_synthetic_camera_films_larger_than_it_streams_and_goes_back(tmp_path):
    truth = Truth()
    clip = asyncio.run(record(truth, LARGE, DeviceSpec("file", str(write_beeps(tmp_path / "beep.wav"))), 2.2))
    seen = Seen(clip.data)
    assert seen.size == (1280, 720)
    assert truth.sizes == {(640, 480), (1280, 720)}
    assert abs(seen.seconds - 2.2) <= 0.3
    assert len(seen.beeps) >= 1


def test_the_camera_films_while_it_is_asked_to_and_a_camera_without_such_a_mode_goes_on():
    for which, sizes in (("12mp", [(640, 480), (1280, 720), (640, 480)]), ("", [(320, 240)])):
        seen, news = [], threading.Condition()

        def tap(captured, seen=seen, news=news):
            size = captured.frame.width, captured.frame.height
            with news:
                if seen[-1:] != [size]:
                    seen.append(size)
                news.notify_all()

        camera = Camera("synthetic", which, report=lambda state, name: None, tap=tap)
        camera.start()
        try:
            for on, size in ((False, sizes[0]), (True, sizes[len(sizes) // 2]), (False, sizes[-1])):
                camera.film(on)
                assert camera.film_settled.wait(5)
                with news:
                    assert news.wait_for(lambda size=size, seen=seen: seen[-1:] == [size], 5)
            assert seen == sizes
        finally:
            camera.stop()


@pytest.mark.parametrize("how", ["hang up", "stop"])
def test_a_clip_of_a_call_that_ends_or_is_stopped(how, monkeypatch):
    monkeypatch.setattr("app.media.clip.recorder.LEAST_S", 0.5)

    async def run():
        async with pair(camera=LARGE) as both:
            session, begun = both.a.session, asyncio.Event()
            task = asyncio.ensure_future(session.record_clip(begun.set))
            await asyncio.wait_for(begun.wait(), 15)
            assert await session.record_clip(lambda: None) is None, "one at a time"
            played, until = both.b.played, time.monotonic() + 1.0
            await both.until(lambda: time.monotonic() > until and both.b.played > played, 20)
            if how == "hang up":
                await session.close()
                clip = await asyncio.wait_for(task, 20)
                assert clip.width == 1280
                assert 0.5 <= Seen(clip.data).seconds < 8.0
            else:
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                captured = both.a.captured
                await both.until(lambda: both.a.captured > captured + 2)
                assert session.still() is not None

    asyncio.run(run())


def test_a_camera_that_gives_nothing_gives_no_clip(monkeypatch):
    monkeypatch.setattr("app.media.clip.taking._FIRST_S", 0.2)
    assert asyncio.run(record(Truth(), NONE, NONE, 3.0)) is None


def test_a_camera_pulled_out_while_it_changes_its_mode_is_no_fault_of_the_call(monkeypatch):
    from app.media.video.capture import CameraMissing

    def broken(self, on, wait):
        raise CameraMissing("pulled out")

    monkeypatch.setattr(SyntheticReader, "film", broken)
    monkeypatch.setattr("app.media.clip.taking._FIRST_S", 0.2)
    monkeypatch.setattr("app.media.equipment._FILM_S", 0.3)
    states = []

    async def run():
        devices = Equipment(
            Sinks(speaker=NONE), Playout(), MediaSettings(device_retry=0.2), lambda place, chunk: None, states.append
        )
        devices.open(Sources(LARGE, NONE))
        try:
            return await ClipTaking(devices, lambda: None, 0.5).run()
        finally:
            await devices.close()

    assert asyncio.run(run()) is None
    assert "missing" in [event.state for event in states]
