"""What the person has chosen for all sending: kept in the store, so that a new start changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from app.offline.plan import Metered
from app.offline.store import Setting, StoreCore


@dataclass(frozen=True)
class Choices:
    """`paused`: nothing is sent. `metered`: what may go over a link that costs by the byte. `link_metered`: this one
    does, by the person's word: what the system says of a link is not asked."""

    paused: bool = False
    metered: Metered = Metered.SMALL
    link_metered: bool = False

    @property
    def scope(self) -> Metered:
        """What may go over the link at hand."""
        return self.metered if self.link_metered else Metered.EVERYTHING


def load_choices(core: StoreCore) -> Choices:
    """A word that this version does not know counts as the careful one (words and thumbnails)."""
    chosen = (core.get(Setting.METERED_CHOICE) or b"").decode("ascii", "replace")
    metered = Metered(chosen) if chosen in set(Metered) else Metered.SMALL
    return Choices(core.get(Setting.OUTBOX_PAUSED) == b"1", metered, core.get(Setting.LINK_METERED) == b"1")


def save_choices(core: StoreCore, choices: Choices) -> None:
    core.put_many(
        {
            Setting.OUTBOX_PAUSED: b"1" if choices.paused else None,
            Setting.METERED_CHOICE: choices.metered.value.encode(),
            Setting.LINK_METERED: b"1" if choices.link_metered else None,
        }
    )
