"""The child process that decodes foreign images: run as a file by `python -I`, under the limits of limited.py.

On stdin comes a line of JSON, the job, then the image's bytes. Out on stdout
go a line of JSON, {"ok": true, "width": w, "height": h, "made": [[name, media type, width, height, bytes], ...]}
or {"ok": false, "why": "..."}, and the bytes of what was made, one after the other. Sizes are as stored, before turns.
It imports nothing of ours, writes no file and needs no network. A camera's own pixels are encoded by the same
functions in our own process: they trust their arguments and hold the interpreter's lock for moments only.

A job: {"turns": [["turn" or "flip", n], ...], "heif": null or a plan of photo_heif.py, "colours": null or
{"matrix": 3 x 3, "curves": 3 x 256} as photo_colour.py has them, "make": [[name, kind, side, quality], ...]}; kind
"avif" falls back to "jpeg" where this OpenCV cannot write AVIF; side 0 keeps the size.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

AVIF_SPEED, LARGE_AVIF_SPEED = 6, 9
"""Of aom's 0 to 10. 6 takes eight times as long as 9 (a second for 2048 x 1536) and saves 8 % of the bytes, which a
thin line takes three seconds for (docs/benchmarks.md, "Photos"); larger copies are for lines that are not thin."""
_LARGE_PIXELS = 2048 * 2048
_MAX_DECODED = 60_000_000
Made = tuple[str, str, int, int, bytes]
"""Name, media type, width, height, data."""


class Undecodable(ValueError):
    """The image does not decode, or not to what its file says."""


def upright(image: Pixels, turns: list[list[Any]]) -> Pixels:
    """`turns` as photo_exif.Turn has them, on (height, width, 3)."""
    import numpy as np

    for kind, count in turns:
        image = np.rot90(image, count) if kind == "turn" else np.flip(image, count)
    return np.ascontiguousarray(image)


def fitted(image: Pixels, side: int) -> Pixels:
    """No side over `side` pixels (0: as it is); never enlarged."""
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    scale = side / max(width, height)
    if not side or scale >= 1.0:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


_STEPS = 8192
_BAND = 256  # rows converted at a time, to spare memory


def to_srgb(image: Pixels, colours: dict[str, Any]) -> Pixels:
    """BGR pixels of a job's "colours" as sRGB (IEC 61966-2-1); what sRGB does not have is cut to its edge."""
    import cv2
    import numpy as np

    curves = np.ascontiguousarray(np.array(colours["curves"], np.float32)[::-1].T).reshape(1, 256, 3)
    matrix = np.ascontiguousarray(np.array(colours["matrix"], np.float32)[::-1, ::-1])
    light = np.arange(_STEPS) / (_STEPS - 1)
    written = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    table = np.round(written * 255).astype(np.uint8)
    out = np.empty_like(image)
    for top in range(0, image.shape[0], _BAND):
        linear = cv2.transform(cv2.LUT(image[top : top + _BAND], curves), matrix)
        out[top : top + _BAND] = table[(np.clip(linear, 0, 1) * (_STEPS - 1) + 0.5).astype(np.uint16)]
    return out


def shown(image: Pixels, job: dict[str, Any]) -> Pixels:
    """Upright and sRGB. No larger than what is wanted where the colours are others: that is dear for large photos."""
    image = upright(image, job["turns"])
    if job["colours"] is None:
        return image
    sides = [side for _, _, side, _ in job["make"]]
    return to_srgb(fitted(image, 0 if 0 in sides else max(sides)), job["colours"])


def encoded(image: Pixels, kind: str, quality: int) -> tuple[str, bytes]:
    """(media type, data) of BGR pixels. Raises cv2.error where OpenCV does not encode it."""
    import cv2

    if kind == "avif" and cv2.haveImageWriter(".avif"):
        speed = LARGE_AVIF_SPEED if image.shape[0] * image.shape[1] > _LARGE_PIXELS else AVIF_SPEED
        settings = [cv2.IMWRITE_AVIF_QUALITY, quality, cv2.IMWRITE_AVIF_SPEED, speed]
        done, data = cv2.imencode(".avif", image, settings)
        if done:
            return "image/avif", data.tobytes()
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, int(image.size < 12_000_000)]
    done, data = cv2.imencode(".jpg", image, settings)
    if not done:
        raise cv2.error("it does not encode")
    return "image/jpeg", data.tobytes()


def make(image: Pixels, wanted: list[list[Any]]) -> list[Made]:
    """In the order of `wanted`. Small ones are shrunk from one at least twice their size, which saves time."""
    made: list[Made] = []
    sources = [image]
    for name, kind, side, quality in wanted:
        large = (source for source in reversed(sources) if side and max(source.shape[:2]) >= 2 * side)
        picture = fitted(next(large, image), side)
        sources.append(picture)
        media_type, data = encoded(picture, kind, quality)
        made.append((name, media_type, picture.shape[1], picture.shape[0], data))
    return made


