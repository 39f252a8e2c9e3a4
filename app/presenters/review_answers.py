"""A provider's answers and questions: kept sealed until the clinic has them, once each; and how far each has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from app.offline.replies import KeptReply, Member, ReplyBook
from app.offline.review_notes import AnswerDraft, ReviewNotes
from app.presenters.account import Account
from app.presenters.review_sentences import BY_COLLEAGUE, REFUSED, SAVED_HERE, reply_state, wants_words
from app.presenters.review_views import ReplyLine
from app.presenters.view_basics import Sentence
from app.wire.replies import ReplyKind
from app.wire.trust import DeviceRecord, Role


class NotVouched(LookupError):
    """The patient's device has no record that the clinic's root has signed."""


class Answers:
    """On the loop. Methods that touch the store may raise StoreFailed or DiskFull; `fetch` also app.net.errors."""

    def __init__(self, account: Account, notes: ReviewNotes, changed: Callable[[], None]) -> None:
        self._account, self._notes, self._changed = account, notes, changed
        self._me = account.clinic.device_id
        member = Member(self._me, Role.PROVIDER, account.keys, self._record)
        self._book = ReplyBook(account.store, account.http, member)
        self._all: tuple[KeptReply, ...] = ()
        self._waiting: frozenset[str] = frozenset()
        self._refused: frozenset[str] = frozenset()
        self._turn = asyncio.Lock()

    async def load(self) -> None:
        """From the store."""
        async with self._turn:
            self._all = await self._book.all()
            self._waiting = frozenset(one.content.reply for one in await self._book.pending())
            self._refused = frozenset(one.content.reply for one in await self._book.refused())
        self._changed()

    async def fetch(self) -> None:
        """Sends what waits and hears what became of what went."""
        try:
            await self._book.fetch()
        finally:
            await self.load()

    async def send(self, submission: str, to: str, question: bool, draft: AnswerDraft, name: str) -> bool:
        """Keeps and sends it; False when there is nothing to send. When this returns it is kept, sent or not.

        Without words it is a wish for originals alone; an answer with words may want them as well.

        Raises ReplyTooLong; NetError when the patient's device is not known here yet; NotVouched.
        """
        text = draft.text.strip()
        if not text and not draft.wants:
            return False
        kind = ReplyKind.QUESTION if question or not text else ReplyKind.ANSWER
        await self._book.write(submission, to, kind, text, draft.wants, name)
        await self._notes.keep_answer(submission, AnswerDraft())
        await self.load()
        return True

    async def deliver(self) -> None:
        await self._book.deliver()
        await self.load()

    def answered(self) -> frozenset[str]:
        """Submissions to which anyone of the care team has answered or asked back, unless that was refused. A wish
        for originals is neither: an answer is still due."""
        said = (one.content for one in self._all if not one.content.wish)
        return frozenset(content.submission for content in said if content.reply not in self._refused)

    def asked_for(self, submission: str) -> frozenset[str]:
        """Blobs whose originals were asked for."""
        return frozenset(b for one in self._all if one.content.submission == submission for b in one.content.wants)

    def lines(self, submission: str, now: datetime) -> tuple[ReplyLine, ...]:
        """Oldest first."""
        return tuple(self._line(one, now) for one in self._all if one.content.submission == submission)

    def _line(self, one: KeptReply, now: datetime) -> ReplyLine:
        content = one.content
        return ReplyLine(
            reply=content.reply,
            who="You" if one.signer == self._me else content.name or "A colleague",
            question=content.kind is ReplyKind.QUESTION and not content.wish,
            text="" if content.wish else content.text,
            at=content.created_at.astimezone(),
            state=self._state(one, now),
            asks=wants_words(len(content.wants)),
            wish=content.wish,
        )

    def _state(self, one: KeptReply, now: datetime) -> Sentence:
        reply = one.content.reply
        if reply in self._refused:
            return REFUSED
        if reply in self._waiting:
            return SAVED_HERE
        if one.signer != self._me:
            return BY_COLLEAGUE
        return reply_state(one.come_at, one.read_at, now)

    async def _record(self, device_id: str) -> DeviceRecord:
        record = await self._account.record(device_id)
        if record is None:
            raise NotVouched(device_id)
        return record
