"""The composition root of the two windows: the one place that sees every part and joins them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.io_thread import IoThread
from app.media.audio.sound_test import SoundTest
from app.media.call_log import CallLog
from app.media.clip.message import ClipMessage, VoiceMessage
from app.media.clip.sound import ClipSound
from app.media.devices import DeviceSpec, Sinks, Sources, Taps
from app.media.events import DeviceChanged, DevicesChanged, SessionEvent, SignalPart
from app.media.levels import Levels
from app.media.session import VisitSession
from app.media.settings import MediaSettings
from app.media.shared import SharedEquipment
from app.media.slot import FrameSlot
from app.media.video.camera import CameraPreview
from app.media.video.speed import SpeedTest, memory_path
from app.offline.keys import system_ring
from app.offline.passphrase_source import from_file
from app.offline.profile import default_folder
from app.presenters.clock import write_clock_as
from app.presenters.devices import Chosen
from app.presenters.environment import Environment
from app.presenters.patient import PatientPresenter
from app.presenters.provider import ProviderPresenter
from app.presenters.sending_around import Recorder
from app.presenters.sound import SoundStatus, SoundTester
from app.ui import words
from app.ui.app import PatientWindow, ProviderWindow, make_application
from app.ui.bridge import Bridge
from app.ui.run import execute
from app.wire.visits import IceConfig

log = logging.getLogger(__name__)

_STOP_S = 8.0

Window = PatientWindow | ProviderWindow


@dataclass(frozen=True)
class WindowOptions:
    """What the command line sets. Devices as :meth:`DeviceSpec.parse` reads them."""

    role: Literal["patient", "provider"]
    profile: Path | None = None
    camera: str = ""
    microphone: str = ""
    speaker: str = ""
    keyring: bool = True


class _Preview:
    """The camera outside a visit; opening and closing it may block, so both happen in a thread."""

    def __init__(self, slot: FrameSlot, spec: DeviceSpec, tell: Callable[[DeviceChanged], None]) -> None:
        self._slot = slot
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._preview = CameraPreview(spec.kind, spec.which, slot, self._report, spec.turn)

    def _report(self, state: str, name: str) -> None:
        """Called on the camera's thread."""
        changed = DeviceChanged(time.monotonic(), "camera", state, name)  # type: ignore[arg-type]
        self._loop.call_soon_threadsafe(self._tell, changed)

    async def start(self) -> None:
        self._slot.clear()
        await asyncio.to_thread(self._preview.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self._preview.stop)
        self._slot.clear()

    def still(self) -> NDArray[np.uint8] | None:
        return self._preview.still()

    async def best_still(self) -> NDArray[np.uint8] | None:
        return await asyncio.to_thread(self._preview.best_still)


@dataclass(frozen=True)
class _Slots:
    """The newest picture of each person; the windows draw from here, the sessions put in."""

    remote: FrameSlot = field(default_factory=FrameSlot)
    mine: FrameSlot = field(default_factory=FrameSlot)
    guest: FrameSlot = field(default_factory=FrameSlot)


@dataclass(frozen=True)
class Running:
    """The parts of a window's process, for who looks on: the demo and the end-to-end tests."""

    window: Window
    bridge: Bridge
    presenter: PatientPresenter | ProviderPresenter
    io: IoThread
    calls: CallLog


def run_window(options: WindowOptions, attach: Callable[[Running], object] | None = None) -> int:
    """Runs one window until it is closed; returns the process's exit code.

    `attach` is called before the window is shown (the demo's hand takes hold there); what it returns is kept until
    the end.
    """
    app = make_application([f"thinline-{options.role}"])
    write_clock_as(words.clock)
    running = build(options)
    held = attach(running) if attach is not None else None
    running.io.submit(running.presenter.start()).add_done_callback(_report)
    code = execute(app, running.window)
    ended = take_down(running)
    del held
    return code if ended else code or 1


