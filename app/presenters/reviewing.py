"""The provider's review of what patients sent, joined to its window: the inbox, one opened item, its answers."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from app.net.errors import NetError
from app.offline.forms.library import Library
from app.offline.inbox import InboxReader
from app.offline.reply_seal import ReplyTooLong
from app.offline.review_notes import MAX_DRAFT_TEXT, AnswerDraft, ReviewNotes
from app.offline.sealed_copies import SealedCopies
from app.presenters.clip_shelf import ClipShelf
from app.presenters.environment import command
from app.presenters.inviting import InvitingPresenter
from app.presenters.past_record import VisitRecord
from app.presenters.past_views import FiledItem
from app.presenters.past_visits import Filed
from app.presenters.refresh import Refresh
from app.presenters.review_answers import Answers, NotVouched
from app.presenters.review_inbox import InboxShelf
from app.presenters.review_item import Around, OpenItem
from app.presenters.review_rows import others_of
from app.presenters.review_sentences import (
    NOT_VOUCHED,
    ORIGINAL_ASKED,
    ORIGINAL_HERE,
    QUICK,
    TAKEN_BACK,
    holds_words,
    of_visit,
    purpose_words,
    told,
    wants_words,
)
from app.presenters.review_views import AnswerView, InboxRow, OpenedItem, PartRow
from app.presenters.view_basics import Level
from app.presenters.views import Page, ProviderView
from app.wire.intake import InboxItem, PartRole
from app.wire.replies import MAX_REPLY_TEXT

log = logging.getLogger(__name__)

_FOLDER = "review"  # in the profile: sealed files of the item under review
_MOST_WANTS = 50
_LISTS = frozenset({Page.HOME, Page.PAST_VISITS})  # where items are opened from


class ReviewingPresenter(InvitingPresenter[ProviderView]):
    """Implements app.presenters.review_views.ReviewCommands. The subclass says how people are called."""

    _inbox: InboxShelf
    _answers: Answers
    _notes: ReviewNotes
    _library: Library
    _copies: SealedCopies
    _reader: InboxReader
    _shelf: ClipShelf
    _item: OpenItem | None = None
    _work: asyncio.Task[None] | None = None
    _draft = AnswerDraft()
    _draft_number = 0
    _beneath = Page.HOME  # the page that an item is closed to
    _sending = False

    @abstractmethod
    def names(self) -> Mapping[str, str]:
        """Device id -> the person's name."""

    @abstractmethod
    def my_name(self) -> str:
        """As the patient shall read it under an answer."""

    # Commands

    @command
    def open_item(self, submission_id: str) -> None:
        item = self._inbox.item(submission_id) if self.ready else None
        if item is not None and not self._busy:
            self.spawn(self._open(item))

    @command
    def close_item(self) -> None:
        self.spawn(self._close())

    @command
    def open_inbox(self) -> None:
        """From a visit, which goes on meanwhile."""
        if self._page is Page.VISIT:
            self._page = Page.HOME
            self.changed()

    @command
    def back_to_visit(self) -> None:
        if self._room is None:
            return
        if self._page is Page.SOUND:
            self._leave_sound()
        elif self._item is not None:
            self.spawn(self._close(Page.VISIT))
        else:
            self._back_to_visit()

    @command
    def show_part(self, place: int) -> None:
        if self._item is not None and place != self._item.place:
            self.spawn(self._shelf.clear())
            self._item.show(place)

    @command
    def try_part_again(self) -> None:
        if self._item is not None:
            self._item.try_again()

    @command
    def play_clip(self, place: int, at_s: float) -> None:
        if self._item is not None and place == self._item.place:
            self.spawn(self._shelf.play(at_s))

    @command
    def show_clip_at(self, place: int, at_s: float) -> None:
        if self._item is not None and place == self._item.place:
            self.spawn(self._item.show_clip_at(at_s))

    @command
    def pause_clip(self) -> None:
        if self._item is not None:
            self.spawn(self._shelf.pause())

    @command
    def save_clip(self, place: int, path: Path) -> None:
        if self._item is not None and place == self._item.place:
            self.spawn(self._save_clip(path))

    @command
    def want_original(self, place: int, on: bool) -> None:
        parts = self._item.parts() if self._item is not None else ()
        if self._item is None or not 0 <= place < len(parts):
            return
        blob = parts[place].blob
        wants = tuple(one for one in self._draft.wants if one != blob)
        if on and blob in self._askable(self._item):
            wants = (*wants, blob)[:_MOST_WANTS]
        self._keep(self._item, self._draft.model_copy(update={"wants": wants}))
        self.changed()

    @command
    def keep_answer(self, text: str) -> None:
        if self._item is not None and not self._sending:
            self._keep_text(self._item, text)

    @command
    def send_answer(self, text: str, question: bool) -> None:
        if self._item is not None and not self._sending:
            if len(text) > MAX_REPLY_TEXT:  # it stays in the field, whole, to be made shorter
                self._keep_text(self._item, text)
                self.say(ReplyTooLong.sentence, Level.WARN)
                return
            self._sending = True  # here: a second press comes before a task begins
            self.spawn(self._send(self._item, text, question))

    # Views

    def inbox_view(self) -> tuple[InboxRow, ...]:
        if not self.ready:
            return ()
        return self._inbox.rows(self.names(), self._answers.answered(), self.env.wall())

    def filed_with(self, record: VisitRecord) -> tuple[Filed, ...]:
        visit = record.visit
        here = self._inbox.manifests.values() if self.ready and visit is not None else ()
        found = [m for m in here if visit and (m.visit_id, m.device_id) == (visit.visit_id, visit.patient_device)]
        found = [m for m in found if self._inbox.item(m.submission) is not None]
        return tuple(
            Filed(FiledItem(m.submission, purpose_words(m.purpose), holds_words(m)))
            for m in sorted(found, key=lambda m: (m.created_at, m.submission))
        )

    def item_view(self) -> OpenedItem | None:
        item = self._item
        if item is None:
            return None
        manifest, now = item.manifest, self.env.wall()
        first = self._inbox.item(manifest.amends or "")
        submission = manifest.submission
        return OpenedItem(
            submission_id=submission,
            patient_name=self.names().get(manifest.device_id, "A patient"),
            created_at=manifest.created_at.astimezone(),
            purpose=purpose_words(manifest.purpose),
            note=manifest.note,
            urgent=manifest.urgent,
            told=(
                *told(manifest, first.received_at if first is not None else None, now),
                *of_visit(manifest, self._visits, now),
            ),
            others=others_of(submission, self._inbox.items, self._inbox.manifests),
            says=item.says(),
            letters=item.letters(),
            parts=self._parts(item),
            sheet=item.sheet(),
            replies=self._answers.lines(submission, now),
            answer=AnswerView(
                self._draft.text, self._draft_number, QUICK, wants_words(len(self._draft.wants)), self._sending
            ),
        )

    def _parts(self, item: OpenItem) -> tuple[PartRow, ...]:
        submission = item.manifest.submission
        come, asked = self._inbox.originals_come(submission), self._answers.asked_for(submission)
        askable = self._askable(item)
        return tuple(
            replace(
                part,
                can_want=part.blob in askable,
                wanted=part.blob in self._draft.wants,
                original=ORIGINAL_HERE if part.blob in come else ORIGINAL_ASKED if part.blob in asked else None,
            )
            for part in item.parts()
        )

    def _askable(self, item: OpenItem) -> frozenset[str]:
        """Copies whose originals are neither here nor asked for."""
        submission = item.manifest.submission
        copies = {blob.blob for blob in item.manifest.blobs if blob.role is PartRole.COPY}
        return frozenset(copies) - self._inbox.originals_come(submission) - self._answers.asked_for(submission)

    # Life

    async def _opened(self) -> None:
        await super()._opened()
        account = self.account
        self._shelf = ClipShelf(self.env.clip_sound, lambda: self._choice.spec("speaker"))
        self._reader = InboxReader(account.http, account.clinic.device_id, account.keys)
        self._copies = SealedCopies(self.folder / _FOLDER, self._reader)
        self._notes = ReviewNotes(account.store)
        self._library = Library(account.store, account.clinic.root_key)
        self._inbox = InboxShelf(self._reader, self._notes, self._keys_of, self.changed)
        self._answers = Answers(account, self._notes, self.changed)
        self.refresh_inbox = Refresh(self._fetch_inbox)
        self.refresh_manifests = Refresh(self._inbox.read_manifests)
        self.refresh_answers = Refresh(self._fetch_answers)
        self.refresh_forms = Refresh(self._fetch_forms)
        await self._inbox.load()
        await self._answers.load()

    async def enter_visit(self, visit_id: str) -> None:
        await super().enter_visit(visit_id)
        if self._page is Page.VISIT and self._item is not None:
            await self._close()  # its sound would be heard in the visit

    async def _finish(self) -> None:
        if self._item is not None:
            await self._close()
        await super()._finish()

    async def refresh_review(self) -> None:
        """The connection stands. May raise NetError."""
        await self.refresh_inbox()
        if self._item is not None:
            self._item.resume()
        await self.refresh_answers()
        await self.refresh_forms()

    async def _fetch_inbox(self) -> None:
        await self._inbox.fetch(self.account.team)
        here = {item.submission for item in self._inbox.items}
        await asyncio.to_thread(self._copies.keep_only, here)
        if self._item is not None and self._item.manifest.submission not in here:
            await self._gone(self._item)
        self.wish(self.refresh_manifests)

    async def _fetch_answers(self) -> None:
        try:
            await self._answers.fetch()
        except NetError as exc:
            log.info("answers wait: %s", type(exc).__name__)  # the connection's own state is what the screen shows

    async def _fetch_forms(self) -> None:
        try:
            await self._library.refresh(self.account.http)
        except NetError as exc:
            log.warning("the clinic's forms are not as they should be: %s", type(exc).__name__)

    # One item

    async def _open(self, item: InboxItem) -> None:
        self._busy = True
        self.changed()
        try:
            manifest = await self._inbox.manifest(item)
            draft = await self._notes.answer(item.submission)
            await self._close()
            await asyncio.to_thread(self._copies.keep_only, {item.submission})
            if self._page not in _LISTS:
                return  # a visit began, or the person went back to it: it keeps the window, and nothing was opened
            self._beneath = self._page
            self._draft, self._draft_number = draft, self._draft_number + 1
            self._item = opened = OpenItem(
                item, manifest, self._inbox.was_opened(item.submission), self._around(item.submission)
            )
            self._work = asyncio.create_task(opened.run())
            self._tasks.add(self._work)
            self._work.add_done_callback(self._done)
            self._page = Page.ITEM
        finally:
            self._busy = False
            self.changed()

    def _around(self, submission: str) -> Around:
        async def mark() -> None:
            await self._reader.mark_opened(submission)
            self.wish(self.refresh_inbox)

        def gone() -> None:
            if self._item is not None and self._item.manifest.submission == submission:
                self.spawn(self._gone(self._item))

        keys = self.account.keys
        return Around(self._copies, keys.identity, self._library, self._shelf, mark, gone, self.changed, self.env.wall)

    async def _gone(self, item: OpenItem) -> None:
        if self._item is item:
            await self._close()
            self.say(TAKEN_BACK, Level.WARN)

    async def _close(self, to: Page = Page.HOME) -> None:
        """What was clear leaves memory; the sealed files stay until another item is opened. `to`: Page.VISIT goes
        back to the visit, if it is still on."""
        work, self._work, self._item, self._draft = self._work, None, None, AnswerDraft()
        if self._page is Page.ITEM:
            self._page = to if to is Page.VISIT and self._room is not None else self._beneath
        self.changed()
        if work is not None:
            work.cancel()
            await asyncio.wait({work})
        await self._shelf.clear()

    async def _save_clip(self, path: Path) -> None:
        said = await self._shelf.save(path)
        self.say(said.text, said.level)

    # Answers

    def _keep(self, item: OpenItem, draft: AnswerDraft) -> None:
        if draft != self._draft:
            self._draft = draft
            self.spawn(self._notes.keep_answer(item.manifest.submission, draft))

    def _keep_text(self, item: OpenItem, text: str) -> None:
        if len(text) > MAX_DRAFT_TEXT:  # never a part of it: what was kept before stays
            self.say(ReplyTooLong.sentence, Level.WARN)
        else:
            self._keep(item, self._draft.model_copy(update={"text": text}))

    async def _send(self, item: OpenItem, text: str, question: bool) -> None:
        manifest, sent = item.manifest, False
        draft = AnswerDraft(text=text, wants=self._draft.wants)
        self.changed()
        try:
            self._show_draft(AnswerDraft())  # before: whoever syncs meanwhile may show it as sent already
            sent = await self._answers.send(manifest.submission, manifest.device_id, question, draft, self.my_name())
        except NotVouched:
            self.say(NOT_VOUCHED.text, NOT_VOUCHED.level)
            return
        finally:
            if not sent and self._item is item:
                self._show_draft(draft)
            self._sending = False
            self.changed()
        if sent:
            await self._answers.deliver()

    def _show_draft(self, draft: AnswerDraft) -> None:
        self._draft, self._draft_number = draft, self._draft_number + 1

    async def _keys_of(self, device_id: str) -> Mapping[str, bytes]:
        record = await self.account.record(device_id)
        return {} if record is None else {record.device_id: record.ed25519}
