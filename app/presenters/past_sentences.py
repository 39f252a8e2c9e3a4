"""PURE: what is said of a visit that is over: how long it was, whether words were received, what happened in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.media.events import Cause, ConnectionState, Modality
from app.media.words import Line, State
from app.presenters.past_record import VisitRecord
from app.presenters.past_views import Happened, SaidLine
from app.presenters.sending_words import when_words
from app.presenters.view_basics import Level, Sentence
from app.presenters.views import TimelineEntry
from app.presenters.visit_sentences import TIMELINE_CONNECTION, timeline_sending
from app.presenters.words_sentences import written_at

BROKEN = Sentence("The written words of this visit are damaged and cannot be read.", Level.WARN)
_BACK = re.compile(r"Connected again after (\d{1,6}) s")
_ON_THE_WAY = frozenset({State.WRITING, State.WAITING, State.SENDING})


@dataclass(frozen=True)
class Two:
    """The names of the two, as seen by one of them."""

    me: str
    other: str
    provider: bool  # it is the provider who looks


def two_of(record: VisitRecord, me: str) -> Two:
    """`me`: our device id. Visits from before names were kept have none."""
    visit = record.visit
    if visit is None:
        return Two("", "", False)
    provider = me == visit.provider_device
    names = (visit.provider_name, visit.patient_name)
    return Two(*(names if provider else names[::-1]), provider)


def title(two: Two) -> str:
    return f"Visit with {two.other}" if two.other else "Visit"


def began_at(record: VisitRecord, now: datetime) -> datetime:
    """When it was entered first, as far as is known; in the zone of `now`."""
    found = [stay[0].at for stay in record.stays]
    found += [written_at(line, now.tzinfo) for line in record.lines[:1]]
    if record.visit is not None:
        found.append(record.visit.starts_at)
    return (found[0] if found else now).astimezone(now.tzinfo)


def length_words(record: VisitRecord) -> str:
    """How long the two were connected, all stays together."""
    spans = (_connected_s(stay) for stay in record.stays)
    lengths = [span for span in spans if span is not None]
    if not lengths:
        return "You were not connected."
    minutes = round(sum(lengths) / 60)
    if minutes < 1:
        return "Less than a minute."
    hours, left = divmod(minutes, 60)
    said = [_counted(hours, "hour")] if hours else []
    said += [_counted(left, "minute")] if left else []
    return f"{' and '.join(said)}."


def _connected_s(stay: Sequence[TimelineEntry]) -> float | None:
    """From the first connection of a stay to its end; None when there was none."""
    first = next((entry.at for entry in stay if entry.text.startswith("Connected")), None)
    return None if first is None else max((stay[-1].at - first).total_seconds(), 0.0)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


# Written words


def undelivered(record: VisitRecord) -> tuple[Line, ...]:
    return tuple(line for line in record.lines if line.mine and line.state in _ON_THE_WAY)


def undelivered_sentence(record: VisitRecord, two: Two) -> Sentence | None:
    """For the list: that not all was received. A patient's go on by themselves."""
    count = len(undelivered(record))
    if not count or not two.provider:
        return None
    messages = "1 of your messages was" if count == 1 else f"{count} of your messages were"
    return Sentence(f"{messages} not delivered.", Level.WARN)


def said_lines(record: VisitRecord, two: Two, now: datetime, arrived: bool | None) -> tuple[SaidLine, ...]:
    """In the order in which they came to be here. `arrived`: whether the clinic has all written messages that went by
    the outbox; None when there are none (any more)."""
    other = two.other or "The other person"
    return tuple(
        SaidLine(
            key=line.id,
            mine=line.mine,
            who="You" if line.mine else other,
            text=line.text,
            at=written_at(line, now.tzinfo),
            state=_line_state(line, other, two.provider, arrived) if line.mine else None,
        )
        for line in record.lines
    )


def _line_state(line: Line, other: str, provider: bool, arrived: bool | None) -> Sentence:
    if line.state is State.DELIVERED:
        return Sentence(f"{other} got this.", Level.GOOD)
    if line.state is not State.LEFT:
        return Sentence((_NOT_DELIVERED if provider else _GOES_ON).format(other=other), Level.WARN)
    if provider:
        return Sentence("Not delivered in this visit. It was sent again in a later one.", Level.NOTE)
    return _LEFT[arrived]


