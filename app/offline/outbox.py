"""PURE: a submission and its blobs together: the two machines (transfer.py, life.py) joined.

Each function takes a submission and gives the submission after it, to be written in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.offline.life import ARRIVED, MAY_WITHDRAW, Held, Life, LifeEvent, knows, live
from app.offline.transfer import (
    DELIVERED,
    FIRST_RETRY_S,
    GONE,
    LAST_RETRY_S,
    SIGN_IN_RETRY_S,
    Dropped,
    Erased,
    Event,
    Failed,
    FailureKind,
    Hurry,
    Interrupted,
    Located,
    Lost,
    NotInTable,
    OutboxBlob,
    Progress,
    Start,
    Stored,
    Transfer,
    TryAgain,
    retry_delay,
    step,
)


@dataclass(frozen=True)
class OutboxSubmission:
    """A submission's row and its blobs in order. `number` counts up: older first.

    `amends` and `answers` name the submission it adds to and the reply it answers. `first`: 0, or a number, the
    highest of which the person chose last to go first. `replied`: the newest reply (QUESTION or ANSWER), kept when it
    came before our own receipts. `withdraw_tries` and `withdraw_at` (UTC epoch, s): of the withdrawal's own message.
    `amended` is read, never written: another submission adds to this one.
    """

    submission: str
    number: int
    created_at: datetime
    purpose: str
    visit_id: str | None
    life: Life
    blobs: tuple[OutboxBlob, ...]
    urgent: bool = False
    amends: str | None = None
    answers: str | None = None
    first: int = 0
    held: Held = Held.NO
    replied: LifeEvent | None = None
    withdraw_tries: int = 0
    withdraw_at: float = 0.0
    amended: bool = False


def settle(life: Life, blobs: Sequence[OutboxBlob], replied: LifeEvent | None = None) -> Life:
    """The life that the blobs ask for: NEEDS_PERSON when one is refused, RECEIVED when all are delivered.

    A reply that came before the last receipt counts from then on.
    """
    refusable = life in (Life.HELD, Life.FINISHED, Life.NEEDS_PERSON)
    if refusable and any(row.state is Transfer.REFUSED for row in blobs):
        return live(life, LifeEvent.BLOB_REFUSED)
    if life is Life.FINISHED and blobs and all(row.state in DELIVERED for row in blobs):
        received = live(life, LifeEvent.ALL_STORED)
        return received if replied is None else live(received, replied)
    return life


def apply(submission: OutboxSubmission, blob: str, event: Event) -> OutboxSubmission:
    """The whole submission after one blob's `event`: its row stepped, its life settled."""
    blobs = tuple(step(row, event) if row.blob == blob else row for row in submission.blobs)
    return settled(replace(submission, blobs=blobs))


def settled(submission: OutboxSubmission) -> OutboxSubmission:
    """With the life that its blobs ask for."""
    return replace(submission, life=settle(submission.life, submission.blobs, submission.replied))


def try_again(submission: OutboxSubmission) -> OutboxSubmission:
    """A person asks for another try: refused and waiting blobs become due at once."""
    after = _each(submission, TryAgain(), Transfer.REFUSED, Transfer.WAITING)
    return replace(after, life=live(after.life, LifeEvent.TRY_AGAIN)) if after.life is Life.NEEDS_PERSON else after


def hurry(submission: OutboxSubmission) -> OutboxSubmission:
    """What waits becomes due at once; tries stay counted."""
    return replace(_each(submission, Hurry(), Transfer.WAITING), withdraw_at=0.0)


def release(submission: OutboxSubmission) -> OutboxSubmission:
    """A held submission may go, whatever the link. Raises :class:`NotInTable` when it is neither held nor on trial."""
    if on_trial(submission):
        return replace(submission, held=Held.NO)
    return replace(submission, life=live(submission.life, LifeEvent.RELEASE), held=Held.NO)


