"""Small pictures of documents (first page) and clips (first sharp picture), made in the limited children."""

from __future__ import annotations

import io
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.offline import from_file
from app.offline.clips import ClipBroken, ClipInfo, front_of
from app.offline.documents import DocumentBroken, DocumentInfo, DocumentLocked, front_page
from app.offline.from_file import Parts, as_asked, found_in, read_file
from app.offline.parts import AVIF, CLIP, JPEG, PDF
from app.offline.photos import PhotoBroken
from app.presenters.review_safe import NotShown, preview
from app.presenters.review_views import PartKind
from app.wire.intake import PartRole
from tests.offline import photo_files as files
from tests.offline.test_clips import film
from tests.offline.test_documents import LOCKED, pdf


def seen(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def dim_then_sharp() -> bytes:
    """A camera that wakes up: grey, then out of focus, then a chart."""
    chart = np.kron(np.indices((12, 16)).sum(0) % 2, np.ones((20, 20))).astype(np.uint8) * 200 + 20
    chart = np.dstack([chart, chart, np.full_like(chart, 200)])  # red in its dark squares
    pictures = [np.full_like(chart, 30)] * 3 + [cv2.GaussianBlur(chart, (0, 0), 8)] * 3 + [chart] * 6
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return out.getvalue()


def test_a_document_goes_with_its_first_page(tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    path.write_bytes(pdf(pages=2))
    found = read_file(path)
    assert isinstance(found, Parts)
    whole, small = found.parts
    assert (whole.role, whole.media_type, whole.data) == (PartRole.CONTENT, PDF, path.read_bytes())
    assert (small.role, small.of, small.name) == (PartRole.THUMBNAIL, whole.blob, "letter.pdf")
    picture = seen(small.data)
    assert picture.shape == (240, 170, 3)
    assert picture[170, 80].tolist() == pytest.approx([0, 0, 255], abs=40)
    assert picture[10, 10].min() > 240
    assert len(small.data) < 4000
    info, page = front_page(path.read_bytes(), 300)
    assert (info, max(page.width, page.height)) == (DocumentInfo(PDF, 2), 300)
    catalog, more = LOCKED
    with pytest.raises(DocumentLocked):
        found_in(pdf(trailer=catalog, more=more), "locked.pdf")
    with pytest.raises(DocumentBroken):
        found_in(pdf(pages=2)[:300], "cut.pdf")


def test_a_clip_goes_with_its_first_sharp_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dim_then_sharp()
    info, picture = front_of(data)
    assert info == ClipInfo(1.2, 320, 240, False)
    shown = seen(picture)
    assert shown.shape == (240, 320, 3)
    assert cv2.Laplacian(cv2.cvtColor(shown, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var() > 500
    with pytest.raises(ClipBroken):
        found_in(data[:600], "cut.mp4")
    monkeypatch.setitem(from_file._FRONTS, CLIP, lambda data: picture)
    found = found_in(data, "cough.mp4")
    assert isinstance(found, Parts)
    whole, small = found.parts
    assert (whole.media_type, small.role, small.of) == (CLIP, PartRole.THUMBNAIL, whole.blob)
    assert seen(small.data).shape == (180, 240, 3)


def test_a_provider_sees_what_came_without_one_too() -> None:
    assert preview(PartKind.DOCUMENT, pdf())[:3] == b"\xff\xd8\xff"
    assert preview(PartKind.CLIP, film(0.3, sound=None))[:3] == b"\xff\xd8\xff"
    with pytest.raises(NotShown):
        preview(PartKind.VOICE, b"OggS")


def test_what_has_no_small_picture_goes_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> None:
        raise PhotoBroken("no")

    monkeypatch.setattr(from_file, "made_from", broken)
    found = found_in(pdf(), "letter.pdf")
    assert isinstance(found, Parts)
    assert [part.media_type for part in found.parts] == [PDF]


def test_a_photo_is_jpeg_where_that_is_asked_for() -> None:
    parts = from_file.photo_parts(files.jpeg(files.corners()), "skin.jpg")
    as_it_is, anew = as_asked(parts, lambda kind: True), as_asked(parts, lambda kind: kind == JPEG)
    assert as_it_is == parts
    light = next(part for part in anew if part.role is PartRole.COPY)
    assert (light.media_type, light.data[:3]) == (JPEG, b"\xff\xd8\xff")
    assert light.blob == next(part for part in parts if part.role is PartRole.COPY).blob
    assert as_asked(parts, lambda kind: kind == AVIF) == parts
