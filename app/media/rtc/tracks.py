"""Our encoders as aiortc tracks that yield ready packets. A rung change takes effect with the next frame."""

from __future__ import annotations

import asyncio
import fractions
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack
from numpy.typing import NDArray

from app.media.audio.opus import OpusEncoder
from app.media.rate.ladder import Pictures
from app.media.video.frames import CapturedFrame
from app.media.video.vp8 import CLOCK, Vp8Encoder, encoder_for, packetize

AUDIO_TIME_BASE = fractions.Fraction(1, 48_000)
VIDEO_TIME_BASE = fractions.Fraction(1, CLOCK)
_MAX_CHUNKS = 25  # half a second of 20 ms; older speech is dropped, not sent late
_POLL_S = 0.008


class AudioTrack(MediaStreamTrack):
    """Chunks of speech in, Opus packets out."""

    kind = "audio"

    def __init__(self, executor: Executor, bitrate: int, frame_ms: int) -> None:
        super().__init__()
        self._executor = executor
        self._encoder: OpusEncoder | None = None
        self._wanted = (bitrate, frame_ms)
        self._chunks: deque[tuple[int, NDArray[np.int16]]] = deque(maxlen=_MAX_CHUNKS)
        self._fed = asyncio.Event()
        self._part: list[NDArray[np.int16]] = []
        self._part_place = 0
        self._part_length = 0

    def feed(self, place: int, chunk: NDArray[np.int16]) -> None:
        """`place` counts samples since the microphone's start; it becomes the RTP time. On the loop's thread."""
        self._chunks.append((place, chunk))
        self._fed.set()

    def use(self, bitrate: int, frame_ms: int) -> None:
        self._wanted = (bitrate, frame_ms)

    @property
    def bitrate(self) -> int:
        return self._wanted[0]

    async def recv(self) -> av.Packet[Any]:
        while True:
            while self._chunks:
                samples, place = self._collect(*self._chunks.popleft())
                if samples is not None:
                    return await self._encode(samples, place)
            self._fed.clear()
            await self._fed.wait()

    def _collect(self, place: int, chunk: NDArray[np.int16]) -> tuple[NDArray[np.int16] | None, int]:
        """Joins chunks to one frame; a leap in time begins a new one."""
        if self._part and place != self._part_place + self._part_length:
            self._part.clear()
        if not self._part:
            self._part_place, self._part_length = place, 0
        self._part.append(chunk)
        self._part_length += len(chunk)
        if self._part_length < self._wanted[1] * 48:
            return None, 0
        whole = np.concatenate(self._part)
        size = self._wanted[1] * 48
        start = self._part_place
        rest = whole[size:]
        self._part, self._part_place, self._part_length = ([rest] if len(rest) else []), start + size, len(rest)
        return whole[:size], start

    async def _encode(self, samples: NDArray[np.int16], place: int) -> av.Packet[Any]:
        frame_ms = len(samples) // 48
        if self._encoder is None or (self._encoder.bitrate, self._encoder.frame_ms) != (self._wanted[0], frame_ms):
            self._encoder = OpusEncoder(self._wanted[0], frame_ms)
        data = await asyncio.get_running_loop().run_in_executor(self._executor, self._encoder.encode, samples)
        packet = av.Packet(data)
        packet.pts, packet.time_base = place, AUDIO_TIME_BASE
        return packet


class VideoTrack(MediaStreamTrack):
    """The newest picture whenever one is due, as VP8; waits while no pictures are to be sent.

    `newest` gives the camera's newest picture, `key_wanted` takes a key-frame request of the far side.
    """

    kind = "video"

    def __init__(
        self,
        executor: Executor,
        newest: Callable[[], CapturedFrame | None],
        key_wanted: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._executor, self._newest, self._key_wanted = executor, newest, key_wanted
        self._pictures: Pictures | None = None
        self._wake = asyncio.Event()
        self._encoder: Vp8Encoder | None = None
        self._encoder_for: tuple[Pictures, int, int] | None = None
        self._due = 0.0
        self._origin: float | None = None
        self._last = 0
        self._key = False
        self.frames = 0
        self.key_frames = 0

    def use(self, pictures: Pictures | None) -> None:
        """None stops the pictures at once; the next ones begin with a key frame."""
        if pictures is None:
            self._encoder = self._encoder_for = None
        self._pictures = pictures
        self._wake.set()

    @property
    def pictures(self) -> Pictures | None:
        return self._pictures

    @property
    def size(self) -> tuple[int, int]:
        return (self._encoder.width, self._encoder.height) if self._encoder is not None else (0, 0)

    async def recv(self) -> av.Packet[Any]:
        loop = asyncio.get_running_loop()
        while True:
            captured, pictures = await self._next_picture(loop)
            self._key = self._key_wanted() or self._key
            if self._origin is None:
                self._origin = captured.at
            pts = max(0, round((captured.at - self._origin) * CLOCK))
            encoder = self._encoder_of(captured, pictures)
            data, is_key = await loop.run_in_executor(self._executor, encoder.encode, captured.frame, pts, self._key)
            if not data or self._pictures is not pictures:
                continue  # the encoder dropped it, or the rung changed meanwhile
            self._key = self._key and not is_key
            self.frames += 1
            self.key_frames += is_key
            packet = av.Packet(data)
            packet.pts, packet.time_base = pts, VIDEO_TIME_BASE
            return packet

    async def _next_picture(self, loop: asyncio.AbstractEventLoop) -> tuple[CapturedFrame, Pictures]:
        while True:
            pictures = self._pictures
            if pictures is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            now = loop.time()
            if now < self._due:
                await asyncio.sleep(self._due - now)
                continue
            captured = self._newest()
            if captured is None or captured.number == self._last:
                await asyncio.sleep(_POLL_S)
                continue
            # Keeps the mean rate even when the camera's beat does not fit; never tries to catch up.
            self._due = max(self._due + 1 / pictures.fps, now + 0.5 / pictures.fps)
            self._last = captured.number
            return captured, pictures

    def _encoder_of(self, captured: CapturedFrame, pictures: Pictures) -> Vp8Encoder:
        wanted = (pictures, captured.frame.width, captured.frame.height)
        if self._encoder is None or self._encoder_for != wanted:
            box = (pictures.width, pictures.height)
            self._encoder = encoder_for(captured.frame, box, pictures.fps, pictures.bitrate)
            self._encoder_for = wanted
        return self._encoder


class AudioPacker:
    """Stands in for the stock encoder of a track that yields ready packets."""

    def pack(self, packet: av.Packet[Any]) -> tuple[list[bytes], int]:
        return [bytes(packet)], int(packet.pts or 0)


class VideoPacker:
    """VP8 payloads (RFC 7741) small enough for the link: `limit` bytes each."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._picture_id = 0

    def pack(self, packet: av.Packet[Any]) -> tuple[list[bytes], int]:
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        return packetize(bytes(packet), self._picture_id, self.limit), int(packet.pts or 0)
