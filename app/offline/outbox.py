"""PURE: the states of what waits to be sent. Two machines as tables: a blob's transfer and a submission's life.

No clock, no I/O, no randomness: `now` (s, UTC epoch) and `jitter` (0..1) come in. What a table does not name raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal


class Transfer(StrEnum):
    """Where one sealed blob stands."""

    SEALED = "sealed"  # on disk, never tried
    UPLOADING = "uploading"
    WAITING = "waiting"  # until `retry_at`
    STORED = "stored"  # the clinic's receipt was checked; the local file may still be there
    ERASED = "erased"  # and the local file is gone
    REFUSED = "refused"  # a person must decide


class Life(StrEnum):
    """Where a whole submission stands. (Withdrawn, amended, needs more and answered come with replies.)"""

    DRAFT = "draft"
    FINISHED = "finished"
    RECEIVED = "received"
    OPENED = "opened"
    NEEDS_PERSON = "needs-person"


class LifeEvent(StrEnum):
    FINISH = "finish"
    ALL_STORED = "all-stored"
    BLOB_REFUSED = "blob-refused"
    TRY_AGAIN = "try-again"
    OPENED = "opened"


class FailureKind(StrEnum):
    """What a failed try means for the next one."""

    OFFLINE = "offline"  # no try spent; due again as soon as the link is back
    SIGN_IN = "sign-in"  # no try spent; due after a short wait
    PAUSED = "paused"  # a live visit needs the link: no try spent
    SERVER = "server"  # the clinic could not: longer and longer waits, for weeks
    STALLED = "stalled"  # no progress: the same
    REFUSED = "refused"  # trying again by itself is of no use


@dataclass(frozen=True)
class OutboxBlob:
    """One sealed file's row. `size` and `offset` (acknowledged) in bytes of ciphertext; `file` in profile/blobs."""

    blob: str
    submission: str
    ordinal: int  # 0 is the manifest
    part: Literal["manifest", "blob"]
    file: str
    sha256: str
    size: int
    state: Transfer = Transfer.SEALED
    offset: int = 0
    location: str = ""
    tries: int = 0
    retry_at: float = 0.0
    reason: str = ""
    receipt: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class OutboxSubmission:
    """A submission's row and its blobs in order. `number` counts up: older first."""

    submission: str
    number: int
    created_at: datetime
    purpose: str
    visit_id: str | None
    life: Life
    blobs: tuple[OutboxBlob, ...]


@dataclass(frozen=True)
class Start:
    """A try begins."""


@dataclass(frozen=True)
class Located:
    """The clinic named the upload ("" when it forgot it) and its offset."""

    location: str
    offset: int = 0


@dataclass(frozen=True)
class Progress:
    """The clinic acknowledged `offset` bytes. It is the truth, forward or back."""

    offset: int


@dataclass(frozen=True)
class Stored:
    """The receipt was checked; `receipt` are its signed bytes as JSON."""

    receipt: bytes = field(repr=False)


@dataclass(frozen=True)
class Failed:
    kind: FailureKind
    now: float
    jitter: float
    reason: str = ""


@dataclass(frozen=True)
class Interrupted:
    """The program ended in the middle of a try."""


@dataclass(frozen=True)
class Erased:
    """The local file is gone and its folder synced."""


@dataclass(frozen=True)
class Lost:
    """The local file is missing or damaged though the clinic has no copy."""

    reason: str


@dataclass(frozen=True)
class TryAgain:
    """A person asks for it."""


Event = Start | Located | Progress | Stored | Failed | Interrupted | Erased | Lost | TryAgain

FIRST_RETRY_S = 2.0
LAST_RETRY_S = 15 * 60.0
SIGN_IN_RETRY_S = 30.0


def retry_delay(tries: int, jitter: float) -> float:
    """Seconds to wait after the `tries`-th failed try (1, 2, ...): doubling from 2 s to 15 min, then 15 min for ever.

    `jitter` 0..1 takes away up to half, so that many devices do not come back in step.
    """
    if tries < 1 or not 0.0 <= jitter <= 1.0:
        raise ValueError("tries count from 1, jitter lies between 0 and 1")
    whole = min(FIRST_RETRY_S * 2.0 ** min(tries - 1, 30), LAST_RETRY_S)
    return whole * (1.0 - 0.5 * jitter)


def _start(row: OutboxBlob, event: Event) -> OutboxBlob:
    return replace(row, state=Transfer.UPLOADING, retry_at=0.0)


def _located(row: OutboxBlob, event: Event) -> OutboxBlob:
    assert isinstance(event, Located)
    return _at_offset(replace(row, location=event.location), event.offset)


def _progress(row: OutboxBlob, event: Event) -> OutboxBlob:
    assert isinstance(event, Progress)
    return _at_offset(row, event.offset)


def _at_offset(row: OutboxBlob, offset: int) -> OutboxBlob:
    if not 0 <= offset <= row.size:
        raise ValueError(f"offset {offset} is outside of {row.size} bytes")
    moved = offset > row.offset
    return replace(row, offset=offset, tries=0 if moved else row.tries, reason="" if moved else row.reason)


def _stored(row: OutboxBlob, event: Event) -> OutboxBlob:
    assert isinstance(event, Stored)
    if not event.receipt:
        raise ValueError("a blob is stored only with its receipt")
    return replace(row, state=Transfer.STORED, offset=row.size, tries=0, reason="", receipt=event.receipt)


def _failed(row: OutboxBlob, event: Event) -> OutboxBlob:
    assert isinstance(event, Failed)
    return _FAILURES[event.kind](row, event)


