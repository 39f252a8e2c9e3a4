"""Streams of a sound card: mono 48 kHz int16 in frames of 10 ms on our side, whatever the device does on its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.media.audio.choice import Direction, Target
from app.media.audio.convert import FromMono, ToMono
from app.media.audio.portaudio import (
    FRAME,
    RATE,
    AudioBusy,
    AudioMissing,
    AudioUnavailable,
    close_stream,
    opened,
    opening,
    query,
)
from app.media.audio.pulse import VARIABLES

LATENCIES_S = (0.03, 0.06, 0.1)
"""What is asked of the device: the first over PulseAudio gives 40 ms to the loudspeaker without a gap on an idle
machine (10 ms crackles); a busy one gets the next (80 ms, 120 ms) when it has gaps."""

_STALLED_S = 2.5
_FIRST_S = 4.0  # a Bluetooth headset may take so long until its first sound
_DELAY_MAX_S = 2.0
_CALM_S = 1.0  # streams stumble when they start

Took = Callable[[NDArray[np.int16], float], None]
"""(frame, age): a frame of 10 ms and how many seconds ago its first sample was taken; on the device's thread."""
Give = Callable[[float], NDArray[np.int16]]
"""(lead): asks for the next frame of 10 ms, which is heard `lead` seconds from now; on the device's thread."""


class Stream:
    """An open, running stream. `close` frees the device."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.delay_s = 0.0
        """Between our queue and the air, as the device last told."""
        self._stream: Any = None
        self._begun = time.monotonic()
        self._fed_at: float | None = None
        self.gaps = 0
        """How often the device had to wait for us, or we lost what it had, since the stream's first second."""

    @property
    def alive(self) -> bool:
        """False when the device has stopped: PortAudio says nothing when one is pulled out."""
        quiet = time.monotonic() - (self._begun if self._fed_at is None else self._fed_at)
        return bool(self._stream.active) and quiet < (_FIRST_S if self._fed_at is None else _STALLED_S)

    def close(self) -> None:
        close_stream(self._stream)

    def _delay(self, seconds: float, gap: bool) -> float:
        """The device's word if it can be true, else what PortAudio promised when it opened the stream."""
        self._fed_at = time.monotonic()
        if gap and self._fed_at - self._begun > _CALM_S:
            self.gaps += 1
        if not 0.0 <= seconds <= _DELAY_MAX_S:
            seconds = 0.0 if self._stream is None else min(_DELAY_MAX_S, float(self._stream.latency))
        self.delay_s = seconds
        return seconds


def open_input(target: Target, took: Took, latency_s: float = LATENCIES_S[0]) -> Stream:
    """Starts recording. Raises AudioUnavailable or one of its kinds."""
    stream = Stream(target.name)

    def start(rate: int, channels: int) -> Callable[..., None]:
        joint = ToMono(rate, channels, FRAME)

        def callback(data: Any, _frames: int, when: Any, status: Any) -> None:
            age = stream._delay(when.currentTime - when.inputBufferAdcTime, bool(status)) + joint.waiting / RATE
            for number, frame in enumerate(joint.put(bytes(data))):
                took(frame, max(0.0, age - number * FRAME / RATE))

        return callback

    stream._stream = _open("input", target, start, latency_s)
    return stream


def open_output(target: Target, give: Give, latency_s: float = LATENCIES_S[0]) -> Stream:
    """Starts playing. Raises AudioUnavailable or one of its kinds."""
    stream = Stream(target.name)

    def start(rate: int, channels: int) -> Callable[..., None]:
        joint = FromMono(rate, channels)

        def callback(out: Any, frames: int, when: Any, status: Any) -> None:
            lead = stream._delay(when.outputBufferDacTime - when.currentTime, bool(status))
            while joint.lacks(frames):
                joint.put(give(lead + joint.waiting_s))
            out[:] = joint.take(frames)

        return callback

    stream._stream = _open("output", target, start, latency_s)
    return stream


def _open(
    direction: Direction, target: Target, start: Callable[[int, int], Callable[..., None]], latency_s: float
) -> Any:
    error: Exception | None = None
    with opening(VARIABLES[direction], target.pulse) as library:
        make = {"input": library.RawInputStream, "output": library.RawOutputStream}[direction]
        try:
            info = query(target.number, direction)
        except (library.PortAudioError, ValueError) as exc:
            raise _typed(direction, exc) from exc
        for rate, channels in _formats(info, direction):
            try:
                stream = make(
                    samplerate=rate,
                    blocksize=FRAME * rate // RATE,
                    device=target.number,
                    channels=channels,
                    dtype="int16",
                    latency=latency_s,
                    callback=start(rate, channels),
                )
            except (library.PortAudioError, ValueError) as exc:
                error = exc
                if not _is_format(exc):
                    break
                continue
            try:
                stream.start()
            except library.PortAudioError as exc:
                stream.close(ignore_errors=True)
                raise _typed(direction, exc) from exc
            opened()
            return stream
    raise _typed(direction, error) from error


def _formats(info: Any, direction: Direction) -> list[tuple[int, int]]:
    """(rate, channels) to try: ours, then what the device has."""
    most, own = int(info[f"max_{direction}_channels"]), int(info["default_samplerate"])
    wanted = [(RATE, 1), (RATE, 2), (own, 1), (own, 2), (RATE, most), (own, most)]
    return list(dict.fromkeys((rate, channels) for rate, channels in wanted if channels <= most))


def _is_format(exc: Exception) -> bool:
    text = str(exc).lower()
    return "sample rate" in text or "channels" in text


def _typed(direction: Direction, exc: Exception | None) -> AudioUnavailable:
    text = str(exc).lower()
    what = "microphone" if direction == "input" else "loudspeaker"
    if "unavailable" in text or "busy" in text:
        return AudioBusy(f"The {what} is in use by another program.")
    if exc is not None and _is_format(exc):
        return AudioUnavailable(f"The {what} does not work with any sample rate that we know.")
    return AudioMissing(f"There is no {what}.")
