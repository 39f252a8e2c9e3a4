"""The provider's side of looking closer: asks go out, parts come in, each checked by its SHA-256. No clock, no I/O.

What comes is bounded (messages.MOST_BYTES, one part of each number) and belongs to an ask of ours, or is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from app.media.closer import receiving
from app.media.closer.life import OVER, BadStep, Life, Step, step
from app.media.closer.messages import (
    STEP_OF,
    Answer,
    Ask,
    BadCloser,
    Chunk,
    Given,
    Grade,
    Have,
    Message,
    Part,
    What,
    Withdraw,
    read,
    write,
)

log = logging.getLogger(__name__)

_MOST_ASKS = 16


@dataclass(frozen=True)
class AskMade:
    """One ask of ours and where it stands."""

    ask: str
    what: What
    life: Life = Life.ASKED


@dataclass(frozen=True)
class Whole:
    """A part has come, its SHA-256 holds: told once for each. Its content is foreign until decoded."""

    ask: str
    grade: Grade
    data: bytes = field(repr=False)


class Taker:
    """`send` hands one message to the channel; `whole` is called with each part, once. All calls on one loop."""

    def __init__(self, send: Callable[[bytes], bool], whole: Callable[[Whole], None]) -> None:
        self._send, self._whole = send, whole
        self._asks: dict[str, AskMade] = {}
        self._parts: dict[tuple[str, int], receiving.Incoming] = {}
        self._content: dict[tuple[str, int], bytearray] = {}

    @property
    def asks(self) -> tuple[AskMade, ...]:
        """All that are remembered, oldest first."""
        return tuple(self._asks.values())

    @property
    def newest(self) -> AskMade | None:
        return self.asks[-1] if self._asks else None

    def life(self, ask: str) -> Life | None:
        made = self._asks.get(ask)
        return None if made is None else made.life

    def of(self, ask: str) -> tuple[receiving.Incoming, ...]:
        """The parts announced so far."""
        return tuple(entry for (name, _), entry in self._parts.items() if name == ask)

    @property
    def busy(self) -> bool:
        """Whether something is coming that wants acknowledging."""
        return any(not entry.whole and not entry.given_up for entry in self._parts.values())

    # What the person does

    def ask(self, ask: str, what: What) -> None:
        """`ask`: 16 random hexadecimal digits. The oldest that is over is forgotten when there are many; BadCloser
        when none is.
        """
        for old in [a.ask for a in self.asks if a.life in OVER][: max(0, len(self._asks) - _MOST_ASKS + 1)]:
            self._drop(old)
            del self._asks[old]
        if len(self._asks) >= _MOST_ASKS:
            raise BadCloser("too many asks")
        self._asks[ask] = AskMade(ask, what)
        self._say(Ask(ask=ask, what=what))

    def withdraw(self, ask: str) -> None:
        """Raises BadStep, KeyError."""
        self._step(ask, Step.WITHDRAW)
        self._drop(ask)
        self._say(Withdraw(ask=ask))

    def end_call(self) -> None:
        for ask, made in self._asks.items():
            if made.life not in OVER:
                self._step(ask, Step.CALL_OVER)
        self._parts.clear()
        self._content.clear()

    # The channel

    def on_ready(self, ready: bool) -> None:
        """For each new transport: what stands is said again."""
        if not ready:
            return
        for made in self.asks:
            if made.life is Life.ASKED:
                self._say(Ask(ask=made.ask, what=made.what))
            elif made.life is Life.WITHDRAWN:
                self._say(Withdraw(ask=made.ask))

    def on_data(self, data: bytes, now: float) -> None:
        """One message of the patient's side. Raises BadCloser."""
        message = read(data)
        try:
            match message:
                case Answer():
                    self._on_answer(message)
                case Part():
                    self._on_part(message, now)
                case Chunk():
                    self._on_chunk(message, now)
                case Ask() | Withdraw() | Have():
                    raise BadCloser("the patient's side does not say this")
        except BadStep as exc:
            raise BadCloser(str(exc)) from exc

    def _on_answer(self, message: Answer) -> None:
        made = self._made(message.ask)
        if made.life is Life.ASKED and message.answer in (Given.FAILED, Given.SAVED):
            self._step(message.ask, Step.AGREE)  # the two answers in one: the first was lost with its transport
        self._step(message.ask, STEP_OF[message.answer])

    def _on_part(self, part: Part, now: float) -> None:
        made = self._made(part.ask)
        if any(_clash(entry.part, part) for entry in self.of(part.ask)):
            raise BadCloser("a part that does not belong to what was asked for")
        if made.life is Life.ASKED:
            self._step(part.ask, Step.AGREE)
        self._step(part.ask, Step.PART)
        if self._asks[part.ask].life in (Life.WITHDRAWN, Life.LATER):
            self._say(Withdraw(ask=part.ask))
            return
        key = part.ask, part.part
        entry, have = receiving.offered(self._parts.get(key), part, now)
        self._parts[key] = entry
        self._content.setdefault(key, bytearray())
        self._say(have)

    def _on_chunk(self, chunk: Chunk, now: float) -> None:
        key = chunk.ask, chunk.part
        entry = self._parts.get(key)
        if entry is None:
            if self._made(chunk.ask).life in OVER:
                return  # on its way when it was withdrawn
            raise BadCloser("a chunk of a part that was not announced")
        entry, verdict = receiving.arrived(entry, chunk, now)
        self._parts[key] = entry
        if verdict.keep is not None:
            self._content[key] += chunk.data[verdict.keep :]
        if verdict.tell is not None:
            self._say(verdict.tell)
        if verdict.check:
            self._check(key, now)

    def _check(self, key: tuple[str, int], now: float) -> None:
        entry, data = self._parts[key], bytes(self._content[key])
        good = hmac.compare_digest(hashlib.sha256(data).hexdigest(), entry.part.sha256)
        self._content[key] = bytearray()
        self._parts[key], have = receiving.checked(entry, good, now)
        if have is not None:
            self._say(have)
        if self._parts[key].given_up:
            log.warning("a part does not come whole; it is left to the outbox")
            self._step(key[0], Step.CALL_OVER)
            self._drop(key[0])
            self._say(Withdraw(ask=key[0]))
            return
        if good:
            entries = self.of(key[0])
            if len(entries) == entry.part.parts and all(other.whole for other in entries):
                self._step(key[0], Step.WHOLE)
            self._whole(Whole(key[0], entry.part.grade, data))

    def tick(self, now: float) -> None:
        """A few times a second while :attr:`busy`: acknowledges what has come since."""
        for key, entry in list(self._parts.items()):
            self._parts[key], have = receiving.due(entry, now)
            if have is not None:
                self._say(have)

    def _made(self, ask: str) -> AskMade:
        made = self._asks.get(ask)
        if made is None:
            raise BadCloser("nothing was asked under this name")
        return made

    def _step(self, ask: str, what: Step) -> None:
        made = self._asks[ask]
        self._asks[ask] = replace(made, life=step(made.life, what))

    def _drop(self, ask: str) -> None:
        for key in [key for key in self._parts if key[0] == ask]:
            del self._parts[key]
            self._content.pop(key, None)

    def _say(self, message: Message) -> bool:
        return self._send(write(message))


def _clash(known: Part, part: Part) -> bool:
    """Whether the two cannot both be of one ask: each number and each grade comes once, of as many parts."""
    same = (known.part == part.part, known.grade is part.grade)
    return known.parts != part.parts or same not in ((False, False), (True, True))
