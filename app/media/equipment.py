"""The devices of one session: opened, exchanged while the visit runs, told about on the loop, freed at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.media.audio.microphone import Microphone
from app.media.audio.playout import Playout
from app.media.audio.speaker import Speaker
from app.media.devices import DeviceKind, DeviceSpec, Sinks, Sources
from app.media.events import DeviceChanged
from app.media.settings import MediaSettings
from app.media.video.camera import Camera
from app.media.video.frames import CapturedFrame

Feed = Callable[[int, NDArray[np.int16]], None]


class Equipment:
    """All calls on the loop; `feed(place, chunk)` and `changed(event)` are called there too."""

    def __init__(
        self,
        sinks: Sinks,
        playout: Playout,
        settings: MediaSettings,
        feed: Feed,
        changed: Callable[[DeviceChanged], None],
    ) -> None:
        self._sinks, self._playout, self._retry_s = sinks, playout, settings.device_retry
        self._feed, self._changed = feed, changed
        self._loop = asyncio.get_running_loop()
        self._states: dict[DeviceKind, str] = {}
        self._camera: Camera | None = None
        self._microphone: Microphone | None = None
        self._speaker: Speaker | None = None
        self._over = False

    def open(self, sources: Sources) -> None:
        self._camera = self._make_camera(sources.camera)
        self._microphone = self._make_microphone(sources.microphone)
        self._speaker = self._make_speaker(self._sinks.speaker)

    async def close(self) -> None:
        """Frees all devices; each takes 2 s at most."""
        self._over = True
        devices = [d for d in (self._camera, self._microphone, self._speaker) if d is not None]
        self._camera = self._microphone = self._speaker = None
        await asyncio.gather(*(asyncio.to_thread(device.stop) for device in devices))

    async def use_camera(self, spec: DeviceSpec) -> None:
        old, self._camera = self._camera, None
        if old is not None:
            await asyncio.to_thread(old.stop)
        self._states.pop("camera", None)
        if not self._over:
            self._camera = self._make_camera(spec)

    async def use_microphone(self, spec: DeviceSpec) -> None:
        old, self._microphone = self._microphone, None
        if old is not None:
            await asyncio.to_thread(old.stop)
        self._states.pop("microphone", None)
        if not self._over:
            self._microphone = self._make_microphone(spec)

    async def use_speaker(self, spec: DeviceSpec) -> None:
        old, self._speaker = self._speaker, None
        if old is not None:
            await asyncio.to_thread(old.stop)
        self._states.pop("speaker", None)
        if not self._over:
            self._speaker = self._make_speaker(spec)

    def newest(self) -> CapturedFrame | None:
        return None if self._camera is None else self._camera.latest()

    def still(self) -> NDArray[np.uint8] | None:
        return None if self._camera is None else self._camera.still()

    @property
    def played_s(self) -> float:
        """Seconds of sound that the present loudspeaker has taken."""
        return 0.0 if self._speaker is None else self._speaker.seconds

    def _make_camera(self, spec: DeviceSpec) -> Camera:
        camera = Camera(
            spec.kind,
            spec.which,
            report=self._reporter("camera"),
            tap=self._sinks.taps.captured_picture,
            view=self._sinks.mine,
            retry_s=self._retry_s,
        )
        camera.start()
        return camera

    def _make_microphone(self, spec: DeviceSpec) -> Microphone:
        tap = self._sinks.taps.captured_speech

        def deliver(place: int, chunk: NDArray[np.int16]) -> None:
            tap(time.time(), chunk)
            self._on_loop(self._feed, place, chunk)

        microphone = Microphone(
            spec.kind, spec.which, deliver=deliver, report=self._reporter("microphone"), retry_s=self._retry_s
        )
        microphone.start()
        return microphone

    def _make_speaker(self, spec: DeviceSpec) -> Speaker:
        speaker = Speaker(
            spec.kind,
            spec.which,
            self._playout,
            report=self._reporter("speaker"),
            played=self._sinks.taps.played_speech,
            retry_s=self._retry_s,
        )
        speaker.start()
        return speaker

    def _reporter(self, kind: DeviceKind) -> Callable[[str, str], None]:
        return lambda state, name: self._on_loop(self._told, kind, state, name)

    def _on_loop(self, function: Callable[..., None], *args: object) -> None:
        """From a device's thread; a device that ends after the loop has nobody to tell."""
        if not self._over and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)

    def _told(self, kind: DeviceKind, state: Any, name: str) -> None:
        if not self._over and self._states.get(kind) != state:
            self._states[kind] = state
            self._changed(DeviceChanged(time.monotonic(), kind, state, name))
