"""PURE: what to do next with the outbox, and in which order things go.

The order of sending: what the person chose to go first, then urgent submissions; within those the words of all, then
the thumbnails of all, then the rest, originals last; within each the older submission first. A submission's manifest
goes before anything else of it, and counts as words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.offline.life import Held, Life
from app.offline.outbox import OutboxSubmission
from app.offline.standing import Stage, Standing, view
from app.offline.transfer import DELIVERED, GONE, LAST_RETRY_S, Dropped, Erased, OutboxBlob, Transfer
from app.wire.intake import PartRole


class Metered(StrEnum):
    """What may go over a link that costs by the byte, by the person's choice."""

    EVERYTHING = "everything"
    SMALL = "words-and-thumbnails"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Erase:
    """Remove the local file of this blob: it was delivered, or its submission withdrawn. `event` is what follows."""

    blob: OutboxBlob
    event: Erased | Dropped = Erased()  # noqa: RUF009 - frozen, and alike


@dataclass(frozen=True)
class Withdraw:
    """Tell the clinic that this submission is taken back."""

    submission: str


@dataclass(frozen=True)
class Send:
    """Upload this blob; `count` blobs make its submission."""

    blob: OutboxBlob
    count: int


@dataclass(frozen=True)
class Release:
    """The link is good, or may be, and has nothing else to do: this held submission may go."""

    submission: str


@dataclass(frozen=True)
class Probe:
    """Something is due but the link is down: find out whether it is back."""


@dataclass(frozen=True)
class Sleep:
    """Nothing to do before `until` (UTC epoch, s), or None: before something happens."""

    until: float | None


Work = Erase | Withdraw | Send | Release | Probe | Sleep
Rank = tuple[int, bool, int, int]

_READY = frozenset({Transfer.SEALED, Transfer.WAITING})
_TIERS = {
    PartRole.WORDS: 0,
    PartRole.THUMBNAIL: 1,
    PartRole.COPY: 2,
    PartRole.CONTENT: 2,
    PartRole.ORIGINAL: 3,
}
_LAST_TIER = {Metered.NOTHING: -1, Metered.SMALL: _TIERS[PartRole.THUMBNAIL], Metered.EVERYTHING: 3}


def next_work(
    submissions: Sequence[OutboxSubmission],
    now: float,
    online: bool,
    paused: bool,
    spared: Collection[str] = (),
    *,
    scope: Metered = Metered.EVERYTHING,
    good_link: bool | None = False,
    tell_at: float | None = None,
) -> Work:
    """What to do now (`now`: UTC epoch, s). `paused`: by a visit or the person; `scope`: what the link may carry.

    Erasing needs no link; blobs in `spared` could not be erased and are left for now. A withdrawal is a few bytes: no
    pause and no choice holds it back. A blob that waits holds up its own submission, not the others. A time to try
    again that is farther away than any delay can be counts as due: the clock was set back. `good_link` None: nobody
    knows, and what waits for a good one finds out; False: until `tell_at` (UTC epoch, s), when it is looked at again.
    """
    erase = next((work for work in _erasing(submissions) if work.blob.blob not in spared), None)
    if erase is not None:
        return erase
    leaving = [s for s in submissions if s.life is Life.WITHDRAWING]
    waits = [s.withdraw_at for s in leaving if not is_due(s.withdraw_at, now)]
    if len(waits) < len(leaving):
        first = next(s for s in leaving if is_due(s.withdraw_at, now))
        return Withdraw(first.submission) if online else Probe()
    if paused:
        return Sleep(min(waits, default=None))
    for submission, row in sorted(candidates(submissions, scope), key=lambda pair: rank(*pair)):
        if row.state not in _READY:
            raise RuntimeError(f"blob {row.blob} is '{row.state}' while work is being sought")
        if is_due(row.retry_at, now):
            return Send(row, len(submission.blobs)) if online else Probe()
        waits.append(row.retry_at)
    held = next((s for s in submissions if s.life is Life.HELD and s.held is Held.UNTIL_GOOD_LINK), None)
    if held is not None and good_link is False and tell_at is not None:
        waits.append(tell_at)
    elif held is not None and good_link is not False:
        return Release(held.submission) if online else Sleep(min(waits, default=None))
    return Sleep(min(waits, default=None))


def _erasing(submissions: Iterable[OutboxSubmission]) -> Iterable[Erase]:
    for submission in submissions:
        for row in submission.blobs:
            if submission.life is Life.WITHDRAWN and row.state not in GONE:
                yield Erase(row, Dropped())
            elif row.state is Transfer.STORED:
                yield Erase(row)


def is_due(at: float, now: float) -> bool:
    """Whether what was to be tried again at `at` may be tried at `now` (both UTC epoch, s)."""
    return at <= now or at > now + 2 * LAST_RETRY_S


def candidates(
    submissions: Iterable[OutboxSubmission], scope: Metered = Metered.EVERYTHING
) -> list[tuple[OutboxSubmission, OutboxBlob]]:
    """Of each submission that is being sent its next blob, where `scope` lets it go."""
    pairs = ((submission, next_blob(submission)) for submission in submissions)
    return [(s, row) for s, row in pairs if row is not None and _tier(row) <= _LAST_TIER[scope]]


def next_blob(submission: OutboxSubmission) -> OutboxBlob | None:
    """Which of its blobs goes next, or is going; None when it has none to send or is not being sent."""
    if submission.life is not Life.FINISHED:
        return None
    rest = (row for row in submission.blobs if row.state not in DELIVERED)
    return min(rest, key=lambda row: (row.part != "manifest", _tier(row), row.ordinal), default=None)


def rank(submission: OutboxSubmission, row: OutboxBlob) -> Rank:
    """The place of a blob among all that wait: lower goes first."""
    return -submission.first, not submission.urgent, _tier(row), submission.number


def gives_way(
    submissions: Sequence[OutboxSubmission], going: str, now: float, paused: bool, scope: Metered = Metered.EVERYTHING
) -> bool:
    """Whether the blob `going` must stop now: its submission is no longer sent, the person paused, another goes first,
    or one is taken back. What arrived of it counts: it goes on from there.
    """
    if any(s.life is Life.WITHDRAWING and is_due(s.withdraw_at, now) for s in submissions):
        return True
    waiting = candidates(submissions, scope)
    mine = next((pair for pair in waiting if pair[1].blob == going), None)
    if mine is None or paused:
        return True
    place = rank(*mine)
    return any(rank(s, row) < place and row.state in _READY and is_due(row.retry_at, now) for s, row in waiting)


def bytes_ahead(submissions: Sequence[OutboxSubmission]) -> dict[str, int]:
    """Of each submission that is being sent: bytes of ciphertext that go until its last has gone, its own included."""
    rest = [(s, row) for s in submissions if s.life is Life.FINISHED for row in s.blobs if row.state not in DELIVERED]
    gone, ahead = 0, {}
    for submission, row in sorted(rest, key=lambda pair: rank(*pair)):
        gone += row.size - row.offset
        ahead[submission.submission] = gone
    return ahead


def _tier(row: OutboxBlob) -> int:
    return 0 if row.part == "manifest" else _TIERS[row.role]


__all__ = [
    "Erase",
    "Metered",
    "Probe",
    "Release",
    "Send",
    "Sleep",
    "Stage",
    "Standing",
    "Withdraw",
    "Work",
    "bytes_ahead",
    "candidates",
    "gives_way",
    "is_due",
    "next_blob",
    "next_work",
    "rank",
    "view",
]
