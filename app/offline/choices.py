"""What the person has chosen for all sending: kept in the store, so that a new start changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from app.offline.life import Held
from app.offline.plan import Metered
from app.offline.store import Setting, StoreCore

_GOOD_LINK = Held.UNTIL_GOOD_LINK.value.encode()


@dataclass(frozen=True)
class Choices:
    """`paused`: nothing is sent. `metered`: what may go over a link that costs by the byte. `link_metered`: this one
    does, by the person's word: what the system says of a link is not asked. `originals`: until when photos in full
    size are kept back."""

    paused: bool = False
    metered: Metered = Metered.SMALL
    link_metered: bool = False
    originals: Held = Held.UNTIL_ASKED

    @property
    def scope(self) -> Metered:
        """What may go over the link at hand."""
        return self.metered if self.link_metered else Metered.EVERYTHING


def load_choices(core: StoreCore) -> Choices:
    """A word that this version does not know counts as the careful one (words and thumbnails)."""
    chosen = (core.get(Setting.METERED_CHOICE) or b"").decode("ascii", "replace")
    metered = Metered(chosen) if chosen in set(Metered) else Metered.SMALL
    held = Held.UNTIL_GOOD_LINK if core.get(Setting.ORIGINALS) == _GOOD_LINK else Held.UNTIL_ASKED
    return Choices(core.get(Setting.OUTBOX_PAUSED) == b"1", metered, core.get(Setting.LINK_METERED) == b"1", held)


def save_choices(core: StoreCore, choices: Choices) -> None:
    core.put_many(
        {
            Setting.OUTBOX_PAUSED: b"1" if choices.paused else None,
            Setting.METERED_CHOICE: choices.metered.value.encode(),
            Setting.LINK_METERED: b"1" if choices.link_metered else None,
            Setting.ORIGINALS: _GOOD_LINK if choices.originals is Held.UNTIL_GOOD_LINK else None,
        }
    )
