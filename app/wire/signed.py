"""Ed25519-signed documents (RFC 8032): the exact payload bytes travel with their signature.

The bytes are signed as sent, so no canonical JSON is needed; a context string keeps a signature
made for one purpose from serving another.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ValidationError

from app.wire.base import Bytes64, WireModel

_PREFIX = b"thinline/1 "

M = TypeVar("M", bound=BaseModel)


class Context(StrEnum):
    """What a signature was made for; part of the signed bytes."""

    STATEMENT = "service-statement"
    CARE_TEAM = "care-team"
    DEVICE_RECORD = "device-record"
    INVITATION = "invitation"
    VISIT = "visit"
    SIGNAL = "signal"
    RECEIPT = "receipt"
    OPENED = "opened"
    MANIFEST = "manifest"
    WITHDRAWN = "withdrawn"
    REPLY = "reply"
    REPLY_RECEIPT = "reply-receipt"
    FORMS = "forms"
    TOKEN = "token"  # noqa: S105 - a name, not a secret


class SignatureError(Exception):
    """A signed document does not hold: wrong key, altered bytes, or bytes that are not what they claim."""


class Signed(WireModel):
    """A payload and its signature; who signed is known from where it is used, never from the document."""

    payload: Bytes64
    signature: Bytes64


def sign(document: BaseModel, context: Context, key: Ed25519PrivateKey) -> Signed:
    """Signs the JSON of `document` for `context`."""
    payload = document.model_dump_json().encode()
    return Signed(payload=payload, signature=key.sign(_message(context, payload)))


def sign_bytes(data: bytes, context: Context, key: Ed25519PrivateKey) -> bytes:
    """A bare 64-byte signature over `data` for `context`."""
    return key.sign(_message(context, data))


def verify_bytes(data: bytes, signature: bytes, context: Context, public_key: bytes) -> None:
    """Raises :class:`SignatureError` unless `signature` is `public_key`'s over `data` for `context`."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, _message(context, data))
    except (InvalidSignature, ValueError) as exc:
        raise SignatureError(f"the signature for '{context.value}' does not hold") from exc


def verify(signed: Signed, context: Context, public_key: bytes, model: type[M]) -> M:
    """The document inside `signed`, checked; raises :class:`SignatureError`."""
    verify_bytes(signed.payload, signed.signature, context, public_key)
    try:
        return model.model_validate_json(signed.payload)
    except ValidationError as exc:
        raise SignatureError(f"the signed '{context.value}' is not one") from exc


def _message(context: Context, data: bytes) -> bytes:
    return _PREFIX + context.value.encode() + b"\0" + data
