"""Signed documents on their way to some readers alone: JSON, padded, sealed with age."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from app.offline.age import AgeError, AgeIdentity
from app.offline.errors import SealBroken
from app.offline.vault import seal

M = TypeVar("M", bound=BaseModel)


def seal_document(document: BaseModel, recipients: Sequence[str]) -> bytes:
    """The age file of the document's JSON, a newline and zero padding."""
    return seal(document.model_dump_json().encode() + b"\n", recipients).ciphertext


def open_document(ciphertext: bytes, identity: AgeIdentity, model: type[M]) -> M:
    """The reverse; raises :class:`SealBroken`."""
    try:
        return model.model_validate_json(identity.decrypt(ciphertext).partition(b"\n")[0])
    except (AgeError, ValidationError) as exc:
        raise SealBroken(type(exc).__name__) from exc
