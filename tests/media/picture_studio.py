"""A camera and a source of pictures with real encoders on simulated time, for the tests of what goes out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from inline import Inline
from moving_pictures import captured

from app.media.rate.ladder import Pictures
from app.media.rtc import picture_out
from app.media.rtc.picture_out import EncodedPicture, PictureSource
from app.media.video.codecs import VideoCodec
from app.media.video.encoder import PictureEncoder
from app.media.video.encoding import open_encoder
from app.media.video.frames import CapturedFrame
from app.media.video.speed import Speeds
from tests.virtual_loop import run_virtually

CAMERA_FPS = 30.0
QUICK = Speeds(((12, 0.01),))
SLOW = Speeds(((12, 9.0),))


def rung(bitrate: int = 90_000, fps: float = 15.0, size: tuple[int, int] = (160, 120)) -> Pictures:
    return Pictures(*size, fps, bitrate, round(bitrate * 1.15))


class Studio:
    """A camera of 30 pictures a second, a source, and what it made: (loop time, picture)."""

    def __init__(self, codec: VideoCodec, monkeypatch: pytest.MonkeyPatch | None = None) -> None:
        self.source = PictureSource(
            Inline(), self._newest, lambda: self.backlog_s, self._take, codecs=(codec,), speeds=QUICK
        )
        self.made: list[tuple[float, EncodedPicture]] = []
        self.backlog_s = 0.0
        self.camera: tuple[int, int] | None = (320, 240)
        self.opened: list[PictureEncoder] = []
        self.closed: list[PictureEncoder] = []
        if monkeypatch is not None:
            monkeypatch.setattr(picture_out, "open_encoder", self._open)

    def _open(self, codec: VideoCodec, pictures: Pictures, source: tuple[int, int], speeds: Speeds) -> PictureEncoder:
        encoder = open_encoder(codec, pictures, source, speeds)
        close = encoder.close

        def closing() -> None:
            self.closed.append(encoder)
            close()

        encoder.close = closing  # type: ignore[method-assign]
        self.opened.append(encoder)
        return encoder

    def _newest(self) -> CapturedFrame | None:
        now = asyncio.get_running_loop().time()
        number = int(now * CAMERA_FPS) + 1
        return captured(number, number / CAMERA_FPS, *self.camera) if self.camera is not None else None

    def _take(self, picture: EncodedPicture) -> None:
        self.made.append((asyncio.get_running_loop().time(), picture))

    def since(self, at: float) -> list[EncodedPicture]:
        return [picture for t, picture in self.made if t > at]

    def key_times(self) -> list[float]:
        return [t for t, picture in self.made if picture.key]

    def play(self, script: Callable[[], Any]) -> None:
        """`script` is a coroutine function; the source runs beside it."""

        async def whole() -> None:
            task = asyncio.get_running_loop().create_task(self.source.run())
            await script()
            assert not task.done(), "it runs for ever"
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        run_virtually(whole())


def payload_bps(pictures: list[EncodedPicture], seconds: float) -> float:
    return sum(len(payload) for picture in pictures for payload in picture.payloads) * 8 / seconds
