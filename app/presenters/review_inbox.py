"""What is at the clinic for this provider: its rows, and the manifests opened in the background so that rows can tell
what they hold. Nobody's eyes were on them: only opening an item says "opened"."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from app.net.errors import NetError, Refused
from app.offline.errors import SealBroken
from app.offline.inbox import InboxReader, SubmissionIncomplete, SubmissionTooLarge
from app.offline.opened import holds
from app.offline.review_notes import ReviewNotes
from app.presenters.review_rows import Known, inbox_rows
from app.presenters.review_views import InboxRow
from app.wire.intake import INBOX_BLOBS, INBOX_OPENED, MAX_BLOBS, InboxItem, Manifest
from app.wire.trust import CareTeamList

log = logging.getLogger(__name__)

Keys = Callable[[str], Awaitable[Mapping[str, bytes]]]
"""Device id -> its Ed25519 key by the root's word, in a mapping; empty when there is none yet. May raise NetError."""


class InboxShelf:
    """On the loop. `changed` after every change."""

    def __init__(self, reader: InboxReader, notes: ReviewNotes, keys: Keys, changed: Callable[[], None]) -> None:
        self._reader, self._notes, self._keys, self._changed = reader, notes, keys, changed
        self.items: tuple[InboxItem, ...] = ()
        self.manifests: dict[str, Manifest] = {}
        self._broken: set[str] = set()
        self._opened: frozenset[str] = frozenset()
        self._rows: tuple[object, tuple[InboxRow, ...]] | None = None

    async def load(self) -> None:
        """From the store."""
        self.manifests = await self._notes.manifests()

    async def fetch(self, team: CareTeamList | None) -> None:
        """The rows as the clinic has them now; what it no longer has is forgotten. Raises app.net.errors.

        An answer that is begun is never dropped because its item is too old for the clinic's list: the item stays.
        """
        items = (await self._reader.rows()).items
        whole = _whole(items)
        if not whole:
            listed, begun = {item.submission for item in items}, await self._notes.begun()
            older = (item for item in self.items if item.submission not in listed and item.submission in begun)
            items = (*items, *older)
        self._opened = frozenset(
            item.submission
            for item in items
            if item.opened is not None and team is not None and holds(item.opened, item.submission, team)
        )
        self.items = items
        here = {item.submission for item in items}
        await self._notes.forget(self.manifests.keys() - here, answers=whole)
        self.manifests = {name: one for name, one in self.manifests.items() if name in here}
        self._broken &= here
        self._rows = None
        self._changed()

    async def read_manifests(self) -> None:
        """Opens those that are not known yet, the newest first; a cut ends it until the next call."""
        for item in self.items:
            if item.submission in self.manifests or item.submission in self._broken:
                continue
            try:
                await self.manifest(item)
            except Refused:
                continue  # taken back meanwhile
            except NetError as exc:
                log.info("manifests wait: %s", type(exc).__name__)
                return
            except (SealBroken, SubmissionIncomplete, SubmissionTooLarge) as exc:
                log.info("a manifest does not open: %s", type(exc).__name__)

    async def manifest(self, item: InboxItem) -> Manifest:
        """From the store or the clinic. Raises as InboxReader.manifest; the row tells a broken one then."""
        known = self.manifests.get(item.submission)
        if known is not None:
            return known
        keys = await self._keys(item.device_id)
        try:
            manifest = await self._reader.manifest(item, keys)
        except (SealBroken, SubmissionIncomplete, SubmissionTooLarge):
            if keys:  # else the device's record is still to come
                self._broken.add(item.submission)
            self._touch()
            raise
        await self._notes.keep_manifest(manifest)
        self.manifests[item.submission] = manifest
        self._touch()
        return manifest

    def item(self, submission: str) -> InboxItem | None:
        return next((item for item in self.items if item.submission == submission), None)

    def was_opened(self, submission: str) -> bool:
        """By the signed word of the care team, not by the service's."""
        return submission in self._opened

    def rows(self, names: Mapping[str, str], answered: frozenset[str], now: datetime) -> tuple[InboxRow, ...]:
        """Made anew when something in them has changed, or the minute."""
        key = (tuple(names.items()), answered, now.replace(second=0, microsecond=0))
        if self._rows is None or self._rows[0] != key:
            known = Known(self.manifests, frozenset(self._broken), answered, self._opened)
            self._rows = (key, inbox_rows(self.items, known, names, now))
        return self._rows[1]

    def originals_come(self, submission: str) -> frozenset[str]:
        """The copies of a submission whose originals are at the clinic."""
        later = [one for one in self.manifests.values() if one.amends == submission]
        return frozenset(blob.of for one in later for blob in one.blobs if blob.role == "original" and blob.of)

    def _touch(self) -> None:
        self._rows = None
        self._changed()


def _whole(items: Sequence[InboxItem]) -> bool:
    """Whether these are certainly all that the clinic has: none was left out for want of room."""
    blobs = sum(len(item.blobs) for item in items)
    return len(items) < INBOX_OPENED and blobs <= INBOX_BLOBS - MAX_BLOBS
