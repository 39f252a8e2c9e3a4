"""One clip of a session's devices: the camera made ready, ten seconds recorded, the camera given back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.media.clip.bounds import CLOSER, Clip, ClipKind
from app.media.clip.recorder import ClipRecorder
from app.media.video.frames import CapturedFrame

_FIRST_S = 3.0
_LISTEN_S = 0.3
"""Before the clip begins: in so long a time at least one chunk of sound comes without delay (SoundClock)."""


class Filming(Protocol):
    """The face of app.media.shared.Seat that a clip uses."""

    async def film(self, see: Callable[[CapturedFrame], None] | None) -> None: ...


class ClipTaking:
    """On the loop. `begun` is called there when the recording begins."""

    def __init__(
        self, devices: Filming, begun: Callable[[], None], seconds: float | None = None, kind: ClipKind = CLOSER
    ) -> None:
        self._devices, self._begun = devices, begun
        self._seconds = kind.seconds if seconds is None else seconds
        self._recorder = ClipRecorder(self._seconds, kind)
        self._ending = asyncio.Event()

    def hear(self, place: int, samples: NDArray[np.int16]) -> None:
        """What the microphone gives, or silence while it is off."""
        self._recorder.hear(place, samples, time.monotonic())

    def end(self) -> None:
        """The call is over: what is there is made into a clip, if it is long enough."""
        self._ending.set()

    async def run(self) -> Clip | None:
        """None: no picture came, or too little was recorded. Cancelled: nothing is kept."""
        executor = ThreadPoolExecutor(1, thread_name_prefix="clip")
        try:
            if not await self._begin():
                return None
            making = asyncio.get_running_loop().run_in_executor(executor, self._recorder.run)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), self._seconds)
            self._recorder.end(time.monotonic())
            return await making
        finally:
            self._recorder.drop()
            executor.shutdown(wait=False)
            await self._devices.film(None)

    async def _begin(self) -> bool:
        await self._devices.film(self._recorder.see)
        first = time.monotonic()
        # One that came before the camera changed its mode is none: it would decide the clip's size.
        self._recorder.forget()
        await asyncio.to_thread(self._recorder.seen.wait, _FIRST_S)
        await asyncio.sleep(max(0.0, first + _LISTEN_S - time.monotonic()))
        if self._ending.is_set() or not self._recorder.begin(time.monotonic()):
            return False
        self._begun()
        return True
