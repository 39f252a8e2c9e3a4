"""Store and forward: uploads (tus 1.0), receipts, the provider's inbox."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.wire.base import Bytes64, Id, Sha256Hex, UtcTime, WireModel
from app.wire.signed import Signed

TUS_VERSION = "1.0.0"
MAX_BLOB_BYTES = 512 * 1024 * 1024
MAX_BLOBS = 200


class UploadMetadata(WireModel):
    """The tus Upload-Metadata keys of one sealed blob (each value base64, tus 1.0 Creation).

    A second creation with the same submission and blob answers with the same upload: nothing is doubled.
    `count` is the number of blobs of the whole submission, its manifest included.
    """

    submission: Id
    blob: Id
    part: Literal["manifest", "blob"]
    sha256: Sha256Hex
    count: int = Field(ge=1, le=MAX_BLOBS)


class Receipt(WireModel):
    """Signed by the service's receipt key (Context.RECEIPT) once all bytes are on disk, synced and hashed."""

    submission: Id
    blob: Id
    sha256: Sha256Hex
    size: int = Field(ge=0)
    device_id: Id
    received_at: UtcTime


class Opened(WireModel):
    """Signed by the provider's device (Context.OPENED): a person has opened this submission."""

    submission: Id
    device_id: Id
    opened_at: UtcTime


class OpenedBy(WireModel):
    """`signer` is a member of the care team."""

    signer: Id
    opened: Signed


class SubmissionRow(WireModel):
    """GET /v1/submissions (own): where a submission stands."""

    submission: Id
    complete: bool
    opened: OpenedBy | None = None


class SubmissionRows(WireModel):
    submissions: tuple[SubmissionRow, ...]


class BlobRow(WireModel):
    blob: Id
    part: Literal["manifest", "blob"]
    sha256: Sha256Hex
    size: int = Field(ge=0)


class InboxItem(WireModel):
    """GET /v1/inbox (providers): a complete submission."""

    submission: Id
    device_id: Id
    received_at: UtcTime
    blobs: tuple[BlobRow, ...]
    opened: OpenedBy | None = None


class Inbox(WireModel):
    items: tuple[InboxItem, ...]


class ManifestBlob(WireModel):
    """One sealed file: `sha256` over the ciphertext; `size` of the clear bytes before padding."""

    blob: Id
    sha256: Sha256Hex
    size: int = Field(ge=0)
    media_type: str = Field(max_length=100)
    name: str = Field(default="", max_length=200)
    clear_sha256: Sha256Hex


class Manifest(WireModel):
    """What a submission holds: signed by the device (Context.MANIFEST), then sealed like a blob."""

    submission: Id
    device_id: Id
    created_at: UtcTime
    purpose: str = Field(max_length=100)
    note: str = Field(default="", max_length=4000)
    visit_id: Id | None = None
    blobs: tuple[ManifestBlob, ...] = Field(max_length=MAX_BLOBS)


class SealedManifest(WireModel):
    """The age plaintext of a manifest blob (before padding: newline and zero bytes follow the JSON)."""

    signer: Id
    manifest: Signed


__all__ = [
    "MAX_BLOBS",
    "MAX_BLOB_BYTES",
    "TUS_VERSION",
    "BlobRow",
    "Bytes64",
    "Inbox",
    "InboxItem",
    "Manifest",
    "ManifestBlob",
    "Opened",
    "OpenedBy",
    "Receipt",
    "SealedManifest",
    "SubmissionRow",
    "SubmissionRows",
    "UploadMetadata",
]
