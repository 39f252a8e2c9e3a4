"""A camera's largest mode for one picture: switched to, let settle, the sharpest kept, and switched back.

Works on an open `cv2.VideoCapture`. Cameras stream a small mode for talking; most have a larger one, as MJPG, with few
frames a second, which serves for a still.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from app.media.video.still_checks import luma_of, sharpness

MOST_PIXELS = 50_000_000
_SIZES = (
    *((8000, 6000), (4656, 3496), (4208, 3120), (4032, 3024), (3840, 2160), (3264, 2448), (2592, 1944)),
    *((2560, 1440), (2048, 1536), (1920, 1080), (1600, 1200), (1280, 960), (1280, 720)),
)
"""Asked for in turn; a driver answers with the nearest mode that it has, so the first ask often finds the largest."""
_SWITCH_S = 2.0  # no more sizes are tried after so long
_SETTLE_S = 1.2
_STEADY = 0.02
_LOOKS = 4
_LOOK_S = 1.5
_MODE = (cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS)


class Capture(Protocol):
    """The part of cv2.VideoCapture that is used here."""

    def set(self, prop: int, value: float) -> bool: ...
    def get(self, prop: int) -> float: ...
    def read(self) -> tuple[bool, NDArray[np.uint8] | None]: ...


def shoot(capture: Capture, wait: Callable[[float], bool]) -> tuple[NDArray[np.uint8] | None, bool]:
    """(the best picture, BGR (height, width, 3), or None; whether the live mode is back). Takes one to five seconds.

    A camera without a larger mode gives (None, True). `wait` is True when the camera is being stopped.
    """
    before = mode_of(capture)
    live = before[1] * before[2]
    try:
        picture = _best(capture, wait) if _enlarge(capture, live, time.monotonic() + _SWITCH_S) else None
    except (cv2.error, MemoryError):
        picture = None
    return picture, restore(capture, before)


def _enlarge(capture: Capture, live: float, until: float) -> bool:
    """Whether the camera has taken a mode of more pixels than `live`."""
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    for width, height in _SIZES:
        if width * height <= live or time.monotonic() > until:
            break
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        taken = capture.get(cv2.CAP_PROP_FRAME_WIDTH) * capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if live < taken <= MOST_PIXELS:
            return True
    return False


def _best(capture: Capture, wait: Callable[[float], bool]) -> NDArray[np.uint8] | None:
    """The sharpest of a few, the light being steady."""
    best = _settled(capture, wait)
    most = -1.0 if best is None else sharpness(luma_of(best))
    until = time.monotonic() + _LOOK_S
    for _ in range(_LOOKS):
        if wait(0.0) or time.monotonic() > until:
            break
        picture = read(capture)
        if picture is not None and (sharp := sharpness(luma_of(picture))) > most:
            best, most = picture, sharp
    return best


def _settled(capture: Capture, wait: Callable[[float], bool]) -> NDArray[np.uint8] | None:
    """After a switch the exposure starts anew: the first picture as light as the one before it, or the last."""
    light, until, picture = -1.0, time.monotonic() + _SETTLE_S, None
    while time.monotonic() < until and not wait(0.0):
        picture = read(capture)
        if picture is not None:
            now = float(np.mean(luma_of(picture)))
            if abs(now - light) <= _STEADY * max(now, 1.0):
                break
            light = now
    return picture


def mode_of(capture: Capture) -> tuple[float, ...]:
    """Pixel format, width, height and frames a second, for :func:`restore`."""
    return tuple(capture.get(prop) for prop in _MODE)


def read(capture: Capture) -> NDArray[np.uint8] | None:
    """The next picture, BGR (height, width, 3), or None."""
    good, picture = capture.read()
    return picture if good and picture is not None and picture.ndim == 3 else None


def restore(capture: Capture, before: tuple[float, ...]) -> bool:
    """Back to the mode `before`; whether it is in force and gives pictures."""
    for prop, value in zip(_MODE, before, strict=True):
        capture.set(prop, value)
    if tuple(capture.get(prop) for prop in _MODE[1:3]) != before[1:3]:
        return False
    for _ in range(3):
        picture = read(capture)
        if picture is not None and (picture.shape[1], picture.shape[0]) == before[1:3]:
            return True
    return False
