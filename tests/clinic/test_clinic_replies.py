"""Replies and their receipts, and the signed forms, on the real service."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.clinic.ids import new_id
from app.wire.errors import ErrorCode
from app.wire.forms import MAX_FORM_BYTES, FormEntry, FormSet
from app.wire.replies import MAX_SEALED_REPLY_BYTES, Reply, ReplyReceipt, ReplyReceiptBy, ReplyRow, ReplyRows
from app.wire.signed import Context, Signed, sign, verify
from app.wire.trust import Role
from tests.clinic.people import Device, create, deliver, new_blob
from tests.clinic.service import RunningClinic
from tests.clinic.test_clinic_withdrawals import code, withdraw

FHIR = "application/fhir+json"


def delivered(patient: Device) -> str:
    blob = new_blob(100)
    deliver(patient, [blob])
    return blob.submission


def a_reply(to: Device, submission: str, size: int = 300, name: str = "") -> Reply:
    return Reply(reply=name or new_id(), submission=submission, to=to.device_id, sealed=secrets.token_bytes(size))


def put(provider: Device, reply: Reply) -> httpx.Response:
    return provider.request("PUT", f"/v1/replies/{reply.reply}", reply)


def rows(device: Device, after: int = 0) -> ReplyRows:
    answer = device.request("GET", f"/v1/replies?after={after}")
    assert answer.status_code == 200
    return ReplyRows.model_validate_json(answer.content)


def every_row(device: Device) -> list[ReplyRow]:
    found: list[ReplyRow] = []
    while True:
        page = rows(device, found[-1].number if found else 0)
        found += page.replies
        if not page.more:
            return found


def receipt(device: Device, of: Reply, *, read: bool = False, **changes: Any) -> ReplyReceiptBy:
    said = ReplyReceipt(
        reply=of.reply,
        device_id=device.device_id,
        sha256=hashlib.sha256(of.sealed).hexdigest(),
        at=datetime.now(UTC),
        read=read,
    )
    signed = sign(said.model_copy(update=changes), Context.REPLY_RECEIPT, device.key)
    return ReplyReceiptBy(signer=device.device_id, receipt=signed)


def test_a_reply_goes_to_its_device_and_to_providers_alone(provider: Device) -> None:
    patient, other = provider.newcomer(), provider.newcomer()
    reply = a_reply(patient, delivered(patient))
    for _ in range(2):  # the same again is answered alike, and is there once
        assert put(provider, reply).status_code == 204
    (row,) = rows(patient).replies
    assert (row.reply, row.submission, row.to) == (reply.reply, reply.submission, patient.device_id)
    assert (row.sealed, row.receipt) == (reply.sealed, None)
    assert rows(other).replies == ()
    assert [one for one in every_row(provider) if one.reply == reply.reply] == [row]
    assert rows(patient, row.number).replies == ()
    assert put(patient, reply).status_code == 403


def test_what_does_not_fit_is_no_reply(provider: Device) -> None:
    patient, other = provider.newcomer(), provider.newcomer()
    submission = delivered(patient)
    reply = a_reply(patient, submission)
    assert put(provider, reply).status_code == 204
    assert put(provider, a_reply(patient, submission, name=reply.reply)).status_code == 409
    assert put(provider, a_reply(other, submission)).status_code == 404
    assert put(provider, a_reply(patient, new_id())).status_code == 404
    assert provider.request("PUT", f"/v1/replies/{new_id()}", reply).status_code == 400
    long = a_reply(patient, submission).model_copy(update={"sealed": bytes(MAX_SEALED_REPLY_BYTES + 1)})
    assert put(provider, long).status_code == 400
    half = new_blob(10, count=2)
    create(patient, half)
    assert put(provider, a_reply(patient, half.submission)).status_code == 404
    assert [one.reply for one in rows(patient).replies] == [reply.reply]


def test_a_withdrawn_submission_gets_no_reply_and_an_answered_one_is_not_withdrawn(provider: Device) -> None:
    patient = provider.newcomer()
    gone, kept = delivered(patient), delivered(patient)
    assert withdraw(patient, gone).status_code == 204
    assert code(put(provider, a_reply(patient, gone))) == (410, ErrorCode.WITHDRAWN)
    assert put(provider, a_reply(patient, kept)).status_code == 204
    assert code(withdraw(patient, kept)) == (409, ErrorCode.ALREADY_OPENED)


def test_receipts_go_from_come_to_read_and_never_back(provider: Device) -> None:
    patient, other = provider.newcomer(), provider.newcomer()
    reply = a_reply(patient, delivered(patient))
    put(provider, reply)
    path = f"/v1/replies/{reply.reply}/receipt"
    for wrong in (
        receipt(other, reply),
        receipt(patient, reply, sha256="0" * 64),
        receipt(patient, reply, reply=new_id()),
        receipt(patient, reply, device_id=other.device_id),
        receipt(patient, reply).model_copy(update={"signer": other.device_id}),
    ):
        assert code(patient.request("POST", path, wrong)) == (400, ErrorCode.SIGNATURE_INVALID)
    assert other.request("POST", path, receipt(other, reply)).status_code == 404
    assert provider.request("POST", path, receipt(patient, reply)).status_code == 404
    come, read = receipt(patient, reply), receipt(patient, reply, read=True)
    for word, kept in ((come, come), (come, come), (read, read), (come, read), (read, read)):
        assert patient.request("POST", path, word).status_code == 204
        (row,) = [one for one in every_row(provider) if one.reply == reply.reply]
        assert row.receipt == kept
    assert verify(read.receipt, Context.REPLY_RECEIPT, patient.public, ReplyReceipt).read


def test_pages_of_replies_stay_small(own_clinic: RunningClinic, own_provider: Device) -> None:
    patient = own_provider.newcomer()
    submission = delivered(patient)
    sent = [a_reply(patient, submission, MAX_SEALED_REPLY_BYTES) for _ in range(30)]
    for reply in sent:
        assert put(own_provider, reply).status_code == 204
    answer = patient.request("GET", "/v1/replies")
    assert len(answer.content) < 4 * 1024 * 1024
    assert ReplyRows.model_validate_json(answer.content).more
    found = every_row(patient)
    assert [one.reply for one in found] == [one.reply for one in sent]
    assert [one.number for one in found] == list(range(1, 31))
    own_clinic.kill()
    own_clinic.start()
    assert every_row(patient) == found


def definition(size: int = 0) -> bytes:
    body = {"resourceType": "Questionnaire", "status": "active", "title": "x" * size, "id": new_id()}
    return json.dumps(body).encode()


def put_form(device: Device, body: bytes, name: str = "", media_type: str = FHIR) -> httpx.Response:
    path = f"/v1/forms/{name or hashlib.sha256(body).hexdigest()}"
    return device.request("PUT", path, headers={"Content-Type": media_type}, content=body)


def form_set(provider: Device, version: int, *bodies: bytes, **changes: Any) -> Signed:
    assert provider.root is not None
    entries = tuple(
        FormEntry(url="urn:x", title="x", sha256=hashlib.sha256(body).hexdigest(), size=len(body)) for body in bodies
    )
    said = FormSet(version=version, issued_at=datetime.now(UTC), forms=entries)
    return sign(said, Context.FORMS, changes.get("key", provider.root))


def test_forms_go_up_by_one_signed_by_the_root(own_provider: Device) -> None:
    provider, patient = own_provider, own_provider.newcomer()
    first, second = definition(), definition(MAX_FORM_BYTES - 200)
    assert patient.request("GET", "/v1/forms").status_code == 404
    missing = form_set(provider, 1, first, second)
    assert provider.request("PUT", "/v1/forms", missing).status_code == 409
    for body in (first, second, second):
        assert put_form(provider, body).status_code == 204
    assert provider.request("PUT", "/v1/forms", form_set(provider, 1, first, key=provider.key)).status_code == 400
    assert patient.request("PUT", "/v1/forms", missing).status_code == 403
    for _ in range(2):
        assert provider.request("PUT", "/v1/forms", missing).status_code == 204
    for version in (1, 3):
        answer = provider.request("PUT", "/v1/forms", form_set(provider, version, first))
        assert code(answer) == (409, ErrorCode.STALE_VERSION)
    assert provider.request("PUT", "/v1/forms", form_set(provider, 2, first)).status_code == 204
    kept = Signed.model_validate_json(patient.request("GET", "/v1/forms").content)
    assert provider.root is not None
    assert verify(kept, Context.FORMS, provider.root.public_key().public_bytes_raw(), FormSet).version == 2
    for body in (first, second):
        answer = patient.request("GET", f"/v1/forms/{hashlib.sha256(body).hexdigest()}")
        assert (answer.content, answer.headers["content-type"]) == (body, FHIR)


def test_definitions_are_checked_and_bounded(own_provider: Device) -> None:
    colleague = own_provider.newcomer(Role.PROVIDER)
    body = definition()
    assert code(put_form(colleague, body, "0" * 64)) == (422, ErrorCode.HASH_MISMATCH)
    assert put_form(colleague, body, media_type="application/json").status_code == 415
    assert code(put_form(colleague, definition(MAX_FORM_BYTES))) == (413, ErrorCode.TOO_LARGE)
    assert put_form(own_provider.newcomer(), body).status_code == 403
    assert put_form(colleague, body, "x").status_code == 400


@pytest.mark.parametrize("path", ["/v1/replies?after=-1", "/v1/replies?after=x", f"/v1/replies?after={2**40}"])
def test_wrong_numbers_are_refused(provider: Device, path: str) -> None:
    assert provider.request("GET", path).status_code == 400
