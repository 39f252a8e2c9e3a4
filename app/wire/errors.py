"""What the service answers when it refuses: problem details (RFC 9457) with a code of ours."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from app.wire.base import WireModel


class ErrorCode(StrEnum):
    BAD_REQUEST = "bad-request"
    CODE_UNKNOWN = "code-unknown"
    CODE_USED = "code-used"
    CODE_EXPIRED = "code-expired"
    TOO_MANY_TRIES = "too-many-tries"
    TOKEN_INVALID = "token-invalid"  # noqa: S105 - a name, not a secret
    NOT_ALLOWED = "not-allowed"
    NOT_FOUND = "not-found"
    STALE_VERSION = "stale-version"
    SIGNATURE_INVALID = "signature-invalid"
    TOO_LARGE = "too-large"
    OFFSET_MISMATCH = "offset-mismatch"
    HASH_MISMATCH = "hash-mismatch"
    ALREADY_OPENED = "already-opened"
    WITHDRAWN = "withdrawn"
    STORAGE_FULL = "storage-full"
    INTERNAL = "internal"


class Problem(WireModel):
    """application/problem+json: `code` for the machine, `detail` one plain sentence for a log."""

    title: str = Field(max_length=200)
    status: int
    code: ErrorCode
    detail: str = Field(default="", max_length=500)
