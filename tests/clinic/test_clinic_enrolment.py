from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.clinic.database import Database
from app.clinic.enrolment import enrol
from app.clinic.problems import Refusal
from app.wire.code import EnrolmentCode, root_fingerprint
from app.wire.errors import ErrorCode
from app.wire.signed import Context, verify
from app.wire.trust import ClinicDocument, DeviceList, DeviceRecord, EnrolmentRequest, Role, ServiceStatement
from tests.clinic.people import Device
from tests.clinic.service import RunningClinic


def test_the_clinic_document_is_open_and_fits_the_code(clinic: RunningClinic, provider: Device) -> None:
    answer = Device(clinic).request("GET", "/v1/clinic")
    document = ClinicDocument.model_validate_json(answer.content)
    assert root_fingerprint(document.root_key) == EnrolmentCode.parse(clinic.code).fingerprint
    statement = verify(document.statement, Context.STATEMENT, document.root_key, ServiceStatement)
    assert len(statement.receipt_key) == 32
    assert provider.root is not None
    assert provider.root.public_key().public_bytes_raw() == document.root_key


def test_a_code_works_once_and_its_own_device_again(provider: Device) -> None:
    code = EnrolmentCode.parse(provider.invite())
    first = Device(provider.clinic)
    one = first.request("POST", "/v1/enrolments", first.enrolment(code))
    again = first.request("POST", "/v1/enrolments", first.enrolment(code))
    assert one.status_code == again.status_code == 200
    assert one.json() == again.json()
    assert (one.json()["role"], one.json()["wrapped_root"]) == ("patient", None)
    thief = Device(provider.clinic)
    answer = thief.request("POST", "/v1/enrolments", thief.enrolment(code))
    assert (answer.status_code, answer.json()["code"]) == (409, ErrorCode.CODE_USED)
    other_key = first.enrolment(code).model_copy(update={"age_recipient": thief.recipient})
    assert first.request("POST", "/v1/enrolments", other_key).status_code == 409


def test_an_unknown_code(clinic: RunningClinic) -> None:
    device = Device(clinic)
    code = EnrolmentCode.parse(clinic.code)
    unknown = EnrolmentCode(code.kind, secrets.token_bytes(16), code.fingerprint)
    answer = device.request("POST", "/v1/enrolments", device.enrolment(unknown))
    assert (answer.status_code, answer.json()["code"]) == (403, ErrorCode.CODE_UNKNOWN)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "change", [{"ed25519": "AAAA"}, {"age_recipient": "age1x"}, {"token": "AA"}, {"binding": "AA"}, {"more": 1}]
)
def test_a_malformed_enrolment(provider: Device, change: dict[str, object]) -> None:
    device = Device(provider.clinic)
    body = device.enrolment(EnrolmentCode.parse(provider.invite())).model_dump(mode="json")
    answer = device.request("POST", "/v1/enrolments", json={**body, **change})
    assert (answer.status_code, answer.json()["code"]) == (400, ErrorCode.BAD_REQUEST)
    if "token" in change:
        assert str(change["token"]) not in answer.text


def test_an_expired_code(provider: Device) -> None:
    """The same function the route calls, on the service's own database, eight days on."""
    code = EnrolmentCode.parse(provider.invite(days=1))
    device = Device(provider.clinic)
    database = Database(f"sqlite:///{provider.clinic.data / 'clinic.db'}")
    try:
        later = datetime.now(UTC) + timedelta(days=8)
        with pytest.raises(Refusal) as caught:
            enrol(database, device.enrolment(code), later)
        assert (caught.value.code, caught.value.status) == (ErrorCode.CODE_EXPIRED, 410)
    finally:
        database.close()
    device.enrol(str(code))


def test_an_invitation_that_has_expired_already_is_refused(provider: Device) -> None:
    with pytest.raises(AssertionError, match="expired"):
        provider.invite(days=-1)


