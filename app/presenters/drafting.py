"""Putting something together for the clinic: a draft that is kept at every step, and sent when the person says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from app.offline.draft import MAX_TEXT, Draft
from app.offline.drafts import DraftBook
from app.offline.errors import OfflineError
from app.offline.from_file import Answers, Measured, Pick, by_kind, read_file, thumbnail_of
from app.offline.lighten import light_parts, lighten, unlightened
from app.offline.parts import JPEG, Part
from app.offline.purposes import Purpose
from app.offline.readings import dated
from app.offline.readings import words as reading_words
from app.presenters.environment import command
from app.presenters.photo_making import thumbnail
from app.presenters.photo_shot import Kept, SealedPhoto
from app.presenters.sending_around import SendingAround, done
from app.presenters.sending_views import ComposeView, DraftRow, PartRow, ReadingRow
from app.presenters.sending_words import (
    KIND_WORDS,
    MEASURES,
    part_kind,
    purpose_title,
    size_words,
    weighs,
    when_words,
)
from app.presenters.views import Level, Page, Sentence
from app.wire.intake import PartRole

_SEEN = frozenset({PartRole.CONTENT, PartRole.COPY})
_TOO_LONG = "Your message is too long: {over} letters at its end are not kept. Please make it shorter."
_SEALED_MORE = 1.15
"""What sealing, padding and the line add, as a factor."""


class Drafting:
    """Implements app.presenters.sending_views.DraftingCommands."""

    def __init__(self, around: SendingAround) -> None:
        self.loop = around.loop
        self.around = around
        self.draft: Draft | None = None
        self.book: DraftBook
        self.says: Sentence | None = None
        self.about_of: Callable[[Draft], str]
        """What a draft answers or adds to, in a sentence, or nothing."""
        self.unfinished: Callable[[Draft], tuple[str, ...]] = lambda _draft: ()
        """Titles of forms in a draft whose answers are not finished."""
        self.sent: Callable[[str], Awaitable[None]]
        """Told of every submission that was made, before the person reads of it."""
        self._drafts: tuple[Draft, ...] = ()
        self._unkept: Sentence | None = None
        """Why the last words of the message are not kept."""
        self._busy = 0
        self._photos: dict[str, bytes] = {}
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """The profile is there: what was begun is shown again."""
        account = self.around.account()
        self.book = DraftBook(account.store, account.profile.blobs)
        await self._reload()

    # Commands

    @command
    def open_send(self) -> None:
        self.draft, self.says = None, None
        self._show(Page.SEND)

    @command
    def choose_purpose(self, value: str) -> None:
        if self.draft is None and self.around.page() is Page.SEND:
            purpose = Purpose(value)
            visit = self.around.last_visit() if purpose is Purpose.FOLLOW_UP else None
            self.around.spawn(self.begin(purpose, visit.visit_id if visit is not None else None))

    @command
    def open_draft(self, draft: str) -> None:
        self.around.spawn(self._open(draft))

    @command
    def leave_send(self) -> None:
        self.around.spawn(self._leave())

    @command
    def discard_draft(self, draft: str) -> None:
        self.around.spawn(self._discard(draft))

    @command
    def take_photo(self) -> None:
        if self.draft is not None:
            self.around.spawn(self._take_photo())

    @command
    def add_to_draft(self, paths: Sequence[Path]) -> None:
        if self.draft is not None:
            self.around.spawn(self._add_files(self.draft.draft, tuple(paths)))

    @command
    def remove_part(self, blob: str) -> None:
        if self.draft is not None:
            self.around.spawn(self._remove_part(self.draft, blob))

    @command
    def set_note(self, draft: str, note: str) -> None:
        if self.draft is not None and self.draft.draft == draft and (note != self.draft.note or self._unkept):
            self.around.spawn(done(self._set_note(draft, note)))

    @command
    def set_urgent(self, on: bool) -> None:
        if self.draft is not None:
            self.around.spawn(done(self.change(self.book.set_urgent(self.draft.draft, on))))

    @command
    def send_draft(self, note: str) -> None:
        if self.draft is not None and not self._busy:
            self.around.spawn(self._send(self.draft.draft, note))

    # State

    def rows(self) -> tuple[DraftRow, ...]:
        """For home, the newest first; an empty one that was put away is gone."""
        now = self.around.wall()
        rows = []
        for draft in sorted(self._drafts, key=lambda one: one.changed_at, reverse=True):
            at = when_words(draft.changed_at.astimezone(now.tzinfo), now)
            rows.append(DraftRow(draft.draft, self.title(draft), f"Not sent yet. Last changed {at}."))
        return tuple(rows)

    def view(self) -> ComposeView | None:
        """Without the forms, which app.presenters.answering adds."""
        draft = self.draft
        if draft is None:
            return None
        size = sum(p.named.size for p in draft.parts if p.named.role is not PartRole.ORIGINAL) * _SEALED_MORE
        size += len(draft.note.encode()) + sum(len(text) for text in draft.forms.values())
        return ComposeView(
            draft=draft.draft,
            title=self.title(draft),
            about=self.about_of(draft),
            parts=self._parts(draft),
            forms=(),
            offered=(),
            readings=self._readings(draft),
            note=draft.note,
            urgent=draft.urgent,
            weighs="" if draft.empty else weighs(round(size), self.around.rate()),
            says=self.says,
            busy=bool(self._busy),
            filled=bool(draft.parts or draft.forms or draft.readings),
        )

    def title(self, draft: Draft) -> str:
        if draft.answers is not None:
            return "Your answer to the clinic"
        what = purpose_title(draft.purpose)
        return f"More about: {what[:1].lower()}{what[1:]}" if draft.amends is not None else what

    def _parts(self, draft: Draft) -> tuple[PartRow, ...]:
        rows, counts = [], dict.fromkeys(KIND_WORDS, 0)
        for part in (part for part in draft.parts if part.named.role in _SEEN):
            kind = part_kind(part.named.media_type)
            counts[kind] += 1
            title = f"{KIND_WORDS[kind]} {counts[kind]}"
            detail = f"{part.named.name} · {size_words(part.named.size)}"
            rows.append(PartRow(part.named.blob, kind, title, detail, self._photos.get(part.named.blob, b"")))
        return tuple(rows)

    def _readings(self, draft: Draft) -> tuple[ReadingRow, ...]:
        now = self.around.wall()
        return tuple(
            ReadingRow(
                n, MEASURES[r.measure][0], f"{reading_words(r)}, {when_words(r.at.astimezone(now.tzinfo), now)}"
            )
            for n, r in enumerate(draft.readings)
        )

    # Work

    async def begin(
        self, purpose: Purpose, visit_id: str | None = None, amends: str | None = None, answers: str | None = None
    ) -> None:
        """A new draft on the page."""
        draft = await self.book.begin(purpose, visit_id=visit_id, amends=amends, answers=answers)
        self.draft, self.says, self._unkept = draft, None, None
        await self._reload()
        self._show(Page.SEND)

    async def change(self, work: Awaitable[Draft]) -> bool:
        """Does one change of the draft on the page, one at a time; False when it was refused, which is said."""
        self._busy += 1
        self.around.changed()
        try:
            async with self._turn:
                draft = await work
                if self.draft is not None and self.draft.draft == draft.draft:
                    self.draft, self.says = draft, None
        except OfflineError as exc:
            self.says = Sentence(str(exc), Level.WARN)
            return False
        finally:
            self._busy -= 1
            self.around.changed()
        return True

    async def take(self, jpeg: bytes) -> SealedPhoto | None:
        """A photo at its shutter: sealed and on the disk as it was taken; None: refused, which is said."""
        if self.draft is None:
            return None
        part = Part(jpeg, "photo", JPEG)
        if await self.change(self.book.add_part(self.draft.draft, part)):
            return SealedPhoto(self.draft.draft, part.blob)
        self._say_aloud()
        return None

    async def keep_photo(self, kept: Kept) -> str | None:
        """The person uses it: its thumbnail and the chosen copy come to it, and what was taken is the original, which
        waits here until it is asked for. Returns the blob id of what is shown; None when it was refused, which is
        said."""
        draft, sealed = self.draft, kept.sealed
        if draft is None:
            return None
        shown = sealed.blob
        if kept.copy is not None and kept.thumbnail is not None:
            parts = light_parts("photo", kept.copy, kept.thumbnail)
            if not await self.change(self.book.add_copies(sealed.draft, sealed.blob, parts)):
                self._say_aloud()
                return None
            shown = parts[0].blob
        if kept.note and kept.note not in draft.note:
            await self._set_note(draft.draft, f"{draft.note}\n{kept.note}".strip())
        self.around.spawn(self.look(draft.draft))
        return shown

    async def add_picks(self, picks: Sequence[Pick], side: int) -> bool:
        """Photos from files, in the size that was chosen; those before one that was refused stay."""
        draft = self.draft
        if draft is None:
            return False
        for pick in picks:
            if not await self.change(self.book.add_parts(draft.draft, pick.parts(side))):
                self._say_aloud(pick.name)
                break
        await self.look(draft.draft)
        return True

    def _say_aloud(self, name: str = "") -> None:
        """What was refused, on whatever page is shown."""
        if self.says is not None:
            self.around.say(f"{name}: {self.says.text}" if name else self.says.text, self.says.level)

    async def add_small(self, draft: str, whole: Part) -> None:
        """The thumbnail of what was recorded, which is in the draft already: that came first."""
        with contextlib.suppress(OfflineError):  # a clip without one is a clip
            small = await asyncio.to_thread(thumbnail_of, whole)
            async with self._turn:
                after = await self.book.add_parts(draft, small)
                if self.draft is not None and self.draft.draft == draft:
                    self.draft = after
        await self.look(draft)

    async def _open(self, draft: str) -> None:
        self.draft, self.says, self._unkept = await self.book.draft(draft), None, None
        self._show(Page.SEND)
        if unlightened(self.draft):
            with contextlib.suppress(OfflineError):  # it is tried again when it is sent
                await self._lighten(self.draft)
        await self.look(draft)

    async def _leave(self) -> None:
        draft, self.draft = self.draft, None
        async with self._turn:  # the last words are on their way into it
            if draft is not None and (await self.book.draft(draft.draft)).empty:
                await self.book.discard(draft.draft)
        unkept, self._unkept = self._unkept, None
        self._photos.clear()
        await self._reload()
        self._show(Page.HOME)
        if unkept is not None:
            self.around.say(unkept.text, unkept.level)

    async def _discard(self, draft: str) -> None:
        await self.book.discard(draft)
        if self.draft is not None and self.draft.draft == draft:
            self.draft = None
            self._photos.clear()
            self.around.go(Page.HOME)
        await self._reload()
        self.around.say("It was thrown away.", Level.NOTE)

    async def _set_note(self, draft: str, note: str) -> bool:
        """False when not all of it is kept, which is said."""
        kept = await self.change(self.book.set_note(draft, note[:MAX_TEXT]))
        over = len(note) - MAX_TEXT
        if kept and over > 0:
            self.says = Sentence(_TOO_LONG.format(over=over), Level.WARN)
            self.around.changed()
        self._unkept = self.says if over > 0 or not kept else None
        return self._unkept is None

    async def _remove_part(self, before: Draft, blob: str) -> None:
        if not await self.change(self.book.remove_part(before.draft, blob)) or self.draft is None:
            return
        if any(self.draft.forms.get(form) != text for form, text in before.forms.items()):
            self.says = Sentence("This was one of your answers, too. Please look at your answers again.", Level.WARN)
            self.around.changed()

    async def _take_photo(self) -> None:
        await self.around.take_photo()

    async def _add_files(self, draft: str, paths: tuple[Path, ...]) -> None:
        """Photos by way of the page on which their size is chosen."""
        pictures, others = await asyncio.to_thread(by_kind, paths)
        for path in others:
            if not await self.change(self._add_file(draft, path)):
                assert self.says is not None
                self.says = Sentence(f"{path.name}: {self.says.text}", Level.WARN)
                self.around.changed()
                return
        await self.look(draft)
        if self.draft is not None and self.draft.draft == draft:
            await self.around.pick_photos(pictures)

    async def _add_file(self, draft: str, path: Path) -> Draft:
        found = await asyncio.to_thread(read_file, path)
        match found:
            case Answers(form=form, response=response):
                return await self.book.add_answers(draft, form, response)
            case Measured(readings=readings):
                now = self.around.wall()
                for reading in readings:
                    dated(reading.at, now)
                before = await self.book.draft(draft)
                return await self.book.set_readings(draft, (*before.readings, *readings))
        return await self.book.add_parts(draft, found.parts)

    async def _send(self, draft: str, note: str) -> None:
        if not await self._set_note(draft, note) or self.draft is None or self.draft.draft != draft:
            return
        waiting = self.unfinished(self.draft)
        if waiting:
            self.says = Sentence(
                f"The questions “{waiting[0]}” are not answered to the end. Please finish them, or take them away.",
                Level.WARN,
            )
            self.around.changed()
            return
        self._busy += 1
        self.around.changed()
        try:
            await self._lighten(self.draft)
            submission = await self.book.finish(draft, originals=self.around.originals())
        except OfflineError as exc:
            self.says = Sentence(str(exc), Level.WARN)
            return
        finally:
            self._busy -= 1
            self.around.changed()
        await self.sent(submission)
        self.draft = None
        self._photos.clear()
        await self._reload()
        self.around.go(Page.HOME)
        self.around.kick()
        self.around.say("Saved on this computer. It is sent as soon as the connection allows.", Level.GOOD)

    async def look(self, draft: str) -> None:
        """Opens the thumbnails of the draft on the page, with this device's key, for the screen alone."""
        if self.draft is None or self.draft.draft != draft:
            return
        small = [p for p in self.draft.parts if p.named.role is PartRole.THUMBNAIL and p.named.of not in self._photos]
        for part in small:
            with contextlib.suppress(OfflineError, OSError):  # a row without its picture is a row
                self._photos[part.named.of or ""] = await asyncio.to_thread(thumbnail, self.around.account(), part)
                self.around.changed()

    async def _lighten(self, draft: Draft) -> None:
        """A photo of which a sudden end has left the original alone gets its copy."""
        account = self.around.account()
        async with self._turn:
            after = await lighten(account.store, account.profile.blobs, self.book, draft, self.around.rate())
            if self.draft is not None and self.draft.draft == draft.draft and after is not draft:
                self.draft = await self.book.draft(draft.draft)
        self.around.changed()

    async def _reload(self) -> None:
        self._drafts = tuple(draft for draft in await self.book.drafts() if not draft.quick)

    def _show(self, page: Page) -> None:
        self.around.go(page)
        self.around.changed()
