"""tus 1.0, receipts and the inbox, on the real service."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from app.clinic.ids import new_id
from app.wire.errors import ErrorCode
from app.wire.intake import Inbox, Opened, OpenedBy, Receipt, SubmissionRows
from app.wire.signed import Context, Signed, sign, verify
from app.wire.trust import ClinicDocument, Role, ServiceStatement
from tests.clinic.people import Device, create, deliver, new_blob, offset_of, patch, tus

OCTETS = "application/offset+octet-stream"


def code_of(answer: object) -> str:
    return str(answer.json()["code"])  # type: ignore[attr-defined]


def receipt_of(device: Device, path: str) -> Receipt:
    document = ClinicDocument.model_validate_json(device.request("GET", "/v1/clinic").content)
    statement = verify(document.statement, Context.STATEMENT, document.root_key, ServiceStatement)
    signed = Signed.model_validate_json(device.request("GET", f"{path}/receipt").content)
    return verify(signed, Context.RECEIPT, statement.receipt_key, Receipt)


def test_what_the_service_can(patient: Device) -> None:
    answer = patient.request("OPTIONS", "/v1/uploads")
    assert answer.status_code == 204
    wanted = {"tus-version": "1.0.0", "tus-resumable": "1.0.0", "tus-max-size": str(512 * 1024 * 1024)}
    assert wanted.items() <= dict(answer.headers).items()
    assert set(answer.headers["tus-extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "expiration",
        "termination",
    }


def test_an_upload_in_two_pieces_and_its_receipt(patient: Device) -> None:
    blob = new_blob(300_000)
    path = create(patient, blob)
    assert offset_of(patient, path) == 0
    assert patient.request("GET", f"{path}/receipt").status_code == 404
    first = patch(patient, path, 0, blob.content[:123_456])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "123456")
    assert first.headers["tus-resumable"] == "1.0.0"
    head = patient.request("HEAD", path, headers=tus({}))
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("123456", "300000")
    assert head.headers["cache-control"] == "no-store"
    last = patch(patient, path, 123_456, blob.content[123_456:])
    assert (last.status_code, last.headers["upload-offset"]) == (204, "300000")
    receipt = receipt_of(patient, path)
    assert (receipt.submission, receipt.blob, receipt.size) == (blob.submission, blob.blob, 300_000)
    assert receipt.device_id == patient.device_id
    assert receipt.sha256 == hashlib.sha256(blob.content).hexdigest()


def test_the_same_creation_again_finds_the_same_upload(patient: Device) -> None:
    blob = new_blob(1000)
    path = create(patient, blob)
    patch(patient, path, 0, blob.content[:400])
    again = patient.request("POST", "/v1/uploads", headers=blob.creation())
    assert (again.status_code, again.headers["location"], again.headers["upload-offset"]) == (200, path, "400")
    for headers in (blob.creation(sha256="0" * 64), {**blob.creation(), "Upload-Length": "999"}):
        assert patient.request("POST", "/v1/uploads", headers=headers).status_code == 409
    patch(patient, path, 400, blob.content[400:])
    done = patient.request("POST", "/v1/uploads", headers=blob.creation())
    assert (done.status_code, done.headers["upload-offset"]) == (200, "1000")
    repeated = patch(patient, path, 1000, b"")
    assert (repeated.status_code, repeated.headers["upload-offset"]) == (204, "1000")


def test_creation_with_upload(patient: Device) -> None:
    blob = new_blob(5000)
    headers = {**blob.creation(), "Content-Type": OCTETS}
    answer = patient.request("POST", "/v1/uploads", headers=headers, content=blob.content)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "5000")
    assert receipt_of(patient, answer.headers["location"]).size == 5000


def test_an_empty_blob_is_complete_at_once(patient: Device) -> None:
    path = create(patient, new_blob(0))
    assert receipt_of(patient, path).size == 0


def test_patch_by_method_override(patient: Device) -> None:
    blob = new_blob(10)
    path = create(patient, blob)
    headers = tus({"Upload-Offset": "0", "Content-Type": OCTETS, "X-HTTP-Method-Override": "PATCH"})
    assert patient.request("POST", path, headers=headers, content=blob.content).status_code == 204
    assert receipt_of(patient, path).size == 10


def test_wrong_requests(patient: Device) -> None:
    blob = new_blob(1000)
    path = create(patient, blob)
    good = {"Upload-Offset": "0", "Content-Type": OCTETS}
    for headers, status in (
        (good, 412),
        ({**good, "Tus-Resumable": "0.2.2"}, 412),
        (tus({**good, "Content-Type": "application/json"}), 415),
        (tus({"Content-Type": OCTETS}), 400),
        (tus({**good, "Upload-Offset": "-1"}), 400),
        (tus({**good, "Upload-Offset": "1"}), 409),
    ):
        answer = patient.request("PATCH", path, headers=headers, content=blob.content)
        assert answer.status_code == status
        assert answer.headers["tus-resumable"] == "1.0.0"
    wrong_offset = patch(patient, path, 1, b"x")
    assert (code_of(wrong_offset), wrong_offset.headers["upload-offset"]) == (ErrorCode.OFFSET_MISMATCH, "0")
    assert offset_of(patient, path) == 0
    for length in ("", "x", "-5", str(512 * 1024 * 1024 + 1)):
        headers = {**new_blob(1).creation(), "Upload-Length": length}
        assert patient.request("POST", "/v1/uploads", headers=headers).status_code in (400, 413)


@pytest.mark.parametrize("chunked", [False, True])
def test_bytes_beyond_the_length_are_refused(patient: Device, chunked: bool) -> None:
    blob = new_blob(1000)
    path = create(patient, blob)
    pieces = [blob.content, b"more"]
    headers = tus({"Upload-Offset": "0", "Content-Type": OCTETS})
    content = iter(pieces) if chunked else b"".join(pieces)
    answer = patient.request("PATCH", path, headers=headers, content=content)
    assert (answer.status_code, code_of(answer)) == (413, ErrorCode.TOO_LARGE)
    offset = offset_of(patient, path)
    assert patch(patient, path, offset, blob.content[offset:]).status_code == 204
    assert receipt_of(patient, path).size == 1000


def test_a_wrong_hash_begins_anew(patient: Device) -> None:
    blob = new_blob(2000)
    path = create(patient, blob)
    bent = bytes([blob.content[0] ^ 1]) + blob.content[1:]
    answer = patch(patient, path, 0, bent)
    assert (answer.status_code, code_of(answer)) == (422, ErrorCode.HASH_MISMATCH)
    assert patient.request("GET", f"{path}/receipt").status_code == 404
    assert offset_of(patient, path) == 0
    assert patch(patient, path, 0, blob.content).status_code == 204
    assert receipt_of(patient, path).size == 2000


def test_another_device_sees_nothing_of_it(provider: Device, patient: Device) -> None:
    blob = new_blob(1000)
    path = create(patient, blob)
    other = provider.newcomer()
    assert other.request("HEAD", path, headers=tus({})).status_code == 404
    assert patch(other, path, 0, blob.content).status_code == 404
    assert other.request("DELETE", path, headers=tus({})).status_code == 404
    assert other.request("GET", f"{path}/receipt").status_code == 404
    assert other.request("POST", "/v1/uploads", headers=blob.creation()).status_code == 404
    deliver(patient, [blob])
    assert other.request("GET", f"/v1/submissions/{blob.submission}/blobs/{blob.blob}").status_code == 404


def test_termination(patient: Device) -> None:
    blob = new_blob(1000)
    path = create(patient, blob)
    patch(patient, path, 0, blob.content[:500])
    assert patient.request("DELETE", path, headers=tus({})).status_code == 204
    assert patient.request("HEAD", path, headers=tus({})).status_code == 404
    assert not (patient.clinic.data / "blobs" / path.rsplit("/", 1)[1]).exists()
    new_path = create(patient, blob)
    assert new_path != path
    patch(patient, new_path, 0, blob.content)
    assert patient.request("DELETE", new_path, headers=tus({})).status_code == 403
    assert receipt_of(patient, new_path).size == 1000


def test_a_submission_is_complete_with_all_its_blobs(provider: Device, patient: Device) -> None:
    manifest = new_blob(500, count=3)
    photos = [new_blob(700 + n, "blob", 3, manifest.submission) for n in range(2)]

    def state() -> bool:
        rows = SubmissionRows.model_validate_json(patient.request("GET", "/v1/submissions").content).submissions
        return next(row.complete for row in rows if row.submission == manifest.submission)

    deliver(patient, photos)
    assert not state()
    for wrong in (
        new_blob(1, "blob", 3, manifest.submission),
        new_blob(1, "manifest", 2, manifest.submission),
    ):
        assert patient.request("POST", "/v1/uploads", headers=wrong.creation()).status_code == 409
    assert manifest.submission not in {item.submission for item in inbox(provider).items}
    deliver(patient, [manifest])
    assert state()
    item = inbox(provider).items[0]
    assert (item.submission, item.device_id, item.opened) == (manifest.submission, patient.device_id, None)
    assert {(row.blob, row.part, row.size) for row in item.blobs} == {
        (one.blob, one.part, len(one.content)) for one in (manifest, *photos)
    }
    extra = new_blob(1, "blob", 3, manifest.submission)
    assert patient.request("POST", "/v1/uploads", headers=extra.creation()).status_code == 409
    assert patient.request("GET", "/v1/inbox").status_code == 403


def inbox(provider: Device) -> Inbox:
    return Inbox.model_validate_json(provider.request("GET", "/v1/inbox").content)


def test_blobs_come_whole_and_in_ranges(provider: Device, patient: Device) -> None:
    blob = new_blob(600_000)
    path = f"/v1/submissions/{blob.submission}/blobs/{blob.blob}"
    upload = create(patient, blob)
    assert provider.request("GET", path).status_code == 404
    patch(patient, upload, 0, blob.content)
    for device in (provider, patient):
        whole = device.request("GET", path)
        assert (whole.status_code, whole.headers["content-length"]) == (200, "600000")
        assert whole.content == blob.content
    part = provider.request("GET", path, headers={"Range": "bytes=1000-299999"})
    assert (part.status_code, part.headers["content-range"]) == (206, "bytes 1000-299999/600000")
    assert part.content == blob.content[1000:300_000]
    beyond = provider.request("GET", path, headers={"Range": "bytes=600000-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */600000")


def opened(signer: Device, submission: str, **changes: str) -> OpenedBy:
    word = Opened(submission=submission, device_id=signer.device_id, opened_at=datetime.now(UTC))
    signed = sign(word.model_copy(update=changes), Context.OPENED, signer.key)
    return OpenedBy(signer=signer.device_id, opened=signed)


def test_the_first_word_that_it_was_opened_stays(provider: Device, patient: Device) -> None:
    blob = new_blob(100)
    path = f"/v1/submissions/{blob.submission}/opened"
    assert provider.request("POST", path, opened(provider, blob.submission)).status_code == 404
    deliver(patient, [blob])
    colleague = provider.newcomer(Role.PROVIDER)
    for wrong in (
        opened(provider, new_id()),
        opened(patient, blob.submission),
        opened(provider, blob.submission, device_id=colleague.device_id),
        opened(provider, blob.submission).model_copy(update={"signer": colleague.device_id}),
        opened(provider, blob.submission).model_copy(update={"signer": new_id()}),
    ):
        answer = provider.request("POST", path, wrong)
        assert (answer.status_code, code_of(answer)) == (400, ErrorCode.SIGNATURE_INVALID)
    first = opened(provider, blob.submission)
    assert patient.request("POST", path, first).status_code == 403
    assert provider.request("POST", path, first).status_code == 204
    assert colleague.request("POST", path, opened(colleague, blob.submission)).status_code == 204
    rows = SubmissionRows.model_validate_json(patient.request("GET", "/v1/submissions").content).submissions
    assert next(row.opened for row in rows if row.submission == blob.submission) == first
    assert next(item.opened for item in inbox(provider).items if item.submission == blob.submission) == first
