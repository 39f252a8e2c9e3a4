"""A test that a person does alone: "Say something; you will hear it back."

It runs through the same Microphone and Speaker as a visit. Noise is taken out and the gain is set as in a visit, so
that people hear what the other side would hear; there is no echo to cancel, for nothing plays while it listens.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from app.media.audio.microphone import Microphone
from app.media.audio.portaudio import RATE
from app.media.audio.processing import Processing
from app.media.audio.speaker import Speaker
from app.media.levels import Levels
from app.media.specs import DeviceSpec

Samples = NDArray[np.int16]

LISTEN_S = 8.0
ENOUGH_S = 3.0
"""So much speech ends the listening."""
_LEAST_S = 0.3  # less than this is a cough or a door
_TELL_S = 0.25
_OPEN_S = 6.0  # a device that has not opened by then is not going to
_QUIET_DBFS = -55.0  # softer than this is no speech into any microphone
_ABOVE_NOISE_DB = 10.0
_KEEP_S = 0.3  # what is played back begins so long before the first speech and ends so long after the last


class SoundTestState(StrEnum):
    LISTENING = "listening"
    PLAYING = "playing"
    DONE = "done"
    NO_SOUND = "no-sound"
    FAILED = "failed"


@dataclass(frozen=True)
class SoundTestStatus:
    """`seconds` since the state began; `problem` is a plain sentence or empty."""

    state: SoundTestState
    seconds: float
    problem: str


class Heard:
    """What was said so far. Chunks in, how much of it was speech out; bounded by `LISTEN_S`."""

    def __init__(self) -> None:
        self._chunks: list[Samples] = []
        self._spoken: list[bool] = []
        self._noise_db = 0.0  # the softest so far
        self.seconds = 0.0
        self.speech_s = 0.0

    def add(self, chunk: Samples) -> None:
        """Mono 48 kHz int16, 20 ms at once."""
        if self.seconds >= LISTEN_S:
            return
        scaled = chunk.astype(np.float64) / 32768
        level = 10 * float(np.log10(np.mean(scaled * scaled) + 1e-9))
        self._noise_db = min(level, self._noise_db + 0.02)  # it may rise by 1 dB a second, as a fan does
        spoken = level > max(_QUIET_DBFS, self._noise_db + _ABOVE_NOISE_DB)
        self._chunks.append(chunk)
        self._spoken.append(spoken)
        self.seconds += len(chunk) / RATE
        self.speech_s += len(chunk) / RATE if spoken else 0.0

    @property
    def enough(self) -> bool:
        return self.speech_s >= ENOUGH_S or self.seconds >= LISTEN_S

    @property
    def nothing(self) -> bool:
        return self.speech_s < _LEAST_S

    def speech(self) -> Samples:
        """From a little before the first speech to a little after the last."""
        places = [n for n, spoken in enumerate(self._spoken) if spoken]
        if not places:
            return np.zeros(0, np.int16)
        margin = int(_KEEP_S * RATE) // len(self._chunks[0])
        return np.concatenate(self._chunks[max(0, places[0] - margin) : places[-1] + 1 + margin])


class _Recording:
    """What the speaker pulls: the recording once, then silence."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self.place = 0

    def pull(self, count: int, now: float) -> Samples:
        part = self._samples[self.place : self.place + count]
        self.place += count
        return np.concatenate([part, np.zeros(count - len(part), np.int16)])

    @property
    def over(self) -> bool:
        return self.place >= len(self._samples)


