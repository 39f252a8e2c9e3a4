"""A clip or a voice message made outside of a visit: devices taken, recorded until the person ends it, given back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from app.media.clip.bounds import MESSAGE, VOICE_S, Clip, ClipKind, Voice
from app.media.clip.taking import ClipTaking
from app.media.clip.voice import VoiceRecorder
from app.media.devices import DeviceSpec, Sinks, Sources
from app.media.settings import MediaSettings
from app.media.shared import Changed, Seat, SharedEquipment
from app.media.slot import FrameSlot

_NONE = DeviceSpec("none")


class _Quiet:
    """Nothing is played while a message is recorded."""

    def pull(self, count: int, now: float) -> NDArray[np.int16]:
        return np.zeros(count, np.int16)


class ClipMessage:
    """Camera and microphone, on the loop. `mine` shows the person; `begun` is called when the recording begins, and
    `changed` with what the devices tell.
    """

    def __init__(
        self,
        sources: Sources,
        mine: FrameSlot,
        begun: Callable[[], None],
        changed: Changed,
        kind: ClipKind = MESSAGE,
        devices: SharedEquipment | None = None,
    ) -> None:
        sinks = Sinks(_NONE, FrameSlot(), mine)
        shared = devices or SharedEquipment()
        self._seat: Seat = shared.take(sinks, sources, MediaSettings(), _Quiet(), self._hear, changed)
        self._taking = ClipTaking(self._seat, begun, kind=kind)

    def _hear(self, place: int, chunk: NDArray[np.int16]) -> None:
        self._taking.hear(place, chunk)

    def end(self) -> None:
        """The person is done: what there is becomes the message."""
        self._taking.end()

    async def run(self) -> Clip | None:
        """None: no picture came, or too little was recorded. Cancelled: nothing is kept. The devices are free then."""
        try:
            return await self._taking.run()
        finally:
            await self._seat.close()


class VoiceMessage:
    """The microphone alone, on the loop; otherwise as :class:`ClipMessage`."""

    def __init__(
        self,
        microphone: DeviceSpec,
        changed: Changed,
        seconds: float = VOICE_S,
        devices: SharedEquipment | None = None,
    ) -> None:
        shared = devices or SharedEquipment()
        self._recorder = VoiceRecorder(seconds)
        self._loop = asyncio.get_running_loop()
        sinks, sources = Sinks(_NONE, FrameSlot(), FrameSlot()), Sources(_NONE, microphone)
        self._seat: Seat = shared.take(sinks, sources, MediaSettings(), _Quiet(), self._hear, changed)

    def _hear(self, place: int, chunk: NDArray[np.int16]) -> None:
        self._recorder.hear(place, chunk)
        if self._recorder.full.is_set():
            self._recorder.end()

    def end(self) -> None:
        self._recorder.end()

    async def run(self) -> Voice | None:
        executor = ThreadPoolExecutor(1, thread_name_prefix="voice")
        try:
            return await self._loop.run_in_executor(executor, self._recorder.run)
        finally:
            self._recorder.drop()
            executor.shutdown(wait=False)
            await self._seat.close()
