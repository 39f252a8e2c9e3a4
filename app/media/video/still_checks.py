"""PURE: whether a still is sharp and well lit; a hint in words, never a refusal."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_DARK, _BRIGHT = 50.0, 215.0  # mean of 8-bit luma
_CLIPPED, _MUCH_CLIPPED = 250, 0.25
_SHARP_ENOUGH = 40.0  # variance of the Laplacian at _JUDGED_SIDE pixels
_JUDGED_SIDE = 640
_COMPARED_SIDE = 1280

DARK = "It is a little dark. Try more light."
BRIGHT = "It is very bright. Try less light."
BLURRED = "It is a little blurred. Hold still and try again."


def hint(rgb: NDArray[np.uint8]) -> str:
    """What would make the picture (height, width, 3) better, in one sentence; "" when light and sharpness will do.

    Light by the mean of luma and by how much of it is clipped, sharpness by the variance of the Laplacian
    (Pech-Pacheco et al. 2000) at 640 pixels, so that it means the same for every camera.
    """
    grey = _shrunk(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8), _JUDGED_SIDE)
    light = float(np.mean(grey))
    if light < _DARK:
        return DARK
    if light > _BRIGHT or float(np.mean(grey >= _CLIPPED)) > _MUCH_CLIPPED:
        return BRIGHT
    return BLURRED if _laplacian(grey) < _SHARP_ENOUGH else ""


def sharpness(grey: NDArray[np.uint8]) -> float:
    """Of luma (height, width): for comparing pictures of one scene, the larger the sharper."""
    return _laplacian(_shrunk(grey, _COMPARED_SIDE))


def luma_of(bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(height, width) of an OpenCV picture."""
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)


def _laplacian(grey: NDArray[np.uint8]) -> float:
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def _shrunk(grey: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    scale = side / max(grey.shape)
    if scale >= 1.0:
        return grey
    return np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
