"""Pictures between the camera, the encoders and the screen."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray


@dataclass(frozen=True)
class CapturedFrame:
    """A picture as the camera gave it. `at` is monotonic seconds, `wall` Unix seconds; `number` counts up."""

    frame: av.VideoFrame
    at: float
    wall: float
    number: int


class Reshaper:
    """Scales and converts pictures; one for each thread.

    `VideoFrame.reformat` keeps its scaler in the frame: two threads that share a frame then share the scaler, and
    that hung the camera's thread for good in a measured call.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def reshape(self, frame: av.VideoFrame, width: int, height: int, pixels: str) -> av.VideoFrame:
        """`pixels` is FFmpeg's name of the pixel format. Gives back the frame itself when nothing is to be done."""
        shaped = self._reformatter.reformat(frame, width, height, pixels)
        assert shaped is not None
        return shaped


def to_rgb(frame: av.VideoFrame, reshaper: Reshaper, max_width: int | None = None) -> NDArray[np.uint8]:
    """(height, width, 3) uint8, full range, contiguous; shrunk to `max_width` with its shape kept."""
    width, height = frame.width, frame.height
    if max_width is not None and width > max_width:
        width, height = max_width, max(2, round(height * max_width / width / 2) * 2)
    rgb = reshaper.reshape(frame, width, height, "rgb24").to_ndarray()
    return np.ascontiguousarray(rgb, dtype=np.uint8)


def luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The Y plane (height, width), without its padding; converted first where the picture is not planar YUV."""
    if not frame.format.name.startswith("yuv"):
        frame = Reshaper().reshape(frame, frame.width, frame.height, "yuv420p")
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


def fit(width: int, height: int, box_width: int, box_height: int) -> tuple[int, int]:
    """The largest even size of the same shape within the box; never larger than the picture itself."""
    scale = min(box_width / width, box_height / height, 1.0)
    return max(16, round(width * scale / 2) * 2), max(16, round(height * scale / 2) * 2)
