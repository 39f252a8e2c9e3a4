"""Which encoder: its preset by the machine's speed, the picture's size and the rate."""

from __future__ import annotations

import pytest

from app.media.rate.ladder import Pictures
from app.media.video import encoding
from app.media.video.codecs import VideoCodec
from app.media.video.encoding import open_encoder
from app.media.video.speed import Speeds

MEASURED = Speeds(((7, 0.04), (8, 0.033), (9, 0.02), (10, 0.015), (12, 0.009)))
"""s of one core a megapixel takes: a laptop of 2020."""


class Opened:
    """Stands for the encoder, which need not run for this."""

    def __init__(self, width: int, height: int, fps: float, bitrate: int, preset: int, outgrown: int | None) -> None:
        self.size, self.preset, self.outgrown = (width, height), preset, outgrown


@pytest.mark.parametrize(
    ("size", "fps", "bitrate", "preset", "outgrown"),
    [
        ((320, 240), 12.5, 30_000, 7, 135_000),
        ((480, 360), 15.0, 58_000, 7, 135_000),
        ((640, 480), 20.0, 100_000, 7, 135_000),
        ((640, 480), 24.5, 180_000, 7, 324_000),
        ((640, 480), 25.0, 380_000, 9, None),
        ((960, 720), 25.0, 900_000, 12, None),
    ],
)
def test_the_slowest_preset_that_the_rate_is_worth_and_the_machine_bears(
    size: tuple[int, int],
    fps: float,
    bitrate: int,
    preset: int,
    outgrown: int | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encoding, "Av1Encoder", Opened)
    made = open_encoder(VideoCodec.AV1, Pictures(*size, fps, bitrate, bitrate), (1280, 960), MEASURED)
    assert isinstance(made, Opened)
    assert (made.size, made.preset, made.outgrown) == (size, preset, outgrown)
