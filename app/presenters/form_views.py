"""What the page of a questionnaire shows, and what comes back from it: frozen values, drawn by app.ui.pages.form."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from app.offline.forms.pages import PageKind
from app.presenters.views import Sentence


class FieldKind(StrEnum):
    """How a question is answered."""

    ONE = "one"  # of `choices`
    MANY = "many"  # of `choices`
    LINE = "line"
    PARAGRAPH = "paragraph"
    NUMBER = "number"
    DATE = "date"  # ISO 8601 text: a year, a month of a year, or a day
    CLOCK = "clock"  # "14:30"
    DATE_CLOCK = "date-clock"  # "2026-12-24T14:30"
    FILES = "files"
    READ = "read"  # worked out or given: to be read only
    NONE = "none"  # cannot be answered here


class FileWay(StrEnum):
    """How a file comes to be an answer."""

    PHOTO = "photo"  # taken now
    FILE = "file"  # chosen on this computer
    CLIP = "clip"  # recorded now
    VOICE = "voice"


@dataclass(frozen=True)
class ChoiceView:
    key: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class FieldView:
    """`texts` is what stands in the field, one for each answer (one at least); `units` are to choose from where there
    is more than one, `unit` numbers the chosen ones. `other`: the free answer beside choices, None where none may be.
    `ways`: how files can be added; `endings`: of the names of those to choose from.
    """

    kind: FieldKind
    texts: tuple[str, ...] = ("",)
    choices: tuple[ChoiceView, ...] = ()
    other: str | None = None
    units: tuple[str, ...] = ()
    unit: tuple[int, ...] = ()
    can_add: bool = False
    can_add_file: bool = False
    ways: tuple[FileWay, ...] = ()
    endings: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True)
class SummaryRow:
    """`key` is the page to jump to, empty for a heading; `says` what is still wrong."""

    key: str
    question: str
    answer: str
    says: str = ""


@dataclass(frozen=True)
class RepeatRow:
    """One repetition of a group: `number` from 0."""

    number: int
    label: str


@dataclass(frozen=True)
class FormView:
    """One page. `number` of `of` counts pages from 1; `group` says where in repeated groups it stands; `before` are
    texts to read first; `says` is what is wrong with the answer; `ready`: nothing stands in the way of finishing."""

    title: str
    key: str
    kind: PageKind
    number: int
    of: int
    group: str = ""
    before: tuple[str, ...] = ()
    question: str = ""
    optional: bool = True
    help: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    field: FieldView | None = None
    says: Sentence | None = None
    repeats: tuple[RepeatRow, ...] = ()
    can_add_row: bool = False
    rows: tuple[SummaryRow, ...] = ()
    ready: bool = False
    busy: bool = False


@dataclass(frozen=True)
class FormInput:
    """What stands in the field of a page. `chosen`: keys of choices; `texts` and `units` as in FieldView."""

    texts: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()
    other: str = ""
    units: tuple[int, ...] = ()


class FormCommands(Protocol):
    """Commands of the page; `key` is the page's, so that a second press of a hand that presses twice does nothing."""

    def answer_form(self, key: str, given: FormInput) -> None: ...

    def next_form(self, key: str, given: FormInput) -> None: ...

    def back_form(self, key: str, given: FormInput) -> None: ...

    def jump_form(self, key: str) -> None:
        """From the summary to the page called `key`."""

    def add_form_row(self, key: str) -> None:
        """One more of the group that the repeat page `key` asks about, and to its first question."""

    def remove_form_row(self, key: str, number: int) -> None: ...

    def add_form_file(self, key: str) -> None:
        """The person wants to take a photo as an answer."""

    def choose_form_file(self, key: str, path: Path) -> None:
        """A file of this computer as an answer."""

    def record_form_file(self, key: str, film: bool) -> None:
        """The person wants to record a clip (`film`) or a voice message as an answer."""

    def remove_form_file(self, key: str, number: int) -> None: ...

    def finish_form(self) -> None: ...

    def close_form(self) -> None:
        """Put it away: what was answered is kept."""
