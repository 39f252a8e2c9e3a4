"""The child process that draws foreign PDFs: run as a file by `python -I`, under the limits of limited.py.

Arguments: the most pages, the longest side of a page's picture (px) or 0 for a check, bytes to give back at most, and
that side for the first page alone of what is checked (0: none). The PDF comes in on stdin. Out on stdout go a line of
JSON, {"ok": true, "pages": n, "sizes": [[w, h, bytes]]} or {"ok": false, "why": "locked" | "pages" | "broken",
"detail": "..."}, then the JPEGs.
PDFium is asked to draw pages and nothing else: no forms are begun, so no script of a file ever runs, and no link,
attachment or font outside of the file is followed. It imports nothing of ours, writes no file and needs no network.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

POINTS = 14_400  # the largest side of a page, ISO 32000-1 annex C.2
SMALLEST = 3.0
_PASSWORD = 4  # FPDF_ERR_PASSWORD


class Refused(Exception):
    """`why` for the caller's sentence."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


def _open(pdfium: Any, data: bytes, most: int) -> Any:
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as exc:
        raise Refused("locked" if exc.err_code == _PASSWORD else "broken", str(exc)) from exc
    if not 1 <= len(document) <= most:
        raise Refused("pages" if len(document) > most else "broken", str(len(document)))
    return document


def _draw(pdfium: Any, cv2: Any, document: Any, number: int, side: int) -> tuple[int, int, bytes]:
    page = document[number]
    width, height = page.get_size()
    if not min(width, height) >= SMALLEST or not max(width, height) <= POINTS:
        raise Refused("broken", f"a page of {width:.0f}x{height:.0f}")
    if not side:
        return 0, 0, b""
    scale = side / max(width, height)
    bitmap = page.render(scale=scale, may_draw_forms=False, draw_annots=True, rev_byteorder=False)
    picture = bitmap.to_numpy()
    picture = picture[:, :, :3] if picture.ndim == 3 else picture
    done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    size = bitmap.width, bitmap.height
    bitmap.close()
    page.close()
    if not done:
        raise Refused("broken", "it does not encode")
    return *size, jpeg.tobytes()


def _answer(result: dict[str, object], *body: bytes) -> int:
    sys.stdout.buffer.write(json.dumps(result).encode() + b"\n")
    for part in body:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()
    return 0


def main(arguments: list[str]) -> int:
    most, side, give_back, front = (int(text) for text in arguments)
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", OPENCV_LOG_LEVEL="SILENT")
    import cv2
    import pypdfium2 as pdfium  # type: ignore[import-untyped]

    cv2.setNumThreads(1)
    pages: list[tuple[int, int, bytes]] = []
    try:
        document = _open(pdfium, sys.stdin.buffer.read(), most)
        for number in range(len(document)):
            pages.append(_draw(pdfium, cv2, document, number, side or (0 if number else front)))
            if sum(len(jpeg) for _, _, jpeg in pages) > give_back:
                raise Refused("broken", "too much")
    except Refused as exc:
        return _answer({"ok": False, "why": exc.why, "detail": str(exc)[:200]})
    except (pdfium.PdfiumError, cv2.error, MemoryError, ValueError, OSError) as exc:
        return _answer({"ok": False, "why": "broken", "detail": type(exc).__name__})
    sizes = [[width, height, len(jpeg)] for width, height, jpeg in pages]
    return _answer({"ok": True, "pages": len(pages), "sizes": sizes}, *(jpeg for _, _, jpeg in pages))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
