"""Looking closer, the provider's side: the ask, and the picture that gets sharper."""

from __future__ import annotations

import asyncio
import logging
import secrets

from app.media.closer.life import OVER, Life
from app.media.closer.messages import Grade, What
from app.media.closer.taker import Taker, Whole
from app.offline.photos import NotAPhoto, PhotoBroken, PhotoTooLarge, clean_copy
from app.presenters.closer import Closer, CloserAround
from app.presenters.closer_sentences import provider_sentence
from app.presenters.views import CloserView, Level, Sentence

log = logging.getLogger(__name__)

_MOST_SIDE = 4_096
_RANK = {Grade.PREVIEW: 1, Grade.MIDDLE: 2, Grade.FULL: 3}
_EXPECTED = {1: 0.02, 2: 0.15, 3: 1.0}
"""How much of all is there when a grade is: the later ones are announced one by one."""


class ProviderCloser(Closer):
    def __init__(self, around: CloserAround) -> None:
        super().__init__(around)
        self.patient, self.provider = around.other, around.me
        self.side: Taker = Taker(self.send, self._on_whole)
        self._picture = b""
        self._shown = 0
        self._dismissed = ""
        self._trouble: Sentence | None = None

    # The person

    @property
    def can_ask(self) -> bool:
        made = self.side.newest
        return not self.away and not self._over and (made is None or made.life in OVER)

    def ask(self, what: What) -> None:
        if self.can_ask:
            self._picture, self._shown, self._trouble = b"", 0, None
            self.side.ask(secrets.token_hex(8), what)
            self.look()

    def withdraw(self) -> None:
        made = self.side.newest
        if made is not None and made.life not in OVER:
            self.side.withdraw(made.ask)
            self.look()

    def dismiss(self) -> None:
        """It has been looked at: the picture leaves memory. One that still comes is not stopped by this."""
        made = self.side.newest
        if made is not None and made.life in OVER:
            self._dismissed, self._picture = made.ask, b""
        self.around.changed()

    def view(self) -> CloserView | None:
        made = self.side.newest
        if made is None or made.ask == self._dismissed:
            return None
        fraction = self._fraction(made.ask)
        says = self._trouble or provider_sentence(
            self.patient, made.what, made.life, fraction, seen=bool(self._picture), away=self.away
        )
        if not says.text:
            return None
        return CloserView(made.ask, made.what, made.life, says, fraction=fraction, picture=self._picture)

    def end(self) -> None:
        self._picture = b""
        super().end()

    def _fraction(self, ask: str) -> float:
        """0..1. Parts are announced as they are made, so what is not announced yet is reckoned."""
        entries = sorted(self.side.of(ask), key=lambda entry: entry.part.part)
        if not entries:
            return 0.0
        last, whole = entries[-1], len(entries) == entries[-1].part.parts
        if whole:
            return sum(entry.offset for entry in entries) / sum(entry.part.size for entry in entries)
        place = _RANK.get(last.part.grade, 3)
        low, high = _EXPECTED.get(place - 1, 0.0), _EXPECTED[place]
        return low + (high - low) * last.offset / last.part.size

    # What comes

    def lives(self) -> tuple[tuple[str, What, Life], ...]:
        return tuple((made.ask, made.what, made.life) for made in self.side.asks)

    def _on_whole(self, whole: Whole) -> None:
        self.spawn(self._show(whole))

    async def _show(self, whole: Whole) -> None:
        """It is foreign: decoded in a limited process and shown as a copy, each one better than the last."""
        try:
            copy = await asyncio.to_thread(clean_copy, whole.data, _MOST_SIDE)
        except (NotAPhoto, PhotoBroken, PhotoTooLarge) as exc:
            log.warning("a picture that came cannot be shown: %s", type(exc).__name__)
            self._trouble = Sentence("What came cannot be opened as a picture.", Level.WARN)
        else:
            made = self.side.newest
            if made is not None and made.ask == whole.ask and _RANK[whole.grade] > self._shown and not self._over:
                self._picture, self._shown = copy.jpeg, _RANK[whole.grade]
        self.around.changed()

    def beat(self) -> None:
        self.side.tick(self.around.clock())

    def rest(self) -> None:
        """Nothing of ours stands still for it."""
