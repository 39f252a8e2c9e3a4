"""What is said to people about devices, the clinic and what was sent: pure, one plain sentence each."""

from __future__ import annotations

from app.presenters.views import Level, Sentence


def device_sentence(kind: str, state: str, other: str = "") -> Sentence | None:
    """What a device's coming or going means for the person; raises KeyError on a state that is not named."""
    text = _DEVICES[kind, state]
    if not text:
        return None
    return Sentence(text.format(other=other or "The other person"), Level.WARN)


_DEVICES = {
    ("camera", "ready"): "",
    ("camera", "missing"): "No camera was found. Plug one in, and it is used at once.",
    ("camera", "busy"): "The camera is in use by another program. Close that program, and it comes back by itself.",
    ("camera", "failed"): "The camera gives no picture at the moment. It is tried again and again.",
    ("microphone", "ready"): "",
    (
        "microphone",
        "missing",
    ): "No microphone was found: {other} cannot hear you. Plug one in, and it is used at once.",
    ("microphone", "busy"): "The microphone is in use by another program: {other} cannot hear you.",
    ("microphone", "failed"): "The microphone gives no sound at the moment: {other} cannot hear you.",
    ("speaker", "ready"): "",
    ("speaker", "missing"): "No loudspeaker was found: you cannot hear {other}. Plug one in, and it is used at once.",
    ("speaker", "busy"): "The loudspeaker is in use by another program: you cannot hear {other}.",
    ("speaker", "failed"): "The loudspeaker does not work at the moment: you cannot hear {other}.",
}


def clinic_sentence(error: Exception | None, *, known: bool) -> Sentence:
    """Whether the clinic can be reached: `error` as the connection gave it, `known` once it was tried."""
    if not known:
        return Sentence("Looking for the clinic …", Level.NOTE)
    if error is None:
        return Sentence("Connected to the clinic.", Level.GOOD)
    return Sentence(str(error), Level.WARN)


WORDS = "words"
"""The purpose of a submission that is written words alone."""

OUTBOX_FAULT = Sentence(
    "This computer's disk does not take what is written to it. What you saved before is still here; it is tried again "
    "by itself.",
    Level.BAD,
)
WEAK_KEY = Sentence(
    "This computer has no key ring, so the key to your saved items lies in a file: whoever can read this disk could "
    "read them.",
    Level.NOTE,
)


def visit_over(other: str, *, forged: bool) -> Sentence:
    """The visit ended without our doing: by the other person, or because a message was not theirs."""
    if forged:
        return Sentence(
            f"The visit was stopped: a message that should have come from {other} was changed on its way. "
            "Please call the clinic.",
            Level.BAD,
        )
    return Sentence(f"{other} has ended the visit.", Level.NOTE)
