"""PulseAudio's (and PipeWire's) devices by their stable names, through `pactl`; the sound itself goes by PortAudio.

A Linux desktop's sound server holds the cards: PortAudio sees it as one device, `pulse`, whatever is plugged in.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

_TIMEOUT_S = 3.0
_DEVICES_MAX = 64
VARIABLES = {"input": "PULSE_SOURCE", "output": "PULSE_SINK"}
"""The variables by which PulseAudio's client library takes a stream's device."""


@dataclass(frozen=True)
class PulseDevice:
    """`id` is PulseAudio's name for it, the same after each plugging in; `name` is its description for people."""

    id: str
    name: str
    direction: str  # "input" or "output"


@dataclass(frozen=True)
class PulseDevices:
    devices: tuple[PulseDevice, ...]
    defaults: dict[str, str]
    """The default device's id for "input" and "output"."""


def environment() -> dict[str, str]:
    """For pactl: in English, so that it can be read, and with a point in its numbers."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def look() -> PulseDevices | None:
    """The sound server's devices, monitors of loudspeakers left out; None without such a server. Some 20 ms."""
    if shutil.which("pactl") is None:
        return None
    info = _ask("info")
    sinks, sources = _ask("list", "sinks"), _ask("list", "sources")
    if not isinstance(info, dict) or not isinstance(sinks, list) or not isinstance(sources, list):
        return None
    devices = [d for found in sinks[:_DEVICES_MAX] if (d := _device(found, "output"))]
    devices += [d for found in sources[:_DEVICES_MAX] if not _is_monitor(found) and (d := _device(found, "input"))]
    defaults = {"input": str(info.get("default_source_name")), "output": str(info.get("default_sink_name"))}
    return PulseDevices(tuple(devices), defaults)


def _ask(*words: str) -> Any:
    try:
        done = subprocess.run(
            ["pactl", "--format=json", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            env=environment(),
            check=False,
        )
        return json.loads(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _device(found: Any, direction: str) -> PulseDevice | None:
    if not isinstance(found, dict) or not isinstance(found.get("name"), str):
        return None
    return PulseDevice(found["name"], str(found.get("description") or found["name"]), direction)


def _is_monitor(found: Any) -> bool:
    return isinstance(found, dict) and bool(found.get("monitor_source"))
