"""Store and forward: uploads (tus 1.0), receipts, the provider's inbox."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from app.wire.base import Bytes64, Id, Sha256Hex, UtcTime, WireModel
from app.wire.signed import Signed

TUS_VERSION = "1.0.0"
MAX_BLOB_BYTES = 512 * 1024 * 1024
MAX_BLOBS = 200
INBOX_UNOPENED = 500
INBOX_OPENED = 200
INBOX_BLOBS = 12_000


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


class Withdrawal(WireModel):
    """Signed by the sender's device (Context.WITHDRAWN): this submission is taken back, and nobody may open it."""

    submission: Id
    device_id: Id
    withdrawn_at: UtcTime


class WithdrawnBy(WireModel):
    """POST /v1/submissions/{s}/withdrawn, by its own device and before a provider has opened it; may be repeated.

    The service erases what it has of it, and refuses what comes later for the same id (410).
    """

    signer: Id
    withdrawal: Signed


class SubmissionRow(WireModel):
    """GET /v1/submissions (own): where a submission stands."""

    submission: Id
    complete: bool
    opened: OpenedBy | None = None
    withdrawn: bool = False


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
    """Newest first: what nobody has opened, up to INBOX_UNOPENED of it, and the newest that was, up to INBOX_OPENED.

    Of more unopened ones the oldest are there; the others come as these are opened. All items together have up to
    INBOX_BLOBS blobs, so that the answer has about 3 MB at most.
    """

    items: tuple[InboxItem, ...]


class PartRole(StrEnum):
    """What a sealed file is in its submission; it decides the order in which files go."""

    CONTENT = "content"  # a document, clip, message by voice or video, or a photo that has no lighter copy
    WORDS = "words"  # text, answers to a form, readings: small, and first
    THUMBNAIL = "thumbnail"  # of the file that `of` names
    COPY = "copy"  # a lighter picture made at the patient's side; its original may follow
    ORIGINAL = "original"  # what a copy was made from


class ManifestBlob(WireModel):
    """One sealed file: `sha256` over the ciphertext; `size` of the clear bytes before padding.

    `of`: the blob this is a thumbnail of, or, of an original sent later, the copy of it that went before.
    """

    blob: Id
    sha256: Sha256Hex
    size: int = Field(ge=0)
    media_type: str = Field(max_length=100)
    name: str = Field(default="", max_length=200)
    clear_sha256: Sha256Hex
    role: PartRole = PartRole.CONTENT
    of: Id | None = None


class Manifest(WireModel):
    """What a submission holds: signed by the device (Context.MANIFEST), then sealed like a blob.

    `amends`: the submission to which this one adds (FHIR status "amended"); `answers`: the reply it answers.
    """

    submission: Id
    device_id: Id
    created_at: UtcTime
    purpose: str = Field(max_length=100)
    note: str = Field(default="", max_length=4000)
    visit_id: Id | None = None
    urgent: bool = False
    amends: Id | None = None
    answers: Id | None = None
    blobs: tuple[ManifestBlob, ...] = Field(max_length=MAX_BLOBS)


class SealedManifest(WireModel):
    """The age plaintext of a manifest blob (before padding: newline and zero bytes follow the JSON)."""

    signer: Id
    manifest: Signed


__all__ = [
    "INBOX_BLOBS",
    "INBOX_OPENED",
    "INBOX_UNOPENED",
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
    "PartRole",
    "Receipt",
    "SealedManifest",
    "SubmissionRow",
    "SubmissionRows",
    "UploadMetadata",
    "Withdrawal",
    "WithdrawnBy",
]
