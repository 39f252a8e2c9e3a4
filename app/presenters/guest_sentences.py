"""What people read about a guest: pure. Nobody has verified who a guest is, and the title beside each name says so."""

from __future__ import annotations

from enum import StrEnum

from app.presenters.views import Level, Sentence
from app.wire.guests import GuestRole

LINK_MINUTES = 30
_LONGEST_NAME = 60


class GuestState(StrEnum):
    INVITED = "invited"  # the link has not been used
    CONNECTING = "connecting"
    CONNECTED = "connected"
    AWAY = "away"  # was here, and is not at the moment
    LEFT = "left"


def clean_name(name: str) -> str:
    """A name as it may stand on a screen: printable, one line, 60 characters at most."""
    words = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return words[:_LONGEST_NAME].strip()


def guest_title(name: str, role: GuestRole) -> str:
    return f"{name} ({role.value}, not verified)"


def guest_sentence(state: GuestState, name: str, role: GuestRole, inviter: str, *, provider: bool) -> Sentence:
    """How a guest stands, on the provider's or the patient's screen; `inviter` is the provider's name."""
    text, level = _SAYS[state]
    if state is GuestState.INVITED:
        text = _INVITED[provider]
    title = guest_title(name, role)
    return Sentence(text.format(name=name, title=title, inviter=inviter, minutes=LINK_MINUTES), level)


def timeline_guest(title: str, state: GuestState) -> str:
    """An entry of the timeline for a guest's coming and going."""
    return _TIMELINE[state].format(title=title)


def guest_left(title: str) -> Sentence:
    return Sentence(f"{title} has left the visit.", Level.NOTE)


LINK_RAN_OUT = Sentence("The guest's link was not used in time. You can make a new one.", Level.NOTE)
NO_NAME = Sentence("Please type the guest's name.", Level.WARN)
ONE_GUEST = Sentence("There is a guest already. Please end that visit or link first.", Level.WARN)

# We are the provider.
_INVITED = {
    True: "Give this link to {name}. It works once, within {minutes} minutes. Whoever has it can join.",
    False: "{inviter} has invited {title} to this visit.",
}

_SAYS = {
    GuestState.INVITED: ("", Level.NOTE),
    GuestState.CONNECTING: ("Connecting with {name} …", Level.NOTE),
    GuestState.CONNECTED: ("{title} is in the visit and can hear you.", Level.GOOD),
    GuestState.AWAY: ("{name} is not connected at the moment. The visit goes on.", Level.WARN),
    GuestState.LEFT: ("{name} has left the visit.", Level.NOTE),
}

_TIMELINE = {
    GuestState.INVITED: "{title} is invited",
    GuestState.CONNECTING: "{title} is coming in",
    GuestState.CONNECTED: "{title} joined",
    GuestState.AWAY: "{title} is away",
    GuestState.LEFT: "{title} left",
}
