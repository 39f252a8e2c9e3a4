"""The few names of pyrage (age-encryption.org/v1) that we use, with types: the library ships none."""

from __future__ import annotations

from collections.abc import Sequence

import pyrage  # type: ignore[import-untyped]


class AgeError(Exception):
    """An age file that does not open with this identity, or text that is no age key."""


MAX_HEADER_BYTES = 64 * 1024
_VERSION = b"age-encryption.org/v1\n"
_FULL_LINE = 64


def check_header(head: bytes) -> None:
    """Raises :class:`AgeError` unless an age file that begins so has a header as the format's text wants it.

    `head`: the file, or its first MAX_HEADER_BYTES. The library also takes ASCII armour, and stanzas without the short
    last line that ends a body (files of before v1 had such); age v1 has neither, and we write neither. What a header
    means, and whether it is authentic, is the library's to say.
    """
    if not head.startswith(_VERSION):
        raise AgeError("not a binary age v1 file")
    ended = True
    for line in head[len(_VERSION) : MAX_HEADER_BYTES].split(b"\n"):
        if line.startswith((b"-> ", b"---")):
            if not ended:
                raise AgeError("a stanza has no last line")
            if line.startswith(b"---"):
                return
            ended = False
        elif ended or len(line) > _FULL_LINE:
            raise AgeError("a line that belongs to no stanza")
        else:
            ended = len(line) < _FULL_LINE
    raise AgeError("the header has no end")


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
        """The whole plaintext, or :class:`AgeError`; no armour, and no passphrase (scrypt), ever opens."""
        check_header(ciphertext[:MAX_HEADER_BYTES])
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
