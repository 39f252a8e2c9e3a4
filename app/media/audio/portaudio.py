"""PortAudio through sounddevice, which is not on every machine: loaded late, and its absence is typed."""

from __future__ import annotations

from typing import Any

RATE = 48_000
CHUNK = 960
"""Samples in 20 ms, the unit in which speech moves through the program."""


class AudioUnavailable(Exception):
    """No sound can be had or given; the sentence says why. `state` is one of DeviceChanged's."""

    state = "failed"


class AudioMissing(AudioUnavailable):
    state = "missing"


class AudioBusy(AudioUnavailable):
    state = "busy"


def portaudio() -> Any:
    """The sounddevice module. Raises AudioMissing where the PortAudio library is not installed."""
    try:
        import sounddevice
    except OSError as exc:
        raise AudioMissing("Sound needs the PortAudio library, which is not installed.") from exc
    return sounddevice


def restart() -> None:
    """PortAudio looks for devices once, when it starts: starting it again finds what was plugged in since.

    Only while no stream is open.
    """
    library = portaudio()
    library._terminate()
    library._initialize()


def list_audio() -> list[tuple[int, str, bool, bool]]:
    """(number, name, can record, can play) of each device. Raises AudioMissing."""
    devices = portaudio().query_devices()
    return [
        (number, str(d["name"]), d["max_input_channels"] > 0, d["max_output_channels"] > 0)
        for number, d in enumerate(devices)
    ]


def open_stream(direction: str, which: str, callback: Any) -> tuple[Any, str]:
    """A started stream of mono int16 at 48 kHz in chunks of 20 ms, and the device's name.

    `direction` is "input" or "output", `which` a device's number or empty for the default. Raises AudioUnavailable.
    """
    library = portaudio()
    make = {"input": library.RawInputStream, "output": library.RawOutputStream}[direction]
    number = int(which) if which else None
    try:
        info = library.query_devices(number, direction)
        stream = make(samplerate=RATE, blocksize=CHUNK, device=number, channels=1, dtype="int16", callback=callback)
        stream.start()
    except (library.PortAudioError, ValueError) as exc:
        text = str(exc)
        what = "microphone" if direction == "input" else "loudspeaker"
        if "unavailable" in text.lower() or "busy" in text.lower():
            raise AudioBusy(f"The {what} is in use by another program.") from exc
        raise AudioMissing(f"There is no {what}.") from exc
    return stream, str(info["name"])
