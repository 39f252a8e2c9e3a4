"""How devices are named: plain frozen values, known to the events and to the settings alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DeviceKind = Literal["camera", "microphone", "speaker"]


@dataclass(frozen=True)
class DeviceSpec:
    """Which device: a real one (`which`: its stable name or its number for now, or empty for the default), a file
    (`which`: its path), a synthetic one (a moving test picture, or silence; `which`: a model), or none at all.
    `turn`: by how many degrees a camera's pictures are turned clockwise (0, 90, 180, 270).
    """

    kind: Literal["device", "file", "synthetic", "none"]
    which: str = ""
    turn: int = 0

    @classmethod
    def parse(cls, text: str) -> DeviceSpec:
        """Reads a command-line value: `default`, `none`, `synthetic` (`synthetic:` and a model), a device's number,
        `device:` and its name (or a part of it), or a file's path.
        """
        words = {"default": cls("device"), "none": cls("none"), "synthetic": cls("synthetic"), "": cls("device")}
        if text in words:
            return words[text]
        if text.startswith("device:"):
            return cls("device", text.removeprefix("device:").strip())
        if text.startswith("synthetic:"):
            return cls("synthetic", text.removeprefix("synthetic:"))
        return cls("device", text) if text.isdecimal() else cls("file", text)

    @property
    def name(self) -> str:
        """A name for people: a file's own name, or what kind of device it is."""
        return Path(self.which).name if self.kind == "file" else f"{self.kind} {self.which}".strip()


@dataclass(frozen=True)
class FoundDevice:
    """A device that is there now: `spec` opens it."""

    kind: DeviceKind
    name: str
    spec: DeviceSpec
