"""The secret that opens the store, and the device's own keys inside it."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import keyring
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.offline.age import AgeIdentity
from app.offline.errors import KeyMissing, PassphraseNeeded, WriteFailed
from app.offline.files import PART, holds_items, sync_folder, write_private
from app.offline.passphrase import (
    KeyDamaged,
    PassphraseTooShort,
    WrongPassphrase,
    check_wrapped,
    unwrap_secret,
    wrap_secret,
)
from app.offline.profile import Profile
from app.offline.store import Setting, StoreCore
from app.wire.base import b64decode, b64encode

log = logging.getLogger(__name__)

SERVICE = "thinline"
SECRET_BYTES = 32


class KeyPlace(StrEnum):
    """Where the store's secret lies. KEY_FILE is weak: whoever reads this disk reads the items; say so."""

    KEYRING = "keyring"
    PASSPHRASE = "passphrase"  # noqa: S105 - a name, not a secret
    KEY_FILE = "key-file"


class KeyRing(Protocol):
    """The part of the `keyring` module (or of one of its back ends) that is used."""

    def get_password(self, service: str, username: str, /) -> str | None: ...
    def set_password(self, service: str, username: str, password: str, /) -> None: ...


class Asking(StrEnum):
    """Why a passphrase is asked for."""

    NEW = "new"  # there is no key ring: choose one, or go on without (None), which is weak
    OPEN = "open"
    WRONG = "wrong"  # as OPEN, after one that was wrong
    SHORT = "short"  # as NEW, after one that was too short


AskPassphrase = Callable[[Asking], str | None]
"""Called outside the UI thread and may wait for a person; None means that there will be none. May raise OfflineError:
nothing is made or opened then."""


@dataclass(frozen=True)
class StoreKey:
    """32 bytes that open the store, and where they lie."""

    secret: bytes = field(repr=False)
    place: KeyPlace


class _SystemRing:
    def get_password(self, service: str, username: str, /) -> str | None:
        return keyring.get_password(service, username)

    def set_password(self, service: str, username: str, password: str, /) -> None:
        keyring.set_password(service, username, password)


def system_ring() -> KeyRing:
    """The operating system's key ring."""
    return _SystemRing()


def open_store_key(profile: Profile, ring: KeyRing | None, ask: AskPassphrase | None = None) -> StoreKey:
    """Finds this profile's secret, or makes one when there is no store yet.

    A key file that is there comes first; then a file wrapped under a passphrase; then the key ring. A new secret goes
    to the key ring when it gives back what it was given, else under a passphrase if `ask` gives one, else to a key
    file. `ring` None means: use no key ring; `ask` None: nobody can be asked. Raises :class:`KeyMissing` when a store
    is there and its secret is not: a new one would make the items unreadable for ever; WrongPassphrase (the last one
    given was wrong) or KeyDamaged. Wrong ones are not counted: the cost of Argon2id is the limit, as it is for whoever
    has copied the file. May block on a dialog: call it outside the UI thread.
    """
    _clear_parts(profile)
    if profile.key_file.exists():
        return StoreKey(_read_key_file(profile), KeyPlace.KEY_FILE)
    if profile.wrapped_key_file.exists():
        return StoreKey(_unwrapped(profile, ask), KeyPlace.PASSPHRASE)
    name = str(profile.folder)
    found = _from_ring(ring, name)
    if found is not None:
        return StoreKey(found, KeyPlace.KEYRING)
    if profile.store_path.exists() or holds_items(profile.folder):
        raise KeyMissing(name)
    secret = secrets.token_bytes(SECRET_BYTES)
    if _into_ring(ring, name, secret):
        return StoreKey(secret, KeyPlace.KEYRING)
    if _wrapped(profile, secret, ask):
        return StoreKey(secret, KeyPlace.PASSPHRASE)
    write_private(profile.key_file, secret)
    return StoreKey(secret, KeyPlace.KEY_FILE)


def set_passphrase(profile: Profile, key: StoreKey, passphrase: str) -> StoreKey:
    """Puts the secret under a (new) passphrase; what is saved stays as it is, for the secret does not change.

    A weak key file goes once the new file is on the disk and was read back; ended between the two, the next start
    finds both, goes by the weak one and says so. A key in the key ring is left there for the systems' own tools to
    remove, and is not used any more. Raises PassphraseTooShort, DiskFull, WriteFailed or KeyDamaged: then the old way
    goes on working.
    """
    wrap_secret(profile.wrapped_key_file, key.secret, passphrase)
    check_wrapped(profile.wrapped_key_file)
    try:
        profile.key_file.unlink(missing_ok=True)
        sync_folder(profile.folder)
    except OSError as exc:
        raise WriteFailed(str(exc)) from exc
    return StoreKey(key.secret, KeyPlace.PASSPHRASE)


