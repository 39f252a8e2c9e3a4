"""PURE: a written conversation in a visit, over a channel that may go and come back at any time.

Each line has an id of its own. The far app confirms what it has kept; what is not confirmed is sent again on every
new channel, and an id that is known is shown once. Nothing is sent before it is kept here: :func:`due` gives what to
send, :func:`kept` says that the lines are on disk.

On the wire (label "words"), one JSON object in UTF-8 a message: {"say": id, "text": text, "at": ms} or {"got": id}.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

LONGEST_TEXT = 2_000
"""Characters in one line."""
MOST_LINES = 1_000
"""Kept of one visit; the oldest that are settled go first, and a far side that writes more than that is not heard."""
_LONGEST_ID = 40
_MOST_MS = 4_102_444_800_000  # the year 2100: any later one is no time that people write at


class State(StrEnum):
    """Of one line."""

    WRITING = "writing"  # being kept on this computer
    WAITING = "waiting"  # for a channel
    SENDING = "sending"  # handed to the channel, not confirmed
    DELIVERED = "delivered"  # the other person's app has kept it
    LEFT = "left"  # goes another way (the outbox); never again by the channel
    ARRIVED = "arrived"  # theirs, being kept
    READ = "read"  # theirs, kept; shown


@dataclass(frozen=True)
class Line:
    """`at`: when it was written, by its writer's clock (ms, UTC epoch)."""

    id: str
    mine: bool
    text: str
    at: int
    state: State


@dataclass(frozen=True)
class Conversation:
    """`lines` in the order in which they came to be here; `owed`: ids of theirs to be confirmed."""

    lines: tuple[Line, ...] = ()
    ready: bool = False
    owed: tuple[str, ...] = ()

    @property
    def undelivered(self) -> tuple[Line, ...]:
        """Ours that the other person has not got and that go no other way."""
        return tuple(line for line in self.lines if line.mine and line.state in _ON_THE_WAY)


_ON_THE_WAY = frozenset({State.WRITING, State.WAITING, State.SENDING})
_SETTLED = frozenset({State.DELIVERED, State.LEFT, State.READ})


class BadWords(ValueError):
    """Text that cannot be sent, or a message of the far side that is none."""


class Full(BadWords):
    """As many lines wait as are kept; no more until some are delivered."""


@dataclass(frozen=True)
class Message:
    """One message for the channel; `line` is the id that it is about."""

    line: str
    data: bytes


# What happens


def say(talk: Conversation, line_id: str, text: str, at: int) -> Conversation:
    """Our person writes a line. Raises BadWords for no text, too much of it, or an id that was used; Full."""
    clean = tidy(text)
    if not clean or len(clean) > LONGEST_TEXT:
        raise BadWords(f"a line has 1 to {LONGEST_TEXT} characters")
    if not _is_id(line_id) or _find(talk, line_id) is not None:
        raise BadWords("an id is used once")
    return _add(talk, Line(line_id, True, clean, at, State.WRITING))


def kept(talk: Conversation, saved: Conversation) -> Conversation:
    """What `saved` holds is on disk: ours may go, theirs may be confirmed."""
    there = {line.id for line in saved.lines}
    lines = tuple(replace(line, state=_KEPT.get(line.state, line.state)) if line.id in there else line
                  for line in talk.lines)  # fmt: skip
    fresh = tuple(line.id for line in talk.lines if line.id in there and line.state is State.ARRIVED)
    return replace(talk, lines=lines, owed=talk.owed + fresh)


_KEPT = {State.WRITING: State.WAITING, State.ARRIVED: State.READ}


def channel(talk: Conversation, ready: bool) -> Conversation:
    """The channel went, or one is there (a new one, also when it never was said to have gone): what was handed over
    and not confirmed goes again.
    """
    lines = tuple(replace(line, state=State.WAITING) if line.state is State.SENDING else line for line in talk.lines)
    return replace(talk, lines=lines, ready=ready)


def receive(talk: Conversation, data: bytes) -> Conversation:
    """A message of the far side. Raises BadWords for one that is none; what cannot be kept is not confirmed."""
    message = _read(data)
    if "got" in message:
        line = _find(talk, message["got"])
        wanted = line is not None and line.mine and line.state in _ON_THE_WAY
        return _change(talk, line.id, State.DELIVERED) if line is not None and wanted else talk
    line = _find(talk, message["say"])
    if line is None:
        return _add(talk, Line(message["say"], False, message["text"], message["at"], State.ARRIVED))
    if line.mine:
        raise BadWords("an id of ours as theirs")
    again = line.state is State.READ and line.id not in talk.owed
    return replace(talk, owed=(*talk.owed, line.id)) if again else talk


