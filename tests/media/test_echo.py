"""What the microphone sends while the loudspeaker speaks: offline in simulated time, and live over a sound server."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from device_kit import Told
from echo_room import FRAME, RATE, Room, Signal, decibels, likeness, response, speech
from numpy.typing import NDArray
from pulse import SoundServer

from app.media.audio.echo import LinearCanceller
from app.media.audio.microphone import Microphone
from app.media.audio.pairing import Pairing
from app.media.audio.processing import Processing
from app.media.audio.speaker import Speaker

ALONE_S, BOTH_S = 8, 4
DELAY_S = 0.15


@cache
def _scene() -> tuple[NDArray[np.int16], Signal, Signal]:
    """What the far side says, its echo, and what the near person says after the far side has spoken alone."""
    far = speech("town", ALONE_S + BOTH_S)
    room = Room(response(), DELAY_S)
    frames = np.clip(far, -32768, 32767).astype(np.int16)
    echo = np.concatenate([room.hear(frames[i : i + FRAME]) for i in range(0, len(far), FRAME)])
    near = np.concatenate([np.zeros(ALONE_S * RATE), speech("home", BOTH_S)])
    return frames, echo, near


def clean(told_s: float, *, echo: bool = True, both: bool = True) -> tuple[Signal, Signal, Signal]:
    """(taken, given, near): the given is shifted back by the canceller's own 10 ms."""
    far, echoed, near = _scene()
    count = len(far) if both else ALONE_S * RATE
    taken = (echoed + near)[:count] + np.random.default_rng(5).standard_normal(count) * 10
    microphone = np.clip(taken, -32768, 32767).astype(np.int16)
    processing = Processing(echo=echo, gain=False)
    processing.prepare()
    given = np.zeros(count)
    for i in range(0, count, FRAME):
        processing.render(far[i : i + FRAME], told_s)
        given[i : i + FRAME] = processing.capture(microphone[i : i + FRAME], 0.0)
    assert processing.problem == ""
    return taken, given, near[:count]


@pytest.mark.parametrize("told_s", [DELAY_S, DELAY_S + 0.06])
def test_echo_is_gone_and_the_near_person_is_heard(told_s: float) -> None:
    taken, given, near = clean(told_s)
    late, both = slice(4 * RATE, ALONE_S * RATE), slice(ALONE_S * RATE, None)
    assert decibels(taken[late]) - decibels(given[late]) >= 25
    assert likeness(near[both], given[both]) > 0.85


def test_without_cancelling_the_measures_above_fail() -> None:
    taken, given, near = clean(DELAY_S, echo=False)
    late, both = slice(4 * RATE, ALONE_S * RATE), slice(ALONE_S * RATE, None)
    assert decibels(taken[late]) - decibels(given[late]) < 10
    assert likeness(near[both], given[both]) < 0.85


def test_a_canceller_learns_moves_along_and_notices_another_room() -> None:
    """White noise, for speed: learnt in a second, kept over a change of the pairing, lost with the room."""
    random = np.random.default_rng(2)
    far = (random.standard_normal((900, FRAME)) * 2000).astype(np.float32)
    canceller, rooms = LinearCanceller(20), [Room(response(seed=1), 0.05), Room(-response(seed=2), 0.06)]
    left: list[float] = []
    history: deque[NDArray[np.float32]] = deque(maxlen=30)
    sure = []
    for n, frame in enumerate(far):
        echo = rooms[n >= 600].hear(frame.astype(np.int16)).astype(np.float32)
        older = n - 2 if n < 300 else n - 1
        reference = far[max(0, older)]
        if n == 300:  # the pairing is made shorter by one frame
            canceller.realign([far[k] for k in range(200, older)], 1)
        given = canceller.process(reference, echo)
        history.append(reference)
        left.append(decibels(echo) - decibels(given))
        sure.append(canceller.sure)
    assert np.mean(left[200:300]) > 30
    assert np.mean(left[310:320]) > 25, "what was learnt is kept"
    assert not all(sure[600:]), "another room is noticed"
    assert np.mean(left[850:]) > 20, "and learnt"


@pytest.mark.parametrize("shape", [np.sin, lambda x: np.sign(np.sin(x)), lambda x: np.sign(np.sin(x / 7)) * 4])
def test_pure_tones_never_make_the_canceller_louder_than_the_room(shape: Callable[[Signal], Signal]) -> None:
    """Far and near of one pitch teach a filter nonsense: it stays finite (warnings are errors) and adds no sound."""
    canceller = LinearCanceller()
    tone = np.clip(8000 * shape(np.arange(1000 * FRAME) * 2 * np.pi * 500 / RATE), -32768, 32767).astype(np.float32)
    off = np.roll(tone, 31) * np.float32(0.9)
    given = [canceller.process(tone[i : i + FRAME], off[i : i + FRAME]) for i in range(0, len(tone), FRAME)]
    assert max(decibels(frame) for frame in given) < decibels(off) + 3


