"""Whole VP8 frames to pictures, in order, off the loop; what waits is bounded."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

import av

from app.media.video.assembly import WholeFrame

log = logging.getLogger(__name__)

MOST_WAITING = 60


class PictureDecoder:
    """`add` from the loop, `emit(frame, timestamp)` on the loop; `lost` asks for a key frame."""

    def __init__(
        self,
        executor: Executor,
        emit: Callable[[av.VideoFrame, int], None],
        lost: Callable[[], None],
    ) -> None:
        self._executor, self._emit, self._lost = executor, emit, lost
        self._waiting: deque[WholeFrame] = deque()
        self._wake = asyncio.Event()
        self._codec: av.VideoCodecContext | None = None
        self._need_key = True
        self.keys = 0

    def add(self, frame: WholeFrame) -> None:
        """A decoder that cannot keep up loses everything up to the next key frame rather than growing."""
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            self._need_key = True
            self._lost()
        self._waiting.append(frame)
        self._wake.set()

    async def run(self) -> None:
        """For ever; cancel it."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                frame = self._waiting.popleft()
                if self._need_key and not frame.key:
                    continue
                pictures = await loop.run_in_executor(self._executor, self._decode, frame)
                if pictures is None:
                    self._need_key = True
                    self._lost()
                    continue
                self._need_key = False
                self.keys += frame.key
                for picture in pictures:
                    self._emit(picture, frame.timestamp)

    def _decode(self, frame: WholeFrame) -> list[av.VideoFrame] | None:
        """None when the data is broken."""
        if self._codec is None:
            codec = av.CodecContext.create("vp8", "r")
            assert isinstance(codec, av.VideoCodecContext)
            codec.thread_count = 1
            self._codec = codec
        try:
            return self._codec.decode(av.Packet(frame.data))
        except (av.FFmpegError, ValueError) as exc:
            log.info("a picture cannot be decoded: %s", exc)
            self._codec = None
            return None
