"""What the screens show: frozen values made by the presenters, drawn by app.ui, which decides nothing.

Every sentence a person reads about state is made in the presenters; the screens own labels of buttons and headings.
Commands go the other way; each returns at once and its outcome is a new view.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app.media.closer.life import Life
from app.media.closer.messages import What
from app.media.devices import DeviceKind
from app.media.events import View
from app.offline.plan import Stage
from app.presenters.device_views import DeviceRow as DeviceRow
from app.presenters.device_views import PhotoPhase as PhotoPhase
from app.presenters.device_views import PhotoSize as PhotoSize
from app.presenters.device_views import PhotoView as PhotoView
from app.presenters.device_views import SoundPhase as SoundPhase
from app.presenters.device_views import SoundView as SoundView
from app.presenters.passphrase_views import LockCommands, PassphraseCommands
from app.presenters.passphrase_views import LockView as LockView
from app.presenters.passphrase_views import PassphraseView as PassphraseView
from app.presenters.past_views import PastVisitsCommands
from app.presenters.past_views import PastVisitsView as PastVisitsView
from app.presenters.review_views import InboxRow, OpenedItem, ReviewCommands
from app.presenters.view_basics import Level as Level
from app.presenters.view_basics import Sentence as Sentence

if TYPE_CHECKING:
    from app.presenters.sending_views import (
        AnsweringCommands,
        DraftingCommands,
        ItemsCommands,
        MeasuringCommands,
        RecordingCommands,
        SendingView,
    )


class Page(StrEnum):
    PASSPHRASE = "passphrase"  # noqa: S105 - the store's key is under one, or will be: nothing else until then
    LOCK = "lock"  # set a passphrase later, or change it
    ENROL = "enrol"
    HOME = "home"
    PHOTO = "photo"
    VISIT = "visit"
    ITEM = "item"  # provider: one opened submission
    DESK = "desk"  # provider: invitations and new visits
    SOUND = "sound"  # try and choose microphone, loudspeaker and camera
    SEND = "send"  # patient: put something together for the clinic
    FORM = "form"  # patient: answer one of the clinic's forms
    READING = "reading"  # patient: type what was measured
    RECORD = "record"  # patient: record a clip or a voice message
    SENT = "sent"  # patient: one sent thing and its answers
    CHOICES = "choices"  # patient: how things are sent
    PAST_VISITS = "past-visits"  # earlier visits, and the record of one


class VisitPhase(StrEnum):
    WAITING = "waiting"  # in the waiting room: the other person is not there yet
    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    LOST = "lost"  # 60 s gone: leave a photo, call by telephone; coming back is still tried
    ENDED = "ended"


class PictureState(StrEnum):
    LIVE = "live"
    FROZEN = "frozen"  # the last picture stays, with its age
    NONE = "none"


@dataclass(frozen=True)
class TimelineEntry:
    at: datetime  # local zone
    text: str


CloserLife = Life
"""How far an ask for a sharp photo has come."""


@dataclass(frozen=True)
class CloserView:
    """Looking closer: one ask, as one of the two sees it.

    `hint` (patient): what would make it better. `can_stop` (patient): a clip is being recorded. `picture` (provider):
    the best that has come, a safe copy (JPEG) in memory only. `fraction`: 0..1 of its bytes delivered.
    """

    ask: str
    what: What
    life: CloserLife
    says: Sentence
    hint: str = ""
    fraction: float = 0.0
    picture: bytes = b""
    can_stop: bool = False


@dataclass(frozen=True)
class WordsLine:
    """One line that was written. `state` says in words where one of ours stands; empty for theirs."""

    key: str
    mine: bool
    text: str
    at: datetime  # local zone
    state: Sentence | None


@dataclass(frozen=True)
class QuickPhrase:
    """`text` goes at a press; when it is not `whole`, it is for the person to end it: it goes into the field."""

    text: str
    whole: bool = True


@dataclass(frozen=True)
class WordsView:
    """The written conversation of a visit, in the order in which it came to be here."""

    lines: tuple[WordsLine, ...] = ()
    quick: tuple[QuickPhrase, ...] = ()


@dataclass(frozen=True)
class GuestView:
    """A guest in a browser. `title` says who it is and that nobody has verified that; `says` how it stands; `link` is
    what the provider hands over, while it waits to be used."""

    guest_id: str
    title: str
    says: Sentence
    connected: bool
    picture: PictureState
    link: str = ""
    picture_age_s: int = 0


@dataclass(frozen=True)
class VisitView:
    visit_id: str
    with_name: str
    phase: VisitPhase
    link: Sentence  # what the link does, in words
    other: Sentence | None  # what the other person gets: "Dr Lee hears you but cannot see you"
    microphone_on: bool
    camera_on: bool
    camera_present: bool
    picture: PictureState
    picture_age_s: int
    clinic_phone: str
    timeline: tuple[TimelineEntry, ...]
    speech_alone: bool = False  # one's own choice
    pictures_off: bool = False  # either person chose speech alone
    figures: str = ""  # the link in figures, quietly
    closer: CloserView | None = None  # what was asked for last, while it matters
    can_look_closer: bool = False  # provider: asking is possible now
    stage: Sentence | None = None  # stands where the picture would be: who chose speech alone, or why there is none
    words: WordsView = WordsView()
    guest: GuestView | None = None
    wish: View = View.TALK  # what we asked the other's picture to be made for
    wished: Sentence | None = None  # what the other asked of ours, while it is in force


@dataclass(frozen=True)
class NextVisit:
    visit_id: str
    starts_at: datetime  # local zone
    with_name: str
    reason: str
    clinic_phone: str


ItemStage = Stage
"""Where a thing that was sent stands: the outbox's own words."""