def tried(submission: OutboxSubmission) -> OutboxSubmission:
    """One that waits for a good link may go as long as this one is not known to be bad: its mark stays."""
    return replace(submission, life=live(submission.life, LifeEvent.RELEASE))


def on_trial(submission: OutboxSubmission) -> bool:
    """Whether it is being sent only as long as the link is a good one."""
    return submission.life is Life.FINISHED and submission.held is Held.UNTIL_GOOD_LINK


def held_again(submission: OutboxSubmission) -> OutboxSubmission:
    """The link turned out to be no good one. What has arrived counts; it goes on from there."""
    return replace(submission, life=live(submission.life, LifeEvent.HOLD))


def held_until(submission: OutboxSubmission, until: Held) -> OutboxSubmission:
    """The person's choice for one that is held. ValueError for :attr:`Held.NO`: that is :func:`release`."""
    if until is Held.NO:
        raise ValueError("held until nothing")
    return replace(submission, held=until)


def withdraw(submission: OutboxSubmission) -> OutboxSubmission:
    """A person takes it back. If the clinic has not heard of it (no blob was ever tried), that is all there is to it.

    Raises :class:`NotInTable` when a provider has opened it.
    """
    after = replace(
        submission, life=live(submission.life, LifeEvent.WITHDRAW), first=0, withdraw_tries=0, withdraw_at=0.0
    )
    unheard = all(row.state is Transfer.SEALED and not row.location for row in after.blobs)
    return taken_back(after) if unheard and after.life is Life.WITHDRAWING else after


def taken_back(submission: OutboxSubmission) -> OutboxSubmission:
    """The clinic said yes; the files here go next (`plan.Erase`)."""
    return replace(submission, life=live(submission.life, LifeEvent.TAKEN_BACK))


def too_late(submission: OutboxSubmission) -> OutboxSubmission:
    """A provider opened it before the withdrawal came: it goes on where its receipts say it is."""
    return settled(replace(submission, life=live(submission.life, LifeEvent.TOO_LATE)))


def withdrawal_failed(submission: OutboxSubmission, now: float, jitter: float, spent: bool) -> OutboxSubmission:
    """The message did not get through: tried again later, for ever. `spent`: the clinic was there, but could not."""
    tries = submission.withdraw_tries + spent
    wait = retry_delay(tries, jitter) if spent else 0.0
    return replace(submission, withdraw_tries=tries, withdraw_at=now + wait)


def replied(submission: OutboxSubmission, event: LifeEvent) -> OutboxSubmission:
    """A provider's reply: QUESTION or ANSWER (ValueError for others). Before the last receipt it is kept as a mark."""
    if event not in (LifeEvent.QUESTION, LifeEvent.ANSWER):
        raise ValueError(f"'{event}' is no reply")
    life = live(submission.life, event) if knows(submission.life, event) else submission.life
    return replace(submission, life=life, replied=event)


def _each(submission: OutboxSubmission, event: Event, *states: Transfer) -> OutboxSubmission:
    blobs = tuple(step(row, event) if row.state in states else row for row in submission.blobs)
    return replace(submission, blobs=blobs)


__all__ = [
    "ARRIVED",
    "DELIVERED",
    "FIRST_RETRY_S",
    "GONE",
    "LAST_RETRY_S",
    "MAY_WITHDRAW",
    "SIGN_IN_RETRY_S",
    "Dropped",
    "Erased",
    "Event",
    "Failed",
    "FailureKind",
    "Held",
    "Hurry",
    "Interrupted",
    "Life",
    "LifeEvent",
    "Located",
    "Lost",
    "NotInTable",
    "OutboxBlob",
    "OutboxSubmission",
    "Progress",
    "Start",
    "Stored",
    "Transfer",
    "TryAgain",
    "apply",
    "held_again",
    "held_until",
    "hurry",
    "knows",
    "live",
    "on_trial",
    "release",
    "replied",
    "retry_delay",
    "settle",
    "settled",
    "step",
    "taken_back",
    "too_late",
    "tried",
    "try_again",
    "withdraw",
    "withdrawal_failed",
]