class SoundTest:
    """Listens until there is 3 s of speech, or for 8 s, plays it back and ends.

    `tell` is called on the test's thread: when the state changes and four times a second meanwhile.
    """

    def __init__(
        self,
        microphone: DeviceSpec,
        speaker: DeviceSpec,
        levels: Levels,
        tell: Callable[[SoundTestStatus], None],
    ) -> None:
        self._specs, self._levels, self._tell = (microphone, speaker), levels, tell
        self._moved = threading.Condition()
        self._stopped = False
        self._heard = Heard()
        self._states: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run, name="sound-test", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Ends it wherever it is; nothing is told after that."""
        with self._moved:
            self._stopped = True
            self._moved.notify_all()
        self._thread.join(timeout)

    def _run(self) -> None:
        speech = self._listen()
        if speech is not None:
            self._play(speech)

    def _listen(self) -> Samples | None:
        spec = self._specs[0]

        def deliver(_place: int, chunk: Samples) -> None:
            with self._moved:
                if spec.kind != "device" or self._states.get("microphone") == "ready":
                    self._heard.add(chunk)
                    self._moved.notify_all()

        microphone = Microphone(
            spec.kind,
            spec.which,
            deliver=deliver,
            report=lambda state, _: self._report("microphone", state),
            processing=Processing(echo=False),
            levels=self._levels,
        )
        microphone.start()
        try:
            problem = self._follow(SoundTestState.LISTENING, "microphone", lambda: self._heard.enough)
        finally:
            microphone.stop()
        if self._stopped:
            return None
        if problem:
            self._end(SoundTestState.FAILED, problem)
        elif self._heard.nothing:
            self._end(SoundTestState.NO_SOUND, _NOTHING)
        else:
            return self._heard.speech()
        return None

    def _play(self, speech: Samples) -> None:
        spec, recording = self._specs[1], _Recording(speech)
        drained = 0.0

        def played(_t: float, _samples: Samples) -> None:
            nonlocal drained
            with self._moved:
                if recording.over:  # the device still has what it was given
                    drained = drained or time.monotonic() + speaker.delay_s
                    self._moved.notify_all()

        speaker = Speaker(
            spec.kind,
            spec.which,
            recording,
            report=lambda state, _: self._report("speaker", state),
            played=played,
            levels=self._levels,
            held=True,
        )
        speaker.start()
        try:
            speaker.settled.wait(_OPEN_S)
            speaker.release()
            over = lambda: 0.0 < drained <= time.monotonic()  # noqa: E731
            problem = self._follow(SoundTestState.PLAYING, "speaker", over)
        finally:
            speaker.stop()
        if not self._stopped:
            self._end(SoundTestState.FAILED if problem else SoundTestState.DONE, problem)

    def _follow(self, state: SoundTestState, device: str, over: Callable[[], bool]) -> str:
        """Tells `state` until it is over; the sentence when the device cannot be used."""
        begun = time.monotonic()
        due = begun
        while True:
            with self._moved:
                told = self._states.get(device, "ready")
                if self._stopped or over() or told != "ready":
                    return "" if self._stopped or told == "ready" else _PROBLEMS[device, told]
            now = time.monotonic()
            if now - begun > LISTEN_S + _OPEN_S:
                return _PROBLEMS[device, "failed"]
            if now >= due:
                due = now + _TELL_S
                self._tell(SoundTestStatus(state, now - begun, ""))
            with self._moved:
                if not (self._stopped or over()):
                    self._moved.wait(due - now)

    def _report(self, device: str, state: str) -> None:
        with self._moved:
            self._states[device] = state
            self._moved.notify_all()

    def _end(self, state: SoundTestState, problem: str) -> None:
        self._tell(SoundTestStatus(state, 0.0, problem))


_NOTHING = "Nothing was heard. Is the microphone switched on, and near you?"
_PROBLEMS = {
    ("microphone", "missing"): "No microphone was found. Plug one in, then try again.",
    ("microphone", "busy"): "The microphone is in use by another program. Close that program, then try again.",
    ("microphone", "failed"): "The microphone gives no sound. Try another one.",
    ("speaker", "missing"): "No loudspeaker was found. Plug one in, then try again.",
    ("speaker", "busy"): "The loudspeaker is in use by another program. Close that program, then try again.",
    ("speaker", "failed"): "The loudspeaker does not work. Try another one.",
}
