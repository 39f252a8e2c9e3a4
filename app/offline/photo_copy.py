"""Copies of photos for sending: which sizes there are, what each weighs, how long it takes, and which one is offered.

Photos from outside are decoded and encoded in the limited child (photos.py); a camera's own pixels here. Those that
do work block: call them in an executor. OpenCV does it without the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.offline import photo_child
from app.offline.photo_strip import CannotStrip, stripped
from app.offline.photos import Encoded, PhotoInfo, Wanted, made_from

SIDES = (640, 1024, 2048, 3072)
"""Longest sides in pixels. Dermatology wants 1024 or more; 2048 shows what a screen can show."""
FEWER_SIDES = SIDES[:-1]
"""Where many are made or a visit needs the processor: the largest takes longer than all the others together."""
DEFAULT_SIDE = 2048
THUMBNAIL_SIDE = 240
COPY_QUALITY = 59
"""AVIF: 0.957 luma SSIM and 296 KB at 2048 pixels for a grainy, drawn texture of skin (docs/benchmarks.md, "Photos").
Smoother photos weigh less; no photo of real skin has been measured."""
_THUMBNAIL_QUALITY = 55
ORIGINAL_QUALITY = 92
_SMALLEST_GAIN = 1.1  # a copy that is hardly smaller in pixels than the one before is not worth a choice
PATIENCE_S = 120.0
"""A copy that takes longer than this at today's speed is not the one offered, while a smaller one of use is there."""
LEAST_OFFERED = 1024


@dataclass(frozen=True)
class PhotoCopies:
    """All of one photo: `copies` from small to large, `original` as it is kept for later, without metadata."""

    width: int
    height: int
    thumbnail: Encoded
    copies: tuple[Encoded, ...]
    original: Encoded | None = field(repr=False)


@dataclass(frozen=True)
class CopyChoice:
    """One size to choose: `side` (longest, pixels), `size` (bytes, measured), `seconds` to send, None: not known."""

    side: int
    size: int
    seconds: float | None
    offered: bool


def wanted_of(sides: Sequence[int]) -> tuple[Wanted, ...]:
    """The thumbnail and copies of these longest sides, large first (small ones are made from them)."""
    large_first = sorted(set(sides), reverse=True)
    copies = (Wanted(f"copy-{side}", "avif", side, COPY_QUALITY) for side in large_first)
    return (*copies, Wanted("thumbnail", "avif", THUMBNAIL_SIDE, _THUMBNAIL_QUALITY))


def file_copies(data: bytes, sides: Sequence[int] = SIDES) -> PhotoCopies:
    """Thumbnail, copies and the stripped original of a photo from outside, by one run of the child.

    Where the file cannot be stripped without loss, the original is None: the largest copy is all that is kept, or see
    :func:`anew`. Raises NotAPhoto, PhotoTooLarge, PhotoBroken.
    """
    info, made = made_from(data, wanted_of(sides))
    try:
        kept = stripped(data)
    except CannotStrip:
        return _gathered((info.width, info.height), made, None)
    original = Encoded("original", kept, info.media_type, info.width, info.height)
    return _gathered((info.width, info.height), made, original)


def anew(data: bytes) -> tuple[PhotoInfo, Encoded]:
    """A photo from outside in its full size, encoded anew as JPEG: an original where :func:`file_copies` has none."""
    info, (whole,) = made_from(data, (Wanted("original", "jpeg", 0, ORIGINAL_QUALITY),))
    return info, whole


def camera_copies(
    bgr: NDArray[np.uint8], sides: Sequence[int] = (DEFAULT_SIDE,), *, original: bool = True
) -> PhotoCopies:
    """The same of a camera's own pixels (height, width, 3). By default one copy.

    `original` False: it is kept already.
    """
    wanted = wanted_of(sides)
    made = photo_child.make(bgr, [[one.name, one.kind, one.side, one.quality] for one in wanted])
    height, width = bgr.shape[:2]
    encoded = [Encoded(name, data, kind, wide, high) for name, kind, wide, high, data in made]
    whole = None
    if original:
        media_type, data = photo_child.encoded(bgr, "jpeg", ORIGINAL_QUALITY)
        whole = Encoded("original", data, media_type, width, height)
    return _gathered((width, height), encoded, whole)


def _gathered(size: tuple[int, int], made: Sequence[Encoded], original: Encoded | None) -> PhotoCopies:
    """Sorted, each size once: of a small photo all large copies are the same."""
    copies: list[Encoded] = []
    for copy in sorted((one for one in made if one.name != "thumbnail"), key=lambda one: int(one.name[5:])):
        if not copies or max(copy.width, copy.height) >= _SMALLEST_GAIN * max(copies[-1].width, copies[-1].height):
            copies.append(copy)
    thumbnail = next(one for one in made if one.name == "thumbnail")
    return PhotoCopies(*size, thumbnail, tuple(copies), original)


def at_side(photo: PhotoCopies, side: int) -> Encoded:
    """PURE. Its largest copy with no side over `side`; else the smallest there is."""
    fitting = [copy for copy in photo.copies if longest(copy) <= side]
    return fitting[-1] if fitting else photo.copies[0]


def longest(copy: Encoded) -> int:
    """Its longer side (pixels)."""
    return max(copy.width, copy.height)


def choices(photos: Sequence[PhotoCopies], bytes_per_s: float | None, overhead: float = 1.0) -> tuple[CopyChoice, ...]:
    """What one or more photos can be sent as, all of them alike: every size with its bytes and the seconds they take
    at today's speed (None: no speed is known), small to large.

    PURE. Exactly one is `offered`. `overhead`: what sealing and the line add, as a factor of 1 or more.
    """
    rate = bytes_per_s if bytes_per_s is not None and bytes_per_s > 0 else None
    sizes: dict[int, int] = {}
    for side in sorted({longest(copy) for photo in photos for copy in photo.copies}):
        size = sum(len(at_side(photo, side).data) for photo in photos)
        if not sizes or size > _SMALLEST_GAIN * max(sizes.values()) or len(photos) == 1:
            sizes[side] = size
    offered = _offered(sizes, rate, PATIENCE_S * len(photos))
    return tuple(
        CopyChoice(side, size, None if rate is None else size * overhead / rate, side == offered)
        for side, size in sizes.items()
    )


def default_copy(photo: PhotoCopies, bytes_per_s: float | None) -> Encoded:
    """PURE. The one of :func:`choices` that is offered of a single photo."""
    return at_side(photo, next(one.side for one in choices([photo], bytes_per_s) if one.offered))


def _offered(sizes: Mapping[int, int], rate: float | None, patience: float) -> int:
    """The largest up to 2048 pixels that goes within `patience` (s); else the smallest of 1024 or more."""
    usual = [side for side in sizes if side <= DEFAULT_SIDE] or [min(sizes)]
    if rate is None:
        return usual[-1]
    quick = [side for side in usual if sizes[side] <= patience * rate]
    least = [side for side in usual if side >= LEAST_OFFERED]
    if quick and quick[-1] >= LEAST_OFFERED:
        return quick[-1]
    return (least or usual[-1:])[0]
