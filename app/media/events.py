"""What a visit's media session takes and tells: plain frozen values, no Qt, no aiortc.

These make the face of :mod:`app.media.session`; what stands behind it may change, this may only grow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from app.media.specs import FoundDevice


class Modality(StrEnum):
    """What one side sends, best first."""

    VIDEO = "video"
    STILLS = "stills"
    AUDIO = "audio"
    WORDS = "words"


class Cause(StrEnum):
    """Why a modality is what it is; goes into the visit's timeline."""

    START = "start"
    CHOSEN = "chosen"  # a person turned the camera off or on, or asked for speech alone
    NO_CAMERA = "no-camera"
    LINK_THIN = "link-thin"
    LINK_RECOVERED = "link-recovered"
    LINK_LOST = "link-lost"
    OTHER_CHOSE = "other-chose"  # the other person chose speech alone


class View(StrEnum):
    """What one side wishes the other's pictures to be made for."""

    TALK = "talk"  # a face
    DETAIL = "detail"  # a wound: sharp and few
    MOTION = "motion"  # a gait: small and many


class ConnectionState(StrEnum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    INTERRUPTED = "interrupted"  # nothing heard from the other side for 2 s or more; the transport may yet live
    RECONNECTING = "reconnecting"  # a new transport under the same visit is being made
    FAILED = "failed"  # 60 s without the other side: the visit needs another way
    CLOSED = "closed"


@dataclass(frozen=True)
class SignalPart:
    """One signalling step, to be signed and carried by the caller. `call` names the transport it belongs to."""

    kind: Literal["offer", "answer", "bye", "again"]
    call: str
    sdp: str = ""


@dataclass(frozen=True)
class PeerState:
    """What the other side says of itself and of what it gets from us (law 4: both people see the same truth)."""

    microphone_on: bool
    camera_on: bool
    sending: Modality
    cause: Cause
    hears_us: bool
    sees_us: bool
    speech_alone: bool = False
    """Their own choice; speech alone is in force while either person's choice is on."""
    wish: View = View.TALK
    """What they wish our pictures to be made for."""


@dataclass(frozen=True)
class ConnectionChanged:
    at: float
    state: ConnectionState


@dataclass(frozen=True)
class ModalityChanged:
    """What we send has changed: for the screens and the timeline. `rung` is the ladder's name for it."""

    at: float
    sending: Modality
    cause: Cause
    rung: str


@dataclass(frozen=True)
class PeerChanged:
    at: float
    peer: PeerState


@dataclass(frozen=True)
class DeviceChanged:
    """A device came, went or failed; the visit goes on. `name` is the device's own name or a file's."""

    at: float
    kind: Literal["camera", "microphone", "speaker"]
    state: Literal["ready", "missing", "busy", "failed"]
    name: str


@dataclass(frozen=True)
class DevicesChanged:
    """Devices were plugged in or pulled out: `devices` are all that are there now."""

    at: float
    devices: tuple[FoundDevice, ...]


@dataclass(frozen=True)
class DataReceived:
    """A message of the other side on a data channel: at most 16 KiB, UTF-8 text or bytes, whole and in order within
    one transport.
    """

    at: float
    label: str
    data: bytes


@dataclass(frozen=True)
class DataReady:
    """Whether both sides can send data now. A new transport begins with False: what was not answered may be lost."""

    at: float
    ready: bool


SessionEvent = (
    ConnectionChanged | ModalityChanged | PeerChanged | DeviceChanged | DevicesChanged | DataReceived | DataReady
)
