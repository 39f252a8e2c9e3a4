"""PURE: one sealed blob's way to the clinic, as a table.

No clock, no I/O, no randomness: `now` (s, UTC epoch) and `jitter` (0..1) come in. What the table does not name raises.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from app.wire.intake import PartRole


class NotInTable(RuntimeError):
    """An event that its state does not know: a mistake of ours, never of a person or the service."""


class Transfer(StrEnum):
    """Where one sealed blob stands."""

    SEALED = "sealed"  # on disk, never tried: the clinic has not heard of it
    UPLOADING = "uploading"
    WAITING = "waiting"  # until `retry_at`
    STORED = "stored"  # the clinic's receipt was checked; the local file may still be there
    ERASED = "erased"  # and the local file is gone
    REFUSED = "refused"  # a person must decide
    DROPPED = "dropped"  # its submission was withdrawn, and the local file is gone


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
    """One sealed file's row. `size` and `offset` (acknowledged) in bytes of ciphertext; `file` in profile/blobs.

    `sent` counts every acknowledged byte, those twice that had to go twice. `failure` is why it waits, else None.
    """

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
    role: PartRole = PartRole.CONTENT
    failure: FailureKind | None = None
    sent: int = 0


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


@dataclass(frozen=True)
class Hurry:
    """What it waited for may be over (a clock that jumped, a computer that woke): due at once, no try forgotten."""


@dataclass(frozen=True)
class Dropped:
    """Its submission is withdrawn and the local file is gone, its folder synced."""


Event = Start | Located | Progress | Stored | Failed | Interrupted | Erased | Lost | TryAgain | Hurry | Dropped

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
    if offset <= row.offset:
        return replace(row, offset=offset)
    sent = row.sent + offset - row.offset
    return replace(row, offset=offset, sent=sent, tries=0, reason="", failure=None)


def _stored(row: OutboxBlob, event: Event) -> OutboxBlob:
    assert isinstance(event, Stored)
    if not event.receipt:
        raise ValueError("a blob is stored only with its receipt")
    whole = replace(row, state=Transfer.STORED, offset=row.size, tries=0, reason="", failure=None)
    return replace(whole, receipt=event.receipt)


def _failed(row: OutboxBlob, event: Event) -> OutboxBlob:
    assert isinstance(event, Failed)
    return replace(_FAILURES[event.kind](row, event), reason=event.reason, failure=event.kind)


def _not_spent(wait: float) -> Callable[[OutboxBlob, Failed], OutboxBlob]:
    def apply(row: OutboxBlob, event: Failed) -> OutboxBlob:
        return replace(row, state=Transfer.WAITING, retry_at=event.now + wait)

    return apply


def _spent(row: OutboxBlob, event: Failed) -> OutboxBlob:
    tries = row.tries + 1
    retry_at = event.now + retry_delay(tries, event.jitter)
    return replace(row, state=Transfer.WAITING, tries=tries, retry_at=retry_at)


def _refused(row: OutboxBlob, event: Failed) -> OutboxBlob:
    return replace(row, state=Transfer.REFUSED, retry_at=0.0)


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
    return replace(row, state=Transfer.REFUSED, retry_at=0.0, reason=event.reason, failure=FailureKind.REFUSED)


def _again(row: OutboxBlob, event: Event) -> OutboxBlob:
    return replace(row, state=Transfer.WAITING, tries=0, retry_at=0.0, reason="", failure=None)


def _hurried(row: OutboxBlob, event: Event) -> OutboxBlob:
    return replace(row, retry_at=0.0)


def _dropped(row: OutboxBlob, event: Event) -> OutboxBlob:
    return replace(row, state=Transfer.DROPPED, retry_at=0.0, reason="", failure=None)


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
    (Transfer.WAITING, Hurry): _hurried,
    (Transfer.SEALED, Dropped): _dropped,
    (Transfer.WAITING, Dropped): _dropped,
    (Transfer.REFUSED, Dropped): _dropped,
    (Transfer.STORED, Dropped): _dropped,
}

DELIVERED = frozenset({Transfer.STORED, Transfer.ERASED})
"""The clinic's receipt over it was checked."""
GONE = frozenset({Transfer.ERASED, Transfer.DROPPED})
"""No file of it is on this computer any more."""


def step(row: OutboxBlob, event: Event) -> OutboxBlob:
    """The blob's row after `event`. Raises :class:`NotInTable`, or ValueError for an event that is wrong in itself."""
    change = _TRANSFERS.get((row.state, type(event)))
    if change is None:
        raise NotInTable(f"{type(event).__name__} in state '{row.state}'")
    return change(row, event)
