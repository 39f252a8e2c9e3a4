"""The store's secret under a passphrase: Argon2id (RFC 9106) and ChaCha20-Poly1305 (RFC 8439), in a small file.

The file has three lines of ASCII, each ended by a newline:

1. JSON: {"format": "thinline-key/1", "kdf": "argon2id", "memory_kib": 65536, "passes": 3, "lanes": 1,
   "salt": base64url of 16 bytes, "nonce": base64url of 12 bytes}
2. base64url (without "=", RFC 4648 section 5) of the wrapped secret: 32 bytes and the tag, sealed under the derived
   key; line 1 is the associated data
3. hex SHA-256 over lines 1 and 2 with their newlines: by it a damaged file is told from a wrong passphrase

The passphrase is taken in Unicode's NFKC and UTF-8. The secret stays the same when the passphrase changes.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import unicodedata
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.offline.errors import OfflineError
from app.offline.files import write_private
from app.wire.base import Bytes64, b64decode, b64encode

MIN_CHARACTERS = 8
_KEY_BYTES = 32
_MAX_FILE_BYTES = 4096


class WrongPassphrase(OfflineError):
    """The file is whole, and this is not the passphrase it was wrapped under."""

    sentence = "This passphrase is not the right one. Nothing was changed."


class KeyDamaged(OfflineError):
    """The file of the wrapped key was altered, cut short, or made by a newer version: no passphrase opens it."""

    sentence = "The file with the key to the saved items is damaged. No passphrase can open it."


class PassphraseTooShort(OfflineError):
    """Fewer than MIN_CHARACTERS characters."""

    sentence = f"Please choose a passphrase of at least {MIN_CHARACTERS} characters."


class _Header(BaseModel):
    """Line 1. The bounds keep a forged file from taking all memory or minutes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["thinline-key/1"] = "thinline-key/1"
    kdf: Literal["argon2id"] = "argon2id"
    memory_kib: Annotated[int, Field(ge=8 * 1024, le=1024 * 1024)] = 64 * 1024
    passes: Annotated[int, Field(ge=1, le=20)] = 3
    lanes: Annotated[int, Field(ge=1, le=8)] = 1
    salt: Annotated[Bytes64, Field(min_length=16, max_length=16)]
    nonce: Annotated[Bytes64, Field(min_length=12, max_length=12)]


def wrap_secret(path: Path, secret: bytes, passphrase: str) -> None:
    """Writes or replaces the file at `path`, atomically, mode 0600, with a new salt. Takes 0.3 s.

    Raises :class:`PassphraseTooShort`, DiskFull or WriteFailed; then what was at `path` is still there.
    """
    if len(passphrase) < MIN_CHARACTERS:
        raise PassphraseTooShort
    header = _Header(salt=secrets.token_bytes(16), nonce=secrets.token_bytes(12))
    line = header.model_dump_json().encode("ascii")
    wrapped = ChaCha20Poly1305(_derived(header, passphrase)).encrypt(header.nonce, secret, line)
    body = line + b"\n" + b64encode(wrapped).encode("ascii") + b"\n"
    write_private(path, body + hashlib.sha256(body).hexdigest().encode("ascii") + b"\n")


def unwrap_secret(path: Path, passphrase: str) -> bytes:
    """Raises :class:`WrongPassphrase` or :class:`KeyDamaged`. Takes 0.3 s; reads and writes nothing else."""
    header, line, wrapped = _read(path)
    try:
        return ChaCha20Poly1305(_derived(header, passphrase)).decrypt(header.nonce, wrapped, line)
    except InvalidTag as exc:
        raise WrongPassphrase(str(path)) from exc


def check_wrapped(path: Path) -> None:
    """Whether asking for a passphrase makes sense. Raises :class:`KeyDamaged`."""
    _read(path)


def _read(path: Path) -> tuple[_Header, bytes, bytes]:
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
        line, wrapped, digest, rest = data.split(b"\n")
        if rest or digest != hashlib.sha256(line + b"\n" + wrapped + b"\n").hexdigest().encode("ascii"):
            raise KeyDamaged("the check sum does not fit")
        return _Header.model_validate(json.loads(line)), line, b64decode(wrapped.decode("ascii"))
    except (OSError, ValueError, ValidationError) as exc:
        raise KeyDamaged(f"{path}: {type(exc).__name__}") from exc


def _derived(header: _Header, passphrase: str) -> bytes:
    kdf = Argon2id(
        salt=header.salt,
        length=_KEY_BYTES,
        iterations=header.passes,
        lanes=header.lanes,
        memory_cost=header.memory_kib,
    )
    return kdf.derive(unicodedata.normalize("NFKC", passphrase).encode("utf-8"))
