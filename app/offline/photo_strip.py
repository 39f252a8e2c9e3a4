"""PURE: a photo's file without what it says of its place, time and owner; the coded picture stays bit by bit.

What is kept is listed, all else goes: also what nobody has thought of yet, and what follows the picture. Which way is
up is kept, in a block of our own.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

from app.offline import photo_exif
from app.offline.photo_header import PNG_MARK, Container, container_of
from app.offline.photo_heif import Box, Heif, HeifError, boxes, read_heif

_EXIF = b"Exif\0\0"
_PNG_KEPT = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"cICP"}
)
_WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"ALPH", b"ICCP"})
_WEBP_HAS_EXIF, _WEBP_MOVES = 0x08, 0x02
_WEBP_FLAGS = 0x30  # of VP8X: a profile, see-through
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0)})
_JPEG_KEPT = _JPEG_FRAMES | {0xDB, 0xDC, 0xDD, 0xDA}  # frames and tables, DQT, DNL, DRI, SOS
_JPEG_PROFILE, _JPEG_ADOBE = (0xE2, b"ICC_PROFILE\0"), (0xEE, b"Adobe")
_SCAN_END = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_PICTURES = frozenset({b"hvc1", b"av01", b"grid", b"iden", b"tmap"})
_META_KEPT = frozenset({b"hdlr", b"pitm", b"iinf", b"iloc", b"iprp", b"iref", b"idat", b"grpl"})
_PROPERTIES_KEPT = frozenset(
    {
        b"ispe",
        b"hvcC",
        b"av1C",
        b"pixi",
        b"colr",
        b"irot",
        b"imir",
        b"clap",
        b"pasp",
        b"auxC",
        b"clli",
        b"mdcv",
        b"a1op",
    }
)


class CannotStrip(ValueError):
    """Not a file that is understood well enough to take things out of it: encode it anew instead."""


def stripped(data: bytes) -> bytes:
    """JPEG, PNG, WebP (still ones), AVIF or HEIC without metadata. Raises :class:`CannotStrip`.

    AVIF and HEIC keep their size: what goes is overwritten with zeros, for their boxes name places in the file.
    """
    try:
        match container_of(data):
            case Container.JPEG:
                return _jpeg(data)
            case Container.PNG:
                return _png(data)
            case Container.WEBP:
                return _webp(data)
            case Container.ISO:
                return _heif(data)
    except (struct.error, IndexError, HeifError) as exc:
        raise CannotStrip("the file is cut short or broken") from exc
    raise CannotStrip("no image that we know")


def orientation_of(data: bytes) -> int:
    """EXIF's 1 to 8 of a JPEG, PNG or WebP; 1 where there is none, or where the container says it (HEIC, AVIF)."""
    try:
        match container_of(data):
            case Container.JPEG:
                parts = segments(data)
                blocks = (body[6:] for marker, body, _ in parts if marker == 0xE1 and body.startswith(_EXIF))
            case Container.PNG:
                blocks = (body for kind, body, _ in chunks(data) if kind == b"eXIf")
            case Container.WEBP:
                blocks = (body.removeprefix(_EXIF) for kind, body in riff(data) if kind == b"EXIF")
            case _:
                return 1
        return photo_exif.orientation(next(blocks, b""))
    except (struct.error, IndexError, CannotStrip):
        return 1


def segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """ITU-T T.81 B.1: (marker, body, all of it); a scan's coded data belongs to its SOS. Ends at EOI."""
    at = 2
    while True:
        start = at
        if data[at] != 0xFF:
            raise CannotStrip("a JPEG segment does not begin with a marker")
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker == 0xD9:
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2 or at + length > len(data):
            raise CannotStrip("a JPEG segment is cut short")
        body, at = data[at + 2 : at + length], at + length
        if marker == 0xDA:
            end = _SCAN_END.search(data, at)
            if end is None:
                raise CannotStrip("a JPEG file without an end")
            at = end.start()
        yield marker, body, data[start:at]


def _jpeg(data: bytes) -> bytes:
    up = orientation_of(data)
    parts = [b"\xff\xd8"]
    if up != 1:
        block = _EXIF + photo_exif.minimal(up)
        parts.append(b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block)
    scans = 0
    for marker, body, whole in segments(data):
        of_colour = any(marker == kept and body.startswith(name) for kept, name in (_JPEG_PROFILE, _JPEG_ADOBE))
        if marker in _JPEG_KEPT or of_colour:
            parts.append(whole)
        elif marker == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 14:
            # Without its thumbnail: that is an older picture at times, before something was cut away.
            parts.append(b"\xff\xe0\0\x10" + body[:12] + b"\0\0")
        scans += marker == 0xDA
    if not scans:
        raise CannotStrip("a JPEG file without a picture")
    return b"".join((*parts, b"\xff\xd9"))


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """ISO/IEC 15948 5.3: (type, body, all of it), up to IEND."""
    at, kind = len(PNG_MARK), b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise CannotStrip("a PNG chunk is cut short")
        yield kind, data[at + 8 : at + 8 + length], data[at:end]
        at = end


