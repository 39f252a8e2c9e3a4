"""The patient's side of looking closer: asks come in, answers and parts go out. No clock, no I/O: `now` comes in.

The bytes of parts are held in memory until the far side has them or the call ends.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.media.closer import sending
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
_SAY_AGAIN_S = 1.0


@dataclass(frozen=True)
class AskHeard:
    """One ask and where it stands. `answer`: what we said, to be said again on a new transport."""

    ask: str
    what: What
    life: Life = Life.ASKED
    answer: Given | None = None


class Giver:
    """`send` hands one message to the channel; False: it was not kept. All calls on one loop."""

    def __init__(self, send: Callable[[bytes], bool]) -> None:
        self._send = send
        self._asks: dict[str, AskHeard] = {}
        self._content: dict[tuple[str, int], bytes] = {}
        self.sending = sending.Sending()
        self._failed_at: float | None = None

    @property
    def asks(self) -> tuple[AskHeard, ...]:
        """All that are remembered, oldest first."""
        return tuple(self._asks.values())

    @property
    def newest(self) -> AskHeard | None:
        return self.asks[-1] if self._asks else None

    def life(self, ask: str) -> Life | None:
        heard = self._asks.get(ask)
        return None if heard is None else heard.life

    @property
    def busy(self) -> bool:
        """Whether something is being taken or delivered."""
        return any(heard.life in (Life.TAKING, Life.SENDING) for heard in self._asks.values())

    def fraction(self, ask: str) -> float:
        """0..1 of the bytes known so far."""
        entries = self.sending.of(ask)
        total = sum(entry.part.size for entry in entries)
        return sum(entry.acked for entry in entries) / total if total else 0.0

    def preview_there(self, ask: str) -> bool:
        """Whether the provider sees something of it."""
        return any(entry.whole for entry in self.sending.of(ask))

    # What the person and the camera do

    def answer(self, ask: str, given: Given) -> None:
        """Raises BadStep when it does not fit where the ask stands, KeyError for one that is not known."""
        heard = self._asks[ask]
        self._asks[ask] = replace(heard, life=step(heard.life, STEP_OF[given]), answer=given)
        self._say(Answer(ask=ask, answer=given))

    def offer(self, ask: str, data: bytes, grade: Grade, size: tuple[int, int], place: int, places: int) -> None:
        """Queues a part: number `place` of `places`, `size` its width and height (px). Raises BadStep, BadCloser,
        KeyError.
        """
        heard = self._asks[ask]
        life = step(heard.life, Step.PART)
        self._asks[ask] = replace(heard, life=life)
        if life is not Life.SENDING:
            return  # withdrawn meanwhile
        digest = hashlib.sha256(data).hexdigest()
        part = Part(
            ask=ask,
            part=place,
            parts=places,
            grade=grade,
            size=len(data),
            sha256=digest,
            width=size[0],
            height=size[1],
        )
        self.sending = sending.add(self.sending, part)
        self._content[ask, place] = data

    def end_call(self) -> None:
        """The call is over: nothing is sent any more, the bytes leave memory."""
        for ask, heard in self._asks.items():
            if heard.life not in OVER:
                self._asks[ask] = replace(heard, life=step(heard.life, Step.CALL_OVER))
        self.sending = sending.Sending()
        self._content.clear()

    # The channel

    def on_ready(self, ready: bool) -> None:
        """A transport carries data now, or none does; called for each new one."""
        self.sending = sending.connect(self.sending, ready)
        self._failed_at = None
        if ready:
            for heard in self.asks:
                if heard.answer is not None and heard.life is not Life.DONE:
                    self._say(Answer(ask=heard.ask, answer=heard.answer))

    def on_data(self, data: bytes, now: float) -> None:
        """One message of the provider's side. Raises BadCloser; then nothing has changed."""
        message = read(data)
        match message:
            case Ask():
                self._on_ask(message)
            case Withdraw():
                self._on_withdraw(message)
            case Have():
                self._on_have(message)
            case Answer() | Part() | Chunk():
                raise BadCloser("the provider's side does not say this")

    def _on_ask(self, message: Ask) -> None:
        heard = self._asks.get(message.ask)
        if heard is None:
            for old in [a.ask for a in self.asks if a.life in OVER][: max(0, len(self._asks) - _MOST_ASKS + 1)]:
                self._forget(old)
            if len(self._asks) >= _MOST_ASKS:
                raise BadCloser("too many asks")
            self._asks[message.ask] = AskHeard(message.ask, message.what)
        elif heard.answer is not None:
            self._say(Answer(ask=heard.ask, answer=heard.answer))  # asked again: our answer was lost

    def _on_withdraw(self, message: Withdraw) -> None:
        heard = self._asks.get(message.ask)
        if heard is not None:
            self._asks[message.ask] = replace(heard, life=step(heard.life, Step.WITHDRAW))
            self._drop(message.ask)

    def _on_have(self, have: Have) -> None:
        self.sending = sending.acknowledge(self.sending, have)
        entries = self.sending.of(have.ask)
        if have.whole:
            self._content.pop((have.ask, have.part), None)
        heard = self._asks.get(have.ask)
        whole = sum(entry.whole for entry in entries)
        if heard is not None and heard.life is Life.SENDING and entries and whole == entries[0].part.parts:
            self._asks[have.ask] = replace(heard, life=step(heard.life, Step.WHOLE))

    def tick(self, now: float, rate: float, backlog: int) -> None:
        """About ten times a second while :attr:`busy`. `rate`: bytes a second that may go."""
        if self._failed_at is not None:
            if now - self._failed_at < _SAY_AGAIN_S:
                return
            self.on_ready(True)
        self.sending, pieces = sending.next_pieces(self.sending, now, rate, backlog)
        for piece in pieces:
            if not self._say(piece if isinstance(piece, Part) else self._chunk(piece)):
                self._failed_at = now
                return

    def _chunk(self, piece: sending.Piece) -> Chunk:
        data = self._content[piece.ask, piece.part][piece.offset : piece.offset + piece.length]
        return Chunk(piece.ask, piece.part, piece.offset, data)

    def _say(self, message: Message) -> bool:
        return self._send(write(message))

    def _drop(self, ask: str) -> None:
        self.sending = sending.drop(self.sending, ask)
        for key in [key for key in self._content if key[0] == ask]:
            del self._content[key]

    def _forget(self, ask: str) -> None:
        self._drop(ask)
        del self._asks[ask]


__all__ = ["AskHeard", "BadStep", "Giver"]
