"""Whole frames to pictures, in order, off the loop, by the decoder of each frame's codec; what waits is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

import av

from app.media.video.assembly import WholeFrame
from app.media.video.codecs import MAX_SIDE, VideoCodec

log = logging.getLogger(__name__)

MOST_WAITING = 60
_DECODERS = {VideoCodec.VP8: "vp8", VideoCodec.AV1: "libdav1d"}
_OPTIONS = {"max_pixels": str(MAX_SIDE * MAX_SIDE)}
"""A frame may claim another size than its sequence header does: the decoder holds the bound too."""
_PIXELS = ("yuv420p", "yuvj420p", "gray")


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
        self._lock = threading.Lock()  # a cancelled `run` leaves a thread at work
        self._decoder: tuple[VideoCodec, av.VideoCodecContext] | None = None
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
        """For ever; cancel it, then `close`."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                frame = self._waiting.popleft()
                if self._need_key and not frame.key:
                    continue
                self._need_key = False
                picture = await loop.run_in_executor(self._executor, self._decode, frame)
                if picture is None:
                    self._need_key = True
                    self._lost()
                    continue
                self.keys += frame.key
                if isinstance(picture, av.VideoFrame):
                    self._emit(picture, frame.timestamp)

    async def close(self) -> None:
        """Frees the decoder; nothing may be decoded after it."""
        self._waiting.clear()
        await asyncio.get_running_loop().run_in_executor(self._executor, self._free)

    def _free(self) -> None:
        with self._lock:
            self._drop()

    def _decode(self, frame: WholeFrame) -> av.VideoFrame | bool | None:
        """The picture, or True when the frame shows none; None when the data is broken. One is shown at most: a frame
        has one time.
        """
        with self._lock:
            try:
                pictures = self._decoder_of(frame.codec).decode(av.Packet(frame.data))
            except (av.FFmpegError, ValueError) as exc:
                log.info("a picture cannot be decoded: %s", exc)
                self._drop()
                return None
            if any(p.is_corrupt or p.format.name not in _PIXELS for p in pictures):
                log.info("a picture is broken, or of a kind that is not shown")
                self._drop()
                return None
            return pictures[-1] if pictures else True

    def _decoder_of(self, codec: VideoCodec) -> av.VideoCodecContext:
        if self._decoder is not None and self._decoder[0] is codec:
            return self._decoder[1]
        self._drop()
        made = av.CodecContext.create(_DECODERS[codec], "r")
        assert isinstance(made, av.VideoCodecContext)
        made.thread_count = 1
        made.options = dict(_OPTIONS)
        self._decoder = codec, made
        return made

    def _drop(self) -> None:
        """Emptied first: libdav1d hung the process when it was dropped with pictures inside."""
        decoder, self._decoder = self._decoder, None
        if decoder is not None and decoder[1].is_open:
            with contextlib.suppress(av.FFmpegError, ValueError, EOFError):
                decoder[1].decode(None)
