"""A camera's mode for a clip: 1280x720 as MJPG where it streams less for talking; and back again.

Works on an open `cv2.VideoCapture`, as still_mode.py does.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2

from app.media.video.still_mode import Capture, mode_of, read, restore

WIDTH, HEIGHT = 1280, 720
_FPS = 30.0
_FIRST_S = 2.0

Mode = tuple[float, ...]


def enlarge(capture: Capture, wait: Callable[[float], bool]) -> tuple[Mode | None, bool]:
    """(the mode to go back to, True) when the camera films larger now; (None, whether its own mode is in force) when
    it streams as much already, or cannot.
    """
    before = mode_of(capture)
    if before[1] >= WIDTH and before[2] >= HEIGHT:
        return None, True
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    for prop, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, WIDTH),
        (cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT),
        (cv2.CAP_PROP_FPS, _FPS),
    ):
        capture.set(prop, value)
    taken = mode_of(capture)
    larger = before[1] * before[2] < taken[1] * taken[2] <= 2 * WIDTH * HEIGHT
    until = time.monotonic() + _FIRST_S
    while larger and time.monotonic() < until and not wait(0.0):
        picture = read(capture)
        if picture is not None and (picture.shape[1], picture.shape[0]) == taken[1:3]:
            return before, True
    return None, restore(capture, before)
