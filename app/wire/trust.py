"""Who is trusted, and by whose word. One root key signs it all; it lives on the first provider's device."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from pydantic import Field

from app.wire.base import AgeRecipient, Bytes64, Id, UtcTime, WireModel
from app.wire.signed import Signed


class Role(StrEnum):
    PATIENT = "patient"
    PROVIDER = "provider"


def device_id_of(ed25519: bytes, age_recipient: str) -> str:
    """A device's id: 40 hex digits of SHA-256 over its public keys, so that nobody can give it to other keys."""
    return hashlib.sha256(b"thinline/1 device\0" + ed25519 + age_recipient.encode()).hexdigest()[:40]


class ServiceStatement(WireModel):
    """Signed by the root (Context.STATEMENT): what a device may believe of the service.

    `tls_certificates` are DER certificates to trust for TLS; empty means the public authorities.
    """

    receipt_key: Bytes64
    tls_certificates: tuple[Bytes64, ...] = Field(max_length=8)
    issued_at: UtcTime


class ClinicDocument(WireModel):
    """GET /v1/clinic: open to all; believed only when the root key fits the code's fingerprint."""

    root_key: Bytes64
    statement: Signed


class CareTeamMember(WireModel):
    device_id: Id
    ed25519: Bytes64
    age_recipient: AgeRecipient


class CareTeamList(WireModel):
    """Signed by the root (Context.CARE_TEAM). A list with a lower version than one already seen is refused."""

    version: int = Field(ge=1)
    issued_at: UtcTime
    members: tuple[CareTeamMember, ...] = Field(min_length=1, max_length=200)


class DeviceRecord(WireModel):
    """Signed by the root (Context.DEVICE_RECORD): these keys are this device's, in this role."""

    device_id: Id
    role: Role
    ed25519: Bytes64
    age_recipient: AgeRecipient


class InvitationLabel(WireModel):
    """What an invitation means, for the care team's eyes: signed by the inviting device (Context.INVITATION).

    It carries the code itself, so that the device which holds the root can check the new device's binding;
    role and secret are taken from here, never from what the service says.
    """

    code: str = Field(max_length=100)
    name: str = Field(max_length=200)
    created_at: UtcTime


class SealedLabel(WireModel):
    """The age plaintext of `Invitation.sealed_label`: `signer` is a member of the care team."""

    signer: Id
    label: Signed


class Invitation(WireModel):
    """POST /v1/invitations. `sealed_label` (a SealedLabel) is an age file to the care team."""

    token_hash: Bytes64
    role: Role
    sealed_label: Bytes64 = Field(max_length=8192)
    expires_at: UtcTime


class InvitationCreated(WireModel):
    invitation_id: Id


class EnrolmentRequest(WireModel):
    """POST /v1/enrolments. The same keys with the same token are answered alike again (a lost reply)."""

    token: Bytes64 = Field(max_length=64)
    ed25519: Bytes64 = Field(max_length=32, min_length=32)
    age_recipient: AgeRecipient
    binding: Bytes64 = Field(max_length=32)


class EnrolmentResult(WireModel):
    """`wrapped_root`: for the first provider alone, nonce (12) and ChaCha20-Poly1305 ciphertext of the root's seed."""

    device_id: Id
    role: Role
    wrapped_root: Bytes64 | None = None


class DeviceRow(WireModel):
    """GET /v1/devices (providers): what the service knows of an enrolled device."""

    device_id: Id
    role: Role
    ed25519: Bytes64
    age_recipient: AgeRecipient
    binding: Bytes64
    invitation_id: Id | None
    sealed_label: Bytes64 | None
    record: Signed | None


class DeviceList(WireModel):
    devices: tuple[DeviceRow, ...]


class Challenge(WireModel):
    nonce: Bytes64


class ChallengeRequest(WireModel):
    device_id: Id


class TokenRequest(WireModel):
    """POST /v1/tokens: `signature` is the device's over the nonce (Context.TOKEN)."""

    device_id: Id
    nonce: Bytes64 = Field(max_length=64)
    signature: Bytes64 = Field(max_length=64)


class TokenResult(WireModel):
    token: str = Field(max_length=128)
    expires_in: int = Field(ge=1)
