"""A still in three grades: a preview of a few kilobytes, a middle one for the eye, a full one for the zoom.

The preview is made to fit a thin link: at 64 kbit/s at least 20 kbit/s are left beside speech, so 4 KB take
2.6 s. The record's own original is coded apart (:func:`original`); it goes by the outbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from app.media.closer.messages import MOST_BYTES, Grade

PREVIEW_BYTES = 4_000
MIDDLE_BYTES = 40_000
FULL_BYTES = 300_000
_PREVIEWS = (
    *((400, quality) for quality in (45, 38, 31)),
    *((320, quality) for quality in (38, 31, 25, 18, 12, 6, 1)),
)
"""Longest side and quality, from many bytes to few: at a lower quality than that a smaller picture shows more."""
_MIDDLE_SIDE = 1_024
_MIDDLE_QUALITIES = (80, 65, 50, 35, 20, 5)
_FULL_QUALITIES = (75, 50, 25)
_ORIGINAL_QUALITY = 92
_AVIF_SPEED = 6  # of 0 (slow) to 10; a preview takes 0.1 s
_MOST_SIDE = 16_383  # WebP's (RFC 9649 section 2.6)


@dataclass(frozen=True)
class Coded:
    """One grade, `width` and `height` in pixels: AVIF for the preview, WebP (quicker to make) for the others."""

    grade: Grade
    data: bytes = field(repr=False)
    width: int
    height: int


def preview(rgb: NDArray[np.uint8], most: int = PREVIEW_BYTES) -> Coded:
    """Of (height, width, 3): AVIF, as wide as `most` bytes allow at a quality that is worth it."""
    small = {side: _within(rgb, side) for side, _ in _PREVIEWS}
    first, last, best = 0, len(_PREVIEWS) - 1, None
    while first <= last:  # halving: each try takes some 50 ms
        middle = (first + last) // 2
        side, quality = _PREVIEWS[middle]
        data = _avif(small[side], quality)
        if len(data) <= most or middle == len(_PREVIEWS) - 1:
            best = Coded(Grade.PREVIEW, data, small[side].shape[1], small[side].shape[0])
            last = middle - 1
        else:
            first = middle + 1
    assert best is not None
    return best


def middle(rgb: NDArray[np.uint8]) -> Coded:
    return _best_of(Grade.MIDDLE, _within(rgb, _MIDDLE_SIDE), _MIDDLE_QUALITIES, MIDDLE_BYTES)


def full(rgb: NDArray[np.uint8]) -> Coded:
    """Every pixel of it, at the best quality that :data:`FULL_BYTES` allow."""
    coded = _best_of(Grade.FULL, _within(rgb, _MOST_SIDE), _FULL_QUALITIES, FULL_BYTES)
    if len(coded.data) <= MOST_BYTES[Grade.FULL]:
        return coded
    return _best_of(Grade.FULL, _within(rgb, 4 * _MIDDLE_SIDE), _FULL_QUALITIES[-1:], FULL_BYTES)


def original(rgb: NDArray[np.uint8]) -> bytes:
    """For the record: JPEG, every pixel, with no loss that an eye finds."""
    return _encode(".jpg", rgb, cv2.IMWRITE_JPEG_QUALITY, _ORIGINAL_QUALITY)


def _best_of(grade: Grade, rgb: NDArray[np.uint8], qualities: Sequence[int], most: int) -> Coded:
    """WebP of the first quality that fits into `most` bytes, or of the last."""
    data = b""
    for quality in qualities:
        data = _webp(rgb, quality)
        if len(data) <= most:
            break
    return Coded(grade, data, rgb.shape[1], rgb.shape[0])


def _encode(kind: str, rgb: NDArray[np.uint8], *settings: int) -> bytes:
    done, data = cv2.imencode(kind, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), settings)
    if not done:
        raise RuntimeError("a picture of the camera could not be encoded")
    return bytes(data)


def _avif(rgb: NDArray[np.uint8], quality: int) -> bytes:
    return _encode(".avif", rgb, cv2.IMWRITE_AVIF_QUALITY, quality, cv2.IMWRITE_AVIF_SPEED, _AVIF_SPEED)


def _webp(rgb: NDArray[np.uint8], quality: int) -> bytes:
    return _encode(".webp", rgb, cv2.IMWRITE_WEBP_QUALITY, quality)


def _within(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """No side over `side` pixels."""
    scale = side / max(rgb.shape[:2])
    if scale >= 1.0:
        return rgb
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
