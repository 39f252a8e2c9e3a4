"""The few names of pyrage (age-encryption.org/v1) that we use, with types: the library ships none."""

from __future__ import annotations

from collections.abc import Sequence

import pyrage  # type: ignore[import-untyped]


class AgeError(Exception):
    """An age file that does not open with this identity, or text that is no age key."""


class AgeIdentity:
    """An X25519 identity, in memory. `repr` shows the public recipient alone."""

    def __init__(self, secret: str) -> None:
        try:
            self._identity = pyrage.x25519.Identity.from_str(secret)
        except pyrage.IdentityError as exc:
            raise AgeError("not an age identity") from exc
        self.recipient: str = str(self._identity.to_public())

    @classmethod
    def generate(cls) -> AgeIdentity:
        return cls(str(pyrage.x25519.Identity.generate()))

    def secret(self) -> str:
        """AGE-SECRET-KEY-1...: only for the encrypted store."""
        return str(self._identity)

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The whole plaintext, or :class:`AgeError`; a file sealed to a passphrase (scrypt) is never opened."""
        try:
            return bytes(pyrage.decrypt(ciphertext, [self._identity]))
        except (pyrage.DecryptError, OSError, ValueError) as exc:
            raise AgeError("the age file does not open") from exc

    def __repr__(self) -> str:
        return f"AgeIdentity({self.recipient})"


def age_encrypt(clear: bytes, recipients: Sequence[str]) -> bytes:
    """One age v1 file (binary) to all `recipients` ("age1..."), each once. Raises :class:`AgeError` on a bad one."""
    try:
        keys = [pyrage.x25519.Recipient.from_str(text) for text in dict.fromkeys(recipients)]
    except pyrage.RecipientError as exc:
        raise AgeError("not an age recipient") from exc
    if not keys:
        raise ValueError("an age file needs a recipient")
    return bytes(pyrage.encrypt(clear, keys))
