"""What the page of the passphrase shows, and what a person can do there; part of app.presenters.views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.presenters.view_basics import Sentence


@dataclass(frozen=True)
class PassphraseView:
    """`choosing`: a new one is set, typed twice; else the one that was set is asked for. `checking`: it is tried now.

    `question` counts the questions: with a new one the page empties its fields. It holds nothing that was typed.
    """

    choosing: bool
    checking: bool
    hints: tuple[str, ...]
    fault: Sentence | None
    question: int


@dataclass(frozen=True)
class LockView:
    """How the key to what is saved lies, where it is not in the system's key ring, and the page that changes that.

    `changing`: there is a passphrase already, which is asked for first. `says`: that the key is weak. `in_notice`: the
    notice tells of it now. The rest is that page's; with a new `number` it empties its fields.
    """

    changing: bool
    says: Sentence | None
    hints: tuple[str, ...] = ()
    fault: Sentence | None = None
    checking: bool = False
    number: int = 0
    in_notice: bool = False


class LockCommands(Protocol):
    """`old` counts only where there is a passphrase already; `again` is the new one, typed a second time."""

    def open_lock(self) -> None: ...
    def close_lock(self) -> None: ...
    def set_passphrase(self, old: str, new: str, again: str) -> None: ...


class PassphraseCommands(Protocol):
    """`again` is what was typed the second time; without one, the store's key lies in a file, which is weaker."""

    def choose_passphrase(self, passphrase: str, again: str) -> None: ...
    def go_without_passphrase(self) -> None: ...
    def give_passphrase(self, passphrase: str) -> None: ...