def build(options: WindowOptions) -> Running:
    """Joins the parts of one window; the QApplication is there already. The presenter is not started yet."""
    io = IoThread()
    io.start()
    bridge = Bridge()
    slots, levels, clip_sound = _Slots(), Levels(), ClipSound()
    calls = CallLog((options.profile or default_folder(options.role)) / "calls")
    environment = _environment(options, _Makers(slots, levels, calls), slots, clip_sound)
    seen = (slots.remote, slots.mine)
    if options.role == "patient":
        patient = PatientPresenter(environment, io.loop, bridge.publish, functools.partial(_Preview, slots.mine))
        window = PatientWindow(patient, bridge, *seen, levels=levels, guest=slots.guest)
        return Running(window, bridge, patient, io, calls)
    provider = ProviderPresenter(environment, io.loop, bridge.publish)
    desk = ProviderWindow(provider, bridge, *seen, levels=levels, guest=slots.guest, clip_position=clip_sound.position)
    return Running(desk, bridge, provider, io, calls)


def take_down(running: Running) -> bool:
    """Hangs up, lets go of the profile, ends the I/O thread; False when that took too long."""
    running.bridge.close()
    stopping = running.io.submit(running.presenter.stop())
    try:
        stopping.result(_STOP_S)
    except concurrent.futures.TimeoutError:
        log.error("the app did not end in time")
        return False
    finally:
        running.io.stop()
        running.calls.close()
    return True


class _Makers:
    """Makes what a presenter asks for, on the devices, picture slots and levels that all of one window share."""

    def __init__(self, slots: _Slots, levels: Levels, calls: CallLog) -> None:
        self._slots, self._levels, self._calls = slots, levels, calls
        self._speed_test = SpeedTest(memory_path())
        self._devices = SharedEquipment()

    def session(
        self,
        *,
        offerer: bool,
        ice: IceConfig,
        chosen: Chosen,
        send: Callable[[SignalPart], None],
        emit: Callable[[SessionEvent], None],
    ) -> VisitSession:
        """The visit's own, noted in the call log."""
        self._calls.begin()
        return self._session(chosen, self._slots.remote, self._calls, offerer=offerer, ice=ice, send=send, emit=emit)

    def guest_session(self, *, chosen: Chosen, **given: Any) -> VisitSession:
        """That with a guest, beside the visit's; a call of its own in the log."""
        return self._session(chosen, self._slots.guest, self._calls.beside(), **given)

    def _session(
        self,
        chosen: Chosen,
        remote: FrameSlot,
        calls: CallLog,
        *,
        emit: Callable[[SessionEvent], None],
        **given: Any,
    ) -> VisitSession:
        def noted(event: SessionEvent) -> None:
            calls.event(time.time(), event)
            emit(event)

        taps = Taps(statistics=calls.statistics)
        sinks = Sinks(chosen.speaker, remote, self._slots.mine, taps, self._levels)
        sources = Sources(chosen.camera, chosen.microphone)
        settings = MediaSettings(speeds=self._speed_test.speeds)
        return VisitSession(
            sources=sources, sinks=sinks, devices=self._devices, settings=settings, emit=noted, **given
        )

    def recorder(
        self, *, film: bool, chosen: Chosen, begun: Callable[[], None], device: Callable[[DeviceChanged], None]
    ) -> Recorder:
        def changed(event: DeviceChanged | DevicesChanged) -> None:
            if isinstance(event, DeviceChanged):
                device(event)

        if not film:
            return VoiceMessage(chosen.microphone, changed, devices=self._devices)
        mine = self._slots.mine
        mine.clear()
        return ClipMessage(Sources(chosen.camera, chosen.microphone), mine, begun, changed, devices=self._devices)

    def sound_test(
        self, microphone: DeviceSpec, speaker: DeviceSpec, tell: Callable[[SoundStatus], None]
    ) -> SoundTester:
        return SoundTest(microphone, speaker, self._levels, tell)


def _environment(options: WindowOptions, makers: _Makers, slots: _Slots, clip_sound: ClipSound) -> Environment:
    return Environment(
        folder=options.profile or default_folder(options.role),
        ring=system_ring() if options.keyring else None,
        passphrase=from_file,
        session=makers.session,
        sound_test=makers.sound_test,
        remote=slots.remote,
        mine=slots.mine,
        guest_session=makers.guest_session,
        guest=slots.guest,
        clip_sound=clip_sound,
        recorder=makers.recorder,
        given=Chosen(
            DeviceSpec.parse(options.microphone), DeviceSpec.parse(options.speaker), DeviceSpec.parse(options.camera)
        ),
    )


def _report(future: concurrent.futures.Future[None]) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error("the app did not start", exc_info=error)
