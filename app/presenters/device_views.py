"""What the pages of the camera, the microphone and the loudspeaker show; part of app.presenters.views."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.media.devices import DeviceKind
from app.presenters.view_basics import Sentence


class PhotoPhase(StrEnum):
    PREVIEW = "preview"  # the camera's picture runs in the self slot
    TAKING = "taking"  # hold still: the camera takes its best still, and its pictures stand
    OPENING = "opening"  # photos from files are being opened
    REVIEW = "review"  # `jpeg` holds the picture just taken, or the first of the files, in memory only
    SAVING = "saving"


@dataclass(frozen=True)
class PhotoSize:
    """One quality to send: `side` (longest, px) names it, `detail` says bytes and time."""

    side: int
    label: str
    detail: str
    chosen: bool


@dataclass(frozen=True)
class PhotoView:
    """`sizing`: its sizes are being made. `saved`: it is on the disk, sealed. `files`: so many photos come from files,
    0: it is the camera's. `progress`: which of them is being opened."""

    phase: PhotoPhase
    jpeg: bytes
    hint: str  # in words, never a refusal: "It looks a little dark."
    sizes: tuple[PhotoSize, ...] = ()  # to choose from while it is looked at
    card: bool | None = None  # whether a bank card for measuring is looked for; None: not asked
    sizing: bool = False
    saved: bool = False
    files: int = 0
    progress: str = ""


class SoundPhase(StrEnum):
    READY = "ready"
    LISTENING = "listening"  # say something
    PLAYING = "playing"  # it is heard back
    ASKING = "asking"  # did you hear yourself?
    HEARD = "heard"
    NOT_HEARD = "not-heard"
    NO_SOUND = "no-sound"  # the microphone heard nothing
    FAILED = "failed"
    IN_VISIT = "in-visit"  # the visit has the devices: they can be chosen, not tried


@dataclass(frozen=True)
class DeviceRow:
    """The devices of one kind. `chosen` is a name, or empty for the one that the computer chooses."""

    kind: DeviceKind
    names: tuple[str, ...]  # there now
    chosen: str
    present: bool  # the chosen one is there now
    turn: int = 0  # degrees clockwise by which a camera's pictures are turned


@dataclass(frozen=True)
class SoundView:
    """The page on which sound is tried and devices are chosen. `hints`: what to try next, one sentence each."""

    phase: SoundPhase
    says: Sentence
    hints: tuple[str, ...]
    devices: tuple[DeviceRow, ...]
