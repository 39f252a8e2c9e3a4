"""Pictures from the camera to RTP payloads: the newest whenever one is due and the link has taken the last."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

import av

from app.media.rate.ladder import Pictures
from app.media.video import av1_rtp, vp8_rtp
from app.media.video.codecs import VideoCodec
from app.media.video.encoder import Encoded, PictureEncoder
from app.media.video.encoding import open_encoder
from app.media.video.frames import CapturedFrame
from app.media.video.speed import Speeds
from app.media.video.svt import Av1Error, Av1Missing, Av1Stalled
from app.media.video.vp8 import CLOCK

log = logging.getLogger(__name__)

_POLL_S = 0.008
_AT_ONCE_S = 0.001  # timers are no finer than that
_BACKLOG_S, _BACKLOG_MOST_S, _BACKLOG_PICTURES = 0.11, 0.2, 2.0
"""A picture that would wait behind so much is not encoded: a newer one will be, when the link is free."""
_MOST_PAYLOAD = 1_100
_KEY_GAP_S = 0.3
_FIRST_STILLS = (0.6, 0.8)
_BROKEN = (Av1Error, Av1Missing, av.FFmpegError)


@dataclass(frozen=True)
class EncodedPicture:
    """`timestamp`: RTP time (90 kHz) since the first picture; `payloads` in order, the last ends the picture."""

    payloads: list[bytes]
    timestamp: int
    key: bool
    codec: VideoCodec


class PictureSource:
    """`newest` gives the camera's newest picture, `backlog_s` how long what is queued takes to leave. `codecs`: the
    first is used; where its encoder fails, the next, beginning with a key picture.
    """

    def __init__(
        self,
        executor: Executor,
        newest: Callable[[], CapturedFrame | None],
        backlog_s: Callable[[], float],
        emit: Callable[[EncodedPicture], None],
        *,
        codecs: Sequence[VideoCodec],
        speeds: Speeds,
    ) -> None:
        self._executor, self._newest, self._backlog_s, self._emit = executor, newest, backlog_s, emit
        self.codec, *self._others = codecs
        self._speeds = speeds
        self._pictures: Pictures | None = None
        self._wake = asyncio.Event()
        self._encoder: PictureEncoder | None = None
        self._encoder_for: tuple[int, int, int, int] | None = None
        self._fps = 1.0
        self._due = 0.0
        self._last = 0
        self._begun = 0  # pictures of the open encoder
        self._key_wanted = False
        self._keyed_at = 0.0
        self._picture_id = 0
        self.limit = _MOST_PAYLOAD
        self._failed = self._stalled = False
        self.held = False
        """No new pictures for a moment; the encoder stays open, so the next one is no key frame."""
        self.frames = 0
        self.key_frames = 0

    def use(self, pictures: Pictures | None) -> None:
        """None stops the pictures at once; the next ones begin with a key frame. Another rate alone costs none."""
        if pictures is None:
            self._drop()
        elif shape(pictures) != shape(self._pictures):
            # At once, not when the rung before would have had its next picture: between stills that is seconds away.
            self._due, self._fps = 0.0, pictures.fps
        elif pictures.are_stills and pictures.fps > self._fps:
            # The last one was paid for at the rate before; the next need not wait as long any more.
            self._due -= 1 / self._fps - 1 / pictures.fps
            self._fps = pictures.fps
        self._pictures = pictures
        self._wake.set()

    def _drop(self) -> None:
        """Closed on the executor: it may be in use there, and ending its threads takes a moment."""
        encoder, self._encoder, self._encoder_for = self._encoder, None, None
        if encoder is not None:
            self._executor.submit(encoder.close)

    @property
    def pictures(self) -> Pictures | None:
        return self._pictures

    @property
    def size(self) -> tuple[int, int]:
        return (self._encoder.width, self._encoder.height) if self._encoder is not None else (0, 0)

    def want_key(self) -> None:
        """The next picture, and that at once: between stills it would be seconds away."""
        self._key_wanted = True
        self._due = min(self._due, self._keyed_at + _KEY_GAP_S)
        self._wake.set()

    async def run(self) -> None:
        """For ever; cancel it."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                captured, pictures = await self._next_picture(loop)
                encoder = self._encoder_of(captured, self._beginning(pictures))
                if encoder is None:
                    continue
                key = self._key_wanted and loop.time() - self._keyed_at >= _KEY_GAP_S
                try:
                    made = await loop.run_in_executor(self._executor, partial(encoder.encode, captured.frame, key=key))
                except _BROKEN as exc:
                    if self._encoder is encoder:
                        self._drop()
                        self._fall_back(exc)
                    continue
                if (
                    made.data and self._encoder is encoder
                ):  # else the encoder dropped it, or the rung changed meanwhile
                    self._finish(made, round(captured.at * CLOCK), loop.time())
        finally:
            self._drop()

    def _finish(self, made: Encoded, timestamp: int, now: float) -> None:
        if made.key:
            self._key_wanted, self._keyed_at = False, now
        self.frames += 1
        self._begun += 1
        self.key_frames += made.key
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        if self.codec is VideoCodec.AV1:
            payloads = av1_rtp.packetize(made.data, self.limit)
        else:
            payloads = vp8_rtp.packetize(made.data, self._picture_id, self.limit)
        self._emit(EncodedPicture(payloads, timestamp, made.key, self.codec))

    async def _next_picture(self, loop: asyncio.AbstractEventLoop) -> tuple[CapturedFrame, Pictures]:
        while True:
            pictures = self._pictures
            if pictures is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            now = loop.time()
            if self._due - now > _AT_ONCE_S:
                self._wake.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._due - now)
                continue
            captured = self._newest()
            if captured is None or captured.number == self._last:
                await asyncio.sleep(_POLL_S)
                continue
            most = min(_BACKLOG_MOST_S, max(_BACKLOG_S, _BACKLOG_PICTURES / self._fps))
            if self.held or self._backlog_s() > most:
                await asyncio.sleep(2 * _POLL_S)
                continue
            # Keeps the mean rate even when the camera's beat does not fit; never tries to catch up.
            self._due = max(self._due + 1 / self._fps, now + 0.5 / self._fps)
            self._last = captured.number
            return captured, pictures

    def _encoder_of(self, captured: CapturedFrame, pictures: Pictures) -> PictureEncoder | None:
        """The open encoder at the rate of now, or a new one where it cannot follow; None when there can be none."""
        source = (captured.frame.width, captured.frame.height)
        wanted = (pictures.width, pictures.height, *source)
        if self._encoder is not None and self._encoder_for == wanted:
            fps = self._encoder.pace(pictures.fps, pictures.bitrate)
            if fps is not None:
                self._fps = fps
                return self._encoder
        self._drop()
        try:
            self._encoder = open_encoder(self.codec, pictures, source, self._speeds)
        except _BROKEN as exc:
            self._fall_back(exc)
            return None
        self._encoder_for, self._fps, self._begun = wanted, pictures.fps, 0
        return self._encoder

    def _fall_back(self, exc: Exception) -> None:
        """To the next codec that the far side takes, at once; without one there are no pictures. An encoder that
        stands still does so by bad luck: once, another one like it is opened.
        """
        if isinstance(exc, Av1Stalled) and not self._stalled:
            log.info("pictures go on with a new encoder: %s", exc)
            self._stalled, self._due = True, 0.0
            return
        if self._others:
            log.warning("pictures go on as %s: %s", self._others[0], exc)
            self.codec, self._due = self._others.pop(0), 0.0
            return
        if not self._failed:
            log.error("pictures cannot be sent: %s", exc)
        self._pictures, self._failed = None, True

    def _beginning(self, pictures: Pictures) -> Pictures:
        """The first still is a key picture of twice the size, and nothing is seen before it: it begins rough."""
        if not pictures.are_stills or self._begun >= len(_FIRST_STILLS):
            return pictures
        return replace(pictures, bitrate=round(pictures.bitrate * _FIRST_STILLS[self._begun]))


def shape(pictures: Pictures | None) -> tuple[int, int, bool] | None:
    """What makes another rung; rates alone do not."""
    return None if pictures is None else (pictures.width, pictures.height, pictures.are_stills)
