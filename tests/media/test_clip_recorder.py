"""A clip from scripted devices, really encoded and decoded back: ten seconds, in step, bounded, nothing half."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from app.media.clip import bounds, recorder
from app.media.clip.bounds import CHUNK, RATE, SoundClock, picture_bps
from app.media.clip.encoder import ClipEncoder
from app.media.clip.recorder import ClipRecorder
from app.media.video.frames import CapturedFrame
from tests.media.clip_watch import Seen, beep, picture

DARK, LIGHT = picture(False), picture(True)
FIRST = 7_000  # the microphone has given so many chunks before
T0 = 500.0


class Scripted:
    """Devices whose flash and beep come together each second; `late` is how late each chunk is handed over."""

    def __init__(self, late=lambda number: 0.0, seconds=10.0, kind=bounds.CLOSER):
        self.recorder = ClipRecorder(seconds, kind)
        self.made = []
        self.late = late
        self.thread = threading.Thread(target=lambda: self.made.append(self.recorder.run()))
        self.thread.start()

    def play(self, start, end, fps=10, chunks=True, frame=lambda at: LIGHT if at % 1 < 0.1 else DARK):
        """From `start` to `end` (s, from the clip's beginning); begins the clip on the way."""
        things = [(T0 + n / fps, "see", n / fps) for n in range(round(start * fps), round(end * fps))]
        if chunks:
            numbers = range(round(start * 50), round(end * 50))
            things += [(T0 + n / 50 + 0.02 + self.late(n), "hear", n) for n in numbers]
        for now, what, which in sorted(things, key=lambda thing: thing[0]):
            if now >= T0:
                self.recorder.begin(T0)
            if what == "see":
                while self.recorder._waiting >= recorder._WAITING and self.thread.is_alive():
                    self.thread.join(0.001)
                self.recorder.see(CapturedFrame(frame(which + 1e-9), now, now, 0))
            else:
                loud = beep(0.02) if which % 50 < 5 else np.zeros(CHUNK, np.int16)
                self.recorder.hear((FIRST + which) * CHUNK, loud, now)

    def end(self, at=10.0):
        self.recorder.end(T0 + at)
        self.thread.join(60)
        return self.made[0]


@pytest.mark.parametrize("late", [lambda n: 0.0, lambda n: 0.015 * (n % 4)], ids=["even", "jitter"])
def test_ten_seconds_with_sound_and_picture_in_step(late):
    devices = Scripted(late)
    devices.play(-0.6, 10.4)
    clip = devices.end()
    seen = Seen(clip.data)
    assert seen.codecs == ["h264", "opus"]
    assert abs(seen.seconds - 10.0) <= 0.3
    assert abs(seen.last + 0.1 - 10.0) <= 0.3
    assert (clip.seconds, clip.width, clip.height, seen.size) == (10.0, 640, 360, (640, 360))
    assert len(seen.flashes) == 9, "the first second's begins with the clip"
    assert max(map(abs, seen.apart())) <= 0.05
    assert len(clip.data) <= bounds.MOST_BYTES


def test_a_gap_in_the_sound_is_silence_and_what_follows_is_in_its_place():
    devices = Scripted(seconds=4.0)
    devices.play(-0.5, 1.5)
    devices.play(1.5, 2.5, chunks=False)
    devices.play(2.5, 4.2)
    seen = Seen(devices.end(4.0).data)
    assert [round(at) for at in seen.beeps] == [1, 3]
    assert max(abs(at - round(at)) for at in seen.beeps) < 0.05
    quiet = seen.sound[round(1.6 * RATE) : round(2.4 * RATE)]
    assert np.abs(quiet).max() < 0.01


def test_pictures_larger_than_a_clip_are_made_smaller_with_their_shape_kept():
    large = picture(True, 1920, 1080)
    devices = Scripted(seconds=2.5)
    devices.play(-0.3, 2.5, fps=5, frame=lambda at: large)
    clip = devices.end(2.5)
    assert (clip.width, clip.height) == (1280, 720)


def test_a_camera_exchanged_on_the_way_ends_the_clip():
    devices = Scripted(seconds=9.0)
    devices.play(-0.3, 3.0, frame=lambda at: DARK)
    square = picture(True, 480, 480)
    devices.play(3.0, 3.4, frame=lambda at: square)
    assert 2.9 <= devices.end(9.0).seconds <= 3.2


def test_a_call_that_ends_first_leaves_what_there_is_if_it_is_of_use():
    devices = Scripted()
    devices.play(-0.3, 4.0)
    clip = devices.end(4.0)
    assert clip.seconds == 4.0
    assert abs(Seen(clip.data).seconds - 4.0) < 0.1
    short = Scripted()
    short.play(-0.3, 1.0)
    assert short.end(1.0) is None


def test_what_is_dropped_leaves_nothing_and_without_a_picture_nothing_begins():
    devices = Scripted()
    devices.play(-0.3, 3.0)
    devices.recorder.drop()
    assert devices.end() is None
    blind = ClipRecorder()
    blind.hear(0, np.zeros(CHUNK, np.int16), T0)
    assert not blind.begin(T0)
    blind.end(T0)
    assert blind.run() is None


def test_a_slow_machine_drops_the_newest_pictures_and_never_queues_more():
    slow = ClipRecorder()
    slow.see(CapturedFrame(DARK, T0, T0, 0))
    slow.begin(T0)
    for number in range(40):
        slow.see(CapturedFrame(DARK, T0 + number / 25, T0, number))
    assert slow._queue.qsize() == recorder._WAITING
    assert slow.dropped == 40 - recorder._WAITING + 1


def test_an_encoder_that_fails_gives_no_clip_and_says_so(monkeypatch, caplog):
    def broken(self, frame, at):
        raise ValueError("no encoder")

    monkeypatch.setattr(ClipEncoder, "picture", broken)
    devices = Scripted()
    devices.play(-0.3, 0.5, fps=4)
    assert devices.end() is None
    assert "could not be encoded" in caplog.text
    caplog.clear()


def test_it_stops_before_it_is_too_large():
    kind = replace(bounds.CLOSER, most_bytes=150_000)
    noise = np.random.default_rng(5)
    frames = [picture(True) for _ in range(8)]
    for frame in frames:
        rows = noise.integers(0, 255, (360, 640), np.uint8)
        frame.planes[0].update(rows.tobytes())
    devices = Scripted(kind=kind)
    devices.play(-0.3, 10.2, frame=lambda at: frames[int(at * 10) % 8])
    clip = devices.end()
    assert clip is None or len(clip.data) < 400_000
    assert clip is None or clip.seconds < 10.0


def test_sound_needs_a_picture_first():
    with pytest.raises(ValueError, match="before the first picture"):
        ClipEncoder().sound(np.zeros(CHUNK, np.int16), 0.0)


def test_the_sounds_clock_is_that_of_the_chunk_that_came_quickest():
    clock = SoundClock()
    with pytest.raises(ValueError, match="nothing"):
        clock.at(0)
    for number, late in enumerate((0.05, 0.004, 0.03)):
        clock = clock.heard(number * CHUNK, 10.0 + (number + 1) * 0.02 + late)
    assert clock.at(0) == pytest.approx(10.004)
    assert clock.at(RATE) == pytest.approx(11.004)


def test_bits_for_pictures_of_any_size_stay_within_a_clips_bounds():
    rates = [picture_bps(w, h) for w, h in ((160, 120), (640, 480), (1280, 720))]
    assert rates == sorted(rates)
    assert (rates[-1] * 1.15 + bounds.SOUND_BPS) * bounds.CLIP_S / 8 < bounds.MOST_BYTES


def test_a_message_of_three_minutes_fits_and_is_smaller_than_a_closer_look():
    kind = bounds.MESSAGE
    most = (picture_bps(640, 480, kind) * 1.15 + kind.sound_bps) * kind.seconds / 8
    assert most < kind.most_bytes * 15 / 16
    devices = Scripted(seconds=3.0, kind=kind)
    devices.play(-0.3, 3.2, fps=5, frame=lambda at: picture(at % 1 < 0.1, 1280, 720))
    clip = devices.end(3.0)
    assert (clip.seconds, clip.width, clip.height) == (3.0, 640, 360)
    assert len(clip.data) * 8 / 3.0 < kind.full_bps * 1.5


def test_sound_that_nobody_takes_is_bounded():
    slow = ClipRecorder(kind=bounds.MESSAGE)
    slow.see(CapturedFrame(DARK, T0, T0, 0))
    slow.begin(T0)
    for number in range(2000):
        slow.hear(number * CHUNK, beep(0.02), T0 + (number + 1) / 50)
    assert slow._queue.qsize() == recorder._SOUNDS + 1
