"""What may never stand on the service's disk or in its log, searched for there."""

from __future__ import annotations

import base64
import sqlite3
import ssl
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.wire.base import b64decode, b64encode
from app.wire.code import EnrolmentCode
from app.wire.signed import Context, verify
from app.wire.trust import ClinicDocument, ServiceStatement
from tests.clinic.people import Device
from tests.clinic.service import RunningClinic, start_clinic


def forms(secret: bytes) -> list[bytes]:
    """A secret as it might be written."""
    texts = [secret.hex(), b64encode(secret), base64.b64encode(secret).decode().rstrip("=")]
    return [secret, *(text.encode() for text in texts)]


def assert_not_there(haystack: bytes, secrets: list[bytes]) -> None:
    for secret in secrets:
        for form in forms(secret):
            assert form not in haystack


def code_secrets(text: str) -> list[bytes]:
    code = EnrolmentCode.parse(text)
    return [code.secret, code.token(), code.wrapping_key(), text.encode(), text.replace("-", "").encode()]


def test_neither_root_nor_codes_nor_tokens_are_on_the_disk(own_clinic: RunningClinic) -> None:
    code = EnrolmentCode.parse(own_clinic.code)
    provider = Device(own_clinic)
    answer = provider.request("POST", "/v1/enrolments", provider.enrolment(code))
    wrapped = b64decode(answer.json()["wrapped_root"])
    assert wrapped in own_clinic.bytes_on_disk()  # the search finds what is there
    provider.enrol(own_clinic.code)
    assert provider.root is not None
    seed = provider.root.private_bytes_raw()
    patient_code = provider.invite()
    patient = Device(own_clinic)
    patient.enrol(patient_code)
    secrets = [seed, *code_secrets(own_clinic.code), *code_secrets(patient_code)]
    secrets += [provider.token.encode(), patient.token.encode(), provider.key.private_bytes_raw()]
    assert_not_there(own_clinic.bytes_on_disk(), secrets)
    assert own_clinic.stop() == 0
    assert_not_there(own_clinic.bytes_on_disk() + "".join(own_clinic.log).encode(), secrets)


def test_the_wrapped_root_is_erased_without_a_trace(own_clinic: RunningClinic) -> None:
    code = EnrolmentCode.parse(own_clinic.code)
    provider = Device(own_clinic)
    answer = provider.request("POST", "/v1/enrolments", provider.enrolment(code))
    wrapped = b64decode(answer.json()["wrapped_root"])
    provider.enrol(own_clinic.code)
    patient = provider.newcomer()
    assert patient.request("DELETE", "/v1/root").status_code == 403
    assert wrapped in own_clinic.bytes_on_disk()
    for _ in range(2):
        assert provider.request("DELETE", "/v1/root").status_code == 204
        assert_not_there(own_clinic.bytes_on_disk(), [wrapped, wrapped[12:], wrapped[:12]])
    again = provider.request("POST", "/v1/enrolments", provider.enrolment(code))
    assert (again.status_code, again.json()["wrapped_root"]) == (200, None)
    own_clinic.kill()
    assert_not_there(own_clinic.bytes_on_disk(), [wrapped, wrapped[12:]])


def test_an_idle_reader_does_not_keep_the_trace(own_clinic: RunningClinic) -> None:
    """Another connection with an open snapshot: the device is told to ask again, and then it is gone."""
    provider = Device(own_clinic)
    answer = provider.request("POST", "/v1/enrolments", provider.enrolment(EnrolmentCode.parse(own_clinic.code)))
    wrapped = b64decode(answer.json()["wrapped_root"])
    provider.enrol(own_clinic.code)
    reader = sqlite3.connect(own_clinic.data / "clinic.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM devices").fetchone()
    busy = provider.request("DELETE", "/v1/root")
    reader.execute("COMMIT")
    reader.close()
    assert busy.status_code == 503
    assert provider.request("DELETE", "/v1/root").status_code == 204
    assert_not_there(own_clinic.bytes_on_disk(), [wrapped, wrapped[12:]])


def test_a_failure_inside_is_told_without_what_was_sent(own_clinic: RunningClinic, own_provider: Device) -> None:
    """A table is taken away under the running service."""
    with sqlite3.connect(own_clinic.data / "clinic.db") as other:
        other.execute("DROP TABLE participants")
    other.close()
    visit = own_provider.visit_with(own_provider.newcomer())
    for method, path, body in (("GET", "/v1/visits", None), ("POST", "/v1/visits", visit)):
        answer = own_provider.request(method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        assert answer.json()["detail"] == ""
    own_clinic.stop()
    log = "".join(own_clinic.log)
    assert "OperationalError" in log
    for secret in (own_provider.token, own_provider.device_id, visit.visit_id):
        assert secret not in log


def test_files_are_the_owners_alone(own_clinic: RunningClinic, own_provider: Device) -> None:
    del own_provider  # enrolled, so that the database is in use
    assert stat.S_IMODE(own_clinic.data.stat().st_mode) == 0o700
    for path in own_clinic.data.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_no_memory_image_is_left_by_a_crash(own_clinic: RunningClinic) -> None:
    with open(f"/proc/{own_clinic.process.pid}/limits") as limits:
        core = next(line for line in limits if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]


def test_tls_with_the_certificate_that_the_root_signed(tmp_path_factory: pytest.TempPathFactory) -> None:
    clinic = start_clinic(tmp_path_factory.mktemp("tls"), tls="self")
    try:
        assert clinic.url.startswith("https://127.0.0.1:")
        provider = Device(clinic)
        provider.enrol(clinic.code)
        assert isinstance(provider.root, Ed25519PrivateKey)
        assert provider.request("GET", "/v1/visits").status_code == 200
        assert clinic.tls is not None
        document = ClinicDocument.model_validate_json(provider.request("GET", "/v1/clinic").content)
        statement = verify(document.statement, Context.STATEMENT, document.root_key, ServiceStatement)
        pem = (clinic.data / "tls.crt").read_text()
        assert statement.tls_certificates == (ssl.PEM_cert_to_DER_cert(pem),)
    finally:
        assert clinic.stop() == 0
