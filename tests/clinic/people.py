"""Devices with real keys that talk to the real service: a provider with the root key, patients by invitation."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from app.clinic.ids import new_id
from app.wire.base import b64decode
from app.wire.code import CodeKind, EnrolmentCode, token_hash
from app.wire.signed import Context, sign, sign_bytes
from app.wire.trust import CareTeamList, CareTeamMember, DeviceRecord, EnrolmentRequest, Invitation, Role
from app.wire.visits import Visit
from tests.clinic.service import RunningClinic

PROTOCOL = ("thinline-protocol", "1")


@dataclass
class Device:
    clinic: RunningClinic
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    recipient: str = field(default_factory=lambda: str(pyrage.x25519.Identity.generate().to_public()))
    device_id: str = ""
    role: Role = Role.PATIENT
    token: str = ""
    root: Ed25519PrivateKey | None = None

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    def request(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """One request with the device's token; every answer has to carry the protocol's header."""
        headers = dict(more.pop("headers", {}))
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None:
            more["content"] = body.model_dump_json()
            headers["Content-Type"] = "application/json"
        with httpx.Client(base_url=self.clinic.url, verify=self.clinic.tls or False, timeout=20) as client:
            answer = client.request(method, path, headers=headers, **more)
        assert answer.headers.get(PROTOCOL[0]) == PROTOCOL[1]
        return answer

    def enrolment(self, code: EnrolmentCode) -> EnrolmentRequest:
        return EnrolmentRequest(
            token=code.token(),
            ed25519=self.public,
            age_recipient=self.recipient,
            binding=code.binding(self.public, self.recipient),
        )

    def enrol(self, code_text: str) -> None:
        code = EnrolmentCode.parse(code_text)
        answer = self.request("POST", "/v1/enrolments", self.enrolment(code))
        assert answer.status_code == 200, answer.text
        result = answer.json()
        self.device_id, self.role = result["device_id"], Role(result["role"])
        if result["wrapped_root"] is not None:
            wrapped = b64decode(result["wrapped_root"])
            cipher = ChaCha20Poly1305(code.wrapping_key())
            seed = cipher.decrypt(wrapped[:12], wrapped[12:], b"thinline/1 root")
            self.root = Ed25519PrivateKey.from_private_bytes(seed)
        self.sign_in()

    def challenge(self) -> bytes:
        answer = self.request("POST", "/v1/challenges", json={"device_id": self.device_id})
        return b64decode(answer.json()["nonce"])

    def answer_challenge(self, nonce: bytes, key: Ed25519PrivateKey | None = None) -> httpx.Response:
        signature = sign_bytes(nonce, Context.TOKEN, key or self.key)
        body = {"device_id": self.device_id, "nonce": _b64(nonce), "signature": _b64(signature)}
        return self.request("POST", "/v1/tokens", json=body)

    def sign_in(self) -> None:
        answer = self.answer_challenge(self.challenge())
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["token"]

    # What a provider does

    def invite(self, role: Role = Role.PATIENT, days: float = 1) -> str:
        """A new code for somebody else."""
        assert self.root is not None
        kind = CodeKind.PATIENT if role is Role.PATIENT else CodeKind.PROVIDER
        code = EnrolmentCode.new(kind, self.root.public_key().public_bytes_raw())
        invitation = Invitation(
            token_hash=token_hash(code.token()),
            role=role,
            sealed_label=b"sealed",
            expires_at=datetime.now(UTC) + timedelta(days=days),
        )
        answer = self.request("POST", "/v1/invitations", invitation)
        assert answer.status_code == 200, answer.text
        return str(code)

    def newcomer(self, role: Role = Role.PATIENT) -> Device:
        """Another device, invited by this one and enrolled."""
        device = Device(self.clinic)
        device.enrol(self.invite(role))
        return device

    def record_of(self, other: Device, **changes: Any) -> Any:
        assert self.root is not None
        record = DeviceRecord(
            device_id=other.device_id, role=other.role, ed25519=other.public, age_recipient=other.recipient
        )
        return sign(record.model_copy(update=changes), Context.DEVICE_RECORD, self.root)

    def team(self, version: int, key: Ed25519PrivateKey | None = None) -> Any:
        member = CareTeamMember(device_id=self.device_id, ed25519=self.public, age_recipient=self.recipient)
        team = CareTeamList(version=version, issued_at=datetime.now(UTC), members=(member,))
        signer = key or self.root
        assert signer is not None
        return sign(team, Context.CARE_TEAM, signer)

    def visit_with(self, *others: Device, starts_in: timedelta = timedelta(0), minutes: int = 30) -> Visit:
        return Visit(
            visit_id=new_id(),
            starts_at=datetime.now(UTC) + starts_in,
            minutes=minutes,
            participants=(self.device_id, *(other.device_id for other in others)),
            sealed=b"sealed to the participants",
        )

    def add_visit(self, *others: Device) -> str:
        visit = self.visit_with(*others)
        assert self.request("POST", "/v1/visits", visit).status_code == 204
        return visit.visit_id


@dataclass(frozen=True)
class Blob:
    """A sealed blob to upload, and its declaration."""

    content: bytes
    submission: str
    part: str = "manifest"
    count: int = 1
    blob: str = field(default_factory=new_id)

    def metadata(self, **changes: str) -> str:
        keys = {
            "submission": self.submission,
            "blob": self.blob,
            "part": self.part,
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "count": str(self.count),
        }
        return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in {**keys, **changes}.items())

    def creation(self, **changes: str) -> dict[str, str]:
        return tus({"Upload-Length": str(len(self.content)), "Upload-Metadata": self.metadata(**changes)})


def new_blob(size: int, part: str = "manifest", count: int = 1, submission: str | None = None) -> Blob:
    return Blob(secrets.token_bytes(size), submission or new_id(), part, count)


def tus(headers: dict[str, str]) -> dict[str, str]:
    return {"Tus-Resumable": "1.0.0", **headers}


def create(device: Device, blob: Blob) -> str:
    """The upload's path."""
    answer = device.request("POST", "/v1/uploads", headers=blob.creation())
    assert answer.status_code in (200, 201), answer.text
    return answer.headers["Location"]


def patch(device: Device, path: str, offset: int, data: bytes) -> httpx.Response:
    headers = tus({"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"})
    return device.request("PATCH", path, headers=headers, content=data)


def offset_of(device: Device, path: str) -> int:
    answer = device.request("HEAD", path, headers=tus({}))
    assert answer.status_code == 200
    return int(answer.headers["Upload-Offset"])


def deliver(device: Device, blobs: Sequence[Blob]) -> None:
    """Uploads whole blobs."""
    for blob in blobs:
        path = create(device, blob)
        assert patch(device, path, 0, blob.content).status_code == 204


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