@dataclass(frozen=True)
class ItemView:
    """One thing the patient sent or will send. `text` says its stage: "Sending 1 of 2", "Received by the clinic"."""

    submission_id: str
    title: str
    stage: ItemStage
    text: str
    done: int  # parts delivered
    total: int
    fraction: float  # 0..1 of the ciphertext acknowledged
    unread: int = 0  # replies that nobody has read yet


@dataclass(frozen=True)
class PatientView:
    page: Page
    busy: bool  # an enrolment or a join is under way
    clinic: Sentence  # whether the clinic can be reached, in words
    notice: Sentence | None  # the last thing that went wrong or right, until dismissed
    next_visit: NextVisit | None
    visit: VisitView | None
    photo: PhotoView | None
    items: tuple[ItemView, ...]
    sound: SoundView | None = None
    sending: SendingView | None = None
    passphrase: PassphraseView | None = None
    past: PastVisitsView | None = None
    lock: LockView | None = None


@dataclass(frozen=True)
class ScheduleRow:
    visit_id: str
    starts_at: datetime  # local zone
    patient_name: str
    reason: str
    waiting: bool
    live: bool


@dataclass(frozen=True)
class PersonRow:
    """A patient whom a visit can be made for, or who has been invited."""

    device_id: str  # empty while the invitation has not been used
    name: str
    enrolled: bool


@dataclass(frozen=True)
class DeskView:
    """`invitation` is the text to hand over to the person just invited (address and code), until the page is left."""

    people: tuple[PersonRow, ...]
    invitation: str
    invited_name: str
    my_name: str
    clinic_phone: str = ""


@dataclass(frozen=True)
class ProviderView:
    page: Page
    busy: bool
    clinic: Sentence
    notice: Sentence | None
    schedule: tuple[ScheduleRow, ...]
    inbox: tuple[InboxRow, ...]
    opened: OpenedItem | None
    visit: VisitView | None
    desk: DeskView | None = None
    sound: SoundView | None = None
    passphrase: PassphraseView | None = None
    past: PastVisitsView | None = None
    lock: LockView | None = None


class VisitCommands(Protocol):
    """What a person can do inside a visit."""

    def set_microphone(self, on: bool) -> None: ...
    def set_camera(self, on: bool) -> None: ...
    def set_speech_alone(self, on: bool) -> None: ...
    def say_words(self, text: str) -> None: ...
    def open_sound(self) -> None: ...
    def hang_up(self) -> None: ...


class SoundCommands(Protocol):
    """What a person can do on the page of sound and camera. An empty `name`: the device that the computer chooses."""

    def open_sound(self) -> None: ...
    def close_sound(self) -> None: ...
    def start_sound_test(self) -> None: ...
    def stop_sound_test(self) -> None: ...
    def answer_sound_test(self, heard: bool) -> None: ...
    def choose_device(self, kind: DeviceKind, name: str) -> None: ...
    def turn_picture(self) -> None: ...


class CommonCommands(VisitCommands, SoundCommands, PassphraseCommands, LockCommands, Protocol):
    @property
    def past_visits(self) -> PastVisitsCommands: ...
    def enrol(self, address: str, code: str) -> None: ...
    def dismiss_notice(self) -> None: ...


class PatientCommands(CommonCommands, Protocol):
    @property
    def drafting(self) -> DraftingCommands: ...
    @property
    def answering(self) -> AnsweringCommands: ...
    @property
    def measuring(self) -> MeasuringCommands: ...
    @property
    def recording(self) -> RecordingCommands: ...
    @property
    def items(self) -> ItemsCommands: ...
    def answer_closer(self, agree: bool) -> None: ...
    def stop_clip(self) -> None: ...
    def dismiss_closer(self) -> None: ...
    def join(self, visit_id: str) -> None: ...
    def start_photo(self) -> None: ...
    def shutter(self) -> None: ...
    def retake(self) -> None: ...
    def choose_size(self, side: int) -> None: ...
    def use_card(self, on: bool) -> None: ...
    def keep_photo(self) -> None: ...
    def cancel_photo(self) -> None: ...
    def add_files(self, paths: Sequence[Path]) -> None: ...
    def try_again(self, submission_id: str) -> None: ...


class GuestCommands(Protocol):
    """What a provider can do about a guest. `role`: one of app.wire.guests.GuestRole."""

    def invite_guest(self, role: str, name: str) -> None: ...
    def dismiss_guest(self) -> None: ...


class ProviderCommands(CommonCommands, GuestCommands, ReviewCommands, Protocol):
    def look_closer(self, what: What) -> None: ...
    def withdraw_closer(self) -> None: ...
    def dismiss_closer(self) -> None: ...
    def wish_view(self, view: View) -> None: ...
    def start_visit(self, visit_id: str) -> None: ...
    def open_inbox(self) -> None: ...
    def back_to_visit(self) -> None: ...
    def open_desk(self) -> None: ...
    def close_desk(self) -> None: ...
    def invite_patient(self, name: str) -> None: ...
    def add_visit(
        self, device_id: str, starts_at: datetime, minutes: int, reason: str, my_name: str, phone: str
    ) -> None: ...