def change_passphrase(profile: Profile, key: StoreKey, old: str, new: str) -> StoreKey:
    """As :func:`set_passphrase`, by a person who has to know the present one; `old` counts only where there is one.

    `key` is that by which the store is open. Raises WrongPassphrase besides (nothing was changed then). Takes 0.3 s,
    or 0.6 s with a present one: call it outside the UI thread.
    """
    if key.place is KeyPlace.PASSPHRASE and unwrap_secret(profile.wrapped_key_file, old) != key.secret:
        raise KeyDamaged("the file holds the key of another store")
    return set_passphrase(profile, key, new)


def _clear_parts(profile: Profile) -> None:
    """What an end in the middle of a write has left of a key's file; nothing was ever opened by it."""
    for path in (profile.key_file, profile.wrapped_key_file):
        for left in profile.folder.glob(f"{path.name}.????????{PART}"):
            with contextlib.suppress(OSError):
                left.unlink()


def _unwrapped(profile: Profile, ask: AskPassphrase | None) -> bytes:
    check_wrapped(profile.wrapped_key_file)
    why = Asking.OPEN
    while ask is not None and (passphrase := ask(why)) is not None:
        try:
            return _of_length(unwrap_secret(profile.wrapped_key_file, passphrase))
        except WrongPassphrase:
            why = Asking.WRONG
    if why is Asking.WRONG:
        raise WrongPassphrase(str(profile.wrapped_key_file))
    raise PassphraseNeeded(str(profile.wrapped_key_file))


def _of_length(secret: bytes) -> bytes:
    if len(secret) != SECRET_BYTES:
        raise KeyDamaged(f"a secret of {len(secret)} bytes")
    return secret


def _wrapped(profile: Profile, secret: bytes, ask: AskPassphrase | None) -> bool:
    """Whether a person has chosen a passphrase, and the secret is under it now."""
    why = Asking.NEW
    while ask is not None and (passphrase := ask(why)) is not None:
        try:
            wrap_secret(profile.wrapped_key_file, secret, passphrase)
        except PassphraseTooShort:
            why = Asking.SHORT
        else:
            return True
    return False


def _read_key_file(profile: Profile) -> bytes:
    try:
        secret = profile.key_file.read_bytes()
    except OSError as exc:
        raise KeyMissing(str(exc)) from exc
    if len(secret) != SECRET_BYTES:
        raise KeyMissing(f"{profile.key_file} has {len(secret)} bytes")
    return secret


def _from_ring(ring: KeyRing | None, name: str) -> bytes | None:
    if ring is None:
        return None
    try:
        text = ring.get_password(SERVICE, name)
        secret = b64decode(text) if text else b""
    except Exception as exc:  # back ends raise whatever their system raises (D-Bus, COM, plain OSError)
        log.info("no key ring: %s", type(exc).__name__)
        return None
    return secret if len(secret) == SECRET_BYTES else None


def _into_ring(ring: KeyRing | None, name: str, secret: bytes) -> bool:
    if ring is None:
        return False
    try:
        ring.set_password(SERVICE, name, b64encode(secret))
    except Exception as exc:  # as above
        log.info("the key ring did not take the key: %s", type(exc).__name__)
        return False
    return _from_ring(ring, name) == secret


@dataclass(frozen=True)
class DeviceKeys:
    """A device's identity: an Ed25519 key that signs (RFC 8032) and an age X25519 identity that opens."""

    signing: Ed25519PrivateKey = field(repr=False)
    identity: AgeIdentity = field(repr=False)

    @classmethod
    def generate(cls) -> DeviceKeys:
        return cls(Ed25519PrivateKey.generate(), AgeIdentity.generate())

    @property
    def ed25519(self) -> bytes:
        """The public key, 32 bytes."""
        return self.signing.public_key().public_bytes_raw()

    @property
    def age_recipient(self) -> str:
        """ "age1..."."""
        return self.identity.recipient

    def to_settings(self) -> dict[Setting, bytes]:
        return {
            Setting.ED25519_PRIVATE: self.signing.private_bytes_raw(),
            Setting.AGE_IDENTITY: self.identity.secret().encode("ascii"),
        }


def device_keys(core: StoreCore) -> DeviceKeys:
    """The device's keys, made once, in one transaction with the look-up; kept inside the encrypted store."""
    found = {str(name): core.get(name) for name in (Setting.ED25519_PRIVATE, Setting.AGE_IDENTITY)}
    kept = {name: value for name, value in found.items() if value is not None}
    if len(kept) < len(found):
        made = DeviceKeys.generate()
        kept = core.put_if_absent({str(key): value for key, value in made.to_settings().items()})
    return DeviceKeys(
        Ed25519PrivateKey.from_private_bytes(kept[Setting.ED25519_PRIVATE]),
        AgeIdentity(kept[Setting.AGE_IDENTITY].decode("ascii")),
    )
