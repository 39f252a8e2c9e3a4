"""Written words, part of every presenter: said in a visit, and what becomes of those that are not delivered."""

from __future__ import annotations

from abc import ABC, abstractmethod

from app.presenters.account import Account
from app.presenters.chat import Chat, ChatHooks
from app.presenters.environment import Environment, command
from app.presenters.views import Level
from app.presenters.visit import VisitRoom


class WordsPage(ABC):
    """All but the command runs on the I/O loop."""

    env: Environment
    _room: VisitRoom | None

    @abstractmethod
    def changed(self) -> None: ...

    @abstractmethod
    def say(self, text: str, level: Level = Level.NOTE) -> None: ...

    @property
    @abstractmethod
    def account(self) -> Account: ...

    @command
    def say_words(self, text: str) -> None:
        if self._room is not None and self._room.words is not None:
            self._room.words.say(text)

    @abstractmethod
    async def words_left(self, room: VisitRoom) -> None:
        """The visit has ended, or its connection is lost for good, and not all that was written is delivered."""

    async def _open_words(self, visit_id: str) -> Chat:
        hooks = ChatHooks(self.env.wall, self.changed, lambda sentence: self.say(sentence.text, sentence.level))
        return await Chat.open(self.account.store, visit_id, hooks)

    async def _mind_words(self, room: VisitRoom) -> None:
        """What the channel did not take is handed over again; what waits while the connection is lost goes another
        way, where there is one.
        """
        if room.words is not None:
            room.words.flush()
            if room.is_lost and room.words.overdue():
                await self.words_left(room)

    async def _end_words(self, room: VisitRoom) -> None:
        """The visit has ended."""
        if room.words is not None and room.words.undelivered:
            await self.words_left(room)
