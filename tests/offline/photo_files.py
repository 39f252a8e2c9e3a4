"""Photos as cameras leave them: with a place, a name and a canary in every block that can hold one."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np

from app.offline import photo_heif

CANARY = b"CANARY-4f1c"


def corners(width: int = 96, height: int = 64) -> np.ndarray:
    """Red, green, blue and white quarters (BGR): which way is up can be read from it."""
    image = np.zeros((height, width, 3), np.uint8)
    halves = [(slice(0, height // 2), slice(height // 2, height)), (slice(0, width // 2), slice(width // 2, width))]
    colours = [[(0, 0, 255), (0, 255, 0)], [(255, 0, 0), (255, 255, 255)]]
    for row, down in enumerate(halves[0]):
        for column, across in enumerate(halves[1]):
            image[down, across] = colours[row][column]
    return image


def stored_for(image: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera stores what should look like `image` under this orientation: the EXIF table read backwards."""
    back = {
        1: lambda m: m,
        2: np.fliplr,
        3: lambda m: np.rot90(m, 2),
        4: np.flipud,
        5: lambda m: np.transpose(m, (1, 0, 2)),
        6: lambda m: np.rot90(m, 1),
        7: lambda m: np.rot90(np.transpose(m, (1, 0, 2)), 2),
        8: lambda m: np.rot90(m, 3),
    }
    return np.ascontiguousarray(back[orientation](image))


def tiff(orientation: int, order: str = "<") -> bytes:
    """Make (a canary), orientation, and a GPS directory with 51 deg 30' N as phones write it."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    words = CANARY + b"\0"
    text_at = 8 + 2 + 3 * 12 + 4
    gps_at = text_at + len(words)
    rationals_at = gps_at + 2 + 2 * 12 + 4
    first = struct.pack(order + "HHII", 0x010F, 2, len(words), text_at)
    first += struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    first += struct.pack(order + "HHII", 0x8825, 4, 1, gps_at)
    gps = struct.pack(order + "HHI", 1, 2, 2) + b"N\0\0\0" + struct.pack(order + "HHII", 2, 5, 3, rationals_at)
    rationals = struct.pack(order + "6I", 51, 1, 30, 1, 1234, 100)
    return (
        mark
        + struct.pack(order + "IH", 8, 3)
        + first
        + bytes(4)
        + words
        + struct.pack(order + "H", 2)
        + gps
        + bytes(4)
        + rationals
    )


def encoded(kind: str, image: np.ndarray, *parameters: int) -> bytes:
    done, data = cv2.imencode(kind, image, parameters)
    assert done
    return data.tobytes()


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(image: np.ndarray, orientation: int = 1, *parameters: int) -> bytes:
    """With EXIF, XMP, IPTC, a maker's block, a comment, and a film behind the picture."""
    plain = encoded(".jpg", image, cv2.IMWRITE_JPEG_QUALITY, 95, *parameters)
    blocks = segment(0xE1, b"Exif\0\0" + tiff(orientation))
    blocks += segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>" + CANARY)
    blocks += segment(0xED, b"Photoshop 3.0\0" + CANARY) + segment(0xE2, b"MPF\0" + CANARY)
    blocks += segment(0xFE, CANARY) + segment(0xEB, CANARY)
    return plain[:2] + blocks + plain[2:] + b"ftypmp42" + CANARY


def png(image: np.ndarray, orientation: int = 1) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    plain = encoded(".png", image)
    blocks = chunk(b"eXIf", tiff(orientation, ">")) + chunk(b"tEXt", b"Author\0" + CANARY)
    blocks += chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + CANARY) + chunk(b"tIME", bytes(7))
    return plain[:33] + blocks + plain[33:] + CANARY


def webp(image: np.ndarray, orientation: int = 1) -> bytes:
    plain = encoded(".webp", image, cv2.IMWRITE_WEBP_QUALITY, 90)
    height, width = image.shape[:2]
    picture = plain[12:] if plain[12:16] != b"VP8X" else plain[30:]
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + riff_chunk(b"VP8X", bytes([0x0C, 0, 0, 0]) + canvas) + picture
    body += riff_chunk(b"EXIF", tiff(orientation)) + riff_chunk(b"XMP ", CANARY) + riff_chunk(b"odd ", CANARY)
    return b"RIFF" + struct.pack("<I", len(body)) + body + CANARY


def riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def avif(image: np.ndarray) -> bytes:
    """With EXIF and XMP as OpenCV writes them as items, and a box of somebody's own behind."""
    xmp = np.frombuffer(b"<x>" + CANARY, np.uint8)
    kinds = [cv2.IMAGE_METADATA_EXIF, cv2.IMAGE_METADATA_XMP]
    blocks = [np.frombuffer(tiff(1), np.uint8), xmp]
    done, data = cv2.imencodeWithMetadata(".avif", image, kinds, blocks, [cv2.IMWRITE_AVIF_QUALITY, 90])
    assert done
    own = b"uuid" + bytes(16) + CANARY
    return data.tobytes() + struct.pack(">I", len(own) + 4) + own


def spans_of_pictures(data: bytes) -> list[bytes]:
    """The coded bytes of an AVIF or HEIC file's pictures."""
    items = photo_heif.read_heif(data).items.values()
    return [photo_heif.data_of(data, span) for item in items if item.kind in (b"av01", b"hvc1") for span in item.spans]
