"""What a provider's screens show of what patients sent: the inbox, one opened item, its answers; frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from app.offline.clips import SafeClip
from app.presenters.view_basics import Sentence


@dataclass(frozen=True)
class InboxRow:
    """One submission. Its purpose is sealed: until its manifest was opened here, `purpose` is empty and `holds` tells
    a size alone. `told`: what must be known before it is opened. `due`: until when an answer is due."""

    submission_id: str
    received_at: datetime  # local zone
    patient_name: str
    opened: bool
    purpose: str = ""
    holds: str = ""
    urgent: bool = False
    told: tuple[Sentence, ...] = ()
    due: Sentence | None = None
    answered: bool = False


class PartKind(StrEnum):
    PICTURE = "picture"
    DOCUMENT = "document"
    CLIP = "clip"
    VOICE = "voice"
    OTHER = "other"


@dataclass(frozen=True)
class PartRow:
    """One thing to look at or to hear. `thumbnail` is a safe JPEG or empty; `fraction` 0..1 of its sealed bytes here.

    `sha256` (hex) of the content exactly as the patient's device sealed it, once it was opened and fits; else empty.
    `says`: why it is not on show. `can_want`: it is a copy, and its original can be asked for; `wanted`: it is chosen.
    """

    blob: str
    kind: PartKind
    title: str
    thumbnail: bytes = b""
    fraction: float = 0.0
    sha256: str = ""
    says: Sentence | None = None
    original: Sentence | None = None
    can_want: bool = False
    wanted: bool = False


@dataclass(frozen=True)
class OpenedPicture:
    """`data` is a safe copy for the screen (JPEG, decoded and made anew in a limited process), in memory only."""

    name: str
    data: bytes


@dataclass(frozen=True)
class OpenedClip:
    """A piece of a clip, taken apart in a limited process, in memory only: from `start_s` on, of `total_s` in all.

    A voice message has no pictures.
    """

    name: str
    safe: SafeClip
    start_s: float
    total_s: float

    @property
    def end_s(self) -> float:
        return min(self.start_s + self.safe.seconds, self.total_s)


@dataclass(frozen=True)
class Sheet:
    """What lies open: the pages of one picture or document, or a clip. Without either, `says` tells why."""

    place: int  # of its PartRow
    pages: tuple[OpenedPicture, ...] = ()
    clip: OpenedClip | None = None
    says: Sentence | None = None


@dataclass(frozen=True)
class LetterRow:
    """`question` may be empty (plain text); `note` says what must be known of this row."""

    answer: str
    question: str = ""
    note: str = ""
    depth: int = 0
    heading: bool = False


@dataclass(frozen=True)
class Letter:
    """What came as words: a message, a form's answers, readings. `says` when it cannot be shown."""

    title: str
    rows: tuple[LetterRow, ...] = ()
    says: Sentence | None = None


@dataclass(frozen=True)
class ReplyLine:
    """One answer, question or wish for originals (`wish`, without words) to the patient, and how far it has come."""

    reply: str
    who: str  # "You", or a colleague's name
    question: bool
    text: str
    at: datetime  # local zone
    state: Sentence
    asks: str = ""  # the originals asked for, in words
    wish: bool = False


@dataclass(frozen=True)
class AnswerView:
    """The answer that is being written. `draft` is what was kept when the item was opened, or emptied by sending."""

    draft: str = ""
    number: int = 0  # counts up when `draft` is to be shown anew
    quick: tuple[str, ...] = ()
    asks: str = ""  # the originals that will be asked for, in words
    busy: bool = False


@dataclass(frozen=True)
class OtherItem:
    """A submission of the same matter: `text` says which."""

    submission_id: str
    text: str


@dataclass(frozen=True)
class OpenedItem:
    """`says`: how far it has come, while parts are missing. `told` as of the row."""

    submission_id: str
    patient_name: str
    created_at: datetime  # local zone
    purpose: str
    note: str
    urgent: bool = False
    told: tuple[Sentence, ...] = ()
    others: tuple[OtherItem, ...] = ()
    says: Sentence | None = None
    letters: tuple[Letter, ...] = ()
    parts: tuple[PartRow, ...] = ()
    sheet: Sheet | None = None
    replies: tuple[ReplyLine, ...] = ()
    answer: AnswerView = AnswerView()


class ReviewCommands(Protocol):
    """What a provider can do about what patients sent. `place`: of the part in the opened item."""

    def open_item(self, submission_id: str) -> None: ...
    def close_item(self) -> None: ...
    def show_part(self, place: int) -> None: ...
    def try_part_again(self) -> None: ...
    def play_clip(self, place: int, at_s: float) -> None: ...
    def show_clip_at(self, place: int, at_s: float) -> None: ...
    def pause_clip(self) -> None: ...
    def save_clip(self, place: int, path: Path) -> None: ...
    def want_original(self, place: int, on: bool) -> None: ...
    def keep_answer(self, text: str) -> None: ...
    def send_answer(self, text: str, question: bool) -> None: ...
