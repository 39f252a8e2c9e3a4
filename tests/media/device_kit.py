"""Stand-ins at the edge of devices, and a film, for the tests of cameras and sound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np


class Told:
    """Collects what a device's thread says, and lets a test wait for it."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self.states: list[tuple[str, str]] = []
        self.items: list[Any] = []

    def report(self, state: str, name: str) -> None:
        with self._condition:
            self.states.append((state, name))
            self._condition.notify_all()

    def take(self, *item: Any) -> None:
        with self._condition:
            self.items.append(item)
            self._condition.notify_all()

    def until(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        with self._condition:
            assert self._condition.wait_for(condition, timeout)


def write_film(path: Path, frames: int = 10, size: tuple[int, int] = (160, 120), fps: int = 50) -> Path:
    """Grey pictures, each a little brighter."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1" if path.suffix == ".mkv" else "wrapped_avframe", rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for n in range(frames):
            planes = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
            planes[: size[1]] = 40 + n * 5
            for packet in stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv420p")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


class FakeCv2:
    """OpenCV with one camera that can be busy or pulled out."""

    CAP_PROP_BUFFERSIZE = 38

    def __init__(self) -> None:
        self.opened, self.gives, self.released = True, True, 0
        self._pace = threading.Event()
        self.VideoCapture = self._open

    def _open(self, _number: int) -> FakeCv2:
        return self

    def isOpened(self) -> bool:
        return self.opened

    def set(self, _what: int, _value: float) -> None:
        return None

    def read(self) -> tuple[bool, Any]:
        self._pace.wait(0.01)
        return (True, np.full((121, 160, 3), 90, np.uint8)) if self.gives else (False, None)

    def release(self) -> None:
        self.released += 1


class FakeSound:
    """sounddevice with one device that can be pulled out, of the given rate and number of channels."""

    class PortAudioError(Exception):
        pass

    def __init__(self, error: str = "", rate: int = 0, channels: int = 2) -> None:
        self.error, self.rate, self.channels, self.streams = error, rate, channels, []
        self.latency, self.latencies = 0.03, []
        self.opened = threading.Condition()
        self.RawInputStream = self.RawOutputStream = self._make

    def query_devices(self, number: int | None = None, kind: str | None = None) -> Any:
        device = {
            "name": "Headset",
            "hostapi": 0,
            "max_input_channels": self.channels,
            "max_output_channels": self.channels,
            "default_samplerate": float(self.rate or 44_100),
        }
        return [device] if number is None and kind is None else device

    def query_hostapis(self) -> list[dict[str, Any]]:
        return [{"name": "Fake", "default_input_device": 0, "default_output_device": 0}]

    def _terminate(self) -> None:
        return None

    def _initialize(self) -> None:
        return None

    def _make(self, **how: Any) -> FakeSound:
        if self.error:
            raise self.PortAudioError(self.error)
        if self.rate and (how["samplerate"], how["channels"]) != (self.rate, self.channels):
            raise self.PortAudioError("Invalid sample rate [PaErrorCode -9997]")
        self.callback, self.active = how["callback"], True
        with self.opened:
            self.latencies.append(how["latency"])
            self.opened.notify_all()
        self.streams.append(self)
        return self

    def start(self) -> None:
        return None

    def close(self, ignore_errors: bool) -> None:
        self.active = False
