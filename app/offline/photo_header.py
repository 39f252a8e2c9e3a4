"""PURE: what an image file says of itself, read from its first bytes with bounds, before anything decodes it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from app.offline.photo_heif import HeifError, plan

PNG_MARK = b"\x89PNG\r\n\x1a\n"
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avis"})
_MOST_BOXES = 64
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RSTn, SOI: markers without a length
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # SOFn; DHT, JPG and DAC are not frames


class Container(Enum):
    """What holds a picture, by its first bytes."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    ISO = "ISO base media"  # AVIF, HEIC and much else


def container_of(data: bytes) -> Container | None:
    if data.startswith(b"\xff\xd8\xff"):
        return Container.JPEG
    if data.startswith(PNG_MARK):
        return Container.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Container.WEBP
    return Container.ISO if data[4:8] == b"ftyp" else None


class HeaderError(ValueError):
    """The bytes begin like no image that we open, or their header is cut short or senseless."""


class HeifFound(HeaderError):
    """HEIC or HEIF (ISO/IEC 23008-12): an image, but of a kind that cannot be opened here, or broken."""


@dataclass(frozen=True)
class Header:
    """`width` and `height` in pixels as stored, before any rotation that EXIF asks for."""

    media_type: Literal["image/jpeg", "image/png", "image/webp", "image/avif", "image/heic"]
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
    match container_of(data):
        case Container.JPEG:
            return _jpeg(data)
        case Container.PNG:
            return _png(data)
        case Container.WEBP:
            return _webp(data)
        case Container.ISO if data[8:12] == b"avif":
            return _avif(data)
        case Container.ISO if data[8:12] in _HEIF_BRANDS:
            return _heic(data)
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


def _avif(data: bytes) -> Header:
    """AV1 Image File Format 1.1: meta, iprp, ipco (ISO/IEC 23008-12 9.3); the largest image extent counts."""
    meta = next((body for kind, body in _boxes(data) if kind == b"meta"), b"")
    sizes = [
        struct.unpack_from(">II", body, 4)
        for kind, iprp in _boxes(meta[4:])
        if kind == b"iprp"
        for inner, ipco in _boxes(iprp)
        if inner == b"ipco"
        for name, body in _boxes(ipco)
        if name == b"ispe"
    ]
    if not sizes:
        raise HeaderError("an AVIF file without a size")
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return Header("image/avif", width, height)


def _heic(data: bytes) -> Header:
    """The size of the primary picture, of a grid the whole (the bound on it holds for its tiles too)."""
    try:
        found = plan(data)
    except HeifError as exc:
        raise HeifFound(str(exc)) from exc
    return Header("image/heic", found.width, found.height)


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The boxes of a file or a box (ISO/IEC 14496-12 4.2), as far as they are here; a bounded number of them."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        if length < 8:  # 0 and 1 mark boxes of endless or 64-bit length: none that we look for
            return
        yield kind, data[at + 8 : at + length]
        at += length
    raise HeaderError("too many boxes")


def _exactly(data: bytes, at: int, count: int) -> bytes:
    piece = data[at : at + count]
    if len(piece) < count:
        raise HeaderError("the header is cut short")
    return piece
