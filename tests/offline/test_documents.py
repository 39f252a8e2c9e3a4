"""PDFs and pictures of lab reports: drawn page by page in a limited process; hostile ones end in a sentence."""

from __future__ import annotations

import subprocess
import zlib

import cv2
import numpy as np
import pytest

from app.offline import documents
from app.offline.documents import (
    DocumentBroken,
    DocumentInfo,
    DocumentLocked,
    DocumentTooLarge,
    check_document,
    safe_document,
)
from app.offline.photos import NotAPhoto


def pdf(pages=1, box="0 0 595 842", content=b"1 0 0 rg 100 100 300 300 re f", catalog="", trailer="", more=()):
    """A whole PDF, its pages alike; `more` are further objects, from number 10 on."""
    kids = " ".join(f"{100 + n} 0 R" for n in range(pages))
    stream = zlib.compress(content)
    objects = {
        1: f"<</Type/Catalog/Pages 2 0 R{catalog}>>".encode(),
        2: f"<</Type/Pages/Count {pages}/Kids[{kids}]>>".encode(),
        3: b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(stream), stream),
    }
    objects |= {100 + n: f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents 3 0 R>>".encode() for n in range(pages)}
    objects |= dict(enumerate(more, start=10))
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        out += b"%d 1\n%010d 00000 n \n" % (number, place)
    out += f"trailer<</Size {max(places) + 1}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF".encode()
    return bytes(out)


LOCKED = (
    "/Encrypt 10 0 R/ID[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]",
    (b"<</Filter/Standard/V 1/R 2/P -44/O<%s>/U<%s>>>" % (b"ab" * 32, b"cd" * 32),),
)


def test_every_page_is_drawn_in_its_colours_and_shape():
    data = pdf(pages=3)
    assert check_document(data) == DocumentInfo("application/pdf", 3)
    pages = safe_document(data, 842)
    assert [(page.width, page.height) for page in pages] == [(595, 842)] * 3
    picture = cv2.imdecode(np.frombuffer(pages[2].jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (842, 595, 3)
    assert picture[842 - 250, 250].tolist() == pytest.approx([0, 0, 255], abs=6)  # red, as BGR, counted from below
    assert picture[50, 50].tolist() == pytest.approx([255, 255, 255], abs=3)


def test_a_picture_is_a_document_of_one_page():
    done, jpeg = cv2.imencode(".jpg", np.full((300, 400, 3), 90, np.uint8))
    assert done
    assert check_document(jpeg.tobytes()) == DocumentInfo("image/jpeg", 1)
    (page,) = safe_document(jpeg.tobytes(), 200)
    assert (page.width, page.height) == (200, 150)
    with pytest.raises(NotAPhoto):
        check_document(b"MZ\x90\x00")


def test_javascript_links_and_forms_are_never_run_and_the_page_is_drawn(tmp_path):
    script = f"app.launchURL('file://{tmp_path}/x'); this.exportDataObject({{cName: 'x', cDIPath: '{tmp_path}/x'}})"
    action = f"<</S/JavaScript/JS({script})>>".replace("{", "\\{")
    data = pdf(
        catalog="/OpenAction 10 0 R/AcroForm<</Fields[11 0 R]/XFA 12 0 R>>/AA<</WC 10 0 R>>",
        more=(
            action.encode(),
            b"<</FT/Tx/T(a)/AA<</K 10 0 R/F 10 0 R>>>>",
            b"<</Length 5>>stream\n<xfa>\nendstream",
            b"<</S/Launch/F(/bin/sh)>>",
        ),
    )
    (page,) = safe_document(data, 400)
    assert page.height == 400
    assert list(tmp_path.iterdir()) == []


def test_more_pages_than_can_be_sent_are_counted_in_a_sentence():
    with pytest.raises(DocumentTooLarge) as caught:
        check_document(pdf(pages=3000))
    assert str(caught.value) == "This document has 3,000 pages. Up to 40 can be sent."


def test_a_locked_one_says_what_to_do():
    with pytest.raises(DocumentLocked, match="locked with a password"):
        safe_document(pdf(trailer=LOCKED[0], more=LOCKED[1]))


DEEP = b"q " * 200_000 + b"1 0 0 rg 0 0 9 9 re f"
HUGE = b"<</Type/XObject/Subtype/Image/Width 60000/Height 60000/BitsPerComponent 8/ColorSpace/DeviceRGB/Length 0>>stream\n\nendstream"  # noqa: E501


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"%PDF-1.7", id="a header alone"),
        pytest.param(b"%PDF-1.4\n" + np.random.default_rng(3).bytes(20_000), id="noise"),
        pytest.param(pdf(box="0 0 20000 20000"), id="a huge page"),
        pytest.param(pdf(box="0 0 1000000 1"), id="a thread"),
        pytest.param(pdf(pages=0), id="no pages"),
        pytest.param(b"%PDF-1.7\n" + b"[" * 2_000_000, id="deep brackets"),
    ],
)
def test_broken_and_hostile_ones_end_in_a_sentence(data):
    with pytest.raises(DocumentBroken) as caught:
        safe_document(data, 400)
    assert str(caught.value) == "This document is damaged and cannot be opened."


def test_a_page_that_claims_much_is_drawn_within_the_limits_or_refused():
    for content, more in ((DEEP, ()), (b"/A Do", (HUGE,))):
        try:
            pages = safe_document(pdf(content=content, more=more), 400)
        except DocumentBroken:
            continue
        assert len(pages) == 1


def test_flipped_bytes_never_do_worse_than_a_sentence():
    data, random = pdf(), np.random.default_rng(11)
    for _ in range(4):
        changed = bytearray(data)
        for place in random.integers(8, len(data), 20):
            changed[place] ^= int(random.integers(1, 255))
        try:
            pages = safe_document(bytes(changed), 200)
        except (DocumentBroken, DocumentLocked, DocumentTooLarge):
            continue
        assert len(pages) <= documents.MAX_PAGES


def test_what_is_too_large_starts_no_child_and_a_slow_child_is_ended(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a child was started"))
    with pytest.raises(DocumentTooLarge, match="up to 32 MB"):
        check_document(b"%PDF-1.7" + bytes(documents.MAX_DOCUMENT_BYTES))

    def slow(*given, **more):
        raise subprocess.TimeoutExpired("child", 1.0)

    monkeypatch.setattr(subprocess, "run", slow)
    with pytest.raises(DocumentBroken):
        check_document(pdf())
