"""What is said about looking closer: pure, one plain sentence for each state and side."""

from __future__ import annotations

import math

from app.media.closer.life import Life
from app.media.closer.messages import What
from app.media.video import still_checks
from app.presenters.views import Level, Sentence

_THING: dict[What, str] = {"photo": "photo", "clip": "clip"}
_ASKED: dict[What, str] = {"photo": "sharp photo", "clip": "clip of 10 seconds"}

_PROVIDER = {
    Life.ASKED: ("You asked {name} for a {asked}.", Level.NOTE),
    Life.TAKING: ("{name} agreed. The {thing} is being taken.", Level.GOOD),
    Life.SENDING: ("The {thing} is on its way: {percent} %.", Level.NOTE),
    Life.DONE: ("The {thing} is here, in full.", Level.GOOD),
    Life.SAVED: ("The clip is saved at {name}'s side. It comes to your inbox.", Level.GOOD),
    Life.REFUSED: ("{name} answered: not now.", Level.NOTE),
    Life.FAILED: ("{name} agreed, but the camera gave no picture.", Level.WARN),
    Life.LATER: ("The rest of the {thing} comes to your inbox.", Level.WARN),
    Life.WITHDRAWN: ("", Level.NOTE),
}

_PROVIDER_CLIP: dict[tuple[What, Life], tuple[str, Level]] = {
    ("clip", Life.TAKING): ("{name} agreed. The clip is being recorded.", Level.GOOD),
    ("clip", Life.REFUSED): ("{name} did not send a clip.", Level.NOTE),
    ("clip", Life.FAILED): ("{name} agreed, but there is no clip: it could not be recorded or saved.", Level.WARN),
    ("clip", Life.LATER): ("If the clip was saved in time, it comes to your inbox.", Level.WARN),
}

_PATIENT = {
    Life.ASKED: ("{name} asks for a {asked}.", Level.NOTE),
    Life.TAKING: ("Hold still. The {thing} is being taken.", Level.NOTE),
    Life.SENDING: ("Sending the {thing} to {name}: {percent} %.", Level.NOTE),
    Life.DONE: ("Sent to {name}.", Level.GOOD),
    Life.SAVED: ("Saved. It is sent to {name} when the connection has room for it.", Level.GOOD),
    Life.REFUSED: ("", Level.NOTE),
    Life.FAILED: ("The camera gave no picture. {name} has been told.", Level.WARN),
    Life.LATER: ("", Level.NOTE),
    Life.WITHDRAWN: ("", Level.NOTE),
}


def provider_sentence(name: str, what: What, life: Life, fraction: float, *, seen: bool, away: bool) -> Sentence:
    """`seen`: a first picture has come; `away`: the connection is. The text is empty where nothing is to be said."""
    if life is Life.SENDING and away:
        return Sentence("The connection is away. The rest comes when it is back.", Level.WARN)
    if life is Life.SENDING and seen:
        return Sentence(f"This is a first look. It is getting sharper: {_percent(fraction)} %.", Level.NOTE)
    return _said(_PROVIDER_CLIP.get((what, life), _PROVIDER[life]), name, what, fraction)


def patient_sentence(
    name: str, what: What, life: Life, fraction: float, *, saved: bool, seen: bool, away: bool
) -> Sentence:
    """`saved`: it lies sealed on this computer; `seen`: a first picture of it is on the other side."""
    if life is Life.SENDING and away:
        return Sentence(
            f"Saved. It goes on to {name} when the connection is back." if saved else "Waiting for the connection.",
            Level.WARN,
        )
    if life is Life.SENDING and seen:
        return Sentence(f"{name} sees it already. It is getting sharper: {_percent(fraction)} %.", Level.GOOD)
    return _said(_PATIENT[life], name, what, fraction)


def recording_sentence(left_s: float | None) -> Sentence:
    """The patient's, while a clip is made. `left_s`: so much is still to be recorded; None: it has not begun."""
    if left_s is None:
        return Sentence("Get ready. The recording begins in a moment.", Level.NOTE)
    if left_s <= 0.0:
        return Sentence("The clip is being saved.", Level.NOTE)
    return Sentence(f"Recording: {math.ceil(left_s)} s", Level.NOTE)


def left_sentence(what: What) -> Sentence:
    """The call ended before all of it was delivered; it is on the disk, sealed."""
    return Sentence(f"Your {_THING[what]} is saved. It is sent to the clinic when the connection allows.", Level.GOOD)


def unsaved_sentence(what: What, why: str) -> Sentence:
    return Sentence(f"The {_THING[what]} could not be saved on this computer. {why}", Level.BAD)


def aiming_hint(hint: str) -> str:
    """A hint about a picture that is not taken yet."""
    return "Hold it still, and not too near." if hint == still_checks.BLURRED else hint.replace("It is", "It looks")


def taken_hint(hint: str, name: str) -> str:
    """A hint about the picture that was taken: whether it will do is for the provider to say."""
    return _TAKEN.get(hint, "").format(name=name)


_TAKEN = {
    still_checks.DARK: "It is a little dark. {name} can ask for another, in more light.",
    still_checks.BRIGHT: "It is very bright. {name} can ask for another, in less light.",
    still_checks.BLURRED: "It is a little blurred. {name} can ask for another.",
}


def timeline_closer(patient: str, provider: str, what: What, life: Life) -> str:
    """For the visit's record; "" for what is not recorded."""
    text = _TIMELINE.get(life, "")
    return text.format(patient=patient, provider=provider, thing=_THING[what], asked=_ASKED[what])


_TIMELINE = {
    Life.ASKED: "{provider} asked for a {asked}",
    Life.TAKING: "{patient} agreed to a {asked}",
    Life.DONE: "A sharp {thing} of {patient} was delivered in the visit",
    Life.SAVED: "A clip of {patient} was recorded; it comes by the outbox",
    Life.REFUSED: "{patient} did not want a {asked} now",
    Life.FAILED: "{patient}'s camera gave no picture",
    Life.LATER: "A {asked} of {patient} was taken; the rest comes by the outbox",
    Life.WITHDRAWN: "{provider} took the wish for a {asked} back",
}


def _said(form: tuple[str, Level], name: str, what: What, fraction: float) -> Sentence:
    text, level = form
    return Sentence(text.format(name=name, thing=_THING[what], asked=_ASKED[what], percent=_percent(fraction)), level)


def _percent(fraction: float) -> int:
    """100 is said when all is there, and not before."""
    return min(int(fraction * 100), 99)
