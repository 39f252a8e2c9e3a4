"""PURE: which colours a photo's numbers mean, and the way from there to sRGB, which all copies of ours are.

Read are ICC profiles of three primaries and curves (ICC.1:2022, sections 7, 10.6, 10.18 and 10.31), as phones and
cameras write them, and the code points of HEIC and AVIF (ITU-T H.273) for Display P3. Everything else (tables, CMYK,
grey, HDR) counts as sRGB, as before: a photo is never refused for its profile.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.offline.photo_header import Container, container_of
from app.offline.photo_heif import Box, Item, read_heif
from app.offline.photo_strip import CannotStrip, chunks, riff, segments

MAX_PROFILE = 1024 * 1024
_MOST_TAGS = 100
_JPEG_NAME = b"ICC_PROFILE\0"
_P3_PRIMARIES, _SRGB_CURVES = 12, frozenset({1, 13})  # H.273 tables 2 and 3
_SAME_CURVE, _SAME_MATRIX = 0.004, 0.006
"""Up to here a profile is taken for sRGB itself: less than one step of 8 bits in most colours."""

Rows = tuple[tuple[float, ...], ...]
Curve = tuple[float, ...]
_Floats = NDArray[np.float64]

# Columns: red, green, blue in CIE XYZ, adapted to D50 (ICC.1:2022 annex E).
_SRGB = np.array(
    (
        (0.4360747, 0.3850649, 0.1430804),
        (0.2225045, 0.7168786, 0.0606169),
        (0.0139322, 0.0971045, 0.7141733),
    )
)
_P3 = np.array(
    (
        (0.5151187, 0.2919778, 0.1571035),
        (0.2411892, 0.6922441, 0.0665668),
        (-0.0010505, 0.0418791, 0.7840713),
    )
)


@dataclass(frozen=True)
class Colours:
    """`curves`: red, green, blue, 256 values each, of 0..255 as light (0..1). `matrix`: that light as sRGB's light."""

    matrix: Rows
    curves: tuple[Curve, ...]


def colours_of(data: bytes) -> Colours | None:
    """Of a JPEG, PNG, WebP, AVIF or HEIC file; None where its numbers are sRGB, or count as that."""
    try:
        match container_of(data):
            case Container.JPEG:
                return of_profile(_jpeg(data))
            case Container.PNG:
                return of_profile(_png(data))
            case Container.WEBP:
                return of_profile(next((body for kind, body in riff(data) if kind == b"ICCP"), b""))
            case Container.ISO:
                return _heif(data)
    except (struct.error, IndexError, ValueError, OverflowError, zlib.error):  # CannotStrip, HeifError: ValueErrors
        return None
    return None


