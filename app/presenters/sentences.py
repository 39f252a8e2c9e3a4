"""What is said to people about the state of things: pure, one plain sentence each, the same truth on both screens."""

from __future__ import annotations

from dataclasses import dataclass

from app.media.events import Cause, ConnectionState, Modality, PeerState
from app.offline.plan import Stage
from app.offline.worker import SubmissionStatus
from app.presenters.views import ItemView, Level, Sentence


@dataclass(frozen=True)
class VisitFacts:
    """All that the sentences of a visit depend on. `sending` is what we send, with its cause."""

    other: str  # the other person's name
    other_present: bool
    started: bool  # a transport has been made in this visit
    connection: ConnectionState
    sending: Modality
    cause: Cause
    microphone_on: bool
    camera_on: bool
    peer: PeerState | None
    clinic_reachable: bool
    phone: str


def link_sentence(f: VisitFacts) -> Sentence:
    """What the link does, most urgent first."""
    if not f.started:
        return _before(f)
    if f.connection is not ConnectionState.CONNECTED:
        return _without_connection(f)
    ours_thin = f.sending is not Modality.VIDEO and f.cause is Cause.LINK_THIN
    theirs_thin = f.peer is not None and f.peer.sending is not Modality.VIDEO and f.peer.cause is Cause.LINK_THIN
    if ours_thin and theirs_thin:
        return Sentence("The link is thin: both pictures are paused so that speech stays clear.", Level.WARN)
    if ours_thin:
        return Sentence("The link is thin: your picture is paused so that speech stays clear.", Level.WARN)
    if theirs_thin:
        return Sentence(f"The link is thin: the picture of {f.other} is paused. You can go on talking.", Level.WARN)
    if _coming_back(f.sending, f.cause) or (f.peer is not None and _coming_back(f.peer.sending, f.peer.cause)):
        return Sentence("The link is recovering: you can talk, and the pictures come back soon.", Level.NOTE)
    return Sentence("The link is good.", Level.GOOD)


def other_sentence(f: VisitFacts) -> Sentence | None:
    """What the other person gets from us (law 4); None while nobody is there."""
    if not f.started or f.peer is None or f.connection is not ConnectionState.CONNECTED:
        return None
    peer = f.peer
    if not f.microphone_on:
        seen = "sees you" if peer.sees_us else "cannot see you"
        return Sentence(f"You are muted: {f.other} {seen} but does not hear you.", Level.NOTE)
    if peer.hears_us and peer.sees_us:
        return Sentence(f"{f.other} hears you and sees you.", Level.GOOD)
    if peer.hears_us:
        why = "" if f.camera_on else ": your camera is off"
        level = Level.NOTE if not f.camera_on else Level.WARN
        return Sentence(f"{f.other} hears you but cannot see you{why}.", level)
    if peer.sees_us:
        return Sentence(f"{f.other} sees you but cannot hear you at the moment.", Level.BAD)
    return Sentence(f"{f.other} cannot hear you at the moment.", Level.BAD)


def misunderstood(other: str) -> Sentence:
    """The other person's app said something that ours cannot use."""
    return Sentence(
        f"The app of {other} sent something that cannot be used here. One of the two may need a newer version.",
        Level.WARN,
    )


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


def timeline_sending(name: str, sending: Modality, cause: Cause) -> str:
    """An entry of the modality timeline for a change of what `name` sends."""
    return f"{name}: {_MODALITY[sending]}{_CAUSE[cause]}"


def item_view(item: SubmissionStatus, reachable: bool, in_visit: bool) -> ItemView:
    """One thing the patient sent, as the list shows it."""
    when = item.created_at.astimezone().strftime("%H:%M on %d %B").lstrip("0")
    return ItemView(
        submission_id=item.submission,
        title=f"{purpose_words(item.purpose)}, {when}",
        stage=item.stage,
        text=_item_text(item, reachable, in_visit),
        done=item.done,
        total=item.total,
        fraction=item.fraction,
    )


def purpose_words(purpose: str) -> str:
    """A submission's purpose as people read it; an unknown one as it is."""
    return _PURPOSE.get(purpose, purpose)


def _item_text(item: SubmissionStatus, reachable: bool, in_visit: bool) -> str:
    match item.stage:
        case Stage.SENDING:
            return f"Sending part {min(item.done + 1, item.total)} of {item.total}"
        case Stage.NEEDS_YOU:
            return item.reason or "This could not be sent. Please try again or call the clinic."
        case Stage.SAVED | Stage.WAITING if not reachable:
            return "Saved on this computer. Waiting for the link."
        case Stage.SAVED | Stage.WAITING if in_visit:
            return "Saved on this computer. It is sent when the visit leaves room for it."
        case Stage.WAITING:
            return f"Saved on this computer. {item.reason or 'It is sent soon.'}"
    return _STAGE[item.stage]


_STAGE = {
    Stage.SAVED: "Saved on this computer.",
    Stage.RECEIVED: "Received by the clinic.",
    Stage.SEEN: "Seen by the clinic.",
}

_PURPOSE = {"photo": "Photo", "file": "File"}

_MODALITY = {
    Modality.VIDEO: "picture and speech",
    Modality.STILLS: "still pictures and speech",
    Modality.AUDIO: "speech alone",
    Modality.WORDS: "written words alone",
}

_CAUSE = {
    Cause.START: "",
    Cause.CHOSEN: " (by choice)",
    Cause.NO_CAMERA: " (no camera)",
    Cause.LINK_THIN: " (the link is thin)",
    Cause.LINK_RECOVERED: " (the link has recovered)",
    Cause.LINK_LOST: " (the link was lost)",
}

TIMELINE_CONNECTION = {
    ConnectionState.CONNECTING: "Connecting",
    ConnectionState.CONNECTED: "Connected",
    ConnectionState.INTERRUPTED: "The link is interrupted",
    ConnectionState.RECONNECTING: "Connecting again",
    ConnectionState.FAILED: "The link has been gone for a minute",
    ConnectionState.CLOSED: "The visit's connection is closed",
}


def _coming_back(sending: Modality, cause: Cause) -> bool:
    return sending is not Modality.VIDEO and cause in (Cause.LINK_RECOVERED, Cause.LINK_LOST)


def _before(f: VisitFacts) -> Sentence:
    if not f.clinic_reachable:
        return Sentence("No link at the moment. You stay in line; it goes on by itself.", Level.WARN)
    if f.other_present:
        return Sentence(f"Connecting you with {f.other} …", Level.NOTE)
    return Sentence(f"You are in the waiting room. {f.other} has not come in yet.", Level.NOTE)


def _without_connection(f: VisitFacts) -> Sentence:
    if f.clinic_reachable and not f.other_present and f.connection is not ConnectionState.CLOSED:
        return Sentence(f"{f.other} is not connected at the moment. The visit goes on when they are back.", Level.WARN)
    if f.connection is ConnectionState.FAILED:
        call = f" You can call {f.phone}." if f.phone else ""
        return Sentence(
            f"The link has been gone for a minute.{call} A photo you take now is kept and sent later.", Level.BAD
        )
    return _NO_CONNECTION[f.connection]


_NO_CONNECTION = {
    ConnectionState.CONNECTING: Sentence("Connecting …", Level.NOTE),
    ConnectionState.INTERRUPTED: Sentence("The link is interrupted. Please wait: it comes back by itself.", Level.BAD),
    ConnectionState.RECONNECTING: Sentence("The link is gone. Connecting again …", Level.BAD),
    ConnectionState.CLOSED: Sentence("The visit has ended.", Level.NOTE),
}
