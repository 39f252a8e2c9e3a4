"""What a visit takes pictures and sound from, and where it puts them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.media.audio.portaudio import AudioUnavailable, list_audio
from app.media.levels import Levels
from app.media.slot import FrameSlot
from app.media.video.capture import list_cameras
from app.media.video.frames import CapturedFrame

DeviceKind = Literal["camera", "microphone", "speaker"]


@dataclass(frozen=True)
class DeviceSpec:
    """Which device: a real one (`which`: its number, or empty for the default), a file (`which`: its path),
    a synthetic one (a moving test picture, or silence), or none at all.
    """

    kind: Literal["device", "file", "synthetic", "none"]
    which: str = ""

    @classmethod
    def parse(cls, text: str) -> DeviceSpec:
        """Reads a command-line value: `default`, `none`, `synthetic`, a device's number, or a file's path."""
        words = {"default": cls("device"), "none": cls("none"), "synthetic": cls("synthetic"), "": cls("device")}
        if text in words:
            return words[text]
        return cls("device", text) if text.isdecimal() else cls("file", text)

    @property
    def name(self) -> str:
        """A name for people: a file's own name, or what kind of device it is."""
        return Path(self.which).name if self.kind == "file" else f"{self.kind} {self.which}".strip()


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


@dataclass(frozen=True)
class Sinks:
    """Where the other side's sound and pictures go, and our own picture."""

    speaker: DeviceSpec = DEFAULT_DEVICE
    remote: FrameSlot = field(default_factory=FrameSlot)
    mine: FrameSlot = field(default_factory=FrameSlot)
    taps: Taps = field(default_factory=Taps)
    levels: Levels = field(default_factory=Levels)


@dataclass(frozen=True)
class FoundDevice:
    """A device that is there now: `spec` opens it."""

    kind: DeviceKind
    name: str
    spec: DeviceSpec


def list_devices() -> tuple[FoundDevice, ...]:
    """All cameras, microphones and speakers of this machine; empty where there are none. May take a second: not on
    the UI thread.
    """
    found = [FoundDevice("camera", name, DeviceSpec("device", str(number))) for number, name in list_cameras()]
    try:
        audio = list_audio()
    except AudioUnavailable:
        return tuple(found)
    for number, name, can_record, can_play in audio:
        if can_record:
            found.append(FoundDevice("microphone", name, DeviceSpec("device", str(number))))
        if can_play:
            found.append(FoundDevice("speaker", name, DeviceSpec("device", str(number))))
    return tuple(found)
