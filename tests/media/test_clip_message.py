"""Messages made outside of a visit: a clip of camera and microphone, a voice; devices free and nothing kept after."""

from __future__ import annotations

import asyncio
import io
import threading

import av
import numpy as np
import pytest

from app.media.clip.bounds import CHUNK, RATE, VOICE_BPS, VOICE_S
from app.media.clip.message import ClipMessage, VoiceMessage
from app.media.clip.voice import VoiceRecorder
from app.media.devices import DeviceSpec, Sources
from app.media.slot import FrameSlot
from tests.media.clip_watch import Seen, beep, onsets

SYNTHETIC, NONE = DeviceSpec("synthetic"), DeviceSpec("none")


def heard(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data), format="ogg") as container:
        assert [stream.codec_context.name for stream in container.streams] == ["opus"]
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])


def spoken(recorder: VoiceRecorder, numbers, first=7_000):
    made = []
    thread = threading.Thread(target=lambda: made.append(recorder.run()))
    thread.start()
    for number in numbers:
        loud = beep(0.02) if number % 50 < 5 else np.zeros(CHUNK, np.int16)
        while recorder._queue.qsize() > 400:
            thread.join(0.001)
        recorder.hear((first + number) * CHUNK, loud)
    return made, thread


def test_a_voice_message_has_every_second_in_its_place_and_gaps_are_silence():
    recorder = VoiceRecorder()
    made, thread = spoken(recorder, [*range(100), *range(150, 250)])
    recorder.end()
    recorder.end()
    thread.join(30)
    (voice,) = made
    assert voice.seconds == 5.0
    assert (voice.media_type, voice.name) == ("audio/ogg", "voice.ogg")
    sound = heard(voice.data)
    assert abs(len(sound) / RATE - 5.0) < 0.05
    assert [round(at) for at in onsets(sound, 0.05)] == [1, 3, 4]
    assert np.abs(sound[round(2.1 * RATE) : round(2.9 * RATE)]).max() < 0.01
    assert len(voice.data) < 1.4 * VOICE_BPS / 8 * 5.0


def test_it_is_full_at_its_length_and_stays_within_it():
    recorder = VoiceRecorder(2.5)
    made, thread = spoken(recorder, range(200))
    assert recorder.full.is_set()
    recorder.end()
    thread.join(30)
    assert made[0].seconds == 2.5
    assert VOICE_S * VOICE_BPS / 8 < 600_000


def test_too_short_or_dropped_leaves_nothing():
    for count, stop in ((50, VoiceRecorder.end), (200, VoiceRecorder.drop), (0, VoiceRecorder.end)):
        recorder = VoiceRecorder()
        made, thread = spoken(recorder, range(count))
        stop(recorder)
        thread.join(30)
        assert made == [None]


def test_sound_that_nobody_encodes_is_bounded():
    recorder = VoiceRecorder()
    for number in range(3000):
        recorder.hear(number * CHUNK, beep(0.02))
    assert recorder._queue.qsize() == 500
    recorder.drop()


async def gone(names: tuple[str, ...], before: list[threading.Thread]) -> None:
    """What this test began with such names ends; a thread takes a moment for it."""
    for thread in [t for t in threading.enumerate() if t.name.startswith(names) and t not in before]:
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive(), thread.name


def test_a_clip_is_made_of_the_devices_and_they_are_given_back():
    async def main():
        begun, states, before = asyncio.Event(), [], threading.enumerate()
        message = ClipMessage(Sources(SYNTHETIC, SYNTHETIC), FrameSlot(), begun.set, states.append)
        making = asyncio.create_task(message.run())
        async with asyncio.timeout(30):
            await begun.wait()
            await asyncio.wait([making], timeout=2.6)
            message.end()
            clip = await making
        assert 2.4 <= clip.seconds <= 4.0
        assert (clip.width, clip.height) <= (640, 480)
        seen = Seen(clip.data)
        assert seen.codecs == ["h264", "opus"]
        assert seen.pictures > 5
        assert [(state.kind, state.state) for state in states][:1] == [("camera", "ready")]
        await gone(("clip", "camera", "microphone"), before)

    asyncio.run(main())


def test_a_voice_is_made_of_the_microphone_and_a_cancelled_one_leaves_nothing():
    async def main():
        before = threading.enumerate()
        message = VoiceMessage(SYNTHETIC, lambda event: None, seconds=2.2)
        async with asyncio.timeout(30):
            voice = await message.run()
        assert 2.1 <= voice.seconds <= 2.2
        again = VoiceMessage(SYNTHETIC, lambda event: None)
        making = asyncio.create_task(again.run())
        await asyncio.sleep(0)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        await gone(("voice", "microphone"), before)

    asyncio.run(main())
