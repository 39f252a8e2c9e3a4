"""Which sound device is meant by a name or a number, now: devices come and go, and PortAudio's numbers with them."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any, Literal

from app.media.audio import pulse
from app.media.audio.portaudio import AudioMissing, query, query_apis

Direction = Literal["input", "output"]

_PREFERRED_API = {"Windows": "Windows WASAPI"}
"""Where a machine has several ways to the same devices: the one with whole names and short queues."""
_WORDS = {"input": "microphone", "output": "loudspeaker"}


@dataclass(frozen=True)
class Target:
    """What to open. `id` is stable, `name` for people; `number` is PortAudio's for now, None its default."""

    id: str
    name: str
    number: int | None
    pulse: str = ""
    """The sound server's name of the device; empty lets the server choose (and move the stream)."""
    listed: bool = True
    """Found by PortAudio's own look at the machine, which has to be made anew to see changes."""


@dataclass(frozen=True)
class SoundDevices:
    """What can be opened now, without the defaults, and the defaults (None: there is nothing to use)."""

    inputs: tuple[Target, ...]
    outputs: tuple[Target, ...]
    default_input: Target | None
    default_output: Target | None

    def all(self, direction: Direction) -> tuple[Target, ...]:
        return self.inputs if direction == "input" else self.outputs

    def default(self, direction: Direction) -> Target | None:
        return self.default_input if direction == "input" else self.default_output


def look() -> SoundDevices:
    """May take 0.1 s. Raises AudioMissing where PortAudio is not installed."""
    listed = [dict(d, number=n) for n, d in enumerate(query())]
    server = next((d["number"] for d in listed if d["name"] == "pulse"), None)
    if server is not None and (found := pulse.look()) is not None:
        return _of_server(found, server)
    return _of_portaudio(listed)


def choose(devices: SoundDevices, which: str, direction: Direction) -> Target | None:
    """The device that `which` means: empty for the default, a stable name, a name for people or a part of one, or
    PortAudio's number. None when it is not there.
    """
    if not which:
        return devices.default(direction)
    found = devices.all(direction)
    for same in (
        lambda t: t.id == which,
        lambda t: t.name == which,
        lambda t: which.casefold() in t.name.casefold(),
    ):
        matches = [t for t in found if same(t)]
        if matches:
            return matches[0]
    return _by_number(int(which), direction) if which.isdecimal() else None


def missing(direction: Direction) -> AudioMissing:
    return AudioMissing(f"There is no {_WORDS[direction]}.")


def _of_server(found: pulse.PulseDevices, number: int) -> SoundDevices:
    def targets(direction: Direction) -> tuple[Target, ...]:
        return tuple(
            Target(d.id, d.name, number, d.id, listed=False) for d in found.devices if d.direction == direction
        )

    def default(direction: Direction) -> Target | None:
        # A server without a card offers a place-holder; a stream opened by default follows the person's choice there.
        same = [d for d in found.devices if d.direction == direction]
        name = next((d.name for d in same if d.id == found.defaults[direction]), same[0].name if same else "")
        return Target("", name, number, listed=False) if same else None

    return SoundDevices(targets("input"), targets("output"), default("input"), default("output"))


def _of_portaudio(listed: list[dict[str, Any]]) -> SoundDevices:
    apis = list(query_apis())
    wanted = _PREFERRED_API.get(platform.system())
    api = next((n for n, a in enumerate(apis) if a["name"] == wanted), None)

    def targets(direction: Direction) -> tuple[Target, ...]:
        usable = [d for d in listed if d[f"max_{direction}_channels"] > 0 and (api is None or d["hostapi"] == api)]
        cards = [d for d in usable if "(hw:" in d["name"]]  # ALSA lists its plug-ins beside the cards
        return tuple(Target(_stable(d["name"]), d["name"], d["number"]) for d in cards or usable)

    def default(direction: Direction) -> Target | None:
        number = -1 if api is None else int(apis[api][f"default_{direction}_device"])
        if number >= 0:
            return Target(_stable(listed[number]["name"]), listed[number]["name"], number)
        try:
            name = str(query(None, direction)["name"])
        except Exception:  # sounddevice raises its own kind or ValueError where there is no default
            return None
        return Target(_stable(name), name, None)

    return SoundDevices(targets("input"), targets("output"), default("input"), default("output"))


def _stable(name: str) -> str:
    """ALSA's card number (`hw:2,0`) changes from one plugging in to the next, the rest of the name does not."""
    return name.split(" (hw:")[0]


def _by_number(number: int, direction: Direction) -> Target | None:
    try:
        name = str(query(number, direction)["name"])
    except Exception:  # as above, for a number that is not there
        return None
    return Target(f"number {number}", name, number)
