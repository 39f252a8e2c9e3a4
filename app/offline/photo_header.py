"""PURE: what an image file says of itself, read from its first bytes with bounds, before anything decodes it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

_PNG = b"\x89PNG\r\n\x1a\n"
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"})
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RSTn, SOI: markers without a length
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # SOFn; DHT, JPG and DAC are not frames


class HeaderError(ValueError):
    """The bytes begin like no image that we open, or their header is cut short or senseless."""


class HeifFound(HeaderError):
    """HEIC, HEIF or AVIF (ISO/IEC 23008-12): an image, but not one that can be opened here."""


@dataclass(frozen=True)
class Header:
    """`width` and `height` in pixels as stored, before any rotation that EXIF asks for."""

    media_type: Literal["image/jpeg", "image/png", "image/webp"]
    width: int
    height: int


def read_header(data: bytes) -> Header:
    """Raises :class:`HeaderError`. Reads some tens of bytes of PNG and WebP, and a JPEG's segments up to its frame."""
    try:
        header = _read(data)
    except (struct.error, IndexError) as exc:
        raise HeaderError("the header is cut short") from exc
    if header.width < 1 or header.height < 1:
        raise HeaderError("a picture has no pixels")
    return header


def _read(data: bytes) -> Header:
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(_PNG):
        return _png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        raise HeifFound("HEIF")
    raise HeaderError("no image that we know")


def _png(data: bytes) -> Header:
    """ISO/IEC 15948 11.2.2: IHDR comes first and has 13 bytes."""
    length, kind, width, height = struct.unpack_from(">I4sII", data, 8)
    if kind != b"IHDR" or length != 13:
        raise HeaderError("a PNG file without IHDR")
    return Header("image/png", width, height)


def _jpeg(data: bytes) -> Header:
    """ITU-T T.81 B.1 and B.2: segments until a frame header (SOFn)."""
    at = 2
    while True:
        if data[at] != 0xFF:
            raise HeaderError("a JPEG segment does not begin with a marker")
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker in _STANDALONE:
            continue
        (length,) = struct.unpack_from(">H", data, at)
        if marker in (0xD9, 0xDA) or length < 2:
            raise HeaderError("a JPEG file without a frame header")
        if marker in _FRAMES:
            _, _, height, width = struct.unpack_from(">HBHH", data, at)
            return Header("image/jpeg", width, height)
        at += length


def _webp(data: bytes) -> Header:
    """RFC 9649 section 2: VP8X has the canvas; a lone VP8 or VP8L has its own size."""
    kind = data[12:16]
    if kind == b"VP8X":
        width = 1 + int.from_bytes(_exactly(data, 24, 3), "little")
        height = 1 + int.from_bytes(_exactly(data, 27, 3), "little")
    elif kind == b"VP8L" and data[20:21] == b"\x2f":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
    elif kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise HeaderError("a WebP file without a picture")
    return Header("image/webp", width, height)


def _exactly(data: bytes, at: int, count: int) -> bytes:
    piece = data[at : at + count]
    if len(piece) < count:
        raise HeaderError("the header is cut short")
    return piece