_NOT_DELIVERED = "Not delivered, as far as is known. {other} may not have got this."
_GOES_ON = "Not delivered yet. It goes to the clinic as a written message."
_LEFT = {
    True: Sentence("The connection was gone. The clinic got this as a written message.", Level.GOOD),
    False: Sentence("The connection was gone. This goes to the clinic as a written message: see below.", Level.NOTE),
    None: Sentence("The connection was gone. This was left for the clinic as a written message.", Level.NOTE),
}


def carries_sentence(record: VisitRecord, two: Two) -> Sentence | None:
    if record.visit is None or not record.visit.carry or not undelivered(record):
        return None
    return Sentence(f"What was not delivered is sent in your next visit with {two.other}.", Level.NOTE)


def carried_text(line: Line, now: datetime) -> str:
    """A line of an earlier visit, as it is said in a later one: with its time, for it is not of today."""
    return f"(Written {when_words(written_at(line, now.tzinfo), now)}, not delivered then) {line.text}"


# What happened


def happened(record: VisitRecord, two: Two, now: datetime) -> tuple[Happened, ...]:
    """All stays in one, each entry once, in plain sentences."""
    entries = dict.fromkeys(entry for stay in record.stays for entry in stay)
    known = _known(two)
    return tuple(
        Happened(entry.at.astimezone(now.tzinfo), _plain(entry.text, two, known))
        for entry in sorted(entries, key=lambda entry: entry.at)
    )


def _plain(text: str, two: Two, known: Mapping[str, str]) -> str:
    if text in known:
        return known[text]
    back = _BACK.fullmatch(text)
    if back is not None:
        return f"Connected again, after {_span(int(back[1]))}."
    if two.me and text.startswith(f"{two.me} "):
        text = f"You {text[len(two.me) + 1 :]}"
    return text if text.endswith(".") else f"{text}."


def _span(seconds: int) -> str:
    minutes, left = divmod(seconds, 60)
    said = [_counted(minutes, "minute")] if minutes else []
    said += [_counted(left, "second")] if left or not minutes else []
    return " and ".join(said)


def _known(two: Two) -> dict[str, str]:
    """Entry of the timeline -> plain sentence. What an entry says, its writer's own function says once more here, so
    that the two cannot part."""
    other = two.other or "the other person"
    found = {TIMELINE_CONNECTION[state]: text.format(other=other) for state, text in _CONNECTION.items()}
    found["Left the visit"] = "You left the visit."
    for name, sender, far in ((two.me, "you", two.other), (two.other, other, two.me)):
        for modality, cause in _pairs():
            why = _WHY[cause].format(chose=f"{sender} chose", far_chose=f"{'you' if far == two.me else other} chose")
            found[timeline_sending(name, modality, cause, far)] = f"From {sender}: {_SENT[modality]}{why}."
    return found


def _pairs() -> Iterable[tuple[Modality, Cause]]:
    return ((modality, cause) for modality in Modality for cause in Cause)


_SENT = {
    Modality.VIDEO: "picture and sound",
    Modality.STILLS: "still pictures and sound",
    Modality.AUDIO: "sound alone",
    Modality.WORDS: "written words alone",
}
_WHY = {
    Cause.START: "",
    Cause.CHOSEN: ", as {chose}",
    Cause.OTHER_CHOSE: ", as {far_chose}",
    Cause.NO_CAMERA: ", because there was no camera",
    Cause.LINK_THIN: ", because the connection was weak",
    Cause.LINK_RECOVERED: ", because the connection was better",
    Cause.LINK_LOST: ", because the connection had been lost",
}
_CONNECTION = {
    ConnectionState.CONNECTING: "You were being connected with {other}.",
    ConnectionState.CONNECTED: "You were connected with {other}.",
    ConnectionState.INTERRUPTED: "The connection was interrupted.",
    ConnectionState.RECONNECTING: "The connection was being made again.",
    ConnectionState.FAILED: "There had been no connection for a minute.",
    ConnectionState.CLOSED: "The connection was closed.",
}
