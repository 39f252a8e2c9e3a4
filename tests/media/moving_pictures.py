"""Pictures to encode: a textured oval that moves before a textured wall, the same on every machine."""

from __future__ import annotations

from functools import cache

import av
import numpy as np

from app.media.video.frames import CapturedFrame


@cache
def picture(number: int, width: int = 320, height: int = 240) -> av.VideoFrame:
    """yuv420p. Shared: not to be written into."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    wall = 110 + 30 * np.sin(x / 19) + 20 * np.sin(y / 14) + (x * 7 + y * 13) % 5
    left, up = width / 2 + 0.06 * width * np.sin(number / 3), height * 0.54 + 0.04 * height * np.cos(number / 4)
    face = 150 + 35 * np.sin((x - left) / 5 + number / 5) * np.cos((y - up + 3 * number) / 6)
    inside = ((x - left) / (0.22 * width)) ** 2 + ((y - up) / (0.36 * height)) ** 2 < 1
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = np.clip(np.where(inside, face, wall), 16, 235).astype(np.uint8)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def captured(number: int, at: float, width: int = 320, height: int = 240) -> CapturedFrame:
    """As the camera gives it; the film begins anew after 64 pictures."""
    return CapturedFrame(picture(number % 64, width, height), at, 1.7e9 + at, number)
