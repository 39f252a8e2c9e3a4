"""Which microphone, loudspeaker and camera a person chose: by name, remembered in the profile folder for next time."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from app.media.devices import ANGLES, DEFAULT_DEVICE, DeviceKind, DeviceSpec, FoundDevice
from app.offline.files import write_private
from app.presenters.views import DeviceRow

log = logging.getLogger(__name__)

KINDS: tuple[DeviceKind, ...] = get_args(DeviceKind)

_FILE = "devices.json"
_MAX_FILE = 16 * 1024
_MAX_NAME = 300
_MOST_TURNS = 16


@dataclass(frozen=True)
class Chosen:
    """What opens each device."""

    microphone: DeviceSpec = DEFAULT_DEVICE
    speaker: DeviceSpec = DEFAULT_DEVICE
    camera: DeviceSpec = DEFAULT_DEVICE

    def of(self, kind: DeviceKind) -> DeviceSpec:
        spec: DeviceSpec = getattr(self, kind)
        return spec


@dataclass(frozen=True)
class DeviceChoice:
    """`given` comes from the command line; where that leaves it to the program, a name of `names` counts (none, or an
    empty one: the device that the computer chooses). `turns`: by how many degrees each camera's pictures are turned
    clockwise, by its chosen name. `found`: what is there; None before anyone has looked."""

    given: Chosen = Chosen()
    names: Mapping[DeviceKind, str] = field(default_factory=dict)
    found: tuple[FoundDevice, ...] | None = None
    turns: Mapping[str, int] = field(default_factory=dict)

    @property
    def turn(self) -> int:
        """The chosen camera's."""
        return self.turns.get(self._camera_name(), 0)

    def turned(self) -> DeviceChoice:
        """The chosen camera's pictures a quarter further, clockwise."""
        turns = {**self.turns, self._camera_name(): (self.turn + 90) % 360}
        kept = {name: turn for name, turn in turns.items() if turn}
        return replace(self, turns=dict(list(kept.items())[-_MOST_TURNS:]))

    def _camera_name(self) -> str:
        given = self.given.camera
        return self.names.get("camera", "") if given == DEFAULT_DEVICE else given.name[:_MAX_NAME]

    def choose(self, kind: DeviceKind, name: str) -> DeviceChoice:
        """A person's choice goes before what the command line said."""
        given = replace(self.given, **{kind: DEFAULT_DEVICE})
        return replace(self, given=given, names={**self.names, kind: name[:_MAX_NAME]})

    def spec(self, kind: DeviceKind) -> DeviceSpec:
        """What to open: the chosen device while it is there, else the one that the computer chooses, so that a headset
        left at home costs nobody the visit."""
        found = self._spec(kind)
        return replace(found, turn=self.turn) if kind == "camera" else found

    def _spec(self, kind: DeviceKind) -> DeviceSpec:
        given, name = self.given.of(kind), self.names.get(kind, "")
        if given != DEFAULT_DEVICE or not name:
            return given
        if self.found is None:  # sound devices can be opened by name, cameras by their number alone
            return DEFAULT_DEVICE if kind == "camera" else DeviceSpec("device", name)
        same = (device.spec for device in self.found if device.kind == kind and device.name == name)
        return next(same, DEFAULT_DEVICE)

    def told(self, found: tuple[FoundDevice, ...]) -> DeviceChoice:
        """What is there now. A list without cameras says nothing of them: on some systems looking would disturb the
        one in use."""
        if not any(device.kind == "camera" for device in found):
            found = (*found, *(device for device in self.found or () if device.kind == "camera"))
        return replace(self, found=found)

    def specs(self) -> Chosen:
        return Chosen(self.spec("microphone"), self.spec("speaker"), self.spec("camera"))

    def rows(self) -> tuple[DeviceRow, ...]:
        """For the screen: microphone, loudspeaker, camera."""
        return tuple(self._row(kind) for kind in ("microphone", "speaker", "camera"))

    def _row(self, kind: DeviceKind) -> DeviceRow:
        given, there = self.given.of(kind), self._there(kind)
        turn = self.turn if kind == "camera" else 0
        if given != DEFAULT_DEVICE:
            return DeviceRow(kind, there, given.name, True, turn)
        name = self.names.get(kind, "")
        return DeviceRow(kind, there, name, not name or self.found is None or name in there, turn)

    def _there(self, kind: DeviceKind) -> tuple[str, ...]:
        """Names, each once: some systems list one device several times."""
        return tuple(dict.fromkeys(device.name for device in self.found or () if device.kind == kind))


def load_choice(folder: Path) -> tuple[dict[DeviceKind, str], dict[str, int]]:
    """The names chosen last time and the cameras' turns; nothing when there is no such file or it cannot be read."""
    try:
        with (folder / _FILE).open("rb") as file:
            data = json.loads(file.read(_MAX_FILE))
    except FileNotFoundError:
        return {}, {}
    except (OSError, ValueError, RecursionError) as exc:
        log.warning("the choice of devices cannot be read: %s", type(exc).__name__)
        return {}, {}
    if not isinstance(data, dict):
        return {}, {}
    kept = {kind: data.get(kind) for kind in KINDS}
    names = {kind: name for kind, name in kept.items() if isinstance(name, str) and 0 < len(name) <= _MAX_NAME}
    turns = data.get("turns")
    return names, _whole_turns(turns) if isinstance(turns, dict) else {}


def _whole_turns(told: Mapping[str, object]) -> dict[str, int]:
    good = [(name[:_MAX_NAME], turn) for name, turn in told.items() if isinstance(turn, int) and turn in ANGLES[1:]]
    return dict(good[:_MOST_TURNS])


def save_choice(folder: Path, choice: DeviceChoice) -> None:
    """Raises OfflineError when the disk does not take it."""
    data: dict[str, object] = {"turns": dict(choice.turns)}
    data.update((str(kind), name) for kind, name in choice.names.items())
    write_private(folder / _FILE, json.dumps(data, ensure_ascii=False, indent=1).encode())
