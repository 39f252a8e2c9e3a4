"""PURE: whether a still is sharp and well lit; a hint in words, never a refusal."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.media.video.still_reference import Reference, ReferenceKind, find_reference

_DARK, _BRIGHT = 50.0, 215.0  # mean of 8-bit luma
_CLIPPED, _MUCH_CLIPPED = 250, 0.25
_BLACK, _MUCH_BLACK, _SOME_CLIPPED = 20, 0.25, 0.08
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


UNEVEN = "One part is very bright and one very dark. Try light from the front."
NO_REFERENCE = {
    ReferenceKind.CARD: "The card cannot be seen. Lay all of it beside the place, on a plain ground.",
}
CUT_REFERENCE = "Not all of the card is in the picture. Hold the camera a little further away."
TILTED_REFERENCE = {
    ReferenceKind.CARD: "The card is not flat. Hold the camera straight above it.",
}


@dataclass(frozen=True)
class Guidance:
    """What a preview shows: the most useful `hint` ("" when all is well), all `hints`, and what measures were found.

    `note` is for the manifest's words, "" without a flat reference: the provider can measure by it.
    """

    hint: str
    hints: tuple[str, ...]
    reference: Reference | None
    note: str


def guide(rgb: NDArray[np.uint8], wanted: ReferenceKind | None = None) -> Guidance:
    """Of a picture (height, width, 3): light and sharpness as :func:`hint`, uneven light, and the reference `wanted`.

    PURE; some 20 ms at 640 to 1280 pixels, so it can run beside a live preview. A hint never forbids the shutter.
    """
    first = hint(rgb)
    hints = [first] if first else []
    if first in ("", BLURRED) and _uneven(rgb):
        hints.append(UNEVEN)
    if wanted is None:
        return Guidance(hints[0] if hints else "", tuple(hints), None, "")
    reference = find_reference(rgb)
    if reference is None:
        hints.append(NO_REFERENCE[wanted])
    elif not reference.whole:
        hints.append(CUT_REFERENCE)
    elif not reference.flat:
        hints.append(TILTED_REFERENCE[wanted])
    return Guidance(hints[0] if hints else "", tuple(hints), reference, scale_note(reference, rgb.shape[1]))


def scale_note(reference: Reference | None, width: int) -> str:
    """The scale in words, for a picture of this width in pixels; "" where none holds. Right to some 3 %."""
    if reference is None or reference.mm_per_pixel is None:
        return ""
    by = {ReferenceKind.CARD: "a bank card"}[reference.kind]
    across = reference.mm_per_pixel * width
    return f"Scale by {by} in the picture: it is {across:.0f} mm wide where the {reference.kind} lies."


def _uneven(rgb: NDArray[np.uint8]) -> bool:
    """Much is black and something is burnt: a lamp or a window from one side. Dark clothes alone are no reason."""
    grey = _shrunk(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8), _JUDGED_SIDE)
    burnt = float(np.mean(grey >= _CLIPPED))
    return burnt > _SOME_CLIPPED and float(np.mean(grey < _BLACK)) > _MUCH_BLACK


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