def _png(data: bytes) -> bytes:
    up = orientation_of(data)
    parts = [PNG_MARK]
    for kind, _, whole in chunks(data):
        if kind in _PNG_KEPT:
            parts.append(whole)
        if kind == b"IHDR" and up != 1:
            block = b"eXIf" + photo_exif.minimal(up)
            parts.append(struct.pack(">I", len(block) - 4) + block + struct.pack(">I", zlib.crc32(block)))
    return b"".join(parts)


def riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """RFC 9649 2.3 and 2.4: (type, body), as far as the RIFF header's size goes."""
    at, stop = 12, 8 + int.from_bytes(data[4:8], "little")
    if stop > len(data):
        raise CannotStrip("a WebP file is cut short")
    while at + 8 <= stop:
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + length > stop:
            raise CannotStrip("a WebP chunk is cut short")
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)


def _webp(data: bytes) -> bytes:
    up = orientation_of(data)
    parts, extended = [], False
    for kind, body in riff(data):
        if kind == b"VP8X":
            if body[0] & _WEBP_MOVES:
                raise CannotStrip("a moving WebP")
            extended = True
            flags = body[0] & _WEBP_FLAGS | (_WEBP_HAS_EXIF if up != 1 else 0)
            parts.append(_riff_chunk(kind, bytes([flags]) + body[1:10]))
        elif kind in _WEBP_KEPT:
            parts.append(_riff_chunk(kind, body))
    if up != 1:
        if not extended:
            raise CannotStrip("EXIF in a WebP file that has no place for it")
        parts.append(_riff_chunk(b"EXIF", photo_exif.minimal(up)))
    content = b"WEBP" + b"".join(parts)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def _heif(data: bytes) -> bytes:
    heif = read_heif(data)
    out = bytearray(len(data))
    for box in boxes(data, 0, len(data)):
        if box.kind in (b"ftyp", b"meta"):
            out[box.start : box.end] = data[box.start : box.end]
        else:
            _freed(out, data, box, b"mdat" if box.kind == b"mdat" else b"free")
        if box.kind == b"meta":
            _meta(out, data, box)
    for item in heif.items.values():
        for at, length in item.spans:
            out[at : at + length] = data[at : at + length] if item.kind in _PICTURES else bytes(length)
    _pictures_again(out, data, heif)
    return bytes(out)


def _pictures_again(out: bytearray, data: bytes, heif: Heif) -> None:
    """Spans that a picture shares with something else (a hostile file's) stay the picture's."""
    for item in heif.items.values():
        if item.kind in _PICTURES:
            for at, length in item.spans:
                out[at : at + length] = data[at : at + length]


def _freed(out: bytearray, data: bytes, box: Box, kind: bytes = b"free") -> None:
    """The box's place and size, with zeros inside; a box of 64-bit size keeps its form."""
    out[box.start : box.body] = data[box.start : box.body]
    out[box.start + 4 : box.start + 8] = kind
    out[box.body : box.end] = bytes(box.end - box.body)


def _meta(out: bytearray, data: bytes, meta: Box) -> None:
    for box in boxes(data, meta.body + 4, meta.end):
        if box.kind not in _META_KEPT:
            _freed(out, data, box)
        elif box.kind == b"hdlr":
            out[box.body + 24 : box.end] = bytes(max(0, box.end - box.body - 24))  # its name
        elif box.kind == b"idat":
            out[box.body : box.end] = bytes(box.end - box.body)
        elif box.kind == b"iinf":
            _names(out, data, box)
        elif box.kind == b"iprp":
            for inner in boxes(data, box.body, box.end):
                for listed in boxes(data, inner.body, inner.end) if inner.kind == b"ipco" else ():
                    if listed.kind not in _PROPERTIES_KEPT:
                        _freed(out, data, listed)


def _names(out: bytearray, data: bytes, iinf: Box) -> None:
    """Items that are no pictures become items of a type that nobody reads; no item keeps a name."""
    version = data[iinf.body]
    for box in boxes(data, iinf.body + (8 if version else 6), iinf.end):
        if box.kind != b"infe" or data[box.body] < 2:
            _freed(out, data, box)
            continue
        at = box.body + (10 if data[box.body] == 3 else 8)
        if at + 4 > box.end:
            raise CannotStrip("an item without a type")
        if data[at : at + 4] not in _PICTURES:
            out[at : at + 4] = b"free"
        out[at + 4 : box.end] = bytes(box.end - at - 4)
