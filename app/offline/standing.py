"""PURE: what to tell a person about a submission: its stage, how far it is, and what it waits for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.offline.life import Held, Life
from app.offline.outbox import OutboxSubmission
from app.offline.transfer import DELIVERED, FailureKind, OutboxBlob, Transfer


class Stage(StrEnum):
    """What a person is told; the same words as the screens' item stages."""

    SAVED = "saved"
    WAITING = "waiting"
    SENDING = "sending"
    RECEIVED = "received"
    SEEN = "seen"
    NEEDS_MORE = "needs-more"
    ANSWERED = "answered"
    NEEDS_YOU = "needs-you"
    WITHDRAWN = "withdrawn"


class WaitingFor(StrEnum):
    """Why something does not move at the moment."""

    LINK = "link"  # no way to the clinic
    WEAK_LINK = "weak-link"  # there is one, but nothing moves on it
    SIGN_IN = "sign-in"  # the clinic does not let this device in
    VISIT = "visit"  # a live visit needs the link
    PAUSED = "paused"  # the person has stopped sending
    METERED = "metered"  # the link costs by the byte, and the person does not want this to go over it
    CLINIC = "clinic-trouble"  # the clinic is there, but could not take it
    HELD = "held"  # it goes when it is asked for
    GOOD_LINK = "good-link"  # it goes when the link is a good one
    PERSON = "person"  # a person must decide


@dataclass(frozen=True)
class Standing:
    """`done` of `total` parts have a checked receipt; `fraction` 0..1 of the ciphertext is acknowledged.

    `bytes_done` of `bytes_total` are acknowledged, in bytes of ciphertext.
    """

    stage: Stage
    done: int
    total: int
    fraction: float
    reason: str
    bytes_done: int = 0
    bytes_total: int = 0


_SETTLED = {
    Life.RECEIVED: Stage.RECEIVED,
    Life.OPENED: Stage.SEEN,
    Life.NEEDS_MORE: Stage.NEEDS_MORE,
    Life.ANSWERED: Stage.ANSWERED,
}
_BY_LIFE = {
    Life.NEEDS_PERSON: Stage.NEEDS_YOU,
    Life.HELD: Stage.SAVED,
    Life.WITHDRAWING: Stage.WAITING,
    Life.WITHDRAWN: Stage.WITHDRAWN,
}
_BY_FAILURE = {
    FailureKind.OFFLINE: WaitingFor.LINK,
    FailureKind.SIGN_IN: WaitingFor.SIGN_IN,
    FailureKind.PAUSED: WaitingFor.VISIT,
    FailureKind.SERVER: WaitingFor.CLINIC,
    FailureKind.STALLED: WaitingFor.WEAK_LINK,
    FailureKind.REFUSED: WaitingFor.PERSON,
}


def view(submission: OutboxSubmission, moving: bool = True) -> Standing:
    """Where a submission stands. `moving`: the link is up, nobody has paused, and no live visit holds uploads back.

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
    fraction = acknowledged / size if size else 0.0
    return Standing(stage, done, len(rows), fraction, reason, acknowledged, size)


def _stage_under_way(submission: OutboxSubmission, moving: bool) -> Stage:
    states = {row.state for row in submission.blobs}
    by_life = _BY_LIFE.get(submission.life)
    if by_life is not None:
        return by_life
    if states <= {Transfer.SEALED}:
        return Stage.SAVED
    if not moving or Transfer.WAITING in states:
        return Stage.WAITING
    return Stage.SENDING


@dataclass(frozen=True)
class Conditions:
    """What holds for the whole outbox at the moment. `link`: None when it is up, else why it is not."""

    now: float
    link: FailureKind | None = None
    visit: bool = False
    paused: bool = False

    @property
    def moving(self) -> bool:
        return self.link is None and not self.visit and not self.paused


def waiting_for(
    submission: OutboxSubmission, upcoming: OutboxBlob | None, allowed: bool, conditions: Conditions
) -> WaitingFor | None:
    """Why it does not move, or None: it moves, is done, or is only behind others.

    `upcoming`: its blob that goes next (`plan.next_blob`); `allowed`: whether the link may carry that blob.
    """
    if submission.life is Life.HELD:
        return WaitingFor.GOOD_LINK if submission.held is Held.UNTIL_GOOD_LINK else WaitingFor.HELD
    if submission.life is Life.NEEDS_PERSON:
        return WaitingFor.PERSON
    if submission.life is Life.WITHDRAWING:
        if conditions.link is not None:
            return _BY_FAILURE[conditions.link]
        return WaitingFor.CLINIC if submission.withdraw_at > conditions.now else None
    if upcoming is None:
        return None
    holds = (
        (conditions.paused, WaitingFor.PAUSED),
        (conditions.visit, WaitingFor.VISIT),
        (not allowed, WaitingFor.METERED),
    )
    held = next((reason for holding, reason in holds if holding), None)
    if held is not None:
        return held
    if conditions.link is not None:
        return _BY_FAILURE[conditions.link]
    if upcoming.state is Transfer.WAITING and upcoming.failure is not None and upcoming.retry_at > conditions.now:
        return _BY_FAILURE[upcoming.failure]
    return None
