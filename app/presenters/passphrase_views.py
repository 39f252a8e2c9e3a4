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


class PassphraseCommands(Protocol):
    """`again` is what was typed the second time; without one, the store's key lies in a file, which is weaker."""

    def choose_passphrase(self, passphrase: str, again: str) -> None: ...
    def go_without_passphrase(self) -> None: ...
    def give_passphrase(self, passphrase: str) -> None: ...
