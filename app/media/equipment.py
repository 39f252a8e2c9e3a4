"""The devices of one session: opened, exchanged while the visit runs, told about on the loop, freed at the end."""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.media.audio.handover import Handover
from app.media.audio.hotplug import Watcher
from app.media.audio.microphone import Microphone
from app.media.audio.processing import Processing
from app.media.audio.speaker import Speaker, SpeechSource
from app.media.devices import DeviceKind, DeviceSpec, FoundDevice, Sinks, Sources, list_devices, list_sound_devices
from app.media.events import DeviceChanged, DevicesChanged
from app.media.settings import MediaSettings
from app.media.video.camera import Camera
from app.media.video.frames import CapturedFrame

Feed = Callable[[int, NDArray[np.int16]], None]
Film = Callable[[CapturedFrame], None]

_SETTLE_S = 2.0  # so long an old device stays while a new one is being opened
_FILM_S = 3.0  # so long a camera may take to another mode


class Equipment:
    """All calls on the loop; `feed(place, chunk)` and `changed(event)` are called there too.

    Places never go back, whatever microphones follow each other. DevicesChanged is told while a real device is used.
    """

    def __init__(
        self,
        sinks: Sinks,
        playout: SpeechSource,
        settings: MediaSettings,
        feed: Feed,
        changed: Callable[[DeviceChanged | DevicesChanged], None],
    ) -> None:
        self._sinks, self._playout, self._retry_s = sinks, playout, settings.device_retry
        self._feed, self._changed = feed, changed
        self._loop = asyncio.get_running_loop()
        self._states: dict[DeviceKind, tuple[str, str]] = {}
        self._camera: Camera | None = None
        self._camera_spec = DeviceSpec("none")
        self._microphone: Microphone | None = None
        self._speaker: Speaker | None = None
        self._watcher: Watcher | None = None
        self._known: tuple[FoundDevice, ...] | None = None
        self._origin = time.monotonic()
        self._handover = Handover(self._heard)
        self._played_before = 0.0
        self._exchange = asyncio.Lock()
        self._over = False
        self._film: Film | None = None
        self.processing = Processing()

    def open(self, sources: Sources) -> None:
        self._camera = self._make_camera(sources.camera)
        self._microphone = self._make_microphone(sources.microphone)
        self._speaker = self._make_speaker(self._sinks.speaker)
        self._watch(sources.camera, sources.microphone, self._sinks.speaker)

    async def close(self) -> None:
        """Frees all devices; each takes 2 s at most."""
        self._over = True
        devices = [d for d in (self._camera, self._microphone, self._speaker, self._watcher) if d is not None]
        self._camera = self._microphone = self._speaker = self._watcher = None
        await asyncio.gather(*(asyncio.to_thread(device.stop) for device in devices))

    async def use_camera(self, spec: DeviceSpec) -> None:
        """One that gives pictures and is only to be turned is not opened anew."""
        camera = self._camera
        if camera is not None and camera.latest() is not None and replace(self._camera_spec, turn=spec.turn) == spec:
            camera.turn, self._camera_spec = spec.turn, spec
            return
        old, self._camera = self._camera, None
        if old is not None:
            await asyncio.to_thread(old.stop)
        self._states.pop("camera", None)
        if not self._over:
            self._camera = self._make_camera(spec)
            self._watch(spec)

    async def use_microphone(self, spec: DeviceSpec) -> None:
        """The old one is heard until the new one gives sound."""
        async with self._exchange:
            if self._over:
                return
            old, new = self._microphone, self._make_microphone(spec)
            self._states.pop("microphone", None)
            self._microphone = new
            self._watch(spec)
            await asyncio.to_thread(new.settled.wait, _SETTLE_S)
            if old is not None:
                await asyncio.to_thread(old.stop)
                new.reconsider()  # perhaps the old one had the device to itself

    async def use_speaker(self, spec: DeviceSpec) -> None:
        """The old one sounds until the new one is open; one fades out and the other in."""
        async with self._exchange:
            if self._over:
                return
            old, new = self._speaker, self._make_speaker(spec, held=True)
            self._states.pop("speaker", None)
            self._speaker = new
            self._watch(spec)
            await asyncio.to_thread(new.settled.wait, _SETTLE_S)
            if old is not None:
                await asyncio.to_thread(old.fade_out)
                self._played_before += old.seconds
            new.release()
            if old is not None:
                await asyncio.to_thread(old.stop)
                new.reconsider()  # perhaps the old one had the device to itself

    def newest(self) -> CapturedFrame | None:
        return None if self._camera is None else self._camera.latest()

    def still(self) -> NDArray[np.uint8] | None:
        return None if self._camera is None else self._camera.still()

    async def best_still(self) -> NDArray[np.uint8] | None:
        """As Camera.best_still."""
        return None if self._camera is None else await asyncio.to_thread(self._camera.best_still)

    async def film(self, see: Film | None) -> None:
        """Every picture goes to `see` as well, on the camera's thread, and the camera films as large as a clip may
        be; returns when it does, or after some seconds. None: no longer.
        """
        self._film = see
        camera = self._camera
        if camera is not None:
            camera.film(see is not None)
            if see is not None:
                await asyncio.to_thread(camera.film_settled.wait, _FILM_S)

    def _captured(self, captured: CapturedFrame) -> None:
        """On a camera's thread."""
        self._sinks.taps.captured_picture(captured)
        film = self._film
        if film is not None:
            film(captured)

    @property
    def played_s(self) -> float:
        """Seconds of sound that the loudspeakers have taken, silence included."""
        return self._played_before + (0.0 if self._speaker is None else self._speaker.seconds)

    @property
    def speaker_delay_s(self) -> float:
        """Between a pull and its sound in the air, as the loudspeaker's device last told: for lip sync."""
        return 0.0 if self._speaker is None else self._speaker.delay_s

    def _make_camera(self, spec: DeviceSpec) -> Camera:
        self._camera_spec = spec
        camera = Camera(
            spec.kind,
            spec.which,
            report=self._reporter("camera"),
            tap=self._captured,
            view=self._sinks.mine,
            retry_s=self._retry_s,
            turn=spec.turn,
        )
        camera.film(self._film is not None)
        camera.start()
        return camera

    def _make_microphone(self, spec: DeviceSpec) -> Microphone:
        microphone = Microphone(
            spec.kind,
            spec.which,
            deliver=self._handover.source(),
            report=self._reporter("microphone"),
            retry_s=self._retry_s,
            processing=self.processing,
            levels=self._sinks.levels,
            origin=self._origin,
        )
        microphone.start()
        return microphone

    def _heard(self, place: int, chunk: NDArray[np.int16]) -> None:
        """On a microphone's thread."""
        self._sinks.taps.captured_speech(time.time(), chunk)
        self._on_loop(self._feed, place, chunk)

    def _make_speaker(self, spec: DeviceSpec, *, held: bool = False) -> Speaker:
        speaker = Speaker(
            spec.kind,
            spec.which,
            self._playout,
            report=self._reporter("speaker"),
            played=self._sinks.taps.played_speech,
            retry_s=self._retry_s,
            processing=self.processing,
            levels=self._sinks.levels,
            held=held,
        )
        speaker.start()
        return speaker

    def _watch(self, *specs: DeviceSpec) -> None:
        """Sessions on files alone need no watcher."""
        if self._watcher is None and any(spec.kind == "device" for spec in specs):
            self._watcher = Watcher(self._look)
            self._watcher.start()

    def _look(self) -> None:
        """On the watcher's thread: what is there now, told if it differs from what was there at the first look."""
        # Elsewhere than on Linux looking for cameras opens each of them, which disturbs the one in use.
        found = list_devices() if platform.system() == "Linux" else list_sound_devices()
        self._on_loop(self._looked, found)

    def _looked(self, found: tuple[FoundDevice, ...]) -> None:
        for device in (self._microphone, self._speaker):
            if device is not None:
                device.reconsider()
        if self._known is not None and found != self._known:
            self._changed(DevicesChanged(time.monotonic(), found))
        self._known = found

    def _reporter(self, kind: DeviceKind) -> Callable[[str, str], None]:
        return lambda state, name: self._on_loop(self._told, kind, state, name)

    def _on_loop(self, function: Callable[..., None], *args: object) -> None:
        """From a device's thread; a device that ends after the loop has nobody to tell."""
        if not self._over and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *args)

    def _told(self, kind: DeviceKind, state: Any, name: str) -> None:
        if not self._over and self._states.get(kind) != (state, name):
            self._states[kind] = (state, name)
            self._changed(DeviceChanged(time.monotonic(), kind, state, name))
