"""The written conversation of one visit, kept in the encrypted store as it is made, handed to the channel in turn."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.media import words
from app.media.words import BadWords, Conversation, Full, Line
from app.offline.errors import OfflineError
from app.offline.store import Store
from app.presenters.views import Sentence, WordsLine, WordsView
from app.presenters.visit_sentences import VisitFacts
from app.presenters.words_sentences import (
    NOT_KEPT,
    TOO_LONG,
    TOO_MANY,
    line_state,
    number_in,
    quick_phrases,
    written_at,
)

log = logging.getLogger(__name__)

WORDS_PREFIX = "words/"
_OPEN, _NUMBER = "words-undelivered", "my-number"
_MOST_NOTE = 4_000
_LOST_S = 20.0


@dataclass(frozen=True)
class ChatHooks:
    """`wall` is local time, `changed` is called after every change of the view, `trouble` with what a person should
    read.
    """

    wall: Callable[[], datetime]
    changed: Callable[[], None] = lambda: None
    trouble: Callable[[Sentence], None] = lambda sentence: None


class Chat:
    """All on the I/O loop. A line is on the disk before it is sent, and one of theirs before it is confirmed."""

    def __init__(self, store: Store, visit_id: str, hooks: ChatHooks, talk: Conversation, number: str) -> None:
        self.visit_id = visit_id
        self._store, self._hooks, self._talk, self._number = store, hooks, talk, number
        self._send: Callable[[bytes], bool] = lambda data: False
        self._saved = words.dump(talk)
        self._keeping: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, store: Store, visit_id: str, hooks: ChatHooks) -> Chat:
        """With what was written in this visit before. Raises StoreFailed."""
        talk = Conversation()
        data = await store.get(_name(visit_id))
        if data is not None:
            try:
                talk = words.load(data)
            except BadWords as exc:
                log.warning("a kept conversation cannot be read: %s", exc)
        return cls(store, visit_id, hooks, talk, (await store.get(_NUMBER) or b"").decode())

    @staticmethod
    async def unfinished(store: Store) -> tuple[str, ...]:
        """Visits in which something of ours was written that was not delivered."""
        return _read_ids(await store.get(_OPEN))

    async def take_on(self, visit_id: str, worded: Callable[[Line], str]) -> None:
        """What was not delivered in an earlier visit is said in this one, as `worded`; there it has then gone another
        way. In one transaction, so that nothing is lost or said twice; a line that has become too long stays there.
        Before :meth:`attach`. Raises StoreFailed."""
        data = await self._store.get(_name(visit_id))
        try:
            old = words.load(data or b"[]")
        except BadWords as exc:
            log.warning("a kept conversation cannot be read: %s", exc)
            return
        talk, gone, at = self._talk, list[Line](), round(self._hooks.wall().timestamp() * 1_000)
        for line in old.undelivered:
            try:
                talk = words.say(talk, secrets.token_hex(8), worded(line), at)
            except BadWords:
                continue
            gone.append(line)
        if not gone:
            return
        after, saved = words.leave(old, tuple(gone)), words.dump(talk)
        rows = await self._rows(talk, saved, () if after.undelivered else (visit_id,))
        await self._store.put_many({**rows, _name(visit_id): words.dump(after)})
        self._talk, self._saved = words.kept(talk, talk), saved

    # What happens

    def attach(self, send: Callable[[bytes], bool]) -> None:
        """`send` hands one message to the visit's channel, and says whether it was taken."""
        self._send = send

    def say(self, text: str) -> None:
        """Our person has written a line. One that cannot be sent is told, and nothing is kept of it."""
        if not words.tidy(text):
            return
        at = round(self._hooks.wall().timestamp() * 1_000)
        try:
            self._talk = words.say(self._talk, secrets.token_hex(8), text, at)
        except Full:
            self._hooks.trouble(TOO_MANY)
            return
        except BadWords:
            self._hooks.trouble(TOO_LONG)
            return
        self._number = number_in(text) or self._number
        self._keep()

    def on_ready(self, ready: bool) -> None:
        self._talk = words.channel(self._talk, ready)
        self.flush()

    def on_message(self, data: bytes) -> None:
        """From the far side: what is malformed is dropped."""
        try:
            self._talk = words.receive(self._talk, data)
        except BadWords as exc:
            log.info("a written message was dropped: %s", exc)
            return
        self._keep()
        self.flush()

    def flush(self) -> None:
        """Hands over what is due, as far as the channel takes it; to be called now and then."""
        before = self._talk
        for message in words.due(self._talk):
            if not self._send(message.data):
                break
            self._talk = words.handed(self._talk, message)
        if self._talk is not before:
            self._hooks.changed()

    # What is not delivered

    @property
    def undelivered(self) -> tuple[Line, ...]:
        return self._talk.undelivered

    def overdue(self) -> bool:
        """While the connection is lost: whether what waits should go another way now, all of it together."""
        now = self._hooks.wall().timestamp()
        return any(now - line.at / 1_000 >= _LOST_S for line in self.undelivered)

    async def leave(self, gone: tuple[Line, ...]) -> None:
        """These lines are in the outbox."""
        self._talk = words.leave(self._talk, gone)
        self._keep()
        await self.settle()

    async def settle(self) -> None:
        """All that was written is on the disk."""
        if self._keeping is not None:
            await self._keeping

    # Kept

    def _keep(self) -> None:
        self._hooks.changed()
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.get_running_loop().create_task(self._save())

    async def _save(self) -> None:
        while (data := words.dump(self._talk)) != self._saved:
            talk = self._talk
            try:
                await self._store.put_many(await self._rows(talk, data))
            except OfflineError as exc:
                # What is said in a bad moment must get through all the same.
                log.warning("written words could not be kept: %s", exc.detail)
                self._hooks.trouble(NOT_KEPT)
            self._saved = data
            self._talk = words.kept(self._talk, talk)
            self.flush()
            self._hooks.changed()

    async def _rows(self, talk: Conversation, data: bytes, settled: tuple[str, ...] = ()) -> dict[str, bytes | None]:
        others = {*settled, self.visit_id}
        open_visits = [visit for visit in await self.unfinished(self._store) if visit not in others]
        if talk.undelivered:
            open_visits.append(self.visit_id)
        return {
            _name(self.visit_id): data,
            _OPEN: json.dumps(open_visits).encode() if open_visits else None,
            _NUMBER: self._number.encode() if self._number else None,
        }

    # Showing

    def view(self, facts: VisitFacts) -> WordsView:
        zone = self._hooks.wall().tzinfo
        lines = tuple(
            WordsLine(
                line.id,
                line.mine,
                line.text,
                written_at(line, zone),
                line_state(line.state, facts, self._talk.ready),
            )
            for line in self._talk.lines
        )
        return WordsView(lines, quick_phrases(facts, self._number))


def notes(lines: tuple[Line, ...], zone: datetime) -> tuple[str, ...]:
    """Lines as the notes of submissions, each with its time in the zone of `zone`; as few notes as they fit in."""
    found: list[str] = []
    for line in lines:
        row = f"{written_at(line, zone.tzinfo):%H:%M}  {line.text}"
        if found and len(found[-1]) + len(row) + 1 <= _MOST_NOTE:
            found[-1] += f"\n{row}"
        else:
            found.append(row)
    return tuple(found)


def _name(visit_id: str) -> str:
    return f"{WORDS_PREFIX}{visit_id}"


def _read_ids(data: bytes | None) -> tuple[str, ...]:
    try:
        return tuple(str(visit) for visit in json.loads(data or b"[]"))
    except (ValueError, TypeError) as exc:
        log.warning("the list of visits with words to deliver cannot be read: %r", exc)
        return ()
