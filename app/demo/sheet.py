"""One picture out of the demo's screenshots: the patient's window on the left, the provider's on the right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

_WIDTH = 640
_GAP = 12
_PAPER = 255
_QUALITY = 85


def make_sheet(folder: Path, steps: Sequence[str], target: Path) -> bool:
    """Stacks the pictures of `steps` (the words in their file names) into a JPEG; False when one is missing."""
    rows = []
    for step in steps:
        pair = [next(iter(sorted(folder.glob(f"*-{step}-{who}.png"))), None) for who in ("patient", "provider")]
        pictures = [_load(path) for path in pair if path is not None]
        if len(pictures) != 2:
            return False
        height = max(len(picture) for picture in pictures)
        left, right = (_pad(picture, height, _WIDTH) for picture in pictures)
        rows.append(np.hstack([left, _blank(height, _GAP), right]))
        rows.append(_blank(_GAP, 2 * _WIDTH + _GAP))
    return bool(cv2.imwrite(str(target), np.vstack(rows[:-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]))


def _load(path: Path) -> NDArray[np.uint8]:
    picture = cv2.imread(str(path))
    assert picture is not None
    height = picture.shape[0] * _WIDTH // picture.shape[1]
    return np.asarray(cv2.resize(picture, (_WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)


def _pad(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    paper = _blank(height, width)
    paper[: picture.shape[0], : picture.shape[1]] = picture
    return paper


def _blank(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), _PAPER, np.uint8)
