"""PURE: the boxes of HEIF files (ISO/IEC 23008-12; HEIC and AVIF), as far as one still picture needs, with bounds."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.offline.photo_exif import Turn

MOST_BOXES = 8192
MOST_TILES = 1024
Span = tuple[int, int]
"""Where bytes lie in the file: offset and length."""


class HeifError(ValueError):
    """The boxes do not hold together, or hold a kind of picture that is not read here."""


@dataclass(frozen=True)
class Box:
    """A box (ISO/IEC 14496-12 4.2): its type, where it begins and where its body lies."""

    kind: bytes
    start: int
    body: int
    end: int


@dataclass
class Item:
    """An item of the meta box; `spans` in order, already counted from the file's start."""

    kind: bytes = b""
    spans: list[Span] = field(default_factory=list)
    properties: list[Box] = field(default_factory=list)


@dataclass
class Heif:
    """`parts`: (reference type, item) -> the items that it names."""

    primary: int
    items: dict[int, Item]
    parts: dict[tuple[bytes, int], list[int]]


@dataclass(frozen=True)
class Plan:
    """How the primary picture is made. `width`, `height` in pixels as stored, before `turns`.

    `tiles` (each a list of spans) in rows of `columns`. `settings`: the decoder's configuration record. `crop`: the
    (left, top, width, height) of what is shown of the stored picture, None for all.
    """

    codec: str
    width: int
    height: int
    columns: int
    tiles: list[list[Span]]
    settings: Span
    turns: list[Turn]
    crop: tuple[int, int, int, int] | None


class _Reader:
    """Big-endian fields one after the other, never past `end`."""

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self._data, self.at, self.end = data, at, end

    def take(self, size: int) -> int:
        if self.at + size > self.end:
            raise HeifError("a box is cut short")
        value = int.from_bytes(self._data[self.at : self.at + size], "big")
        self.at += size
        return value


def boxes(data: bytes, at: int, end: int) -> Iterator[Box]:
    """Raises :class:`HeifError` for a box that does not fit its surroundings, and for too many."""
    for _ in range(MOST_BOXES):
        if at + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1 and at + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        stop = end if size == 0 else at + size
        if stop < body or stop > end:
            raise HeifError("a box does not fit")
        yield Box(kind, at, body, stop)
        at = stop
    raise HeifError("too many boxes")


def read_heif(data: bytes) -> Heif:
    """Raises :class:`HeifError`."""
    meta = next((box for box in boxes(data, 0, len(data)) if box.kind == b"meta"), None)
    if meta is None or meta.end - meta.body < 4:
        raise HeifError("no meta box")
    inner = {box.kind: box for box in boxes(data, meta.body + 4, meta.end)}
    for needed in (b"pitm", b"iinf", b"iloc", b"iprp"):
        if needed not in inner:
            raise HeifError(f"no {needed.decode()} box")
    items: dict[int, Item] = {}
    _kinds(data, inner[b"iinf"], items)
    idat = inner.get(b"idat")
    _places(data, inner[b"iloc"], items, (idat.body, idat.end) if idat else (0, 0))
    _properties(data, inner[b"iprp"], items)
    parts = _parts(data, inner[b"iref"]) if b"iref" in inner else {}
    full, reader = _full(data, inner[b"pitm"])
    return Heif(reader.take(4 if full else 2), items, parts)


def _full(data: bytes, box: Box) -> tuple[int, _Reader]:
    """The version of a full box, and a reader behind its flags."""
    reader = _Reader(data, box.body, box.end)
    version = reader.take(1)
    reader.take(3)
    return version, reader


def _kinds(data: bytes, iinf: Box, items: dict[int, Item]) -> None:
    version, reader = _full(data, iinf)
    reader.take(4 if version else 2)
    for box in boxes(data, reader.at, iinf.end):
        if box.kind == b"infe":
            form, entry = _full(data, box)
            if form < 2:
                continue
            number = entry.take(4 if form == 3 else 2)
            entry.take(2)
            items.setdefault(number, Item()).kind = entry.take(4).to_bytes(4, "big")


