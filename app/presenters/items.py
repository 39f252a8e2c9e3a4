"""What was sent and what came back: the list, one item with its answers, and how things are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from app.offline.draft import Draft
from app.offline.finishing import originals
from app.offline.in_step import in_step
from app.offline.life import MAY_WITHDRAW, Held, Life
from app.offline.plan import Metered
from app.offline.purposes import Purpose, purpose_of
from app.offline.replies import KeptReply, Member, ReplyBook
from app.offline.standing import Conditions, Stage
from app.offline.status import statuses
from app.offline.store import StoreCore
from app.offline.worker import OutboxWorker, SubmissionStatus
from app.presenters.drafting import Drafting
from app.presenters.environment import command
from app.presenters.past_views import FiledItem
from app.presenters.past_visits import Filed
from app.presenters.refresh import Refresh
from app.presenters.sending_around import SendingAround
from app.presenters.sending_views import ChoicesView, ReplyView, SentView
from app.presenters.sending_words import EXPLAINS, item_view, size_words, when_words
from app.presenters.sentences import WORDS
from app.presenters.views import ItemView, Level, Page
from app.wire.intake import OpenedBy
from app.wire.replies import ReplyKind
from app.wire.trust import Role

_GOES = "The photo in full size is sent to the clinic."
_KEPT = "In full size ({size}) it stays on this computer, and is sent when the clinic asks for it."
_KEPT_WAITS = "The full photo ({size}) waits here for a better connection. Then it goes by itself."
_ON_ITS_WAY = frozenset({Life.FINISHED, Life.HELD})


class Items:
    """Implements app.presenters.sending_views.ItemsCommands."""

    def __init__(self, around: SendingAround, drafting: Drafting) -> None:
        self.loop = around.loop
        self._around, self._drafting = around, drafting
        self._worker: OutboxWorker | None = None
        self._book: ReplyBook
        self._statuses: tuple[SubmissionStatus, ...] = ()
        self._replies: tuple[KeptReply, ...] = ()
        self._opened_by: dict[str, str] = {}
        self._originals: frozenset[str] = frozenset()
        self._open: str | None = None
        self._beneath = Page.HOME  # the page that an item is closed to
        self._older: tuple[SubmissionStatus, ...] = ()  # of an earlier visit, too old for the list
        self._asks_withdraw = False
        self._asking = asyncio.Lock()
        self.fetch = Refresh(self._fetch)
        self.note = Refresh(self._note)
        drafting.sent = self._sent

    async def open(self, worker: OutboxWorker) -> None:
        """The profile is there: answers can be read without a link."""
        account = self._around.account()
        self._worker = worker
        me = Member(account.clinic.device_id, Role.PATIENT, account.keys)
        self._book = ReplyBook(account.store, account.http, me)
        await self._act()
        await self._note()

    # Commands

    @command
    def open_item(self, submission_id: str) -> None:
        if self._status(submission_id) is not None:
            self._open, self._asks_withdraw = submission_id, False
            self._beneath = Page.PAST_VISITS if self._around.page() is Page.PAST_VISITS else Page.HOME
            self._around.go(Page.SENT)
            self._around.changed()
            self._around.spawn(self._read(submission_id))

    @command
    def close_item(self) -> None:
        self._leave()

    @command
    def try_item_again(self, submission_id: str) -> None:
        self._ask(lambda worker: worker.try_again(submission_id))

    @command
    def add_to_item(self, submission_id: str) -> None:
        status = self._status(submission_id)
        if status is not None:
            self._around.spawn(self._drafting.begin(_purpose(status), status.visit_id, amends=submission_id))

    @command
    def answer_reply(self, reply: str) -> None:
        kept = next((one for one in self._replies if one.content.reply == reply), None)
        status = self._status(kept.content.submission) if kept is not None else None
        if status is not None:
            begin = self._drafting.begin(_purpose(status), status.visit_id, amends=status.submission, answers=reply)
            self._around.spawn(begin)

    @command
    def withdraw_item(self, submission_id: str) -> None:
        if self._open == submission_id:
            self._asks_withdraw = True
            self._around.changed()

    @command
    def confirm_withdraw(self, yes: bool) -> None:
        submission, self._asks_withdraw = self._open, False
        self._around.changed()
        if yes and submission is not None:
            self._around.spawn(self._withdraw(submission))

    @command
    def send_first(self, submission_id: str) -> None:
        self._ask(lambda worker: worker.send_first(submission_id))

    @command
    def send_kept(self, submission_id: str) -> None:
        for status in self._kept_of(submission_id):
            self._ask(lambda worker, held=status.submission: worker.release(held))  # type: ignore[misc]

    @command
    def let_kept_wait(self, submission_id: str, on: bool) -> None:
        until = Held.UNTIL_GOOD_LINK if on else Held.UNTIL_ASKED
        for status in self._kept_of(submission_id):
            self._ask(lambda worker, held=status.submission: worker.hold_until(held, until))  # type: ignore[misc]

    @command
    def open_choices(self) -> None:
        if self._worker is not None:
            self._around.go(Page.CHOICES)
            self._around.changed()

    @command
    def close_choices(self) -> None:
        if self._around.page() is Page.CHOICES:
            self._around.go(Page.HOME)
            self._around.changed()

    @command
    def set_paused(self, on: bool) -> None:
        self._ask(lambda worker: worker.set_paused(on))

    @command
    def set_link_metered(self, on: bool) -> None:
        self._ask(lambda worker: worker.set_link_metered(on))

    @command
    def set_metered(self, choice: Metered) -> None:
        self._ask(lambda worker: worker.set_metered(choice))

    @command
    def set_full_size(self, on: bool) -> None:
        self._ask(lambda worker: worker.set_originals(Held.UNTIL_GOOD_LINK if on else Held.UNTIL_ASKED))

    # State

    def rows(self) -> tuple[ItemView, ...]:
        """What has an answer to be read first, then the newest. What is kept back until it is asked for stands on its
        item's page, not in the list."""
        items = (self._item(status) for status in self._statuses if not self._behind(status))
        return tuple(sorted(items, key=lambda item: item.unread == 0))

    def view(self) -> SentView | None:
        status = self._status(self._open) if self._open is not None else None
        if status is None or self._around.page() is not Page.SENT:
            return None
        kept = self._kept_of(status.submission)
        size = size_words(sum(one.bytes_total for one in kept))
        waits = bool(kept) and all(one.held is Held.UNTIL_GOOD_LINK for one in kept)
        words = (_KEPT_WAITS if waits else _KEPT).format(size=size)
        item = self._item(status)
        return SentView(
            item=item,
            replies=tuple(self._reply(one) for one in reversed(self._replies_of(status.submission))),
            explains=EXPLAINS[item.stage],
            kept=words if kept else "",
            kept_waits=waits,
            can_add=status.life not in (Life.WITHDRAWING, Life.WITHDRAWN),
            can_withdraw=status.life in MAY_WITHDRAW - {Life.WITHDRAWING, Life.WITHDRAWN},
            can_first=status.life in _ON_ITS_WAY and not status.first and self._others_wait(status),
            can_try=status.life is Life.NEEDS_PERSON,
            asks_withdraw=self._asks_withdraw,
        )

    def choices(self) -> ChoicesView | None:
        if self._worker is None:
            return None
        chosen = self._worker.choices
        sent = self._worker.usage().sent
        used = f"Data used for sending this month: {size_words(sent) if sent else 'none'}."
        full_size = chosen.originals is Held.UNTIL_GOOD_LINK
        return ChoicesView(chosen.paused, chosen.link_metered, chosen.metered, used, full_size)

    def about(self, draft: Draft) -> str:
        """What a draft answers, or adds to."""
        asked = next((one.content for one in self._replies if one.content.reply == draft.answers), None)
        if asked is not None:
            return f"{asked.name or 'The clinic'} asks: {asked.text}"
        visit = self._around.last_visit()
        if draft.amends is None and visit is not None and draft.visit_id == visit.visit_id:
            now = self._around.wall()
            return f"It goes with your visit {when_words(visit.starts_at.astimezone(now.tzinfo), now)}."
        status = self._status(draft.amends) if draft.amends is not None else None
        return f"It goes with what you sent before: {self._item(status).title}." if status is not None else ""

    # What comes in

    def statuses_changed(self) -> None:
        """The outbox has moved."""
        if self._worker is None:
            return
        statuses = tuple(reversed(self._worker.snapshot()))
        if statuses != self._statuses:
            opened = any(one.stage is Stage.SEEN and one.submission not in self._opened_by for one in statuses)
            self._statuses = statuses
            if opened and not self.note.wished:
                self._around.spawn(self.note())
            self._around.changed()

    # Work

    async def _fetch(self) -> None:
        """Reads what the clinic answered, and does what it asks. Raises NetError."""
        await self._book.fetch()
        await self._act()
        await self._note()
        self._around.changed()

    async def _note(self) -> None:
        """What is kept here, read anew."""
        account = self._around.account()
        self._replies = await self._book.all()
        self._originals = await account.store.call(originals)
        words = await account.store.call(StoreCore.opened_words)
        self._opened_by = {name: OpenedBy.model_validate_json(word).signer for name, word in words.items()}
        if self._worker is not None:
            self._statuses = tuple(reversed(self._worker.snapshot()))
        self._around.changed()

    async def _act(self) -> None:
        assert self._worker is not None
        await in_step(self._worker, self._around.account().store, await self._book.all())

    async def _read(self, submission: str) -> None:
        """A person has the item's page before them: its replies are read, and the clinic is told when it can be."""
        unread = [one for one in self._replies_of(submission) if one.read_at is None]
        now = self._around.wall()
        self._replies = tuple(  # at once: writing it down may wait for the clinic
            one.model_copy(update={"read_at": now}) if one in unread else one for one in self._replies
        )
        self._around.changed()
        for one in unread:
            await self._book.mark_read(one.content.reply)
        self._replies = await self._book.all()
        self._around.changed()

    async def _withdraw(self, submission: str) -> None:
        assert self._worker is not None
        if await self._worker.withdraw(submission):
            self._around.say("It is being taken back.", Level.NOTE)
        else:
            self._around.say("The clinic has opened it already. It cannot be taken back any more.", Level.WARN)

    async def _sent(self, submission: str) -> None:
        self._originals = await self._around.account().store.call(originals)

    def _ask(self, what: Callable[[OutboxWorker], Awaitable[object]]) -> None:
        async def done(worker: OutboxWorker) -> None:
            async with self._asking:  # each choice is made upon the one before
                await what(worker)
            self._around.changed()

        if self._worker is not None:
            self._around.spawn(done(self._worker))

    def _leave(self) -> None:
        self._open, self._asks_withdraw = None, False
        if self._around.page() is Page.SENT:
            self._around.go(self._beneath)
        self._around.changed()

    # Of an earlier visit

    async def look_for(self, visit_id: str) -> None:
        """Before :meth:`filed`: what was sent with it may be older than what the list shows."""
        store = self._around.account().store
        found = await store.call(StoreCore.of_visit, visit_id)
        self._older = statuses(found, Conditions(self._around.wall().timestamp()), Metered.EVERYTHING, None)

    def filed(self, visit_id: str) -> tuple[Filed, ...]:
        """What was sent with a visit, oldest first; each can be opened."""
        known = {one.submission: one for one in (*self._older, *self._statuses) if one.visit_id == visit_id}
        shown = sorted((one for one in known.values() if not self._behind(one)), key=lambda one: one.created_at)
        return tuple(self._filed(one) for one in shown)

    def _filed(self, status: SubmissionStatus) -> Filed:
        item = self._item(status)
        return Filed(FiledItem(item.submission_id, item.title, item.text, item.stage), status.purpose == WORDS)

    # Parts

    def _status(self, submission: str | None) -> SubmissionStatus | None:
        return next((one for one in (*self._statuses, *self._older) if one.submission == submission), None)

    def _behind(self, status: SubmissionStatus) -> bool:
        waits = status.life in (Life.HELD, Life.WITHDRAWING, Life.WITHDRAWN)
        return waits and status.submission in self._originals

    def _kept_of(self, submission: str) -> list[SubmissionStatus]:
        return [one for one in self._statuses if one.amends == submission and one.life is Life.HELD]

    def _others_wait(self, status: SubmissionStatus) -> bool:
        return any(one.life is Life.FINISHED for one in self._statuses if one is not status)

    def _item(self, status: SubmissionStatus) -> ItemView:
        replies = self._replies_of(status.submission)
        by = replies[-1].content.name if replies else ""
        signer = self._opened_by.get(status.submission)
        if not by and signer is not None:
            by = self._around.provider_name(signer) or self._named_in_replies(signer)
        said = [one for one in replies if not one.content.wish]
        answered = {one.answers for one in self._statuses if one.life is not Life.WITHDRAWN}
        return item_view(
            status,
            self._around.wall(),
            by=by,
            originals=self._originals,
            unread=sum(one.read_at is None for one in replies),
            answered=bool(said) and said[-1].content.reply in answered,
            wished=bool(replies) and not said,
        )

    def _named_in_replies(self, signer: str) -> str:
        return next((one.content.name for one in reversed(self._replies) if one.signer == signer), "")

    def _replies_of(self, submission: str) -> list[KeptReply]:
        return [one for one in self._replies if one.content.submission == submission]

    def _reply(self, kept: KeptReply) -> ReplyView:
        content = kept.content
        question = content.kind is ReplyKind.QUESTION and not content.wish
        who = content.name or "The clinic"
        answered = any(one.answers == content.reply and one.life is not Life.WITHDRAWN for one in self._statuses)
        said = [_GOES] if content.wants else []
        said += ["You have answered this."] if answered else []
        asks = f"{who} asks for the photo in full size" if content.wish else f"{who} asks you"
        shown = ReplyView(
            reply=content.reply,
            title=asks if question or content.wish else f"{who} answers",
            at=content.created_at.astimezone(self._around.wall().tzinfo),
            text="You need do nothing: it goes by itself." if content.wish else content.text,
            question=question,
            can_answer=question and not answered,
        )
        return replace(shown, state=" ".join(said))


def _purpose(status: SubmissionStatus) -> Purpose:
    return purpose_of(status.purpose) or Purpose.FOLLOW_UP
