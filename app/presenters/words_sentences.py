"""What people read about their written words: pure. Where a line stands, and phrases for one press."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo

from app.media.events import ConnectionState
from app.media.words import LONGEST_TEXT, Line, State
from app.presenters.views import Level, QuickPhrase, Sentence
from app.presenters.visit_sentences import VisitFacts

CALL_ME = "Please call me: "
_NUMBER = re.compile(r"\+?[0-9][0-9 ()/.\-]{3,28}[0-9]")

TOO_LONG = Sentence(
    f"This is too long to send in one piece: {LONGEST_TEXT:,} letters at most. Please write it in two.", Level.WARN
)
TOO_MANY = Sentence("Too many of your messages are still waiting. Please wait until some have gone.", Level.WARN)
NOT_KEPT = Sentence("Your message is sent, but it could not be saved on this computer.", Level.WARN)


def written_at(line: Line, zone: tzinfo | None) -> datetime:
    """When a line was written, by its writer's clock."""
    return datetime.fromtimestamp(line.at / 1_000, zone)


def line_state(state: State, f: VisitFacts, ready: bool) -> Sentence | None:
    """Where a line of ours stands; None for theirs. `ready`: written words can be sent now."""
    if state in (State.ARRIVED, State.READ):
        return None
    text, level = _STATES[_seen(state, f, ready)]
    return Sentence(text.format(other=f.other), level)


def _seen(state: State, f: VisitFacts, ready: bool) -> str:
    if state is not State.WAITING or ready:
        return State.SENDING if state is State.WAITING else state
    if not f.started:
        return "before"
    if f.connection is ConnectionState.CONNECTED:
        return "no-channel"
    return "cut" if f.provider else "cut-patient"


_STATES = {
    State.WRITING: ("Saving …", Level.NOTE),
    State.SENDING: ("Sending …", Level.NOTE),
    State.DELIVERED: ("{other} has it", Level.GOOD),
    State.LEFT: ("Goes to the clinic with your messages", Level.NOTE),
    "before": ("Goes when {other} is here", Level.NOTE),
    "no-channel": ("Waits for the app of {other}", Level.NOTE),
    "cut": ("Goes when the connection is back", Level.WARN),
    "cut-patient": ("Goes when the connection is back, or later with your messages", Level.WARN),
}


def quick_phrases(f: VisitFacts, my_number: str) -> tuple[QuickPhrase, ...]:
    """Said at one press. A provider is called at the clinic, a patient at the number that they gave before."""
    number = f.phone if f.provider else my_number
    return (
        QuickPhrase("I cannot hear you."),
        QuickPhrase("I can hear you but not see you."),
        QuickPhrase(CALL_ME + number, whole=bool(number)),
        QuickPhrase("Please wait a moment."),
    )


def number_in(text: str) -> str:
    """The telephone number after "Please call me:"; empty when there is none."""
    found = _NUMBER.search(text[len(CALL_ME.strip()) :]) if text.startswith(CALL_ME.strip()) else None
    return found.group() if found is not None else ""


def words_left(other: str) -> Sentence:
    """To a provider, when a visit has ended before all was delivered."""
    return Sentence(
        f"{other} has not got what you wrote last. Please tell {other} another way.",
        Level.WARN,
    )