def decoded(data: bytes, heif: dict[str, Any] | None) -> Pixels:
    """BGR pixels as stored. Raises :class:`Undecodable`, cv2.error, MemoryError or ValueError."""
    if heif is None:
        return _opencv(data)
    import av

    try:
        return _heic(data, heif)
    except av.FFmpegError as exc:  # not all of them are OSErrors or ValueErrors
        raise Undecodable(type(exc).__name__) from exc


def _opencv(data: bytes) -> Pixels:
    import cv2
    import numpy as np

    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise Undecodable("it does not decode")
    if image.dtype != np.uint8 and data[4:8] == b"ftyp":
        # AVIF's 10 and 12 bits come out unscaled, and OpenCV does not say how many there are: it scales them itself.
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    elif image.dtype != np.uint8:
        image = (image >> 8).astype(np.uint8)
    if image.ndim == 2 or image.shape[2] == 1:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    return _over_white(image) if image.shape[2] == 4 else np.asarray(image, np.uint8)


def _over_white(image: Pixels) -> Pixels:
    """What is see-through shows paper, not the colours that happen to lie under it. Row by row, to spare memory."""
    import numpy as np

    colours = np.ascontiguousarray(image[:, :, :3])
    for row, through in zip(colours, image[:, :, 3], strict=True):
        if through.min() < 255:
            alpha = through[:, None].astype(np.uint16)
            row[:] = (row * alpha + 255 * (255 - alpha) + 127) // 255
    return colours


def _heic(data: bytes, heif: dict[str, Any]) -> Pixels:
    """The tiles of a plan, by FFmpeg's decoder, joined."""
    import av
    import numpy as np

    start, size = heif["settings"]
    # The bound holds inside of the decoder too: a stream's own size counts there, not the boxes'.
    decoder = av.CodecContext.create(heif["codec"], "r")
    decoder.options = {"max_pixels": str(_MAX_DECODED), "threads": "1"}
    decoder.extradata = data[start : start + size]
    canvas = np.zeros((heif["height"], heif["width"], 3), np.uint8)
    tiles, rows = 0, len(heif["tiles"]) // heif["columns"]
    for spans in [*heif["tiles"], None]:
        packet = None if spans is None else av.Packet(b"".join(data[at : at + length] for at, length in spans))
        for frame in decoder.decode(packet):
            if tiles == len(heif["tiles"]):
                raise Undecodable("more pictures than tiles")
            if frame.width * heif["columns"] < heif["width"] or frame.height * rows < heif["height"]:
                raise Undecodable("the tiles do not fill the picture")
            _laid(canvas, frame, divmod(tiles, heif["columns"]))
            tiles += 1
    if tiles != len(heif["tiles"]):
        raise Undecodable("a tile does not decode")
    if heif["crop"] is not None:
        left, top, width, height = heif["crop"]
        canvas = np.ascontiguousarray(canvas[top : top + height, left : left + width])
    return canvas


def _laid(canvas: Pixels, frame: Any, place: tuple[int, int]) -> None:
    """A tile into its row and column; what reaches over the edge is cut off."""
    tile = frame.to_ndarray(format="bgr24")
    top, left = place[0] * tile.shape[0], place[1] * tile.shape[1]
    part = canvas[top : top + tile.shape[0], left : left + tile.shape[1]]
    if 0 in part.shape:
        raise Undecodable("a tile lies outside of the picture")
    part[:] = tile[: part.shape[0], : part.shape[1]]


def _answer(result: dict[str, object], body: bytes = b"") -> int:
    sys.stdout.buffer.write(json.dumps(result).encode() + b"\n" + body)
    sys.stdout.buffer.flush()
    return 0


def main() -> int:
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", OPENCV_LOG_LEVEL="SILENT")
    import cv2

    cv2.setNumThreads(1)
    job = json.loads(sys.stdin.buffer.readline())
    try:
        image = decoded(sys.stdin.buffer.read(), job["heif"])
        height, width = image.shape[:2]
        made = make(shown(image, job), job["make"]) if job["make"] else []
    except (cv2.error, MemoryError, OSError, ValueError) as exc:
        return _answer({"ok": False, "why": str(exc) if isinstance(exc, Undecodable) else type(exc).__name__})
    listed = [[name, media_type, wide, high, len(data)] for name, media_type, wide, high, data in made]
    bodies = b"".join(data for *_, data in made)
    return _answer({"ok": True, "width": width, "height": height, "made": listed}, bodies)


if __name__ == "__main__":
    sys.exit(main())
