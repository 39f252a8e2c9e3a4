"""The common ground of all wire models: strict, closed, frozen, and bytes as base64url text."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
)

_FIRST_YEAR, _LAST_YEAR = 2000, 2200


def b64encode(data: bytes) -> str:
    """Base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64decode(text: str) -> bytes:
    """The reverse of :func:`b64encode`; raises ValueError on anything else."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ValueError("not base64url") from exc


def _bytes_in(value: Any) -> Any:
    return b64decode(value) if isinstance(value, str) else value


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs its zone")
    # Far years overflow when a screen turns them into local time: one such date from outside would blank it.
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError("a time far from ours")
    return value.astimezone(UTC)


Bytes64 = Annotated[bytes, BeforeValidator(_bytes_in), PlainSerializer(b64encode, return_type=str)]
"""Bytes in memory, base64url text on the wire."""

UtcTime = Annotated[datetime, AfterValidator(_in_utc)]
"""A moment with its zone, kept in UTC (RFC 3339 on the wire)."""

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{8,40}$")]
"""A random identifier: lower-case letters and digits, no meaning."""

Sha256Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

AgeRecipient = Annotated[str, StringConstraints(pattern=r"^age1[02-9ac-hj-np-z]{58}$")]
"""An age X25519 recipient (age-encryption.org/v1)."""


class WireModel(BaseModel):
    """Frozen; unknown fields are refused, so that nothing unsigned rides along. Errors quote no content."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
