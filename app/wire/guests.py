"""A guest in a browser: the one-time link, the keys that come of it, and the messages about guests.

The link's secret (16 bytes) stands in the URL's fragment, which a browser sends to nobody. HKDF-SHA256 (RFC 5869)
makes of it the admission, of which the service knows the hash (the guest's id), and, for each app that talks with the
guest, two keys, which the service never has: each step of the signalling is sealed (AES-256-GCM) between app and page.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import Field, TypeAdapter, ValidationError

from app.wire.base import Bytes64, Id, WireModel, b64encode
from app.wire.visits import IceConfig

SECRET_BYTES = 16
_NONCE_BYTES = 12
MAX_BOX_BYTES = 72 * 1024
"""A session description of the longest kind that is read (60,000 characters), with room for what stands around it."""
MAX_SAID_BYTES = 24 * 1024
"""A page's answer has some 6 KB; a guest's flood must not fill the thin line of a patient who waits for it."""


class GuestRole(StrEnum):
    INTERPRETER = "interpreter"
    CAREGIVER = "caregiver"
    GUEST = "guest"


class BrokenBox(Exception):
    """A sealed step does not open: another key, altered bytes, or nothing that is one."""


@dataclass(frozen=True)
class GuestKeys:
    """The two keys (32 bytes each) between one app and one guest."""

    to_guest: bytes = field(repr=False)
    from_guest: bytes = field(repr=False)


@dataclass(frozen=True)
class GuestLink:
    """A link in memory: whoever has the secret is the guest. `repr` does not show it."""

    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> GuestLink:
        return cls(secrets.token_bytes(SECRET_BYTES))

    def url(self, base_url: str) -> str:
        return f"{base_url.rstrip('/')}/guest/#{b64encode(self.secret)}"

    @property
    def admission(self) -> bytes:
        """What the page shows the service (32 bytes)."""
        return self._derive("admission")

    @property
    def guest_id(self) -> str:
        return guest_id_of(self.admission)

    def keys(self, device_id: str) -> GuestKeys:
        """Those between the app on `device_id` and the guest."""
        return GuestKeys(self._derive(f"to guest from {device_id}"), self._derive(f"from guest to {device_id}"))

    def _derive(self, use: str) -> bytes:
        return HKDF(SHA256(), 32, salt=b"thinline/1 guest", info=use.encode()).derive(self.secret)


def guest_id_of(admission: bytes) -> str:
    """A guest's id at the service: 40 hex digits of SHA-256 over the admission."""
    return hashlib.sha256(admission).hexdigest()[:40]


class GuestStep(WireModel):
    """One step of signalling between an app and a guest's page; sealed, so the service reads none of it.

    `sequence` rises for each direction. `page` (from the page) names the one open page that uses the link; `name` and
    `role` (from the app) say who the app's person is. `pictures-off` and `pictures-on` (from the app): whether the
    page may send its pictures there.
    """

    kind: Literal["offer", "answer", "again", "bye", "pictures-off", "pictures-on"]
    call: Id
    sequence: int = Field(ge=0)
    sdp: str = Field(default="", max_length=60_000)
    page: Bytes64 = Field(default=b"", max_length=32)
    name: str = Field(default="", max_length=200)
    role: Literal["", "patient", "provider"] = ""


def seal_step(step: GuestStep, key: bytes, guest_id: str) -> bytes:
    """Nonce (12 bytes) and AES-256-GCM ciphertext, with the guest's id as associated data."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, step.model_dump_json().encode(), guest_id.encode())


def open_step(box: bytes, key: bytes, guest_id: str) -> GuestStep:
    """The reverse; raises :class:`BrokenBox`."""
    try:
        clear = AESGCM(key).decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], guest_id.encode())
        return GuestStep.model_validate_json(clear)
    except (InvalidTag, ValidationError, ValueError) as exc:
        raise BrokenBox(type(exc).__name__) from exc


class GuestIntroduction(WireModel):
    """The provider's app to the patient's, signed and sealed to it: a guest may come in (`ended`: not any more)."""

    guest_id: Id
    name: str = Field(max_length=60)
    role: GuestRole
    to_guest: Bytes64 = Field(min_length=32, max_length=32)
    from_guest: Bytes64 = Field(min_length=32, max_length=32)
    ended: bool = False


Box = Annotated[Bytes64, Field(max_length=MAX_BOX_BYTES)]


# A device's messages about guests, on its events connection (app.wire.messages)


class OpenGuest(WireModel):
    """A provider's device has made a link for its visit; said again on each new connection. Kept in memory alone."""

    type: Literal["open-guest"] = "open-guest"
    visit_id: Id
    guest_id: Id


class CloseGuest(WireModel):
    type: Literal["close-guest"] = "close-guest"
    guest_id: Id


class SendGuest(WireModel):
    """To a guest of a visit that the sender takes part in; handed on unread."""

    type: Literal["send-guest"] = "send-guest"
    guest_id: Id
    box: Box


class GuestSeen(WireModel):
    """A guest's page came or went. The service's word alone: nothing rests on it but when an offer is made."""

    type: Literal["guest-seen"] = "guest-seen"
    visit_id: Id
    guest_id: Id
    present: bool


class GuestSaid(WireModel):
    type: Literal["guest-said"] = "guest-said"
    guest_id: Id
    box: Box


# The guest's page and the service, on WS /v1/guest


class GuestHello(WireModel):
    """The first message. `page` is random, made once by the page: the link belongs to the first that comes."""

    type: Literal["hello"] = "hello"
    admission: Bytes64 = Field(min_length=32, max_length=32)
    page: Bytes64 = Field(min_length=16, max_length=16)


class GuestSay(WireModel):
    type: Literal["say"] = "say"
    to: Id
    box: Bytes64 = Field(max_length=MAX_SAID_BYTES)


class GuestWelcome(WireModel):
    type: Literal["welcome"] = "welcome"
    guest_id: Id
    ice: IceConfig


class GuestHears(WireModel):
    type: Literal["hears"] = "hears"
    sender: Id
    box: Box


class GuestEnd(StrEnum):
    """Why a page's connection is ended; the page has a sentence for each."""

    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"
    OVER = "over"
    TOO_MANY = "too-many"
    REPLACED = "replaced"
    FAULTS = "faults"


class GuestEnded(WireModel):
    type: Literal["ended"] = "ended"
    reason: GuestEnd


GuestMessage = Annotated[GuestHello | GuestSay, Field(discriminator="type")]
GuestAnswer = GuestWelcome | GuestHears | GuestEnded

guest_message: TypeAdapter[GuestMessage] = TypeAdapter(GuestMessage)
