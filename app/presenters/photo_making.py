"""What is made of a photo on its page: its JPEG, its sizes, a picture for the screen. All block, off the loop."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from app.offline import photo_child
from app.offline.draft import DraftPart
from app.offline.errors import OfflineError
from app.offline.finishing import read_sealed
from app.offline.from_file import Pick
from app.offline.parts import JPEG
from app.offline.photo_copy import ORIGINAL_QUALITY, PhotoCopies, camera_copies
from app.offline.photos import Wanted, made_from
from app.offline.vault import open_blob
from app.presenters.account import Account

_GUIDED_SIDE = 960
_SMALL = Wanted("screen", "jpeg", 160, 80)
_SHOWN = Wanted("screen", "jpeg", 1280, 85)


def to_jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """What is kept of the camera's picture, RGB (height, width, 3). Raises cv2.error when it cannot be encoded."""
    return photo_child.encoded(_bgr(rgb), "jpeg", ORIGINAL_QUALITY)[1]


def copies_of(rgb: NDArray[np.uint8], sides: Sequence[int]) -> PhotoCopies:
    """Its thumbnail and its copies; what is kept already is no part of them."""
    return camera_copies(_bgr(rgb), sides, original=False)


def shown(pick: Pick) -> bytes:
    """A photo from a file as a screen can show it (JPEG), or nothing."""
    if pick.copies is None:
        return b""
    try:
        return made_from(pick.copies.copies[-1].data, (_SHOWN,))[1][0].data
    except OfflineError:
        return b""


def small(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """For the checks of light and sharpness."""
    return photo_child.fitted(rgb, _GUIDED_SIDE)


def _bgr(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), np.uint8)


def thumbnail(account: Account, part: DraftPart) -> bytes:
    """A draft's thumbnail as a screen can show it (JPEG), opened with this device's key. Raises OfflineError or
    OSError."""
    clear = open_blob(read_sealed(account.profile.blobs, part), account.keys.identity, part.named)
    if part.named.media_type == JPEG:
        return clear
    return made_from(clear, (_SMALL,))[1][0].data
