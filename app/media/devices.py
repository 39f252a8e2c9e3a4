"""What a visit takes pictures and sound from, and where it puts them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.media.audio.choice import look
from app.media.audio.portaudio import AudioUnavailable
from app.media.levels import Levels
from app.media.slot import FrameSlot
from app.media.specs import DeviceKind, DeviceSpec, FoundDevice
from app.media.video.capture import list_cameras
from app.media.video.frames import ANGLES, CapturedFrame

__all__ = [
    "ANGLES",
    "DeviceKind",
    "DeviceSpec",
    "FoundDevice",
    "Sinks",
    "Sources",
    "Taps",
    "list_devices",
    "list_sound_devices",
]

DEFAULT_DEVICE = DeviceSpec("device")


@dataclass(frozen=True)
class Sources:
    """What is captured."""

    camera: DeviceSpec = DEFAULT_DEVICE
    microphone: DeviceSpec = DEFAULT_DEVICE


def _nothing(*_: Any) -> None:
    return None


@dataclass(frozen=True)
class Taps:
    """For measuring: called in the thread where the thing happens, so they must be quick and safe there.

    Times are Unix seconds (`time.time`); speech is mono 48 kHz int16; `decoded` gets (t, luma (height, width) uint8).
    """

    captured_picture: Callable[[CapturedFrame], None] = _nothing
    captured_speech: Callable[[float, NDArray[np.int16]], None] = _nothing
    decoded_picture: Callable[[float, NDArray[np.uint8]], None] = _nothing
    played_speech: Callable[[float, NDArray[np.int16]], None] = _nothing
    statistics: Callable[[float, dict[str, dict[str, Any]]], None] = _nothing
    """(t, W3C figures by part), two to four times a second, on the loop."""


@dataclass(frozen=True)
class Sinks:
    """Where the other side's sound and pictures go, and our own picture."""

    speaker: DeviceSpec = DEFAULT_DEVICE
    remote: FrameSlot = field(default_factory=FrameSlot)
    mine: FrameSlot = field(default_factory=FrameSlot)
    taps: Taps = field(default_factory=Taps)
    levels: Levels = field(default_factory=Levels)


def list_devices() -> tuple[FoundDevice, ...]:
    """All cameras, microphones and speakers of this machine; empty where there are none. May take a second: not on
    the UI thread.
    """
    found = [FoundDevice("camera", name, DeviceSpec("device", str(number))) for number, name in list_cameras()]
    return (*found, *list_sound_devices())


def list_sound_devices() -> tuple[FoundDevice, ...]:
    """Microphones and speakers, each once, by names that stay the same when it is plugged in again."""
    try:
        devices = look()
    except AudioUnavailable:
        return ()
    microphones = [FoundDevice("microphone", t.name, DeviceSpec("device", t.id)) for t in devices.inputs]
    return (*microphones, *(FoundDevice("speaker", t.name, DeviceSpec("device", t.id)) for t in devices.outputs))
