"""What has happened in one stay in a visit: shown while it goes on, kept so that it outlives the app."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from app.offline.store import Store
from app.presenters.views import TimelineEntry

_MOST = 500


class VisitTimeline:
    """The last 500 entries; `wall` is local time. Of one loop."""

    def __init__(self, visit_id: str, wall: Callable[[], datetime]) -> None:
        self._visit_id = visit_id
        self._wall = wall
        self._entries: list[TimelineEntry] = []
        self._kept: tuple[TimelineEntry, ...] = ()

    @property
    def entries(self) -> tuple[TimelineEntry, ...]:
        return tuple(self._entries)

    def note(self, text: str) -> None:
        self._entries.append(TimelineEntry(self._wall(), text))
        del self._entries[:-_MOST]

    async def keep(self, store: Store) -> None:
        """The modality timeline stays with the visit (law 5): one entry of the encrypted store for each stay. Nothing
        is written while nothing is new. Raises as the store does."""
        entries = self.entries
        if entries and entries != self._kept:
            name = f"timeline/{self._visit_id}/{entries[0].at:%Y%m%dT%H%M%S}"
            lines = "".join(f"{entry.at.isoformat()}\t{entry.text}\n" for entry in entries)
            await store.put(name, lines.encode())
            self._kept = entries
