"""PortAudio through sounddevice, which is not on every machine: loaded late, and its absence is typed.

PortAudio looks for devices once, when it starts, and its calls are not safe against each other: all of ours hold one
lock, and streams are counted so that it can be started again while none is open.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

RATE = 48_000
CHUNK = 960
"""Samples in 20 ms, the unit in which speech moves through the program."""
FRAME = 480
"""Samples in 10 ms, the unit in which sound is taken and given."""

_RESCAN_WAIT_S = 1.0


class AudioUnavailable(Exception):
    """No sound can be had or given; the sentence says why. `state` is one of DeviceChanged's."""

    state = "failed"


class AudioMissing(AudioUnavailable):
    state = "missing"


class AudioBusy(AudioUnavailable):
    state = "busy"


class _Library:
    """How many streams are open, and whether the list of devices is out of date."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.streams = 0
        self.stale = False


_library = _Library()


def portaudio() -> Any:
    """The sounddevice module. Raises AudioMissing where the PortAudio library is not installed."""
    try:
        import sounddevice
    except OSError as exc:
        raise AudioMissing("Sound needs the PortAudio library, which is not installed.") from exc
    return sounddevice


def mark_stale() -> None:
    """Devices came or went: whoever has a stream open closes it when it sees :func:`is_stale`, and opens anew."""
    with _library.changed:
        _library.stale = True


def is_stale() -> bool:
    return _library.stale


def rescan() -> None:
    """Lets PortAudio look for devices again if no stream is open (else the list stays as it was). Up to 0.5 s."""
    with _library.changed:
        if _library.streams == 0:
            _restart()


@contextmanager
def opening(pulse_variable: str = "", pulse_device: str = "") -> Iterator[Any]:
    """The sounddevice module while a stream is being opened; the block ends with :func:`opened` if that went well.

    A stale list is made anew first, once the streams that are still open have been closed (1 s at most).
    `pulse_variable` is PulseAudio's own variable that names the device for streams opened meanwhile (pulseaudio(1)).
    """
    library = portaudio()
    with _library.changed:
        if _library.stale and _library.changed.wait_for(lambda: _library.streams == 0, _RESCAN_WAIT_S):
            _restart()
        before = os.environ.get(pulse_variable) if pulse_variable else None
        if pulse_variable and pulse_device:
            os.environ[pulse_variable] = pulse_device
        try:
            yield library
        finally:
            if pulse_variable and pulse_device:
                os.environ.pop(pulse_variable)
                if before is not None:
                    os.environ[pulse_variable] = before


def opened() -> None:
    with _library.changed:
        _library.streams += 1


def close_stream(stream: Any) -> None:
    """Closes one counted by :func:`opened`."""
    with _library.changed:
        stream.close(ignore_errors=True)
        _library.streams -= 1
        _library.changed.notify_all()


def _restart() -> None:
    library = portaudio()
    library._terminate()
    library._initialize()
    _library.stale = False


def query(number: int | None = None, direction: str | None = None) -> Any:
    """sounddevice's `query_devices`, under the lock."""
    library = portaudio()
    with _library.changed:
        return library.query_devices(number, direction)


def query_apis() -> Any:
    library = portaudio()
    with _library.changed:
        return library.query_hostapis()
