"""PURE: of all that EXIF says, the one thing that is kept: which way is up."""

from __future__ import annotations

import struct

Turn = tuple[str, int]
"""("turn", n): n quarter turns against the clock. ("flip", 0): top and bottom swap; ("flip", 1): the sides."""

_ORIENTATION, _SHORT = 0x0112, 3
_MOST_ENTRIES = 512
_TURNS: dict[int, tuple[Turn, ...]] = {
    1: (),
    2: (("flip", 1),),
    3: (("turn", 2),),
    4: (("flip", 0),),
    5: (("turn", 1), ("flip", 0)),
    6: (("turn", 3),),
    7: (("turn", 3), ("flip", 0)),
    8: (("turn", 1),),
}


def orientation(tiff: bytes) -> int:
    """1 to 8 (EXIF 2.32, tag 0x0112 of the first directory); 1 for whatever is missing, broken or out of range."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, at)
        for entry in range(min(count, _MOST_ENTRIES)):
            tag, kind, number, value = struct.unpack_from(order + "HHIH", tiff, at + 2 + 12 * entry)
            if tag == _ORIENTATION:
                return value if kind == _SHORT and number == 1 and value in _TURNS else 1
    except struct.error:
        return 1
    return 1


def turns(number: int) -> tuple[Turn, ...]:
    """What brings a picture with this orientation upright, in order. Raises KeyError outside 1 to 8."""
    return _TURNS[number]


def minimal(number: int) -> bytes:
    """A TIFF block that holds an orientation and nothing else. Raises KeyError outside 1 to 8."""
    assert _TURNS[number] is not None
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, _SHORT, 1, number, 0, 0)
