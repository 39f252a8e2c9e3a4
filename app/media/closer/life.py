"""PURE: the life of one ask, the same table on both sides."""

from __future__ import annotations

from enum import StrEnum


class Life(StrEnum):
    ASKED = "asked"
    TAKING = "taking"  # the patient agreed; the camera is at it
    SENDING = "sending"
    DONE = "done"  # every part is on the provider's side, its SHA-256 checked
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    SAVED = "saved"  # a clip lies sealed in the patient's outbox, from where it comes
    FAILED = "failed"  # the camera gave nothing
    LATER = "later"  # the call ended first: what was taken comes by the outbox


class Step(StrEnum):
    AGREE = "agree"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    PART = "part"  # a part is offered
    WHOLE = "whole"  # the last part is there
    FAIL = "fail"
    SAVE = "save"
    CALL_OVER = "call-over"


class BadStep(ValueError):
    """A step that the table does not name."""


OVER = frozenset({Life.DONE, Life.SAVED, Life.REFUSED, Life.WITHDRAWN, Life.FAILED, Life.LATER})

_TABLE = {
    (Life.ASKED, Step.AGREE): Life.TAKING,
    (Life.ASKED, Step.REFUSE): Life.REFUSED,
    (Life.ASKED, Step.WITHDRAW): Life.WITHDRAWN,
    (Life.ASKED, Step.CALL_OVER): Life.WITHDRAWN,
    (Life.TAKING, Step.AGREE): Life.TAKING,
    (Life.TAKING, Step.PART): Life.SENDING,
    (Life.TAKING, Step.FAIL): Life.FAILED,
    (Life.TAKING, Step.REFUSE): Life.REFUSED,  # a clip that the patient has stopped
    (Life.TAKING, Step.SAVE): Life.SAVED,
    (Life.TAKING, Step.WITHDRAW): Life.WITHDRAWN,
    (Life.TAKING, Step.CALL_OVER): Life.LATER,
    (Life.SENDING, Step.AGREE): Life.SENDING,
    (Life.SENDING, Step.PART): Life.SENDING,
    (Life.SENDING, Step.WHOLE): Life.DONE,
    (Life.SENDING, Step.WITHDRAW): Life.WITHDRAWN,
    (Life.SENDING, Step.CALL_OVER): Life.LATER,
    # Said again after a new transport, or crossed on the way.
    (Life.DONE, Step.AGREE): Life.DONE,
    (Life.DONE, Step.PART): Life.DONE,
    (Life.DONE, Step.WHOLE): Life.DONE,
    (Life.DONE, Step.WITHDRAW): Life.DONE,
    (Life.SAVED, Step.SAVE): Life.SAVED,
    (Life.SAVED, Step.WITHDRAW): Life.SAVED,
    (Life.REFUSED, Step.REFUSE): Life.REFUSED,
    (Life.REFUSED, Step.WITHDRAW): Life.REFUSED,
    (Life.FAILED, Step.AGREE): Life.FAILED,
    (Life.FAILED, Step.FAIL): Life.FAILED,
    (Life.FAILED, Step.WITHDRAW): Life.FAILED,
    (Life.LATER, Step.AGREE): Life.LATER,
    (Life.LATER, Step.PART): Life.LATER,
    (Life.LATER, Step.FAIL): Life.LATER,
    (Life.LATER, Step.SAVE): Life.LATER,
    (Life.LATER, Step.REFUSE): Life.LATER,
    (Life.LATER, Step.WITHDRAW): Life.LATER,
    (Life.WITHDRAWN, Step.WITHDRAW): Life.WITHDRAWN,
    (Life.WITHDRAWN, Step.AGREE): Life.WITHDRAWN,
    (Life.WITHDRAWN, Step.REFUSE): Life.WITHDRAWN,
    (Life.WITHDRAWN, Step.PART): Life.WITHDRAWN,
    (Life.WITHDRAWN, Step.WHOLE): Life.WITHDRAWN,
    (Life.WITHDRAWN, Step.FAIL): Life.WITHDRAWN,
    (Life.WITHDRAWN, Step.SAVE): Life.WITHDRAWN,
}


def step(life: Life, what: Step) -> Life:
    """The next life. Raises :class:`BadStep`."""
    try:
        return _TABLE[life, what]
    except KeyError:
        raise BadStep(f"'{what}' while '{life}'") from None
