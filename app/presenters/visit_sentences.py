"""What both people read in a visit: pure, one plain sentence each, the same truth on both screens.

For a person of seventy who has never heard of bandwidth: "connection", not "link"; what is the matter, then what to
do about it (most often: nothing, it comes back by itself).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from app.media.events import Cause, ConnectionState, Modality, PeerState, View
from app.presenters.views import Level, Sentence

BACK_SHOWN_S = 8.0
"""How long a screen says that the connection is back."""


@dataclass(frozen=True)
class VisitFacts:
    """All that the sentences of a visit depend on. `sending` is what we send, with its cause; `gone_s` for how long
    the connection has been away, `back_s` for how long it has been back (None: it never was away)."""

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
    speech_alone: bool = False  # our own choice
    provider: bool = False  # we are the provider
    wish: View = View.TALK  # what we wish their pictures to be made for
    gone_s: float = 0.0
    back_s: float | None = None

    @property
    def other_chose(self) -> bool:
        """The other person chose speech alone."""
        return self.peer is not None and self.peer.speech_alone

    @property
    def pictures_off(self) -> bool:
        """Speech alone is in force while either person's choice is on."""
        return self.speech_alone or self.other_chose


def link_sentence(f: VisitFacts) -> Sentence:
    """What the connection does, most urgent first."""
    if not f.started:
        return _before(f)
    if f.connection is not ConnectionState.CONNECTED:
        return _without_connection(f)
    if f.back_s is not None and f.back_s < BACK_SHOWN_S:
        return _back(f)
    silent = f.sending is Modality.WORDS, f.peer is not None and f.peer.sending is Modality.WORDS
    if any(silent):
        return Sentence(_NO_SPEECH[silent].format(other=f.other), Level.BAD)
    theirs = _Thin.NO if f.peer is None else _thin(f.peer.sending, f.peer.cause)
    weak = _WEAK.get((_thin(f.sending, f.cause), theirs))
    if weak is not None:
        return Sentence((_WEAK_SPEECH if f.pictures_off else weak).format(other=f.other), Level.WARN)
    if _pictures_come_back(f):
        return Sentence("The connection is recovering: you can talk, and the pictures come back soon.", Level.NOTE)
    return Sentence("The connection is good.", Level.GOOD)


def other_sentence(f: VisitFacts) -> Sentence | None:
    """What the other person gets from us (law 4), and whether they are muted; None while nobody is there."""
    peer = f.peer
    if not f.started or peer is None or f.connection is not ConnectionState.CONNECTED:
        return None
    hears = peer.hears_us and f.sending is not Modality.WORDS  # what they get then is silence
    if f.pictures_off:
        text, level = _GETS_SPEECH[f.microphone_on, hears]
    else:
        text, level = _GETS[f.microphone_on, hears, peer.sees_us]
    why = "" if f.camera_on else ": your camera is off"
    if level is Level.WARN and not f.camera_on:
        level = Level.NOTE
    muted = "" if peer.microphone_on else " {other} is muted."
    return Sentence((text + muted).format(other=f.other, why=why), level)


def stage_sentence(f: VisitFacts) -> Sentence | None:
    """What is to be read where the other's picture would be: who chose speech alone, or why there is none."""
    if f.started and f.connection not in _TOGETHER:
        return None
    if f.pictures_off:
        text = (_SPEECH_ALONE if f.started else _SPEECH_ALONE_BEFORE)[f.speech_alone, f.other_chose]
        mine = " Your camera stays off until you start it." if f.speech_alone and not f.camera_on else ""
        return Sentence(text.format(other=f.other) + mine, Level.NOTE)
    if not f.started or f.peer is None:
        return None
    if not f.peer.camera_on:
        return Sentence(f"{f.other} has turned the camera off.", Level.NOTE)
    text = "" if f.peer.sending in _PICTURES else _NO_PICTURE.get(f.peer.cause, "")
    return Sentence(text.format(other=f.other), Level.NOTE) if text else None


def wish_sentence(f: VisitFacts) -> Sentence | None:
    """What the other person asked our pictures to be made for, while moving pictures go; None for talk."""
    if f.peer is None or f.connection is not ConnectionState.CONNECTED or f.sending is not Modality.VIDEO:
        return None
    text = _WISHED[f.peer.wish]
    return Sentence(text.format(other=f.other), Level.NOTE) if text else None


def misunderstood(other: str) -> Sentence:
    """The other person's app said something that ours cannot use."""
    return Sentence(
        f"The app of {other} sent something that cannot be used here. One of the two may need a newer version.",
        Level.WARN,
    )


def how_long(seconds: float) -> str:
    """A time in words that stay for a while, so that the sentence around it does not flicker. Raises ValueError
    below 0."""
    if seconds < 0:
        raise ValueError("a time cannot be less than nothing")
    short = next((words for until, words in _SHORT if seconds < until), None)
    return short or f"{int(seconds // 60)} minutes"


