"""PURE: a whole submission's way, as a table: from a draft to an answer, or taken back.

DRAFT -> FINISHED (or HELD, until it is asked for) -> RECEIVED -> OPENED -> NEEDS_MORE / ANSWERED; taken back:
WITHDRAWING -> WITHDRAWN, or on its old way again when a provider had opened it first. That it is amended is no state
but a mark: another submission adds to it (FHIR status "amended"). What the table does not name raises.
"""

from __future__ import annotations

from enum import StrEnum

from app.offline.transfer import NotInTable


class Life(StrEnum):
    """Where a whole submission stands."""

    DRAFT = "draft"  # a document and sealed files; it has no rows yet
    HELD = "held"  # sealed and whole, sent only when it is asked for (see `Held`)
    FINISHED = "finished"  # to be sent
    NEEDS_PERSON = "needs-person"  # a part was refused or lost: a person decides
    RECEIVED = "received"  # every part's receipt was checked
    OPENED = "opened"  # a provider's signed word says so
    NEEDS_MORE = "needs-more"  # a provider asks for more
    ANSWERED = "answered"
    WITHDRAWING = "withdrawing"  # the person takes it back; the clinic has not said yes yet
    WITHDRAWN = "withdrawn"  # the clinic said yes, or never had any of it


class LifeEvent(StrEnum):
    FINISH = "finish"  # the person is done with the draft
    HOLD = "hold"  # kept back, as originals are
    RELEASE = "release"  # a held one may go
    ALL_STORED = "all-stored"
    BLOB_REFUSED = "blob-refused"
    TRY_AGAIN = "try-again"
    OPENED = "opened"
    QUESTION = "question"  # a provider's reply that asks for more
    ANSWER = "answer"  # a provider's reply that closes it
    WITHDRAW = "withdraw"  # the person takes it back
    TAKEN_BACK = "taken-back"  # the clinic said yes, or it never heard of it
    TOO_LATE = "too-late"  # a provider has opened it already


class Held(StrEnum):
    """Until when a held submission is kept back; a person's choice ends each of them."""

    NO = ""
    UNTIL_ASKED = "until-asked"
    UNTIL_GOOD_LINK = "until-good-link"


_LIVES: dict[tuple[Life, LifeEvent], Life] = {
    (Life.DRAFT, LifeEvent.FINISH): Life.FINISHED,
    (Life.DRAFT, LifeEvent.HOLD): Life.HELD,
    (Life.HELD, LifeEvent.RELEASE): Life.FINISHED,
    (Life.HELD, LifeEvent.BLOB_REFUSED): Life.NEEDS_PERSON,
    (Life.HELD, LifeEvent.WITHDRAW): Life.WITHDRAWING,
    (Life.FINISHED, LifeEvent.HOLD): Life.HELD,  # the link that was tried is no good one
    (Life.FINISHED, LifeEvent.ALL_STORED): Life.RECEIVED,
    (Life.FINISHED, LifeEvent.BLOB_REFUSED): Life.NEEDS_PERSON,
    (Life.FINISHED, LifeEvent.WITHDRAW): Life.WITHDRAWING,
    (Life.NEEDS_PERSON, LifeEvent.BLOB_REFUSED): Life.NEEDS_PERSON,
    (Life.NEEDS_PERSON, LifeEvent.TRY_AGAIN): Life.FINISHED,
    (Life.NEEDS_PERSON, LifeEvent.WITHDRAW): Life.WITHDRAWING,
    (Life.RECEIVED, LifeEvent.OPENED): Life.OPENED,
    (Life.RECEIVED, LifeEvent.QUESTION): Life.NEEDS_MORE,
    (Life.RECEIVED, LifeEvent.ANSWER): Life.ANSWERED,
    (Life.RECEIVED, LifeEvent.WITHDRAW): Life.WITHDRAWING,
    (Life.OPENED, LifeEvent.OPENED): Life.OPENED,
    (Life.OPENED, LifeEvent.QUESTION): Life.NEEDS_MORE,
    (Life.OPENED, LifeEvent.ANSWER): Life.ANSWERED,
    (Life.NEEDS_MORE, LifeEvent.OPENED): Life.NEEDS_MORE,
    (Life.NEEDS_MORE, LifeEvent.QUESTION): Life.NEEDS_MORE,
    (Life.NEEDS_MORE, LifeEvent.ANSWER): Life.ANSWERED,
    (Life.ANSWERED, LifeEvent.OPENED): Life.ANSWERED,
    (Life.ANSWERED, LifeEvent.QUESTION): Life.NEEDS_MORE,
    (Life.ANSWERED, LifeEvent.ANSWER): Life.ANSWERED,
    (Life.WITHDRAWING, LifeEvent.WITHDRAW): Life.WITHDRAWING,
    (Life.WITHDRAWING, LifeEvent.TAKEN_BACK): Life.WITHDRAWN,
    (Life.WITHDRAWING, LifeEvent.TOO_LATE): Life.FINISHED,  # and on to where its receipts say
    (Life.WITHDRAWN, LifeEvent.WITHDRAW): Life.WITHDRAWN,
}

ARRIVED = frozenset({Life.RECEIVED, Life.OPENED, Life.NEEDS_MORE, Life.ANSWERED})
"""The clinic has all of it, by its own receipts."""
MAY_WITHDRAW = frozenset(life for life, event in _LIVES if event is LifeEvent.WITHDRAW)
"""Those that a person may take back (or has)."""


def live(life: Life, event: LifeEvent) -> Life:
    """The submission's life after `event`. Raises :class:`NotInTable`."""
    after = _LIVES.get((life, event))
    if after is None:
        raise NotInTable(f"'{event}' in life '{life}'")
    return after


def knows(life: Life, event: LifeEvent) -> bool:
    """Whether the table names `event` in `life`."""
    return (life, event) in _LIVES