def due(talk: Conversation) -> tuple[Message, ...]:
    """What is to be handed to the channel now, in order; nothing while there is none."""
    if not talk.ready:
        return ()
    confirmations = tuple(Message(line_id, _write({"got": line_id})) for line_id in talk.owed)
    waiting = (line for line in talk.lines if line.mine and line.state is State.WAITING)
    return confirmations + tuple(
        Message(line.id, _write({"say": line.id, "text": line.text, "at": line.at})) for line in waiting
    )


def handed(talk: Conversation, message: Message) -> Conversation:
    """The channel took it."""
    if message.line in talk.owed:
        return replace(talk, owed=tuple(line_id for line_id in talk.owed if line_id != message.line))
    return _change(talk, message.line, State.SENDING)


def leave(talk: Conversation, gone: tuple[Line, ...]) -> Conversation:
    """These lines go another way: they are in the outbox."""
    ids = {line.id for line in gone}
    lines = tuple(
        replace(line, state=State.LEFT) if line.id in ids and line.state in _ON_THE_WAY else line
        for line in talk.lines
    )
    return replace(talk, lines=lines)


# Kept with the visit


def dump(talk: Conversation) -> bytes:
    """The lines as JSON, to be sealed; what was under way when the program ended waits again."""
    rows = [{**asdict(line), "state": _DUMPED.get(line.state, line.state)} for line in talk.lines]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()


_DUMPED = {State.WRITING: State.WAITING, State.SENDING: State.WAITING, State.ARRIVED: State.READ}


def load(data: bytes) -> Conversation:
    """Raises BadWords for anything that :func:`dump` did not make. Theirs are confirmed again when they come again."""
    try:
        rows = json.loads(data)
        lines = tuple(map(_line, rows))
    except (ValueError, TypeError, LookupError, RecursionError) as exc:
        raise BadWords(f"not a kept conversation: {exc!r}") from exc
    return Conversation(lines)


def _line(row: dict[str, Any]) -> Line:
    return Line(str(row["id"]), bool(row["mine"]), str(row["text"]), int(row["at"]), State(row["state"]))


# Parts


def tidy(text: str) -> str:
    """As it is sent and shown: line breaks and spaces of one kind, no other control characters (some turn the words
    around them too), no surrogates, no white ends. Joiners stay: some scripts need them.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    spaced = "".join(" " if c.isspace() and c != "\n" else c for c in plain)
    return "".join(c for c in spaced if c in _KEPT_SIGNS or c.isprintable()).strip()


_KEPT_SIGNS = frozenset("\n\u200c\u200d")


def _add(talk: Conversation, line: Line) -> Conversation:
    lines = talk.lines
    if len(lines) >= MOST_LINES:
        oldest = next((i for i, old in enumerate(lines) if old.state in _SETTLED), None)
        if oldest is None:
            raise Full("too many lines wait")
        lines = lines[:oldest] + lines[oldest + 1 :]
    return replace(talk, lines=(*lines, line))


def _find(talk: Conversation, line_id: str) -> Line | None:
    return next((line for line in talk.lines if line.id == line_id), None)


def _change(talk: Conversation, line_id: str, state: State) -> Conversation:
    lines = tuple(replace(line, state=state) if line.id == line_id else line for line in talk.lines)
    return replace(talk, lines=lines)


def _write(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _read(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise BadWords("not JSON") from exc
    form = next((form for key, form in _FORMS.items() if isinstance(message, dict) and key in message), None)
    if form is None or any(name not in message or not good(message[name]) for name, good in form.items()):
        raise BadWords("not a message of a conversation")
    if "text" in form:
        message["text"] = tidy(message["text"])
        if not message["text"]:
            raise BadWords("a line without words")
    return {name: message[name] for name in form}


def _is_id(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and value.isascii() and value.isalnum()


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_MS


_FORMS: dict[str, dict[str, Callable[[object], bool]]] = {
    "say": {"say": _is_id, "text": _is_text, "at": _is_time},
    "got": {"got": _is_id},
}