def timeline_sending(name: str, sending: Modality, cause: Cause, other: str) -> str:
    """An entry of the modality timeline for a change of what `name` sends; `other` is the other of the two."""
    return f"{name}: {_MODALITY[sending]}{_CAUSE[cause].format(other=other)}"


def timeline_choice(name: str, on: bool) -> str:
    """An entry of the modality timeline: `name` chose speech alone, or took that choice back."""
    return f"{name} chose speech alone" if on else f"{name} chose pictures again"


def timeline_wish(name: str, view: View) -> str:
    """An entry of the modality timeline: what `name` asked the other's picture to be made for."""
    return f"{name} {_ASKED[view]}"


def timeline_back(seconds: float) -> str:
    """An entry of the modality timeline: the connection stands again after `seconds` without it."""
    return f"Connected again after {max(round(seconds), 1)} s"


TIMELINE_CONNECTION = {
    ConnectionState.CONNECTING: "Connecting",
    ConnectionState.CONNECTED: "Connected",
    ConnectionState.INTERRUPTED: "The connection is interrupted",
    ConnectionState.RECONNECTING: "Connecting again",
    ConnectionState.FAILED: "The connection has been gone for a minute",
    ConnectionState.CLOSED: "The visit's connection is closed",
}

_SHORT = (
    (8, "a few seconds"),
    (15, "about 10 seconds"),
    (25, "about 20 seconds"),
    (40, "about half a minute"),
    (55, "almost a minute"),
    (105, "about a minute"),
    (180, "about 2 minutes"),
)


class _Thin(Enum):
    """What a weak connection leaves of one side's pictures."""

    NO = "all of them"
    STILLS = "still pictures"
    PAUSED = "none"


# (ours, theirs)
_WEAK = {
    (_Thin.PAUSED, _Thin.PAUSED): "The connection is weak: both pictures are paused so that speech stays clear.",
    (_Thin.PAUSED, _Thin.NO): "The connection is weak: your picture is paused so that speech stays clear.",
    (_Thin.NO, _Thin.PAUSED): "The connection is weak: the picture of {other} is paused. You can go on talking.",
    (_Thin.STILLS, _Thin.STILLS): "The connection is weak: you see each other as still pictures, and you can talk.",
    (_Thin.STILLS, _Thin.NO): "The connection is weak: {other} sees you as still pictures. You can go on talking.",
    (_Thin.NO, _Thin.STILLS): "The connection is weak: you see {other} as still pictures. You can go on talking.",
    (_Thin.STILLS, _Thin.PAUSED): "The connection is weak: {other} sees you as still pictures; their own is paused.",
    (_Thin.PAUSED, _Thin.STILLS): "The connection is weak: you see {other} as still pictures; your own is paused.",
}
# (ours, theirs)
_NO_SPEECH = {
    (True, True): "The connection is too weak for speech now. Please write to {other}. Speech comes back by itself.",
    (True, False): "The connection is too weak for your speech now. Please write to {other}. You still hear {other}.",
    (False, True): "The connection of {other} is too weak for speech now. Please write. {other} still hears you.",
}
_WEAK_SPEECH = "The connection is weak at the moment. You can go on talking."

# (our microphone is on, they hear us, they see us)
_GETS = {
    (True, True, True): ("{other} hears you and sees you.", Level.GOOD),
    (True, True, False): ("{other} hears you but cannot see you{why}.", Level.WARN),
    (True, False, True): ("{other} sees you but cannot hear you at the moment.", Level.BAD),
    (True, False, False): ("{other} cannot hear you at the moment.", Level.BAD),
    (False, True, True): ("You are muted: {other} sees you but does not hear you.", Level.NOTE),
    (False, True, False): ("You are muted: {other} does not hear you and does not see you.", Level.NOTE),
    (False, False, True): ("You are muted: {other} sees you but does not hear you.", Level.NOTE),
    (False, False, False): ("You are muted: {other} does not hear you and does not see you.", Level.NOTE),
}

# (our microphone is on, they hear us); pictures are off by choice, which the stage says
_GETS_SPEECH = {
    (True, True): ("{other} hears you.", Level.GOOD),
    (True, False): ("{other} cannot hear you at the moment.", Level.BAD),
    (False, True): ("You are muted: {other} does not hear you.", Level.NOTE),
    (False, False): ("You are muted: {other} does not hear you.", Level.NOTE),
}

_TOGETHER = frozenset({ConnectionState.CONNECTING, ConnectionState.CONNECTED})

