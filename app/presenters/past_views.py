"""What the screens show of earlier visits: the list, and one visit's record; frozen values, read off line too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app.offline.standing import Stage
from app.presenters.view_basics import Sentence


@dataclass(frozen=True)
class PastVisitRow:
    """`text` says how long it was; `says` what of it needs to be known, if anything does."""

    visit_id: str
    title: str
    at: datetime  # local zone
    text: str
    says: Sentence | None = None


@dataclass(frozen=True)
class SaidLine:
    """One written line. `state`: whether it was received; None for theirs."""

    key: str
    mine: bool
    who: str
    text: str
    at: datetime  # local zone; by its writer's clock
    state: Sentence | None


@dataclass(frozen=True)
class FiledItem:
    """A thing that was sent with the visit, which opens on its own page. `stage` (patient): where it stands."""

    submission_id: str
    title: str
    text: str
    stage: Stage | None = None


@dataclass(frozen=True)
class Happened:
    """One sentence of what happened, in the order in which it did."""

    at: datetime  # local zone
    text: str


@dataclass(frozen=True)
class PastVisitView:
    """The record of one visit. `can_carry` (provider): what the other person has not got can be said in the next
    visit; `carries`: it will be."""

    visit_id: str
    title: str
    at: datetime  # local zone
    text: str
    reason: str = ""
    says: tuple[Sentence, ...] = ()
    said: tuple[SaidLine, ...] = ()
    filed: tuple[FiledItem, ...] = ()
    happened: tuple[Happened, ...] = ()
    can_carry: bool = False
    carries: bool = False


@dataclass(frozen=True)
class PastVisitsView:
    """The newest first. `more`: there are older ones than `rows`; `opened`: the one whose record is open."""

    rows: tuple[PastVisitRow, ...] = ()
    more: bool = False
    loading: bool = False
    opened: PastVisitView | None = None


class PastVisitsCommands(Protocol):
    def open_list(self) -> None: ...
    def close_list(self) -> None: ...
    def show_more(self) -> None: ...
    def open_visit(self, visit_id: str) -> None: ...
    def close_visit(self) -> None: ...
    def carry_words(self, on: bool) -> None:
        """What was not delivered of the open visit is said in the next visit with the same person, or is not."""