def of_profile(profile: bytes) -> Colours | None:
    """Of an ICC profile's bytes. None for sRGB's own and for kinds that are not read."""
    if not 132 <= len(profile) <= MAX_PROFILE or profile[36:40] != b"acsp":
        return None
    if profile[16:20] != b"RGB " or profile[20:24] != b"XYZ ":
        return None
    try:
        tags = _tags(profile)
        columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        return _unless_srgb(np.column_stack(columns), [_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
    except (LookupError, struct.error, ValueError, OverflowError, ZeroDivisionError):
        return None


def _jpeg(data: bytes) -> bytes:
    """Annex B.4: the parts in APP2, numbered from 1."""
    parts: dict[int, bytes] = {}
    with contextlib.suppress(CannotStrip):  # one that is cut short in its picture is shown as far as it goes
        for marker, body, _ in segments(data):
            if marker == 0xE2 and body.startswith(_JPEG_NAME) and len(body) > 14:
                parts[body[12]] = body[14:]
    return b"".join(parts[number] for number in sorted(parts))


def _png(data: bytes) -> bytes:
    """ISO/IEC 15948 11.3.3.3: a name, a zero, the method, and the profile by zlib; bounded as it grows."""
    for kind, body, _ in chunks(data):
        if kind == b"iCCP":
            name = body.index(b"\0")
            return zlib.decompressobj().decompress(body[name + 2 :], MAX_PROFILE + 1)
        if kind == b"IDAT":
            break
    return b""


def _heif(data: bytes) -> Colours | None:
    """ISO/IEC 14496-12 12.1.5: of the picture itself, or of its first tile; a profile goes before code points."""
    heif = read_heif(data)
    tiles = heif.parts.get((b"dimg", heif.primary), [])
    for number in (heif.primary, *tiles[:1]):
        boxes = [box for box in heif.items.get(number, Item()).properties if box.kind == b"colr"]
        for box in sorted(boxes, key=lambda box: data[box.body : box.body + 4] == b"nclx"):
            return _colr(data, box)
    return None


def _colr(data: bytes, box: Box) -> Colours | None:
    kind = data[box.body : box.body + 4]
    if kind in (b"prof", b"rICC"):
        return of_profile(data[box.body + 4 : box.end])
    primaries, transfer = struct.unpack_from(">HH", data, box.body + 4) if box.end - box.body >= 8 else (0, 0)
    if kind == b"nclx" and primaries == _P3_PRIMARIES and transfer in _SRGB_CURVES:
        return _unless_srgb(_P3, [_SRGB_CURVE] * 3)
    return None


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """7.3: a count, then (signature, offset, size)."""
    (count,) = struct.unpack_from(">I", profile, 128)
    found = {}
    for number in range(min(count, _MOST_TAGS)):
        name, at, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        found[name] = profile[at : at + size]
    return found


def _fixed(tag: bytes, at: int, count: int) -> tuple[float, ...]:
    """s15Fixed16Number, 4.6."""
    return tuple(value / 65536 for value in struct.unpack_from(f">{count}i", tag, at))


def _xyz(tag: bytes) -> tuple[float, ...]:
    if tag[:4] != b"XYZ ":
        raise ValueError("not XYZType")
    return _fixed(tag, 8, 3)


def _curve(tag: bytes) -> Curve:
    """256 values of a curveType (10.6) or a parametricCurveType (10.18)."""
    if tag[:4] == b"para":
        (kind,) = struct.unpack_from(">H", tag, 8)
        return _sampled(_PARAMETRIC[kind](_fixed(tag, 12, _PARAMETERS[kind])))
    if tag[:4] != b"curv":
        raise ValueError("no curve")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return _sampled(lambda x: x)
    if count == 1:
        (gamma,) = struct.unpack_from(">H", tag, 12)
        return _sampled(lambda x: x ** (gamma / 256))
    if count > MAX_PROFILE:
        raise ValueError("too long a curve")
    points = np.array(struct.unpack_from(f">{count}H", tag, 12)) / 65535
    places = np.linspace(0.0, 1.0, count)
    return _sampled(lambda x: float(np.interp(x, places, points)))


def _sampled(curve: Callable[[float], float]) -> Curve:
    values = tuple(curve(step / 255) for step in range(256))
    if not all(isinstance(value, (int, float)) and -1.0 <= value <= 2.0 for value in values):
        raise ValueError("a curve that leads nowhere")
    return values


def _power(p: tuple[float, ...], x: float) -> float:
    g, a, b = p[:3]
    return float(max(a * x + b, 0.0) ** g)


_PARAMETERS = (1, 3, 4, 5, 7)
_PARAMETRIC: tuple[Callable[[tuple[float, ...]], Callable[[float], float]], ...] = (
    lambda p: lambda x: float(x ** p[0]),
    lambda p: lambda x: _power(p, x) if p[1] * x + p[2] >= 0 else 0.0,
    lambda p: lambda x: (_power(p, x) if p[1] * x + p[2] >= 0 else 0.0) + p[3],
    lambda p: lambda x: _power(p, x) if x >= p[4] else p[3] * x,
    lambda p: lambda x: _power(p, x) + p[5] if x >= p[4] else p[3] * x + p[6],
)
_SRGB_CURVE = _sampled(_PARAMETRIC[3]((2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)))


def _unless_srgb(primaries: _Floats, curves: list[Curve]) -> Colours | None:
    matrix = np.linalg.solve(_SRGB, primaries)
    if np.abs(matrix).max() > 10:
        raise ValueError("primaries that lead nowhere")
    same = np.abs(matrix - np.eye(3)).max() < _SAME_MATRIX
    if same and np.abs(np.array(curves) - _SRGB_CURVE).max() < _SAME_CURVE:
        return None
    return Colours(tuple(map(tuple, matrix.tolist())), tuple(curves))
