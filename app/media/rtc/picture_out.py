"""Pictures from the camera to RTP payloads: the newest whenever one is due and the link has taken the last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from app.media.rate.ladder import Pictures
from app.media.video.frames import CapturedFrame
from app.media.video.vp8 import CLOCK, Vp8Encoder, encoder_for
from app.media.video.vp8_rtp import packetize

_POLL_S = 0.008
_BACKLOG_S = 0.12
"""A picture that would wait behind so much is not encoded: a newer one will be, when the link is free."""
_MOST_PAYLOAD = 1_100
_KEY_GAP_S = 0.7


@dataclass(frozen=True)
class EncodedPicture:
    """`timestamp`: RTP time (90 kHz) since the first picture; `payloads` in order, the last ends the picture."""

    payloads: list[bytes]
    timestamp: int
    key: bool


class PictureSource:
    """`newest` gives the camera's newest picture, `backlog_s` how long what is queued takes to leave."""

    def __init__(
        self,
        executor: Executor,
        newest: Callable[[], CapturedFrame | None],
        backlog_s: Callable[[], float],
        emit: Callable[[EncodedPicture], None],
    ) -> None:
        self._executor, self._newest, self._backlog_s, self._emit = executor, newest, backlog_s, emit
        self._pictures: Pictures | None = None
        self._wake = asyncio.Event()
        self._encoder: Vp8Encoder | None = None
        self._encoder_for: tuple[Pictures, int, int] | None = None
        self._due = 0.0
        self._last = 0
        self._key_wanted = False
        self._keyed_at = 0.0
        self._picture_id = 0
        self._place = 0
        self.limit = _MOST_PAYLOAD
        self.held = False
        """No new pictures for a moment; the encoder stays open, so the next one is no key frame."""
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

    def want_key(self) -> None:
        """The far side lost its reference (PLI or FIR, RFC 4585, RFC 5104)."""
        self._key_wanted = True

    async def run(self) -> None:
        """For ever; cancel it."""
        loop = asyncio.get_running_loop()
        while True:
            captured, pictures = await self._next_picture(loop)
            timestamp = round(captured.at * CLOCK)
            encoder = self._encoder_of(captured, pictures)
            key = self._key_wanted and loop.time() - self._keyed_at >= _KEY_GAP_S
            # The encoder counts pictures, not time: one that was held back must not make the next twice as large.
            self._place += round(CLOCK / pictures.fps)
            data, is_key = await loop.run_in_executor(self._executor, encoder.encode, captured.frame, self._place, key)
            if not data or self._pictures is not pictures:
                continue  # the encoder dropped it, or the rung changed meanwhile
            if is_key:
                self._key_wanted, self._keyed_at = False, loop.time()
            self.frames += 1
            self.key_frames += is_key
            self._picture_id = (self._picture_id + 1) & 0x7FFF
            self._emit(EncodedPicture(packetize(data, self._picture_id, self.limit), timestamp, is_key))

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
            if self.held or self._backlog_s() > _BACKLOG_S:
                await asyncio.sleep(2 * _POLL_S)
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