def _places(data: bytes, iloc: Box, items: dict[int, Item], idat: Span) -> None:
    """ISO/IEC 14496-12 8.11.3: construction method 0 counts from the file's start, 1 from the body of idat."""
    version, reader = _full(data, iloc)
    sizes = reader.take(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    for _ in range(reader.take(4 if version == 2 else 2)):
        number = reader.take(4 if version == 2 else 2)
        method = reader.take(2) & 15 if version else 0
        reader.take(2)
        base = reader.take(base_size)
        item = items.setdefault(number, Item())
        start, stop = (0, len(data)) if method == 0 else idat
        for _ in range(reader.take(2)):
            reader.take(index_size)
            at, length = start + base + reader.take(offset_size), reader.take(length_size)
            if method > 1 or at + length > stop:
                raise HeifError("an item lies outside of the file")
            item.spans.append((at, length))


def _properties(data: bytes, iprp: Box, items: dict[int, Item]) -> None:
    listed: list[Box] = []
    for box in boxes(data, iprp.body, iprp.end):
        if box.kind == b"ipco":
            listed = list(boxes(data, box.body, box.end))
    for box in boxes(data, iprp.body, iprp.end):
        if box.kind != b"ipma":
            continue
        version, reader = _full(data, box)
        wide = data[box.body + 3] & 1
        for _ in range(reader.take(4)):
            number = reader.take(4 if version else 2)
            for _ in range(reader.take(1)):
                index = reader.take(2) & 0x7FFF if wide else reader.take(1) & 0x7F
                if 0 < index <= len(listed):
                    items.setdefault(number, Item()).properties.append(listed[index - 1])


def _parts(data: bytes, iref: Box) -> dict[tuple[bytes, int], list[int]]:
    version, start = _full(data, iref)
    size = 4 if version else 2
    found: dict[tuple[bytes, int], list[int]] = {}
    for box in boxes(data, start.at, iref.end):
        reader = _Reader(data, box.body, box.end)
        number = reader.take(size)
        found[box.kind, number] = [reader.take(size) for _ in range(reader.take(2))]
    return found


def plan(data: bytes) -> Plan:
    """How to decode a file's primary picture. Raises :class:`HeifError`; HEVC pictures and grids of them, and AV1."""
    heif = read_heif(data)
    item = heif.items.get(heif.primary, Item())
    if item.kind == b"grid":
        return _grid(data, heif, item)
    width, height = _size(data, item)
    crop = _crop(data, item, width, height)
    return Plan(_codec(item), width, height, 1, [item.spans], _settings(item), _turns(data, item), crop)


def _grid(data: bytes, heif: Heif, item: Item) -> Plan:
    """ISO/IEC 23008-12 6.6.2.3: equal tiles in rows, cut at the right and below to the picture's size."""
    if not item.spans:
        raise HeifError("a grid without its description")
    reader = _Reader(data, item.spans[0][0], sum(item.spans[0]))
    reader.take(1)
    wide = reader.take(1) & 1
    rows, columns = reader.take(1) + 1, reader.take(1) + 1
    width, height = reader.take(4 if wide else 2), reader.take(4 if wide else 2)
    tiles = [heif.items.get(number, Item()) for number in heif.parts.get((b"dimg", heif.primary), [])]
    if len(tiles) != rows * columns or len(tiles) > MOST_TILES:
        raise HeifError("a grid without its tiles")
    across, down = _size(data, tiles[0])
    covers = across * columns - width in range(across) and down * rows - height in range(down)
    if not covers or any(_size(data, tile) != (across, down) for tile in tiles):
        raise HeifError("the tiles do not fit the grid")
    if any(data_of(data, _settings(tile)) != data_of(data, _settings(tiles[0])) for tile in tiles):
        raise HeifError("tiles of different kinds")
    spans = [tile.spans for tile in tiles]
    crop = _crop(data, item, width, height)
    return Plan(_codec(tiles[0]), width, height, columns, spans, _settings(tiles[0]), _turns(data, item), crop)


def data_of(data: bytes, span: Span) -> bytes:
    return data[span[0] : span[0] + span[1]]


def _codec(item: Item) -> str:
    try:
        return {b"hvc1": "hevc", b"av01": "av1"}[item.kind]
    except KeyError as exc:
        raise HeifError(f"a picture coded as {item.kind!r}") from exc


def _one(item: Item, *kinds: bytes) -> Box:
    found = next((box for box in item.properties if box.kind in kinds), None)
    if found is None:
        raise HeifError(f"a picture without {kinds[0].decode()}")
    return found


def _size(data: bytes, item: Item) -> tuple[int, int]:
    _, reader = _full(data, _one(item, b"ispe"))
    return reader.take(4), reader.take(4)


def _settings(item: Item) -> Span:
    box = _one(item, b"hvcC", b"av1C")
    return box.body, box.end - box.body


def _turns(data: bytes, item: Item) -> list[Turn]:
    """irot and imir (6.5.10, 6.5.12), in the order listed. EXIF's orientation does not count here."""
    names = {b"irot": ("turn", 3), b"imir": ("flip", 1)}
    return [
        (names[box.kind][0], data[box.body] & names[box.kind][1])
        for box in item.properties
        if box.kind in names and box.end > box.body
    ]


def _crop(data: bytes, item: Item, width: int, height: int) -> tuple[int, int, int, int] | None:
    """clap (ISO/IEC 14496-12 12.1.4): size and how far its middle lies from the picture's; a broken one is none."""
    box = next((box for box in item.properties if box.kind == b"clap"), None)
    if box is None or box.end - box.body != 32:
        return None
    fields = struct.unpack_from(">IIIIiIiI", data, box.body)
    if 0 in fields[1::2]:
        return None
    wide, high, right, below = (top / bottom for top, bottom in zip(fields[::2], fields[1::2], strict=True))
    left, up = round((width - wide) / 2 + right), round((height - high) / 2 + below)
    wide, high = round(wide), round(high)
    fits = left >= 0 and up >= 0 and wide > 0 and high > 0 and left + wide <= width and up + high <= height
    return (left, up, wide, high) if fits else None
