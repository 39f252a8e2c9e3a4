"""One opened item: its parts come in an order, each is opened in memory and made safe; a cut goes on where it was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.net.errors import NetError, Refused
from app.offline.age import AgeIdentity
from app.offline.errors import DiskFull, OfflineError, SealBroken, StoreFailed
from app.offline.forms.library import Library
from app.offline.inbox import fitting_rows
from app.offline.sealed_copies import SealedCopies, open_copy
from app.presenters.clip_shelf import ClipShelf
from app.presenters.review_order import Do, Stand, Step, next_step
from app.presenters.review_safe import pages, preview, thumbnail
from app.presenters.review_sentences import NOT_HERE, PREPARING, come_sentence, kind_of, part_titles, shown
from app.presenters.review_views import Letter, PartKind, PartRow, Sheet
from app.presenters.review_words import find_form, form_named, letter
from app.presenters.view_basics import Level, Sentence
from app.wire.intake import InboxItem, Manifest, ManifestBlob, PartRole

log = logging.getLogger(__name__)

_KEPT_BYTES = 48 * 1024 * 1024
"""Of safe copies that were looked at, so that going back and forth between photos is at once."""
_GONE = frozenset({404, 410})


@dataclass(frozen=True)
class Around:
    """What an opened item needs: `mark` tells the clinic that a person has opened it (may raise NetError), `gone` is
    called when the clinic no longer has it, `changed` after every change."""

    copies: SealedCopies
    identity: AgeIdentity
    library: Library
    shelf: ClipShelf
    mark: Callable[[], Awaitable[None]]
    gone: Callable[[], None]
    changed: Callable[[], None]
    now: Callable[[], datetime]


@dataclass
class _Come:
    """What has come so far; clear content is in memory alone."""

    sizes: dict[str, int] = field(default_factory=dict)
    here: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    broken: dict[str, Sentence] = field(default_factory=dict)
    letters: dict[str, Letter] = field(default_factory=dict)
    thumbnails: dict[str, bytes] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    sheets: dict[str, Sheet] = field(default_factory=dict)


class OpenItem:
    """On the loop: :meth:`run` is its task and ends when it is cancelled. Raises SealBroken or SubmissionIncomplete
    when the item's files are not those of its manifest."""

    def __init__(self, item: InboxItem, manifest: Manifest, marked: bool, around: Around) -> None:
        self.item, self.manifest, self.marked = item, manifest, marked
        self._around = around
        self._rows = fitting_rows(item, manifest)
        self._shown = shown(manifest)
        self._titles = part_titles(self._shown)
        self._come = _Come()
        self._place = 0
        self._clip: Sheet | None = None
        self._cut = False
        self._wake = asyncio.Event()
        self._step: asyncio.Task[None] | None = None
        self._fetching = False

    @property
    def kind(self) -> PartKind | None:
        """Of the part that lies open."""
        return kind_of(self._shown[self._place]) if self._shown else None

    @property
    def place(self) -> int:
        return self._place

    # what the person does

    def show(self, place: int) -> None:
        """That part comes next, whatever is on its way."""
        if 0 <= place < len(self._shown) and place != self._place:
            self._place, self._clip = place, None
            self._hurry()

    def try_again(self) -> None:
        """What did not open is fetched anew; after a cut the rest comes."""
        wish = self._shown[self._place].blob if self._shown else ""
        for blob in {wish, *(name for name in self._come.broken if name in self._come.sizes)}:
            self._come.broken.pop(blob, None)
        self._hurry()

    def resume(self) -> None:
        """The connection is back."""
        self._wake.set()

    async def show_clip_at(self, at_s: float) -> None:
        """The piece of the clip that lies open. Raises ClipBroken."""
        place = self._place
        clip = await self._around.shelf.at(at_s)
        if clip is not None and self._clip is not None and place == self._place:
            self._clip = Sheet(place, clip=clip)
            self._around.changed()

    # the work

    async def run(self) -> None:
        try:
            while True:
                step = next_step(self.manifest, self._stand())
                if step is None:
                    await self._wait()
                    continue
                await self._one(step)
        finally:
            if self._step is not None and not self._step.done():
                self._step.cancel()
                await asyncio.wait({self._step})

    async def _one(self, step: Step) -> None:
        self._fetching = step.do is Do.FETCH
        self._step = task = asyncio.create_task(self._do(step))
        await asyncio.wait({task})
        if task.cancelled():
            return  # the person looks at another part
        error = task.exception()
        match error:
            case None:
                self._cut = False
            case Refused() if error.status in _GONE:
                self._around.gone()
                await self._wait()
            case NetError():
                log.info("an item's parts wait: %s", type(error).__name__)
                self._cut = True
                self._around.changed()
                await self._wait()
            case DiskFull() | StoreFailed():
                raise error
            case OfflineError() if step.blob is not None:
                await self._break(step.blob, error)
            case _:
                raise error
        self._around.changed()

    async def _wait(self) -> None:
        self._wake.clear()
        await self._wake.wait()

    def _hurry(self) -> None:
        self._cut = False
        self._wake.set()
        if self._fetching and self._step is not None:
            self._step.cancel()
        self._around.changed()

    async def _do(self, step: Step) -> None:
        blob = step.blob
        if blob is None:
            await self._around.mark()
            self.marked = True
            return
        if step.do is Do.FETCH:
            await self._fetch(blob)
            return
        path = await self._around.copies.fetch(self.item.submission, self._rows[blob.blob], lambda size: None)
        data = await asyncio.to_thread(open_copy, path, self._around.identity, blob)
        self._come.digests[blob.blob] = blob.clear_sha256
        match step.do:
            case Do.READ if blob.role is PartRole.WORDS:
                self._come.letters[blob.blob] = await self._letter(blob, data)
            case Do.READ:
                self._come.thumbnails[blob.of or ""] = await asyncio.to_thread(thumbnail, data)
            case Do.PREVIEW:
                self._come.thumbnails[blob.blob] = await asyncio.to_thread(preview, kind_of(blob), data)
            case Do.SHOW:
                await self._show(blob, data)
                return
        self._come.done.add(blob.blob)

    async def _fetch(self, blob: ManifestBlob) -> None:
        def come(size: int) -> None:
            self._come.sizes[blob.blob] = size
            self._around.changed()

        await self._around.copies.fetch(self.item.submission, self._rows[blob.blob], come)
        self._come.here.add(blob.blob)

    async def _letter(self, blob: ManifestBlob, data: bytes) -> Letter:
        named = await asyncio.to_thread(form_named, data, blob.media_type)
        form = await find_form(self._around.library, named) if named else None
        return await asyncio.to_thread(letter, data, blob.media_type, form, self._around.now())

    async def _show(self, blob: ManifestBlob, data: bytes) -> None:
        kind, place = kind_of(blob), self._shown.index(blob)
        if kind in (PartKind.CLIP, PartKind.VOICE):
            clip = await self._around.shelf.put(kind, blob.name, data)
            if place == self._place:
                self._clip = Sheet(place, clip=clip)
            return
        self._come.sheets[blob.blob] = Sheet(place, await asyncio.to_thread(pages, kind, blob.name, data))
        self._bound(blob.blob)

    def _bound(self, newest: str) -> None:
        """The copies looked at longest ago leave memory."""
        sheets = self._come.sheets
        while len(sheets) > 1 and sum(len(p.data) for s in sheets.values() for p in s.pages) > _KEPT_BYTES:
            sheets.pop(next(name for name in sheets if name != newest))

    async def _break(self, blob: ManifestBlob, error: OfflineError) -> None:
        log.info("a part does not open: %s", type(error).__name__)
        if isinstance(error, SealBroken):
            await asyncio.to_thread(self._around.copies.forget, self.item.submission, blob.blob)
            self._come.here.discard(blob.blob)
        self._come.broken[blob.blob] = Sentence(str(error), Level.WARN)

    # what is seen

    def _stand(self) -> Stand:
        come = self._come
        wish = self._shown[self._place].blob if self._shown else None
        on_show = wish in come.sheets or self._clip is not None
        return Stand(
            frozenset(come.here), frozenset(come.done), frozenset(come.broken), None if on_show else wish, self.marked
        )

    def letters(self) -> tuple[Letter, ...]:
        """Those that have come; words that do not open say so."""
        found = []
        for blob in self.manifest.blobs:
            if blob.role is PartRole.WORDS:
                broken = self._come.broken.get(blob.blob)
                come = self._come.letters.get(blob.blob) or (Letter("Words", says=broken) if broken else None)
                found += [come] if come is not None else []
        return tuple(found)

    def parts(self) -> tuple[PartRow, ...]:
        come = self._come
        return tuple(
            PartRow(
                blob=blob.blob,
                kind=kind_of(blob),
                title=title,
                thumbnail=come.thumbnails.get(blob.blob, b""),
                fraction=come.sizes.get(blob.blob, 0) / max(1, self._rows[blob.blob].size),
                sha256=come.digests.get(blob.blob, ""),
                says=come.broken.get(blob.blob) or (None if blob.blob in come.here else NOT_HERE),
            )
            for blob, title in zip(self._shown, self._titles, strict=True)
        )

    def sheet(self) -> Sheet | None:
        """What lies open; None for an item of words alone."""
        if not self._shown:
            return None
        blob = self._shown[self._place]
        made = self._clip or self._come.sheets.get(blob.blob)
        if made is not None:
            return replace(made, place=self._place)
        says = self._come.broken.get(blob.blob)
        return Sheet(self._place, says=says or (PREPARING if blob.blob in self._come.here else NOT_HERE))

    def says(self) -> Sentence | None:
        """How far it has come."""
        come, rows = self._come, self._rows
        left = sum(row.size - come.sizes.get(name, 0) for name, row in rows.items() if name not in come.here)
        settled = come.here | come.broken.keys()
        return come_sentence(len(settled & rows.keys()), len(rows), left, self._cut)