def test_wrong_codes_are_stopped_after_a_few(own_clinic: RunningClinic) -> None:
    device = Device(own_clinic)
    code = EnrolmentCode.parse(own_clinic.code)
    request = device.enrolment(code)
    for _ in range(10):
        wrong = EnrolmentRequest(**{**dict(request), "token": secrets.token_bytes(32)})
        assert device.request("POST", "/v1/enrolments", wrong).status_code == 403
    answer = device.request("POST", "/v1/enrolments", wrong)
    assert (answer.status_code, answer.json()["code"]) == (429, ErrorCode.TOO_MANY_TRIES)
    assert 0 < int(answer.headers["retry-after"]) <= 600
    assert device.request("POST", "/v1/enrolments", request).status_code == 429


def test_only_providers_invite_and_see_devices(provider: Device, patient: Device) -> None:
    for method, path in (("POST", "/v1/invitations"), ("GET", "/v1/devices")):
        assert patient.request(method, path, json={}).status_code == 403
    rows = DeviceList.model_validate_json(provider.request("GET", "/v1/devices").content).devices
    mine = next(row for row in rows if row.device_id == patient.device_id)
    assert (mine.role, mine.ed25519, mine.sealed_label) == (Role.PATIENT, patient.public, b"sealed")


def test_a_record_has_to_be_the_roots_and_of_these_keys(provider: Device, patient: Device) -> None:
    path = f"/v1/devices/{patient.device_id}/record"
    stranger = Device(provider.clinic, root=Ed25519PrivateKey.generate())
    wrong = [
        stranger.record_of(patient),
        provider.record_of(patient, role=Role.PROVIDER),
        provider.record_of(patient, ed25519=provider.public),
        provider.record_of(provider),
        provider.team(1),
    ]
    for signed in wrong:
        answer = provider.request("PUT", path, signed)
        assert (answer.status_code, answer.json()["code"]) == (400, ErrorCode.SIGNATURE_INVALID)
    assert provider.request("GET", path).status_code == 404
    signed = provider.record_of(patient)
    assert patient.request("PUT", path, signed).status_code == 403
    for _ in range(2):
        assert provider.request("PUT", path, signed).status_code == 204
    got = patient.request("GET", path).json()
    assert got == signed.model_dump(mode="json")
    verify(type(signed).model_validate(got), Context.DEVICE_RECORD, patient_root(provider), DeviceRecord)


def patient_root(provider: Device) -> bytes:
    assert provider.root is not None
    return provider.root.public_key().public_bytes_raw()


def test_a_record_is_shown_to_those_who_share_a_visit(provider: Device) -> None:
    one, other, third = (provider.newcomer() for _ in range(3))
    path = f"/v1/devices/{one.device_id}/record"
    assert provider.request("PUT", path, provider.record_of(one)).status_code == 204
    assert other.request("GET", path).status_code == 404
    provider.add_visit(one, other)
    assert other.request("GET", path).status_code == 200
    assert third.request("GET", path).status_code == 404


def test_the_care_team_list_counts_up(own_provider: Device) -> None:
    provider = own_provider
    assert provider.request("GET", "/v1/care-team").status_code == 404
    assert provider.request("PUT", "/v1/care-team", provider.team(2)).status_code == 409
    forged = provider.team(1, key=provider.key)
    assert provider.request("PUT", "/v1/care-team", forged).json()["code"] == ErrorCode.SIGNATURE_INVALID
    first = provider.team(1)
    for _ in range(2):
        assert provider.request("PUT", "/v1/care-team", first).status_code == 204
    stale = provider.request("PUT", "/v1/care-team", provider.team(1))
    assert (stale.status_code, stale.json()["code"]) == (409, ErrorCode.STALE_VERSION)
    second = provider.team(2)
    assert provider.request("PUT", "/v1/care-team", second).status_code == 204
    assert provider.request("PUT", "/v1/care-team", first).status_code == 409
    patient = provider.newcomer()
    assert patient.request("GET", "/v1/care-team").json() == second.model_dump(mode="json")
    assert patient.request("PUT", "/v1/care-team", provider.team(3)).status_code == 403
