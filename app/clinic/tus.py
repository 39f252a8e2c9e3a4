"""The headers of tus 1.0 (https://tus.io/protocols/resumable-upload). Pure."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timedelta
from email.utils import format_datetime

from pydantic import ValidationError

from app.clinic.problems import Refusal
from app.wire.errors import ErrorCode
from app.wire.intake import MAX_BLOB_BYTES, TUS_VERSION, UploadMetadata

CONTENT_TYPE = "application/offset+octet-stream"
CAPABILITIES = {
    "Tus-Version": TUS_VERSION,
    "Tus-Resumable": TUS_VERSION,
    "Tus-Extension": "creation,creation-with-upload,expiration,termination",
    "Tus-Max-Size": str(MAX_BLOB_BYTES),
}
_MAX_METADATA = 4096
_MAX_DIGITS = 15


def expires(moved_at: datetime, life_s: float) -> dict[str, str]:
    """Upload-Expires (tus 1.0, Expiration; an HTTP date of RFC 9110 section 5.6.7) of an unfinished upload."""
    return {"Upload-Expires": format_datetime(moved_at + timedelta(seconds=life_s), usegmt=True)}


def check_version(version: str | None) -> None:
    """Raises :class:`Refusal` (412) unless the request speaks our version."""
    if version != TUS_VERSION:
        raise Refusal(
            ErrorCode.BAD_REQUEST, "Tus-Resumable has to be 1.0.0", status=412, headers={"Tus-Version": TUS_VERSION}
        )


def check_content_type(content_type: str | None) -> None:
    if (content_type or "").split(";")[0].strip().lower() != CONTENT_TYPE:
        raise Refusal(ErrorCode.BAD_REQUEST, f"the content type has to be {CONTENT_TYPE}", status=415)


def number(name: str, text: str | None) -> int:
    """A header that counts bytes; raises :class:`Refusal` BAD_REQUEST."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > _MAX_DIGITS:
        raise Refusal(ErrorCode.BAD_REQUEST, f"{name} has to be a number of bytes")
    return int(text)


def upload_length(text: str | None) -> int:
    """Upload-Length; raises :class:`Refusal` BAD_REQUEST or TOO_LARGE."""
    size = number("Upload-Length", text)
    if size > MAX_BLOB_BYTES:
        raise Refusal(ErrorCode.TOO_LARGE, f"an upload may have {MAX_BLOB_BYTES} bytes")
    return size


def metadata(text: str | None) -> UploadMetadata:
    """Upload-Metadata: pairs `key base64`, parted by commas; exactly the keys of :class:`UploadMetadata`."""
    refusal = Refusal(
        ErrorCode.BAD_REQUEST, "Upload-Metadata has to name exactly submission, blob, part, sha256, count"
    )
    if text is None or len(text) > _MAX_METADATA:
        raise refusal
    pairs: dict[str, str] = {}
    for pair in text.split(","):
        key, _, value = pair.strip().partition(" ")
        if key in pairs:
            raise refusal
        try:
            pairs[key] = base64.b64decode(value.encode("ascii"), validate=True).decode("ascii")
        except (binascii.Error, UnicodeError, ValueError):
            raise refusal from None
    try:
        return UploadMetadata.model_validate(pairs)
    except ValidationError:
        raise refusal from None
