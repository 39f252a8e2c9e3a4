"""What the screens show of sending: what is being put together, one sent thing with its answers, the choices.

Frozen values made by the presenters; the commands go the other way, as in app.presenters.views.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from app.offline.plan import Metered
from app.presenters.form_views import FormCommands, FormView
from app.presenters.views import ItemView, Sentence


@dataclass(frozen=True)
class PurposeChoice:
    """`value`: one of app.offline.purposes.Purpose."""

    value: str
    label: str
    help: str


class PartKind(StrEnum):
    PHOTO = "photo"
    DOCUMENT = "document"
    CLIP = "clip"
    VOICE = "voice"


@dataclass(frozen=True)
class PartRow:
    """One thing in a draft. `thumbnail`: a small picture (JPEG), in memory only, or empty."""

    blob: str
    kind: PartKind
    title: str
    detail: str
    thumbnail: bytes = b""


@dataclass(frozen=True)
class AnsweredForm:
    """Answers in a draft, to the form of the address `form`."""

    form: str
    title: str
    finished: bool
    can_open: bool


@dataclass(frozen=True)
class OfferedForm:
    """A form of the clinic that can be answered now; `sha256` of its definition."""

    sha256: str
    title: str


@dataclass(frozen=True)
class ReadingRow:
    """`place` from 0; `words`: "120/80 mmHg, 14:30"."""

    place: int
    title: str
    words: str


@dataclass(frozen=True)
class ComposeView:
    """What is being put together. `about` is the clinic's question or what it adds to; `weighs` says size and time."""

    draft: str
    title: str
    about: str
    parts: tuple[PartRow, ...]
    forms: tuple[AnsweredForm, ...]
    offered: tuple[OfferedForm, ...]
    readings: tuple[ReadingRow, ...]
    note: str
    urgent: bool
    weighs: str
    says: Sentence | None = None
    busy: bool = False
    can_record: bool = True
    filled: bool = False  # something is in it beside the message


@dataclass(frozen=True)
class MeasureChoice:
    """`units`: (UCUM code, words); `hint` shows how it is written."""

    value: str
    label: str
    hint: str
    units: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ReadingView:
    """The page on which a reading is typed. `measure` empty: none chosen yet. `doubt`: it is asked whether it is
    right; the same again means yes. `added`: counts what was taken, so that the field is emptied for the next. `days`:
    those on which it may have been taken, today first, as people say them."""

    measures: tuple[MeasureChoice, ...]
    measure: str = ""
    says: Sentence | None = None
    doubt: bool = False
    added: int = 0
    days: tuple[tuple[date, str], ...] = ()


class RecordPhase(StrEnum):
    READY = "ready"
    STARTING = "starting"
    RECORDING = "recording"
    SAVING = "saving"


@dataclass(frozen=True)
class RecordView:
    """A clip (`film`) or a voice message being made. `fraction` 0..1 of the longest."""

    film: bool
    phase: RecordPhase
    says: Sentence
    fraction: float = 0.0


@dataclass(frozen=True)
class DraftRow:
    draft: str
    title: str
    text: str


@dataclass(frozen=True)
class ReplyView:
    """What a provider wrote. `can_answer`: it is a question that nothing was sent for yet."""

    reply: str
    title: str
    at: datetime  # local zone
    text: str
    question: bool
    can_answer: bool
    state: str = ""


@dataclass(frozen=True)
class SentView:
    """One sent thing. `kept` says what of it is kept back (full-size photos), and is empty when nothing is;
    `kept_waits`: it goes when the connection is good, else when the clinic asks."""

    item: ItemView
    replies: tuple[ReplyView, ...]
    explains: str
    kept: str = ""
    kept_waits: bool = False
    can_add: bool = False
    can_withdraw: bool = False
    can_first: bool = False
    can_try: bool = False
    asks_withdraw: bool = False  # "do you want to take it back?" stands there


@dataclass(frozen=True)
class ChoicesView:
    """How things are sent. `used` says the data of this month; `full_size`: photos in full size go by themselves when
    the connection is good."""

    paused: bool
    link_metered: bool
    metered: Metered
    used: str
    full_size: bool = False


@dataclass(frozen=True)
class SendingView:
    """`drafts` and `choices` are for home; the others for their pages, None elsewhere."""

    drafts: tuple[DraftRow, ...] = ()
    purposes: tuple[PurposeChoice, ...] = ()
    compose: ComposeView | None = None
    form: FormView | None = None
    reading: ReadingView | None = None
    record: RecordView | None = None
    sent: SentView | None = None
    choices: ChoicesView | None = None


class DraftingCommands(Protocol):
    """Putting something together. `note` is what stands in the message's field."""

    def open_send(self) -> None: ...
    def choose_purpose(self, value: str) -> None: ...
    def open_draft(self, draft: str) -> None: ...
    def leave_send(self) -> None:
        """Put it away: what is in it is kept."""

    def discard_draft(self, draft: str) -> None: ...
    def take_photo(self) -> None: ...
    def add_to_draft(self, paths: Sequence[Path]) -> None: ...
    def remove_part(self, blob: str) -> None: ...
    def set_note(self, draft: str, note: str) -> None: ...
    def set_urgent(self, on: bool) -> None: ...
    def send_draft(self, note: str) -> None: ...


class AnsweringCommands(FormCommands, Protocol):
    """Answering the clinic's forms in the draft."""

    def open_form(self, sha256: str) -> None: ...
    def resume_form(self, form: str) -> None: ...
    def remove_form(self, form: str) -> None: ...


class MeasuringCommands(Protocol):
    """Readings in the draft; `unit` is a UCUM code. `taken`: the day and the time of day here; None: now."""

    def open_readings(self) -> None: ...
    def choose_measure(self, value: str) -> None: ...
    def add_reading(self, text: str, unit: str, taken: tuple[date, time] | None = None) -> None: ...
    def remove_reading(self, place: int) -> None: ...
    def close_readings(self) -> None: ...


class RecordingCommands(Protocol):
    """A clip with sound, or a voice message, for the draft."""

    def open_recording(self, film: bool) -> None: ...
    def start_recording(self) -> None: ...
    def stop_recording(self) -> None:
        """What was recorded is kept."""

    def leave_recording(self) -> None:
        """What was recorded is thrown away."""


class ItemsCommands(Protocol):
    """What was sent: looking at it, adding, answering, taking back; and how things are sent."""

    def open_item(self, submission_id: str) -> None: ...
    def close_item(self) -> None: ...
    def try_item_again(self, submission_id: str) -> None: ...
    def add_to_item(self, submission_id: str) -> None: ...
    def answer_reply(self, reply: str) -> None: ...
    def withdraw_item(self, submission_id: str) -> None:
        """Asks first; :meth:`confirm_withdraw` does it."""

    def confirm_withdraw(self, yes: bool) -> None: ...
    def send_first(self, submission_id: str) -> None: ...
    def send_kept(self, submission_id: str) -> None: ...
    def let_kept_wait(self, submission_id: str, on: bool) -> None:
        """Its photos in full size go when the connection is good; else when the clinic asks."""

    def open_choices(self) -> None: ...
    def close_choices(self) -> None: ...
    def set_paused(self, on: bool) -> None: ...
    def set_link_metered(self, on: bool) -> None: ...
    def set_metered(self, choice: Metered) -> None: ...
    def set_full_size(self, on: bool) -> None: ...
