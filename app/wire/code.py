"""Enrolment codes: one line of text that a person carries from the inviter to a new device.

Bytes: kind (1), secret (11, or 16 for the first provider), root key fingerprint (12), check (1); written in
Crockford's base 32 in groups of four. The service knows a hash of one value derived from the secret; two others,
derived in the same way (HKDF-SHA256, RFC 5869), never reach it: the key that binds the new device's keys to
the code, and the key that wraps the root key for the first provider's device.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import IntEnum

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})
FINGERPRINT_BYTES = 12


class CodeError(ValueError):
    """The text is not an enrolment code (a typing mistake, or something else altogether)."""


class CodeKind(IntEnum):
    FIRST_PROVIDER = 1
    PROVIDER = 2
    PATIENT = 3


_SECRET_BYTES = {CodeKind.FIRST_PROVIDER: 16, CodeKind.PROVIDER: 11, CodeKind.PATIENT: 11}


def root_fingerprint(root_public_key: bytes) -> bytes:
    """The first 12 bytes of SHA-256 over the root's Ed25519 public key."""
    return hashlib.sha256(root_public_key).digest()[:FINGERPRINT_BYTES]


@dataclass(frozen=True)
class EnrolmentCode:
    """A code in memory: `secret` 11 or 16 bytes, `fingerprint` 12 bytes."""

    kind: CodeKind
    secret: bytes
    fingerprint: bytes

    @classmethod
    def new(cls, kind: CodeKind, root_public_key: bytes) -> EnrolmentCode:
        return cls(kind, secrets.token_bytes(_SECRET_BYTES[kind]), root_fingerprint(root_public_key))

    @classmethod
    def parse(cls, text: str) -> EnrolmentCode:
        """Reads what a person typed: spaces, hyphens and case do not matter. Raises :class:`CodeError`."""
        letters = "".join(c for c in text.upper() if not c.isspace() and c not in "-–—").translate(_READ_AS)
        if not letters or any(c not in _ALPHABET for c in letters):
            raise CodeError("an enrolment code has only letters and digits")
        number = 0
        for letter in letters:
            number = number * 32 + _ALPHABET.index(letter)
        size = len(letters) * 5 // 8
        if number >> (8 * size):
            raise CodeError("the enrolment code has a wrong letter or digit")
        data = number.to_bytes(size, "big")
        kind = next((k for k in CodeKind if data[:1] == bytes([k])), None)
        if kind is None or len(data) != 1 + _SECRET_BYTES[kind] + FINGERPRINT_BYTES + 1:
            raise CodeError("the enrolment code is too short, too long or not one of ours")
        if _check(data[:-1]) != data[-1:]:
            raise CodeError("the enrolment code has a wrong letter or digit")
        return cls(kind, data[1 : -1 - FINGERPRINT_BYTES], data[-1 - FINGERPRINT_BYTES : -1])

    def __str__(self) -> str:
        data = bytes([self.kind]) + self.secret + self.fingerprint
        data += _check(data)
        count = -(-len(data) * 8 // 5)
        number = int.from_bytes(data, "big")
        letters = "".join(_ALPHABET[(number >> (5 * (count - 1 - i))) & 31] for i in range(count))
        return "-".join(letters[i : i + 4] for i in range(0, count, 4))

    def __repr__(self) -> str:  # a code must not slip into a log
        return f"EnrolmentCode({self.kind.name})"

    def token(self) -> bytes:
        """What the device shows the service (32 bytes)."""
        return self._derive(b"token")

    def wrapping_key(self) -> bytes:
        """The key under which the root key waits for the first provider's device (32 bytes)."""
        return self._derive(b"wrap")

    def binding(self, ed25519: bytes, age_recipient: str) -> bytes:
        """HMAC-SHA256 that ties a new device's public keys to this code; the inviter checks it."""
        return hmac.digest(self._derive(b"bind"), ed25519 + age_recipient.encode(), "sha256")

    def binds(self, ed25519: bytes, age_recipient: str, tag: bytes) -> bool:
        return hmac.compare_digest(self.binding(ed25519, age_recipient), tag)

    def _derive(self, use: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt=b"thinline/1 enrolment", info=use).derive(self.secret)


def token_hash(token: bytes) -> bytes:
    """What the service stores of a code: SHA-256 of its token."""
    return hashlib.sha256(token).digest()


def _check(data: bytes) -> bytes:
    return hashlib.sha256(b"thinline code" + data).digest()[:1]
