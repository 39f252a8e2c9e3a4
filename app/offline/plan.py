"""PURE: what to do next with the outbox, and what to tell a person about it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.offline.outbox import DELIVERED, LAST_RETRY_S, Life, OutboxBlob, OutboxSubmission, Transfer


@dataclass(frozen=True)
class Erase:
    """Remove the local file of this delivered blob."""

    blob: OutboxBlob


@dataclass(frozen=True)
class Send:
    """Upload this blob; `count` blobs make its submission."""

    blob: OutboxBlob
    count: int


@dataclass(frozen=True)
class Probe:
    """Something is due but the link is down: find out whether it is back."""


@dataclass(frozen=True)
class Sleep:
    """Nothing to do before `until` (UTC epoch, s), or None: before something happens."""

    until: float | None


Work = Erase | Send | Probe | Sleep

_READY = frozenset({Transfer.SEALED, Transfer.WAITING})


def next_work(
    submissions: Sequence[OutboxSubmission],
    now: float,
    online: bool,
    paused: bool,
    spared: Collection[str] = (),
) -> Work:
    """What to do now. Older submissions first; within one the manifest first, then the blobs in order.

    Erasing needs no link; blobs in `spared` could not be erased and are left for now. A blob that waits holds up its
    own submission, not the others. A `retry_at` farther away than any delay can be counts as due: the clock was set
    back.
    """
    ordered = sorted(submissions, key=lambda s: s.number)
    for submission in ordered:
        for row in submission.blobs:
            if row.state is Transfer.STORED and row.blob not in spared:
                return Erase(row)
    if paused:
        return Sleep(None)
    wake: float | None = None
    for submission in ordered:
        first = _first_undelivered(submission)
        if first is None:
            continue
        if _due(first, now):
            return Send(first, len(submission.blobs)) if online else Probe()
        wake = first.retry_at if wake is None else min(wake, first.retry_at)
    return Sleep(wake)


def _first_undelivered(submission: OutboxSubmission) -> OutboxBlob | None:
    if submission.life is not Life.FINISHED:
        return None
    rows = sorted(submission.blobs, key=lambda row: row.ordinal)
    first = next((row for row in rows if row.state not in DELIVERED), None)
    if first is not None and first.state not in _READY:
        raise RuntimeError(f"blob {first.blob} is '{first.state}' while work is being sought")
    return first


def _due(row: OutboxBlob, now: float) -> bool:
    return row.retry_at <= now or row.retry_at > now + 2 * LAST_RETRY_S


class Stage(StrEnum):
    """What a person is told; the same words as the screens' item stages."""

    SAVED = "saved"
    WAITING = "waiting"
    SENDING = "sending"
    RECEIVED = "received"
    SEEN = "seen"
    NEEDS_YOU = "needs-you"


@dataclass(frozen=True)
class Standing:
    """`done` of `total` parts have a checked receipt; `fraction` 0..1 of the ciphertext is acknowledged."""

    stage: Stage
    done: int
    total: int
    fraction: float
    reason: str


_SETTLED = {Life.RECEIVED: Stage.RECEIVED, Life.OPENED: Stage.SEEN}


def view(submission: OutboxSubmission, moving: bool = True) -> Standing:
    """Where a submission stands. `moving`: the link is up and no live visit holds uploads back.

    Raises RuntimeError rather than say "received" before every receipt was checked.
    """
    rows = submission.blobs
    done = sum(row.state in DELIVERED for row in rows)
    size = sum(row.size for row in rows)
    acknowledged = sum(row.size if row.state in DELIVERED else row.offset for row in rows)
    settled = _SETTLED.get(submission.life)
    if settled is not None and (done < len(rows) or not rows):
        raise RuntimeError(f"submission {submission.submission} is '{submission.life}' with {done} of {len(rows)}")
    reason = "" if settled is not None else next((row.reason for row in rows if row.reason), "")
    stage = settled or _stage_under_way(submission, moving)
    return Standing(stage, done, len(rows), acknowledged / size if size else 0.0, reason)


def _stage_under_way(submission: OutboxSubmission, moving: bool) -> Stage:
    states = {row.state for row in submission.blobs}
    if submission.life is Life.NEEDS_PERSON:
        return Stage.NEEDS_YOU
    if states <= {Transfer.SEALED}:
        return Stage.SAVED
    if not moving or Transfer.WAITING in states:
        return Stage.WAITING
    return Stage.SENDING