def _not_spent(wait: float) -> Callable[[OutboxBlob, Failed], OutboxBlob]:
    def apply(row: OutboxBlob, event: Failed) -> OutboxBlob:
        return replace(row, state=Transfer.WAITING, retry_at=event.now + wait, reason=event.reason)

    return apply


def _spent(row: OutboxBlob, event: Failed) -> OutboxBlob:
    tries = row.tries + 1
    retry_at = event.now + retry_delay(tries, event.jitter)
    return replace(row, state=Transfer.WAITING, tries=tries, retry_at=retry_at, reason=event.reason)


def _refused(row: OutboxBlob, event: Failed) -> OutboxBlob:
    return replace(row, state=Transfer.REFUSED, retry_at=0.0, reason=event.reason)


_FAILURES: dict[FailureKind, Callable[[OutboxBlob, Failed], OutboxBlob]] = {
    FailureKind.OFFLINE: _not_spent(0.0),
    FailureKind.SIGN_IN: _not_spent(SIGN_IN_RETRY_S),
    FailureKind.PAUSED: _not_spent(0.0),
    FailureKind.SERVER: _spent,
    FailureKind.STALLED: _spent,
    FailureKind.REFUSED: _refused,
}


def _interrupted(row: OutboxBlob, event: Event) -> OutboxBlob:
    return replace(row, state=Transfer.WAITING, retry_at=0.0)


def _erased(row: OutboxBlob, event: Event) -> OutboxBlob:
    return replace(row, state=Transfer.ERASED)


def _lost(row: OutboxBlob, event: Event) -> OutboxBlob:
    assert isinstance(event, Lost)
    return replace(row, state=Transfer.REFUSED, retry_at=0.0, reason=event.reason)


def _again(row: OutboxBlob, event: Event) -> OutboxBlob:
    return replace(row, state=Transfer.WAITING, tries=0, retry_at=0.0, reason="")


_TRANSFERS: dict[tuple[Transfer, type], Callable[[OutboxBlob, Event], OutboxBlob]] = {
    (Transfer.SEALED, Start): _start,
    (Transfer.WAITING, Start): _start,
    (Transfer.UPLOADING, Located): _located,
    (Transfer.UPLOADING, Progress): _progress,
    (Transfer.UPLOADING, Stored): _stored,
    (Transfer.UPLOADING, Failed): _failed,
    (Transfer.UPLOADING, Interrupted): _interrupted,
    (Transfer.STORED, Erased): _erased,
    (Transfer.SEALED, Lost): _lost,
    (Transfer.WAITING, Lost): _lost,
    (Transfer.UPLOADING, Lost): _lost,
    (Transfer.REFUSED, Lost): _lost,
    (Transfer.WAITING, TryAgain): _again,
    (Transfer.REFUSED, TryAgain): _again,
}

_LIVES: dict[tuple[Life, LifeEvent], Life] = {
    (Life.DRAFT, LifeEvent.FINISH): Life.FINISHED,
    (Life.FINISHED, LifeEvent.ALL_STORED): Life.RECEIVED,
    (Life.FINISHED, LifeEvent.BLOB_REFUSED): Life.NEEDS_PERSON,
    (Life.NEEDS_PERSON, LifeEvent.BLOB_REFUSED): Life.NEEDS_PERSON,
    (Life.NEEDS_PERSON, LifeEvent.TRY_AGAIN): Life.FINISHED,
    (Life.RECEIVED, LifeEvent.OPENED): Life.OPENED,
    (Life.OPENED, LifeEvent.OPENED): Life.OPENED,
}

DELIVERED = frozenset({Transfer.STORED, Transfer.ERASED})


class NotInTable(RuntimeError):
    """An event that its state does not know: a mistake of ours, never of a person or the service."""


def step(row: OutboxBlob, event: Event) -> OutboxBlob:
    """The blob's row after `event`. Raises :class:`NotInTable`, or ValueError for an event that is wrong in itself."""
    change = _TRANSFERS.get((row.state, type(event)))
    if change is None:
        raise NotInTable(f"{type(event).__name__} in state '{row.state}'")
    return change(row, event)


def live(life: Life, event: LifeEvent) -> Life:
    """The submission's life after `event`. Raises :class:`NotInTable`."""
    after = _LIVES.get((life, event))
    if after is None:
        raise NotInTable(f"'{event}' in life '{life}'")
    return after


def settle(life: Life, blobs: Sequence[OutboxBlob]) -> Life:
    """The life that the blobs ask for: NEEDS_PERSON when one is refused, RECEIVED when all are delivered."""
    if life in (Life.FINISHED, Life.NEEDS_PERSON) and any(b.state is Transfer.REFUSED for b in blobs):
        return live(life, LifeEvent.BLOB_REFUSED)
    if life is Life.FINISHED and blobs and all(b.state in DELIVERED for b in blobs):
        return live(life, LifeEvent.ALL_STORED)
    return life


def apply(submission: OutboxSubmission, blob: str, event: Event) -> OutboxSubmission:
    """The whole submission after one blob's `event`: its row stepped, its life settled."""
    blobs = tuple(step(row, event) if row.blob == blob else row for row in submission.blobs)
    return replace(submission, blobs=blobs, life=settle(submission.life, blobs))


def try_again(submission: OutboxSubmission) -> OutboxSubmission:
    """A person asks for another try: refused and waiting blobs become due at once."""
    blobs = tuple(
        step(row, TryAgain()) if row.state in (Transfer.REFUSED, Transfer.WAITING) else row for row in submission.blobs
    )
    life = submission.life
    return replace(
        submission, blobs=blobs, life=live(life, LifeEvent.TRY_AGAIN) if life is Life.NEEDS_PERSON else life
    )
