"""The other side's pictures, from the decoder to the screen: converted off the loop, the newest only."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Executor

import av

from app.media.devices import Sinks
from app.media.video.frames import Reshaper, luma, to_rgb

_FREEZE_LEAST_S = 0.15


class PictureSink:
    """`show` from the loop; a picture that comes while another is converted replaces the one that waits."""

    def __init__(self, sinks: Sinks, executor: Executor) -> None:
        self._sinks, self._executor = sinks, executor
        self._waiting: av.VideoFrame | None = None
        self._wake = asyncio.Event()
        self._stopped = False
        self._reshaper = Reshaper()
        self.shown = 0
        self.dropped = 0
        self.size = (0, 0)
        self.freezes = 0
        self.frozen_s = 0.0
        self._last_at: float | None = None
        self._mean_gap = 0.1

    def show(self, frame: av.VideoFrame) -> None:
        if self._waiting is not None:
            self.dropped += 1
        self._waiting = frame
        self._wake.set()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._stopped:
                return
            frame, self._waiting = self._waiting, None
            if frame is not None:
                await loop.run_in_executor(self._executor, self._convert, frame)
                self._count(frame, time.monotonic())

    def _convert(self, frame: av.VideoFrame) -> None:
        self._sinks.taps.decoded_picture(time.time(), luma(frame))
        self._sinks.remote.put(to_rgb(frame, self._reshaper), time.monotonic())

    def _count(self, frame: av.VideoFrame, now: float) -> None:
        """A freeze is a gap of more than three times the mean, or the mean and 150 ms (W3C freezeCount)."""
        self.shown += 1
        self.size = (frame.width, frame.height)
        if self._last_at is not None:
            gap = now - self._last_at
            if gap > max(3 * self._mean_gap, self._mean_gap + _FREEZE_LEAST_S):
                self.freezes += 1
                self.frozen_s += gap
            else:
                self._mean_gap += (gap - self._mean_gap) / 30
        self._last_at = now
