"""The page of the passphrase, part of every presenter: set at the first start without a key ring, asked for later.

:func:`app.offline.keys.open_store_key` asks from a thread of its own and waits there; Argon2id runs in it too. What is
typed is held in a :class:`Hidden` on its way, so that no log of a loop or a task can show it.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from app.offline.errors import PassphraseNeeded
from app.offline.keys import Asking
from app.offline.passphrase import MIN_CHARACTERS, PassphraseTooShort
from app.presenters.environment import Environment, command
from app.presenters.passphrase_views import PassphraseView
from app.presenters.views import Level, Page, Sentence
from app.wire.trust import Role

log = logging.getLogger(__name__)

MAX_CHARACTERS = 1000
_CHOOSING = frozenset({Asking.NEW, Asking.SHORT})

ASKED_HINTS = (
    "Please type your passphrase as you did when you chose it. It locks what is saved on this computer.",
    "If you cannot find it, please ask your clinic for help.",
)
_CHOOSES = (
    "A passphrase is a password of a few words. It locks what you save here, so that nobody else can read it. You "
    "type it each time you open Thinline.",
    f"It needs at least {MIN_CHARACTERS} letters or digits.",
)
FORGOTTEN = {
    Role.PATIENT: "Write it down and keep it in a safe place. If you forget it, nobody can bring it back: what "
    "was not sent to the clinic yet is lost.",
    Role.PROVIDER: "Write it down and keep it in a safe place. If you forget it, nobody can bring it back: this "
    "computer can then no longer read what patients have sent, and on the clinic's first computer the key of the "
    "whole clinic is lost.",
}
NOT_ALIKE = Sentence("The two are not the same. Please type the second one again.", Level.WARN)
_TOO_SHORT = Sentence(PassphraseTooShort.sentence, Level.WARN)
_TOO_LONG = Sentence(f"Please choose a passphrase of at most {MAX_CHARACTERS} characters.", Level.WARN)
WRONG = Sentence(
    "This is not the right passphrase. Please look whether the Caps Lock key is on, and try again.",
    Level.WARN,
)


@dataclass(frozen=True)
class Hidden:
    """A passphrase, or None for "without"; its repr tells nothing."""

    text: str | None = field(repr=False)


@dataclass(frozen=True)
class _Question:
    """What is asked, and where the asking thread waits for the answer."""

    why: Asking
    answer: concurrent.futures.Future[Hidden]
    fault: Sentence | None = None
    checking: bool = False


class PassphrasePage(ABC):
    """Implements PassphraseCommands. All but the commands and :meth:`ask_passphrase` runs on the I/O loop."""

    role: Role
    env: Environment
    loop: asyncio.AbstractEventLoop
    _page: Page

    def _begin_passphrase(self) -> None:
        self._question: _Question | None = None
        self._questions = 0
        self._app_ends = False
        self._opening = asyncio.Lock()

    @abstractmethod
    def changed(self) -> None: ...

    # Commands

    def choose_passphrase(self, passphrase: str, again: str) -> None:
        self._passphrase_chosen(Hidden(passphrase), Hidden(again))

    @command
    def go_without_passphrase(self) -> None:
        if self._asks_for(*_CHOOSING):
            self._answer_with(Hidden(None))

    def give_passphrase(self, passphrase: str) -> None:
        self._passphrase_given(Hidden(passphrase))

    @command
    def _passphrase_chosen(self, passphrase: Hidden, again: Hidden) -> None:
        if not self._asks_for(*_CHOOSING) or not passphrase.text:
            return
        if fault := fault_of(passphrase.text, again.text or ""):
            self._passphrase_fault(fault)
        else:
            self._answer_with(passphrase)

    @command
    def _passphrase_given(self, passphrase: Hidden) -> None:
        if self._asks_for(Asking.OPEN, Asking.WRONG) and passphrase.text:
            self._answer_with(passphrase)

    # State

    def passphrase_view(self) -> PassphraseView | None:
        asked = self._question
        if asked is None:
            return None
        choosing = asked.why in _CHOOSING
        hints = chosen_hints(self.role) if choosing else ASKED_HINTS
        return PassphraseView(choosing, asked.checking, hints, asked.fault, self._questions)

    # Asking

    def ask_passphrase(self, why: Asking) -> str | None:
        """An AskPassphrase, for a thread that may wait for a person. Raises PassphraseNeeded when the app ends."""
        if why in _CHOOSING and self.env.ring is None:
            return None  # told to use none: whoever starts it so has chosen the file
        if why in (Asking.NEW, Asking.OPEN) and (found := self.env.passphrase()) is not None:
            return found
        asked = _Question(why, concurrent.futures.Future())
        self.loop.call_soon_threadsafe(self._show_question, asked)
        return asked.answer.result().text

    def _show_question(self, asked: _Question) -> None:
        if self._app_ends:
            asked.answer.set_exception(PassphraseNeeded("the app ends"))
            return
        faults = {Asking.WRONG: WRONG, Asking.SHORT: _TOO_SHORT}
        self._questions += 1
        self._question = _Question(asked.why, asked.answer, faults.get(asked.why))
        self._page = Page.PASSPHRASE
        self.changed()

    def _asks_for(self, *whys: Asking) -> bool:
        return self._question is not None and not self._question.checking and self._question.why in whys

    def _passphrase_fault(self, fault: Sentence) -> None:
        assert self._question is not None
        self._question = _Question(self._question.why, self._question.answer, fault)
        self.changed()

    def _answer_with(self, passphrase: Hidden) -> None:
        assert self._question is not None
        self._question = _Question(self._question.why, self._question.answer, checking=True)
        self.changed()
        self._question.answer.set_result(passphrase)

    async def _stop_asking(self) -> None:
        """The app ends: the thread that waits is let go, and nothing is made; what is just being opened is awaited."""
        self._app_ends = True
        if self._question is not None and not self._question.answer.done():
            self._question.answer.set_exception(PassphraseNeeded("the app ends"))
        async with self._opening:
            pass

    def _answered(self) -> None:
        """The profile is open, or will not be: the page goes."""
        self._question = None
        if self._page is Page.PASSPHRASE:
            self._page = Page.ENROL


def chosen_hints(role: Role) -> tuple[str, ...]:
    """What is said before one chooses, what becomes of a forgotten one included."""
    return (*_CHOOSES, FORGOTTEN[role])


def fault_of(passphrase: str, again: str) -> Sentence | None:
    """Why a new passphrase, typed twice, is not taken; None when it is."""
    if len(passphrase) < MIN_CHARACTERS:
        return _TOO_SHORT
    if len(passphrase) > MAX_CHARACTERS:
        return _TOO_LONG
    return None if passphrase == again else NOT_ALIKE
