"""Pictures between the camera, the encoders and the screen.

What we encode is BT.601 in limited range, whatever the camera or film gives: that is what Av1Encoder's headers say and
what VP8 means (RFC 6386 section 9.2). What we show is converted by what the picture itself says of its colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}
"""By matrix coefficients (ITU-T H.273 table 4). All others count as BT.601: what says nothing of itself is that, and a
number that nobody knows must not be an error, for it comes from outside."""
_PLAIN_601 = frozenset({2, 5, 6})
_SHARP = Interpolation.BICUBIC
"""To be encoded: for 0.1 to 0.2 ms a picture more than bilinear, 320x240 of 640x480 at 30 kbit/s is 0.006 of SSIM
nearer to its original, 480x360 at 58 kbit/s 0.003; as much as a fifth more bits give."""
_EXACT = _SHARP | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""Without it a change of matrix is off by up to 7 levels after the way back to RGB."""
_QUICK = Interpolation.BILINEAR
"""To be shown: exact, to RGB, would take 25 times as long (4.6 ms for 640x480) for one level."""


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
        """`pixels` is FFmpeg's name of the pixel format; YUV comes out as BT.601 in limited range. Gives back the
        frame itself when nothing is to be done.
        """
        if (frame.width, frame.height, frame.format.name) == (width, height, pixels) and _is_plain(frame):
            return frame
        to_yuv = pixels.startswith("yuv")
        recoloured = to_yuv and not (frame.format.name.startswith("yuv") and _is_plain(frame))
        shaped = self._reformatter.reformat(
            _with_chroma(frame),
            width,
            height,
            pixels,
            src_colorspace=_MATRICES.get(frame.colorspace, Colorspace.ITU601),
            dst_colorspace=Colorspace.ITU601,
            interpolation=_EXACT if recoloured else _SHARP if to_yuv else _QUICK,
            dst_color_range=ColorRange.MPEG if to_yuv else ColorRange.UNSPECIFIED,
            threads=1,  # by itself it starts a thread for each core
        )
        assert shaped is not None
        return shaped


def _is_plain(frame: av.VideoFrame) -> bool:
    return frame.colorspace in _PLAIN_601 and frame.color_range != ColorRange.JPEG


def _with_chroma(frame: av.VideoFrame) -> av.VideoFrame:
    """FFmpeg's scaler takes every grey picture for one of full range; one in limited range gets grey chroma planes."""
    if frame.format.name != "gray" or frame.color_range == ColorRange.JPEG:
        return frame
    whole = np.full((frame.height // 2 * 3, frame.width // 2 * 2), 128, np.uint8)
    rows = frame.height // 2 * 2
    whole[:rows] = luma(frame)[:rows, : whole.shape[1]]
    return av.VideoFrame.from_ndarray(whole, format="yuv420p")


def to_rgb(frame: av.VideoFrame, reshaper: Reshaper, max_width: int | None = None) -> NDArray[np.uint8]:
    """(height, width, 3) uint8, full range, contiguous; shrunk to `max_width` with its shape kept."""
    width, height = frame.width, frame.height
    if max_width is not None and width > max_width:
        width, height = max_width, max(2, round(height * max_width / width / 2) * 2)
    rgb = reshaper.reshape(frame, width, height, "rgb24").to_ndarray()
    return np.ascontiguousarray(rgb, dtype=np.uint8)


def luma(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """The Y plane (height, width), without its padding; converted first where the picture is not planar YUV."""
    if not frame.format.name.startswith(("yuv", "gray")):
        frame = Reshaper().reshape(frame, frame.width, frame.height, "yuv420p")
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


def fit(width: int, height: int, box_width: int, box_height: int) -> tuple[int, int]:
    """The largest even size of the same shape within the box, which lies as the picture does (across or upright);
    never larger than the picture itself.
    """
    if (width < height) != (box_width < box_height):
        box_width, box_height = box_height, box_width
    scale = min(box_width / width, box_height / height, 1.0)
    return max(16, round(width * scale / 2) * 2), max(16, round(height * scale / 2) * 2)


def turn(frame: av.VideoFrame, degrees: int, reshaper: Reshaper) -> av.VideoFrame:
    """The picture turned clockwise by 0, 90, 180 or 270 degrees, its colours as they were; the frame itself for 0.
    Raises ValueError for other angles.
    """
    if degrees not in ANGLES:
        raise ValueError(f"a picture is turned by one of {ANGLES}, not by {degrees}")
    if degrees == 0:
        return frame
    import cv2  # large, and seldom needed here

    how = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}[degrees]
    if frame.format.name in _PACKED:
        packed = np.asarray(cv2.rotate(frame.to_ndarray(), how), dtype=np.uint8)
        turned = av.VideoFrame.from_ndarray(packed, format=frame.format.name)
    else:
        shaped = reshaper.reshape(frame, frame.width // 2 * 2, frame.height // 2 * 2, "yuv420p")
        planes = [np.asarray(cv2.rotate(plane, how), dtype=np.uint8) for plane in planes_of(shaped)]
        whole = np.concatenate([plane.reshape(-1) for plane in planes])
        height, width = planes[0].shape
        turned = av.VideoFrame.from_ndarray(whole.reshape(height * 3 // 2, width), format="yuv420p")
        frame = shaped
    turned.colorspace, turned.color_range = frame.colorspace, frame.color_range
    return turned


ANGLES = (0, 90, 180, 270)
_PACKED = ("bgr24", "rgb24")


def planes_of(frame: av.VideoFrame) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Y, Cb and Cr of a yuv420p picture with even sides, each (height, width) and contiguous."""
    flat = np.asarray(frame.to_ndarray(), dtype=np.uint8).reshape(-1)
    width, height = frame.width, frame.height
    size, quarter = width * height, width * height // 4
    y, cb, cr = flat[:size], flat[size : size + quarter], flat[size + quarter : size + 2 * quarter]
    return y.reshape(height, width), cb.reshape(height // 2, width // 2), cr.reshape(height // 2, width // 2)
