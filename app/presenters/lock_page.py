"""The page on which a passphrase is set later, or changed, part of every presenter; and how the key lies now.

What is typed is held in a :class:`Hidden` on its way, as on the first page.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

from app.offline.errors import OfflineError
from app.offline.keys import KeyPlace
from app.offline.passphrase import MIN_CHARACTERS, WrongPassphrase
from app.presenters.account import Account
from app.presenters.environment import command
from app.presenters.passphrase_page import FORGOTTEN, Hidden, PassphrasePage, chosen_hints, fault_of
from app.presenters.passphrase_views import LockView
from app.presenters.sentences import WEAK_KEY
from app.presenters.views import Level, Page, Sentence
from app.wire.trust import Role

log = logging.getLogger(__name__)

OFTEN = 3
WEAK = Sentence(
    "What you save here is not locked. Whoever can read this computer's disk can read it.",
    Level.WARN,
)
WRONG_OLD = Sentence(
    "The first one is not the passphrase you use now. Nothing was changed. Please look whether the Caps Lock key is "
    "on, and try again.",
    Level.WARN,
)
WRONG_OFTEN = Sentence(
    "This was not the passphrase you use now, {times} times. Nothing was changed. If you cannot find it, leave "
    "Thinline open until everything is sent, and ask your clinic for help.",
    Level.WARN,
)
SAME = Sentence("The new passphrase is the one you use now. Please choose another.", Level.WARN)
SET = Sentence("Your passphrase is set. From now on Thinline asks for it when you open it.", Level.GOOD)
CHANGED = Sentence("Your passphrase is changed. From now on Thinline asks for the new one.", Level.GOOD)
_CHANGES = (
    "Type the passphrase that you use now. Then type a new one, twice.",
    f"The new one needs at least {MIN_CHARACTERS} letters or digits.",
)


@dataclass(frozen=True)
class _Form:
    """`number` counts what was begun anew: the page empties its fields then."""

    number: int = 0
    fault: Sentence | None = None
    checking: bool = False
    wrong: int = 0


class LockPage(PassphrasePage):
    """Implements LockCommands. All but the commands runs on the I/O loop."""

    _notice: Sentence | None
    _account: Account | None

    def _begin_passphrase(self) -> None:
        super()._begin_passphrase()
        self._form = _Form()

    @abstractmethod
    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None: ...

    # Commands

    @command
    def open_lock(self) -> None:
        if self._page is Page.HOME and self.lock_view() is not None:
            if self._notice is WEAK_KEY:
                self._notice = None
            self._form = _Form(self._form.number + 1)
            self._page = Page.LOCK
            self.changed()

    @command
    def close_lock(self) -> None:
        if self._page is Page.LOCK and not self._form.checking:
            self._page = Page.HOME
            self.changed()

    def set_passphrase(self, old: str, new: str, again: str) -> None:
        self._new_passphrase(Hidden(old), Hidden(new), Hidden(again))

    @command
    def _new_passphrase(self, old: Hidden, new: Hidden, again: Hidden) -> None:
        if self._page is not Page.LOCK or self._form.checking or not new.text:
            return
        if fault := fault_of(new.text, again.text or ""):
            self._form = replace(self._form, fault=fault)
        elif self._changing and new == old:
            self._form = replace(self._form, fault=SAME)
        else:
            self._form = replace(self._form, fault=None, checking=True)
            self.spawn(self._put_under(old, new))
        self.changed()

    # State

    def lock_view(self) -> LockView | None:
        """None where the key lies in the key ring, and before the device is enrolled."""
        account = self._account
        if account is None or not account.enrolled or account.key_place is KeyPlace.KEYRING:
            return None
        weak = account.key_place is KeyPlace.KEY_FILE
        shown = LockView(not weak, WEAK if weak else None, in_notice=self._notice is WEAK_KEY)
        if self._page is not Page.LOCK:
            return shown
        hints = chosen_hints(self.role) if weak else changing_hints(self.role)
        form = self._form
        return replace(shown, hints=hints, fault=form.fault, checking=form.checking, number=form.number)

    @property
    def _changing(self) -> bool:
        return self._account is not None and self._account.key_place is KeyPlace.PASSPHRASE

    def _say_weak_key(self) -> None:
        """Once, when the device is enrolled."""
        if self._account is not None and self._account.key_place is KeyPlace.KEY_FILE:
            self._notice = WEAK_KEY

    # Doing

    async def _put_under(self, old: Hidden, new: Hidden) -> None:
        async with self._opening:  # the app's end waits for it
            if self._app_ends or self._account is None:
                return
            changing, number = self._changing, self._form.number
            try:
                await self._account.change_passphrase(old.text or "", new.text or "")
            except WrongPassphrase:
                wrong = self._form.wrong + 1
                self._form = _Form(number + 1, wrong_old(wrong), wrong=wrong)
            except OfflineError as exc:
                log.error("the passphrase was not set: %s", exc.detail)
                self._form = replace(self._form, fault=Sentence(str(exc), Level.BAD), checking=False)
            else:
                self._form = _Form(number + 1)
                self._notice = CHANGED if changing else SET
                if self._page is Page.LOCK:
                    self._page = Page.HOME
        self.changed()


def wrong_old(times: int) -> Sentence:
    """What is said when the present passphrase was wrong, `times` times in a row."""
    if times < OFTEN:
        return WRONG_OLD
    return Sentence(WRONG_OFTEN.text.format(times=times), WRONG_OFTEN.level)


def changing_hints(role: Role) -> tuple[str, ...]:
    """What is said before one changes it, what becomes of a forgotten one included."""
    return (*_CHANGES, FORGOTTEN[role])
