from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.clinic.ids import new_id
from app.wire import MAX_JSON_BYTES
from app.wire.base import b64encode
from app.wire.errors import ErrorCode
from app.wire.signed import Context, sign, sign_bytes
from app.wire.trust import CareTeamList, CareTeamMember, Role
from tests.clinic.people import Device
from tests.clinic.service import RunningClinic

NEEDS_TOKEN = [
    ("DELETE", "/v1/root"),
    ("POST", "/v1/invitations"),
    ("GET", "/v1/devices"),
    ("GET", "/v1/devices/abcdefgh/record"),
    ("PUT", "/v1/devices/abcdefgh/record"),
    ("GET", "/v1/care-team"),
    ("PUT", "/v1/care-team"),
    ("GET", "/v1/visits"),
    ("POST", "/v1/visits"),
    ("DELETE", "/v1/visits/abcdefgh"),
    ("GET", "/v1/ice"),
    ("GET", "/v1/submissions"),
    ("GET", "/v1/inbox"),
    ("GET", "/v1/submissions/abcdefgh/blobs/abcdefgh"),
    ("POST", "/v1/submissions/abcdefgh/opened"),
    ("POST", "/v1/uploads"),
    ("HEAD", "/v1/uploads/abcdefgh"),
    ("PATCH", "/v1/uploads/abcdefgh"),
    ("DELETE", "/v1/uploads/abcdefgh"),
    ("GET", "/v1/uploads/abcdefgh/receipt"),
]


@pytest.mark.parametrize(("method", "path"), NEEDS_TOKEN)
def test_nothing_without_a_token(clinic: RunningClinic, method: str, path: str) -> None:
    for authorization in ("", "Bearer", "Bearer x", "Basic x", "Bearer " + "x" * 500):
        headers = {"Tus-Resumable": "1.0.0", "Authorization": authorization}
        answer = Device(clinic).request(method, path, headers=headers)
        assert answer.status_code == 401
        if method != "HEAD":
            assert answer.json()["code"] == ErrorCode.TOKEN_INVALID


def test_a_challenge_is_good_once(provider: Device) -> None:
    nonce = provider.challenge()
    first, second = provider.answer_challenge(nonce), provider.answer_challenge(nonce)
    assert first.status_code == 200
    assert 1 <= first.json()["expires_in"] <= 600
    assert (second.status_code, second.json()["code"]) == (401, ErrorCode.TOKEN_INVALID)


def test_a_wrong_signature_does_not_spend_the_challenge(provider: Device) -> None:
    nonce = provider.challenge()
    assert provider.answer_challenge(nonce, Ed25519PrivateKey.generate()).status_code == 401
    assert provider.answer_challenge(nonce).status_code == 200


def test_a_signature_made_for_something_else_is_none(provider: Device) -> None:
    nonce = provider.challenge()
    signature = sign_bytes(nonce, Context.SIGNAL, provider.key)
    body = {"device_id": provider.device_id, "nonce": b64encode(nonce), "signature": b64encode(signature)}
    assert provider.request("POST", "/v1/tokens", json=body).status_code == 401


def test_a_challenge_is_for_its_device(provider: Device, patient: Device) -> None:
    assert patient.answer_challenge(provider.challenge()).status_code == 401


def test_a_nonce_of_ones_own_is_none(provider: Device) -> None:
    assert provider.answer_challenge(b"n" * 56).status_code == 401


def test_an_unknown_device_is_answered_alike(clinic: RunningClinic, provider: Device) -> None:
    nobody = Device(clinic, device_id=new_id())
    nonce = nobody.challenge()
    assert len(nonce) == len(provider.challenge())
    answer = nobody.answer_challenge(nonce)
    assert (answer.status_code, answer.json()["code"]) == (401, ErrorCode.TOKEN_INVALID)


def test_old_tokens_make_room(own_provider: Device) -> None:
    oldest = own_provider.token
    for _ in range(16):
        own_provider.sign_in()
    assert own_provider.request("GET", "/v1/ice").status_code == 200
    own_provider.token = oldest
    assert own_provider.request("GET", "/v1/ice").status_code == 401


def test_every_answer_carries_the_header(clinic: RunningClinic, provider: Device) -> None:
    """Device.request asserts the header; here are the answers that no route makes."""
    for method, path, status in (
        ("GET", "/", 404),
        ("GET", "/docs", 404),
        ("GET", "/openapi.json", 404),
        ("GET", "/v1/clinic/", 404),
        ("PUT", "/v1/clinic", 405),
        ("GET", "/v1/events", 404),
        ("GET", "/v1/uploads/not an id", 405),
        ("GET", "/v1/devices/NOT-AN-ID/record", 400),
    ):
        answer = provider.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    broken = provider.request("POST", "/v1/challenges", content=b"{", headers={"Content-Type": "application/json"})
    assert (broken.status_code, broken.json()["code"]) == (400, ErrorCode.BAD_REQUEST)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_refused(clinic: RunningClinic, chunked: bool) -> None:
    body = b"[" + b" " * MAX_JSON_BYTES + b"]"
    content = iter([body[:1000], body[1000:]]) if chunked else body
    answer = Device(clinic).request("POST", "/v1/challenges", content=content)
    assert (answer.status_code, answer.json()["code"]) == (413, ErrorCode.TOO_LARGE)
    assert len(body) > MAX_JSON_BYTES


def test_a_device_taken_off_the_care_team_is_turned_away(own_provider: Device) -> None:
    """At once: what it signed in with is worth nothing either. New devices and patients sign in as before."""
    root = own_provider.root
    assert root is not None
    second, newcomer, patient = (own_provider.newcomer(role) for role in (Role.PROVIDER, Role.PROVIDER, Role.PATIENT))

    def team(version: int, *devices: Device) -> None:
        members = tuple(
            CareTeamMember(device_id=one.device_id, ed25519=one.public, age_recipient=one.recipient) for one in devices
        )
        signed = sign(
            CareTeamList(version=version, issued_at=datetime.now(UTC), members=members), Context.CARE_TEAM, root
        )
        assert own_provider.request("PUT", "/v1/care-team", signed).status_code == 204

    team(1, own_provider, second)
    second.sign_in()
    assert second.request("GET", "/v1/inbox").status_code == 200
    team(2, own_provider)
    assert second.request("GET", "/v1/inbox").status_code == 401
    refused = second.answer_challenge(second.challenge())
    assert (refused.status_code, refused.json()["code"]) == (401, ErrorCode.TOKEN_INVALID)
    assert "care team" in refused.json()["detail"]
    for device in (own_provider, newcomer, patient):
        device.sign_in()
    team(3, own_provider, second)
    second.sign_in()
