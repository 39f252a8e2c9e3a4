"""The secret that opens the store, and the device's own keys inside it."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import keyring
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.offline.age import AgeIdentity
from app.offline.errors import KeyMissing
from app.offline.files import write_private
from app.offline.profile import Profile
from app.offline.store import Setting, StoreCore
from app.wire.base import b64decode, b64encode

log = logging.getLogger(__name__)

SERVICE = "thinline"
SECRET_BYTES = 32


class KeyPlace(StrEnum):
    """Where the store's secret lies. KEY_FILE is weak: whoever reads this disk reads the items; say so."""

    KEYRING = "keyring"
    KEY_FILE = "key-file"


class KeyRing(Protocol):
    """The part of the `keyring` module (or of one of its back ends) that is used."""

    def get_password(self, service: str, username: str, /) -> str | None: ...
    def set_password(self, service: str, username: str, password: str, /) -> None: ...


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


def open_store_key(profile: Profile, ring: KeyRing | None) -> StoreKey:
    """Finds this profile's secret, or makes one when there is no store yet.

    A key file that is there comes first; then the key ring; a new secret goes to the key ring when it gives back
    what it was given, else to a key file. `ring` None means: use no key ring. Raises :class:`KeyMissing` when a store
    is there and its secret is not: a new one would make the items unreadable for ever. May block on a dialog of
    the key ring: call it outside the UI thread.
    """
    if profile.key_file.exists():
        return StoreKey(_read_key_file(profile), KeyPlace.KEY_FILE)
    name = str(profile.folder)
    found = _from_ring(ring, name)
    if found is not None:
        return StoreKey(found, KeyPlace.KEYRING)
    if profile.store_path.exists():
        raise KeyMissing(name)
    secret = secrets.token_bytes(SECRET_BYTES)
    if _into_ring(ring, name, secret):
        return StoreKey(secret, KeyPlace.KEYRING)
    write_private(profile.key_file, secret)
    return StoreKey(secret, KeyPlace.KEY_FILE)


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
    made = DeviceKeys.generate()
    kept = core.put_if_absent({str(key): value for key, value in made.to_settings().items()})
    return DeviceKeys(
        Ed25519PrivateKey.from_private_bytes(kept[Setting.ED25519_PRIVATE]),
        AgeIdentity(kept[Setting.AGE_IDENTITY].decode("ascii")),
    )