# (we chose, they chose)
_SPEECH_ALONE = {
    (True, False): "You chose speech alone. Pictures are off on both sides; you can bring them back at any time.",
    (False, True): "{other} chose speech alone. You can go on talking; {other} can bring the pictures back.",
    (True, True): "You and {other} both chose speech alone. Pictures come back when you both want them again.",
}
_SPEECH_ALONE_BEFORE = {
    **_SPEECH_ALONE,
    (True, False): "You chose speech alone: the visit starts without pictures.",
}

_NO_PICTURE = {
    Cause.NO_CAMERA: "{other} has no camera.",
    Cause.LINK_THIN: "The picture comes back by itself when the connection is better.",
    Cause.LINK_RECOVERED: "The picture comes back soon.",
    Cause.LINK_LOST: "The picture comes back soon.",
}

_WISHED = {
    View.TALK: "",
    View.DETAIL: "{other} asked for more detail: the picture is sharper and moves less.",
    View.MOTION: "{other} asked to see movement: the picture is smaller and moves more.",
}

_ASKED = {
    View.TALK: "asked for the usual picture again",
    View.DETAIL: "asked for more detail",
    View.MOTION: "asked to see movement",
}

_PICTURES = (Modality.VIDEO, Modality.STILLS)

_MODALITY = {
    Modality.VIDEO: "picture and speech",
    Modality.STILLS: "still pictures and speech",
    Modality.AUDIO: "speech alone",
    Modality.WORDS: "written words alone",
}

_CAUSE = {
    Cause.START: "",
    Cause.CHOSEN: " (by choice)",
    Cause.OTHER_CHOSE: " (by choice of {other})",
    Cause.NO_CAMERA: " (no camera)",
    Cause.LINK_THIN: " (the connection is weak)",
    Cause.LINK_RECOVERED: " (the connection has recovered)",
    Cause.LINK_LOST: " (the connection was lost)",
}


def _thin(sending: Modality, cause: Cause) -> _Thin:
    if sending is Modality.VIDEO or cause is not Cause.LINK_THIN:
        return _Thin.NO
    return _Thin.STILLS if sending is Modality.STILLS else _Thin.PAUSED


def _coming_back(sending: Modality, cause: Cause) -> bool:
    return sending not in _PICTURES and cause in (Cause.LINK_RECOVERED, Cause.LINK_LOST)


def _pictures_come_back(f: VisitFacts) -> bool:
    theirs = f.peer is not None and _coming_back(f.peer.sending, f.peer.cause)
    return not f.pictures_off and (theirs or _coming_back(f.sending, f.cause))


def _back(f: VisitFacts) -> Sentence:
    soon = " The pictures follow soon." if _pictures_come_back(f) else ""
    return Sentence(f"The connection is back. You can go on talking.{soon}", Level.GOOD)


def _before(f: VisitFacts) -> Sentence:
    if not f.clinic_reachable:
        return Sentence(
            "There is no connection to the clinic at the moment. Please leave this window open: it goes on by itself.",
            Level.WARN,
        )
    if f.other_present:
        return Sentence(f"Connecting you with {f.other} …", Level.NOTE)
    if f.provider:
        return Sentence(f"{f.other} has not come in yet. The visit starts by itself.", Level.NOTE)
    return Sentence(f"You are in the waiting room. {f.other} has not come in yet; just wait here.", Level.NOTE)


def _without_connection(f: VisitFacts) -> Sentence:
    if f.clinic_reachable and not f.other_present and f.connection is not ConnectionState.CLOSED:
        return Sentence(
            f"{f.other} is not connected at the moment. Please wait: the visit goes on when {f.other} is back.",
            Level.WARN,
        )
    text, level = _NO_CONNECTION[f.connection]
    if f.connection is ConnectionState.FAILED:
        text += _FAILED[f.provider, bool(f.phone)]
    return Sentence(text.format(other=f.other, long=how_long(f.gone_s), phone=f.phone), level)


_NO_CONNECTION = {
    ConnectionState.CONNECTING: ("Connecting you with {other} …", Level.NOTE),
    ConnectionState.INTERRUPTED: (
        "The connection has been interrupted for {long}. Please wait: it comes back by itself.",
        Level.BAD,
    ),
    ConnectionState.RECONNECTING: (
        "There has been no connection for {long}. Please stay here: connecting again by itself …",
        Level.BAD,
    ),
    ConnectionState.FAILED: ("There has been no connection for {long}.", Level.BAD),
    ConnectionState.CLOSED: ("The visit has ended.", Level.NOTE),
}

# (we are the provider, there is a telephone number)
_FAILED = {
    (False, True): " You can call {phone}. A photo you take now is kept and sent later.",
    (False, False): " A photo you take now is kept and sent later.",
    (True, True): " We keep trying. {other} was shown the number {phone}.",
    (True, False): " We keep trying.",
}
