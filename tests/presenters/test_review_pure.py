"""The inbox's order and words, and the order in which an opened item's parts come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.presenters.review_order import Do, Stand, Step, next_step
from app.presenters.review_rows import Known, inbox_rows, others_of
from app.presenters.review_sentences import (
    come_sentence,
    due_at,
    due_sentence,
    holds_words,
    of_visit,
    part_titles,
    reply_state,
    told,
)
from app.presenters.review_words import letter
from app.wire.intake import BlobRow, InboxItem, Manifest, ManifestBlob, PartRole
from app.wire.visits import VisitDetails

NOW = datetime(2026, 11, 26, 14, 10, tzinfo=UTC)
DEVICE = "device0001"


def blob(
    name: str, role: PartRole = PartRole.CONTENT, kind: str = "image/jpeg", of: str | None = None
) -> ManifestBlob:
    digest = "0" * 64
    return ManifestBlob(blob=name, sha256=digest, size=9, media_type=kind, clear_sha256=digest, role=role, of=of)


def manifest(name: str, purpose: str = "wound-check", *blobs: ManifestBlob, **more: object) -> Manifest:
    given = {"submission": name, "device_id": DEVICE, "created_at": NOW, "purpose": purpose, "blobs": blobs}
    return Manifest.model_validate({**given, **more})


def item(name: str, hours_ago: float) -> InboxItem:
    row = BlobRow(blob="manifest0001", part="manifest", sha256="0" * 64, size=1200)
    at = NOW - timedelta(hours=hours_ago)
    return InboxItem(submission=name, device_id=DEVICE, received_at=at, blobs=(row,))


def test_urgent_first_then_unopened_then_what_is_due_and_answered_last() -> None:
    items = [item(name, hours) for name, hours in
             {"answered1": 2, "opened001": 9, "late00001": 30, "calm00001": 1, "urgent001": 0.5, "sealed001": 0.1,
              "urgent002": 3}.items()]  # fmt: skip
    manifests = {one.submission: manifest(one.submission, urgent="urgent" in one.submission) for one in items
                 if one.submission != "sealed001"}  # fmt: skip
    known = Known(manifests, answered=frozenset({"answered1"}), opened=frozenset({"opened001", "urgent002"}))
    rows = inbox_rows(items, known, {DEVICE: "Ann"}, NOW)
    order = [row.submission_id for row in rows]
    assert order == ["urgent001", "urgent002", "late00001", "sealed001", "calm00001", "opened001", "answered1"]
    by_name = {row.submission_id: row for row in rows}
    sealed = by_name["sealed001"]
    assert (sealed.purpose, sealed.holds, sealed.due, sealed.urgent) == ("", "Sealed, 1 KB", None, False)
    assert by_name["late00001"].due.text.startswith("An answer was due ")
    assert by_name["answered1"].due is None


def test_a_broken_manifest_is_told_and_an_unknown_person_has_a_name() -> None:
    (row,) = inbox_rows([item("broken001", 1)], Known(broken=frozenset({"broken001"})), {}, NOW)
    assert row.patient_name == "A patient"
    assert "damaged or altered" in row.told[0].text


def test_what_belongs_together_is_linked() -> None:
    first = manifest("first0001")
    original = blob("original1", PartRole.ORIGINAL, of="copy00001")
    later = {
        "added0001": manifest("added0001", amends="first0001"),
        "answer001": manifest("answer001", amends="first0001", answers="reply0001"),
        "origin001": manifest("origin001", "wound-check", original, amends="first0001"),
    }
    all_of_them = {"first0001": first, **later}
    items = [item(name, 1) for name in all_of_them]
    texts = [one.text for one in others_of("first0001", items, all_of_them)]
    assert sorted(texts) == ["Open the answer to your question", "Open the originals", "Open what was added later"]
    assert others_of("added0001", items, all_of_them)[0].submission_id == "first0001"
    assert others_of("added0001", [item("added0001", 1)], all_of_them) == (), "what was taken back is not linked"
    at = NOW - timedelta(days=1)
    assert told(later["added0001"], at, NOW)[0].text.startswith("Adds to what came ")
    assert told(later["answer001"], at, NOW)[0].text == "Answers your question."
    assert told(later["origin001"], None, NOW)[0].text == "Originals for what came before."
    assert told(first, None, NOW) == ()


def test_what_came_in_a_visit_tells_which_one() -> None:
    visit = VisitDetails(
        visit_id="visit0001", starts_at=NOW, minutes=20, reason="", patient_name="Ann", patient_device=DEVICE,
        provider_name="Dr Lee", provider_device="device0002",
    )  # fmt: skip
    photo = manifest("photo0001", visit_id="visit0001")
    (said,) = of_visit(photo, [visit], NOW + timedelta(minutes=9))
    assert said.text.startswith("From the visit of ")
    assert said.text.endswith(" today.")
    assert of_visit(manifest("photo0001"), [visit], NOW) == ()
    assert of_visit(manifest("photo0001", visit_id="visit0002"), [visit], NOW) == (), "not known here"
    another = visit.model_copy(update={"patient_device": "device0003"})
    assert of_visit(photo, [another], NOW) == (), "a patient's word alone puts nothing into another's visit"


@pytest.mark.parametrize(
    ("purpose", "urgent", "hours"),
    [("wound-check", False, 24), ("refill", False, 48), ("photo", False, 24), ("readings", True, 4)],
)
def test_when_an_answer_is_due(purpose: str, urgent: bool, hours: int) -> None:
    assert due_at(manifest("one000001", purpose, urgent=urgent), NOW) == NOW + timedelta(hours=hours)


def test_sentences() -> None:
    assert due_sentence(NOW, NOW + timedelta(minutes=1)).text.startswith("An answer was due ")
    kinds = [blob("aaaaaaa1"), blob("aaaaaaa2"), blob("aaaaaaa3", kind="video/mp4"), blob("aaaaaaa4", kind="x/y")]
    assert part_titles(kinds) == ("Photo 1", "Photo 2", "Clip", "File")
    words = blob("aaaaaaa5", PartRole.WORDS, "text/plain")
    assert holds_words(manifest("one000001", "refill", *kinds, words)) == "2 photos, 1 clip, 1 file, words"
    assert come_sentence(2, 2, 0, False) is None
    assert come_sentence(1, 2, 40_000, True).text.endswith("The connection is cut; it goes on by itself.")
    assert reply_state(None, None, NOW).text.startswith("At the clinic.")
    assert reply_state(NOW, None, NOW).text.startswith("Arrived at the patient's device, ")
    assert reply_state(NOW, NOW, NOW).text.startswith("Read by the patient, ")


def test_parts_come_words_first_and_what_is_looked_at_before_the_rest() -> None:
    words, small = (
        blob("words0001", PartRole.WORDS, "text/plain"),
        blob("small0001", PartRole.THUMBNAIL, of="copy0001"),
    )
    copy, bare, letters = blob("copy0001", PartRole.COPY), blob("bare00001"), blob("pdf000001", kind="application/pdf")
    whole = manifest("one000001", "refill", copy, bare, letters, small, words)
    stand, steps = Stand(wish="pdf000001"), []
    while (step := next_step(whole, stand)) is not None:
        steps.append(step)
        match step.do:
            case Do.FETCH:
                stand = replace(stand, here=stand.here | {step.blob.blob})
            case Do.MARK:
                stand = replace(stand, marked=True)
            case Do.SHOW:
                stand = replace(stand, wish=None)
            case _:
                stand = replace(stand, done=stand.done | {step.blob.blob})
    assert steps == [
        *(Step(do, words) for do in (Do.FETCH, Do.READ)),
        *(Step(do, small) for do in (Do.FETCH, Do.READ)),
        Step(Do.MARK),
        *(Step(do, letters) for do in (Do.FETCH, Do.SHOW)),
        Step(Do.FETCH, copy),
        *(Step(do, bare) for do in (Do.FETCH, Do.PREVIEW)),
        Step(Do.PREVIEW, letters),
    ]
    broken = Stand(broken=frozenset(one.blob for one in whole.blobs), marked=True, wish="pdf000001")
    assert next_step(whole, broken) is None, "what is broken keeps nothing from coming"


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"resourceType": "Bundle"}', b'{"resourceType": "X"}'])
def test_words_that_cannot_be_read_say_so(data: bytes) -> None:
    assert "cannot be read" in letter(data, "application/fhir+json", None, NOW).says.text