def test_silence_of_the_far_side_costs_the_near_person_nothing() -> None:
    canceller = LinearCanceller()
    near = speech("home", 2).astype(np.float32)
    quiet = np.zeros(FRAME, np.float32)
    given = np.concatenate([canceller.process(quiet, near[i : i + FRAME]) for i in range(0, len(near), FRAME)])
    assert np.allclose(given[FRAME:], near[:-FRAME], atol=1.0)


def test_pairing_keeps_one_distance_through_bursts_and_follows_a_drift() -> None:
    pairing = Pairing()
    frames = [np.full(FRAME, n, np.int16) for n in range(2000)]
    distances, moves = [], 0
    given = 0
    for taken in range(900):
        wanted = taken + 1 + (taken // 90)  # the loudspeaker's clock gains a frame in 90
        while given < wanted + (taken % 3 == 0):
            pairing.put(frames[given])
            given += 1
        far, moved = pairing.take(0.15)
        moves += moved != 0
        if taken > 50:
            distances.append(taken - int(far[0]))
    assert moves in (1, 2)
    assert len(set(distances)) == moves + 1
    assert len(pairing.history()) == 119


@pytest.mark.parametrize("bad", [np.zeros(479, np.int16), np.zeros(480, np.float32), np.zeros((2, 480), np.int16)])
def test_other_sizes_never_reach_the_library(bad: NDArray[np.int16]) -> None:
    processing = Processing()
    with pytest.raises(ValueError, match="480"):
        processing.capture(bad, 0.0)
    with pytest.raises(ValueError, match="480"):
        processing.render(bad, 0.0)


def test_a_failing_library_is_told_once_and_speech_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def process_stream(self, _data: object) -> None:
            raise RuntimeError("no more")

        process_reverse_stream = process_stream

    processing = Processing()
    processing.prepare()
    processing._plain = Broken()  # type: ignore[assignment]
    frame = (1000 * np.sin(np.arange(FRAME) / 10)).astype(np.int16)
    for _ in range(3):
        processing.render(frame, 0.0)
        given = processing.capture(frame, 0.0)
    assert given.shape == (FRAME,)
    assert given.any()
    assert "Noise" in processing.problem
    assert len([r for r in caplog.records if "off" in r.message]) == 1


def test_two_threads_may_process_at_once() -> None:
    processing = Processing()
    processing.prepare()
    frame = np.full(FRAME, 500, np.int16)
    worker = threading.Thread(target=lambda: [processing.render(frame, 0.1) for _ in range(300)])
    worker.start()
    for _ in range(300):
        processing.capture(frame, 0.02)
    worker.join()
    assert processing.problem == ""
    assert processing.delay_ms == 120


class Talk:
    """Speech for a loudspeaker, 10 ms at once."""

    def __init__(self, samples: Signal) -> None:
        self._samples, self._place = np.clip(samples, -32768, 32767).astype(np.int16), 0

    def pull(self, count: int, now: float) -> NDArray[np.int16]:
        part = np.take(self._samples, np.arange(self._place, self._place + count), mode="wrap")
        self._place += count
        return part


def test_live_from_loudspeaker_through_the_room_to_the_microphone(sound: SoundServer) -> None:
    """Real streams: speaker -> its monitor -> room, 150 ms -> microphone -> processing."""
    air: queue.Queue[NDArray[np.int16]] = queue.Queue()
    room, told = Room(response(), DELAY_S), Told()
    taken: list[float] = []
    given: list[float] = []
    enough = threading.Event()

    def into_the_air(block: NDArray[np.int16]) -> None:
        air.put(np.clip(room.hear(block), -32768, 32767).astype(np.int16))

    def breathe() -> NDArray[np.int16]:
        try:
            return air.get(timeout=0.5)
        except queue.Empty:
            return np.zeros(FRAME, np.int16)

    class Measured(Processing):
        def capture(self, frame: NDArray[np.int16], age_s: float) -> NDArray[np.int16]:
            cleaned = super().capture(frame, age_s)
            taken.append(float(np.mean(frame.astype(float) ** 2)))
            given.append(float(np.mean(cleaned.astype(float) ** 2)))
            if len(taken) >= 700:
                enough.set()
            return cleaned

    processing = Measured(gain=False)
    with sound.recording(sound.speaker, into_the_air), sound.speaking(sound.microphone, breathe):
        speaker = Speaker(
            "device",
            "",
            Talk(speech("town", 8)),
            report=told.report,
            played=lambda *_: None,
            processing=processing,
        )
        microphone = Microphone("device", "", deliver=lambda *_: None, report=told.report, processing=processing)
        speaker.start()
        microphone.start()
        assert enough.wait(20)
        microphone.stop()
        speaker.stop()
    assert sorted(told.states) == [("ready", "Test loudspeaker"), ("ready", "Test microphone")]
    assert 20 < processing.delay_ms < 300
    before, after = (np.reshape(powers[400:700], (6, 50)).mean(axis=1) for powers in (taken, given))
    loud = before > 100**2
    assert loud.sum() >= 3, "there is an echo"
    # The median of half seconds: a busy machine's gaps are another test's matter.
    assert 10 * np.log10(np.median(before[loud] / (after[loud] + 1e-3))) >= 25
