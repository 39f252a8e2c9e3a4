"""PURE: what the screens get of the outbox: one status for each submission, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.offline.life import Held, Life
from app.offline.outbox import OutboxSubmission
from app.offline.plan import Metered, bytes_ahead, candidates, next_blob
from app.offline.remaining import seconds_left
from app.offline.standing import Conditions, Stage, WaitingFor, view, waiting_for


@dataclass(frozen=True)
class SubmissionStatus:
    """Where one submission stands, for the screens. `done` of `total` parts delivered; `reason` a sentence or "".

    `amended`: a later submission adds to this one. `answers`: the reply it answers. `first`: the person chose it to go
    first. `held`: until when it is kept back. `bytes_done` of `bytes_total` of ciphertext are acknowledged.
    `seconds_left`: until its last byte has gone at today's speed, all that goes before it counted; None when it is not
    being sent or the speed is not known.
    """

    submission: str
    created_at: datetime
    purpose: str
    visit_id: str | None
    stage: Stage
    done: int
    total: int
    fraction: float
    reason: str
    life: Life = Life.FINISHED
    urgent: bool = False
    amends: str | None = None
    answers: str | None = None
    amended: bool = False
    first: bool = False
    waiting_for: WaitingFor | None = None
    held: Held = Held.NO
    bytes_done: int = 0
    bytes_total: int = 0
    seconds_left: int | None = None


def statuses(
    submissions: Sequence[OutboxSubmission], conditions: Conditions, scope: Metered, rate: float | None
) -> tuple[SubmissionStatus, ...]:
    """`scope`: what the link may carry; `rate`: bytes a second, None when unknown."""
    allowed = {submission.submission for submission, _ in candidates(submissions, scope)}
    ahead = bytes_ahead(submissions)
    found = []
    for submission in submissions:
        reason = waiting_for(submission, next_blob(submission), submission.submission in allowed, conditions)
        left = ahead.get(submission.submission)
        found.append(
            _status(submission, conditions.moving, reason, None if left is None else seconds_left(left, rate))
        )
    return tuple(found)


def _status(
    submission: OutboxSubmission, moving: bool, reason: WaitingFor | None, left: int | None
) -> SubmissionStatus:
    standing = view(submission, moving)
    return SubmissionStatus(
        submission=submission.submission,
        created_at=submission.created_at,
        purpose=submission.purpose,
        visit_id=submission.visit_id,
        stage=standing.stage,
        done=standing.done,
        total=standing.total,
        fraction=standing.fraction,
        reason=standing.reason,
        life=submission.life,
        urgent=submission.urgent,
        amends=submission.amends,
        answers=submission.answers,
        amended=submission.amended,
        first=submission.first > 0,
        waiting_for=reason,
        held=submission.held,
        bytes_done=standing.bytes_done,
        bytes_total=standing.bytes_total,
        seconds_left=left,
    )
