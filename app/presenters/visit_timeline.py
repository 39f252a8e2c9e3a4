"""What has happened in one stay in a visit: shown while it goes on, kept so that it outlives the app."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from app.offline.store import Store
from app.presenters.views import TimelineEntry

PREFIX = "timeline/"
_MOST = 500


class VisitTimeline:
    """Shows the last 500 entries, keeps all of them; `wall` is local time. Of one loop."""

    def __init__(self, visit_id: str, wall: Callable[[], datetime]) -> None:
        self._visit_id = visit_id
        self._wall = wall
        self._entries: list[TimelineEntry] = []
        self._part: list[TimelineEntry] = []  # not more than _MOST: what is written anew each time stays small
        self._full: list[list[TimelineEntry]] = []
        self._number = 0
        self._kept = 0

    @property
    def entries(self) -> tuple[TimelineEntry, ...]:
        return tuple(self._entries)

    def note(self, text: str) -> None:
        entry = TimelineEntry(self._wall(), text)
        self._entries.append(entry)
        del self._entries[:-_MOST]
        if len(self._part) == _MOST:
            self._full.append(self._part)
            self._part = []
        self._part.append(entry)

    async def keep(self, store: Store) -> None:
        """The modality timeline stays with the visit (law 5): one entry of the encrypted store for each stay, and one
        more for every 500 entries of it. Nothing is written while nothing is new. Raises as the store does."""
        while self._full:
            await self._write(store, self._full[0])
            self._full.pop(0)
            self._number, self._kept = self._number + 1, 0
        if len(self._part) > self._kept:
            count = len(self._part)
            await self._write(store, self._part)
            self._kept = count

    async def _write(self, store: Store, part: list[TimelineEntry]) -> None:
        number = f"-{self._number}" if self._number else ""
        name = f"{PREFIX}{self._visit_id}/{part[0].at:%Y%m%dT%H%M%S}{number}"
        lines = "".join(f"{entry.at.isoformat()}\t{entry.text}\n" for entry in part)
        await store.put(name, lines.encode())


def read_timeline(data: bytes) -> tuple[TimelineEntry, ...]:
    """What :meth:`VisitTimeline.keep` wrote; a line that does not read is left out."""
    found = []
    for line in data.decode(errors="replace").splitlines():
        at, _, text = line.partition("\t")
        try:
            found.append(TimelineEntry(datetime.fromisoformat(at), text))
        except ValueError:
            continue
    return tuple(found)
