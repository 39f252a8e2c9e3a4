"""The replies that a device keeps: a patient's are fetched, checked, readable without a link and receipted; a
provider's are kept until the service has them, and told when they have come and were read."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from app.net.errors import BadAnswer, NetError, Refused
from app.offline import reply_seal, trust
from app.offline.keys import DeviceKeys
from app.offline.patch import Transport
from app.offline.reply_seal import ReplyBroken, ReplyTooLong
from app.offline.store import Store, StoreCore
from app.wire import API
from app.wire.base import Id, Sha256Hex, UtcTime, WireModel
from app.wire.replies import MAX_REPLY_TEXT, Reply, ReplyContent, ReplyKind, ReplyRow, ReplyRows
from app.wire.trust import DeviceRecord, Role

log = logging.getLogger(__name__)

KEPT = "reply"
OUTGOING = "reply-out"  # what this device wrote: kept until the service has it, then replaced by KEPT
UNOPENED = "reply-unopened"  # rows that did not hold: tried again, for the care team's list may be behind
PLACE = "reply-place"  # how far the service's numbers have been read
MAX_UNOPENED = 50
_PAGES = 100
_ASKED_AGAIN = 100
_DEADLINE_S = 60.0


class KeptReply(WireModel):
    """A verified reply in the (encrypted) store. `signer`: the provider's device. `number` 0: not at the service yet.

    `come_at` and `read_at`: on a patient's device by its own clock, on a provider's by the patient's signed receipts.
    `told_come`, `told_read`: the service has this patient's device's receipt.
    """

    number: int = 0
    signer: Id
    content: ReplyContent
    sha256: Sha256Hex
    come_at: UtcTime | None = None
    read_at: UtcTime | None = None
    told_come: bool = False
    told_read: bool = False


@dataclass(frozen=True)
class Member:
    """Whose replies these are. `record` gives a device's root-signed record (checked by `net.directory`), for
    providers alone; it may raise NetError."""

    device_id: str
    role: Role
    keys: DeviceKeys
    record: Callable[[str], Awaitable[DeviceRecord]] | None = None


class ReplyBook:
    """One device's replies. For one event loop; two calls of `fetch` or `deliver` follow each other.

    Any method may raise StoreFailed or DiskFull; those that ask the service also app.net.errors.
    """

    def __init__(
        self,
        store: Store,
        transport: Transport,
        member: Member,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._transport = transport
        self._me = member
        self._now = now
        self._turn = asyncio.Lock()

    # both sides

    async def fetch(self) -> tuple[KeptReply, ...]:
        """Sends what waits, reads what is new at the service, and gives word of it. The replies that are new here.

        A reply that does not hold is left aside and tried again at the next call, and never shown.
        """
        async with self._turn:
            await self._deliver()
            fresh = [reply for row in await self._new_rows() if (reply := await self._take(row)) is not None]
            if self._me.role is Role.PROVIDER:
                await self._ask_receipts()
            else:
                await self._tell()
            return tuple(fresh)

    async def replies_of(self, submission: str) -> tuple[KeptReply, ...]:
        """Readable without a link, oldest first; a provider's own that wait for the link are among them."""
        return tuple(one for one in await self.all() if one.content.submission == submission)

    async def all(self) -> tuple[KeptReply, ...]:
        """Everything kept, oldest first."""
        kept = {one.content.reply: one for one in await self._documents(KEPT)}
        waiting = {one.content.reply: one for one in await self.pending()}
        return tuple(sorted((waiting | kept).values(), key=lambda one: (one.content.created_at, one.content.reply)))

    # the patient's side

    async def mark_read(self, reply: str) -> None:
        """A person has read it: written down at once, told to the clinic now or, without a link, at the next fetch.

        KeyError for a reply that is not kept.
        """
        async with self._turn:
            kept = await self._kept(reply)
            if kept is None:
                raise KeyError(reply)
            if kept.read_at is None:
                await self._put(kept.model_copy(update={"read_at": self._now()}))
            with contextlib.suppress(NetError):  # it is written down: the next fetch tells it
                await self._tell()

    # the provider's side

    async def send(
        self, submission: str, to: str, kind: ReplyKind, text: str, wants: tuple[str, ...] = (), name: str = ""
    ) -> KeptReply:
        """As :meth:`write`, then :meth:`deliver`. What is given back says whether the service has it."""
        kept = await self.write(submission, to, kind, text, wants, name)
        await self.deliver()
        return await self._kept(kept.content.reply) or kept

    async def write(
        self, submission: str, to: str, kind: ReplyKind, text: str, wants: tuple[str, ...] = (), name: str = ""
    ) -> KeptReply:
        """Signs, seals and keeps an answer; it is among :meth:`pending` then. `to`: the submission's device.

        `wants`: blobs whose originals are asked for; `name`: how the provider is called. It is sent once, however
        often it is tried: its random id stays. Raises :class:`ReplyTooLong`, NetError when `to`'s record is not
        known here and cannot be asked for, and NotEnrolled or TrustBroken.
        """
        if len(text) > MAX_REPLY_TEXT:
            raise ReplyTooLong(f"{len(text)} characters")
        record = await self._record(to)
        content = ReplyContent(
            reply=secrets.token_hex(16),
            submission=submission,
            to=to,
            kind=kind,
            text=text,
            name=name,
            created_at=self._now(),
            wants=wants,
        )
        team = await self._store.call(trust.care_team)
        me = self._me
        sealed = await asyncio.to_thread(
            reply_seal.sealed_reply, content, me.device_id, me.keys.signing, record.age_recipient, team
        )
        kept = KeptReply(signer=me.device_id, content=content, sha256=reply_seal.sha256_of(sealed.sealed))
        body = _Outgoing(reply=sealed, kept=kept).model_dump_json().encode()
        await self._store.call(StoreCore.put_documents, OUTGOING, {content.reply: body})
        return kept

    async def deliver(self) -> None:
        """Sends what waits, if the link is there; what does not go is kept for the next call or `fetch`."""
        async with self._turn:
            with contextlib.suppress(NetError):
                await self._deliver()

    async def pending(self) -> tuple[KeptReply, ...]:
        """What this provider's device wrote and the service does not have yet, oldest first."""
        return tuple(one.kept for one in await self._outgoing())

    async def refused(self) -> tuple[KeptReply, ...]:
        """Of those, what the service will not take: the submission was taken back, or is not there any more."""
        return tuple(one.kept for one in await self._outgoing() if one.refused)

    # inside

    async def _outgoing(self) -> list[_Outgoing]:
        """In the order in which they were written: so they go, and so they are read."""
        bodies = await self._store.call(StoreCore.documents, OUTGOING)
        found = [_Outgoing.model_validate_json(body) for body in bodies.values()]
        return sorted(found, key=lambda one: (one.kept.content.created_at, one.kept.content.reply))

    async def _deliver(self) -> None:
        for one in await self._outgoing():
            name = one.reply.reply
            try:
                await self._transport.request("PUT", f"{API}/replies/{name}", json=one.reply, deadline=_DEADLINE_S)
            except Refused as refused:
                if refused.status not in _FINAL:
                    raise
                log.warning("the clinic did not take reply %s (%s)", name, refused.code.value)
                body = one.model_copy(update={"refused": True}).model_dump_json().encode()
                await self._store.call(StoreCore.put_documents, OUTGOING, {name: body})
                continue
            await self._put(one.kept)  # first kept, then no longer waiting: a stop between sends the same again
            await self._store.call(StoreCore.put_documents, OUTGOING, {name: None})

    async def _new_rows(self) -> list[ReplyRow]:
        """What the service numbered after the place we know, and what did not hold before.

        The place moves on once the rows are kept (as unopened ones at least), so that a stop loses none.
        """
        told = await self._store.call(StoreCore.document, PLACE, PLACE)
        place = int(told or b"0")
        for _ in range(_PAGES):
            page = await self._page(place)
            if not page.replies:
                break
            rows = {row.reply: row.model_dump_json().encode() for row in page.replies if self._concerns(row)}
            await self._store.call(StoreCore.put_documents, UNOPENED, rows)
            place = page.replies[-1].number
            await self._store.call(StoreCore.put_documents, PLACE, {PLACE: b"%d" % place})
            if not page.more:
                break
        bodies = await self._store.call(StoreCore.documents, UNOPENED)
        return sorted((ReplyRow.model_validate_json(one) for one in bodies.values()), key=lambda row: row.number)

    def _concerns(self, row: ReplyRow) -> bool:
        return self._me.role is Role.PROVIDER or row.to == self._me.device_id

    async def _page(self, after: int) -> ReplyRows:
        response = await self._transport.request("GET", f"{API}/replies?after={after}", deadline=_DEADLINE_S)
        try:
            page = ReplyRows.model_validate_json(response.content)
        except ValueError as exc:
            raise BadAnswer("the replies are none") from exc
        numbers = [row.number for row in page.replies]
        if numbers != sorted(set(numbers)) or (numbers and numbers[0] <= after) or (page.more and not numbers):
            raise BadAnswer("the replies' numbers do not count up")
        return page

    async def _take(self, row: ReplyRow) -> KeptReply | None:
        """Keeps one row that holds; None when it does not, or is kept already (whatever a second one says)."""
        known = await self._kept(row.reply)
        if known is not None:
            if known.number == 0:
                await self._put(known.model_copy(update={"number": row.number}))
            await self._store.call(StoreCore.put_documents, UNOPENED, {row.reply: None})
            return None
        team = await self._store.call(trust.care_team)
        try:
            signer, content = await asyncio.to_thread(reply_seal.opened_reply, row, self._me.keys.identity, team)
        except ReplyBroken as broken:
            log.warning("reply %s does not hold: %s", row.reply, broken.detail)
            await self._bound_unopened()
            return None
        come = self._now() if self._me.role is Role.PATIENT else None
        digest = reply_seal.sha256_of(row.sealed)
        kept = KeptReply(number=row.number, signer=signer, content=content, sha256=digest, come_at=come)
        await self._put(kept)
        await self._store.call(StoreCore.put_documents, UNOPENED, {row.reply: None})
        return kept

    async def _bound_unopened(self) -> None:
        bodies = await self._store.call(StoreCore.documents, UNOPENED)
        rows = sorted((ReplyRow.model_validate_json(one) for one in bodies.values()), key=lambda row: row.number)
        gone = {row.reply: None for row in rows[:-MAX_UNOPENED]}
        if gone:
            await self._store.call(StoreCore.put_documents, UNOPENED, gone)

    async def _tell(self) -> None:
        """Receipts for what came and what was read. What the service does not know (any more) is told again later."""
        for one in await self._documents(KEPT):
            read = one.read_at is not None
            if one.told_read or (one.told_come and not read):
                continue
            at = one.read_at or one.come_at or self._now()
            me = self._me
            word = reply_seal.signed_receipt(one.content.reply, one.sha256, me.device_id, me.keys.signing, at, read)
            try:
                await self._transport.request("POST", f"{API}/replies/{one.content.reply}/receipt", json=word)
            except Refused as refused:
                if refused.status not in _FINAL:
                    raise
                log.warning("the clinic did not take the receipt of %s (%s)", one.content.reply, refused.code.value)
                continue
            await self._put(one.model_copy(update={"told_come": True, "told_read": read}))

    async def _ask_receipts(self) -> None:
        """What became of this provider's own newest replies that nobody is known to have read."""
        own = [one for one in await self._documents(KEPT) if one.signer == self._me.device_id and one.number]
        waiting = {one.content.reply: one for one in own if one.read_at is None}
        newest = sorted(waiting.values(), key=lambda one: one.number)[-_ASKED_AGAIN:]
        place = newest[0].number - 1 if newest else None
        for _ in range(_PAGES):
            if place is None or place >= newest[-1].number:
                return
            page = await self._page(place)
            for row in page.replies:
                if row.reply in waiting:
                    await self._note_receipt(waiting[row.reply], row)
            place = page.replies[-1].number if page.replies else None

    async def _note_receipt(self, kept: KeptReply, row: ReplyRow) -> None:
        if row.receipt is None or (row.to, reply_seal.sha256_of(row.sealed)) != (kept.content.to, kept.sha256):
            return
        record = await self._record(kept.content.to)
        try:
            said = reply_seal.checked_receipt(row, record.ed25519)
        except ReplyBroken as broken:
            log.warning("the receipt of %s does not hold: %s", row.reply, broken.detail)
            return
        assert said is not None
        come = kept.come_at or said.at
        await self._put(kept.model_copy(update={"come_at": come, "read_at": said.at if said.read else None}))

    async def _record(self, device_id: str) -> DeviceRecord:
        if self._me.record is None:
            raise RuntimeError("only a provider's device answers")
        return await self._me.record(device_id)

    async def _kept(self, reply: str) -> KeptReply | None:
        body = await self._store.call(StoreCore.document, KEPT, reply)
        return None if body is None else KeptReply.model_validate_json(body)

    async def _documents(self, kind: str) -> list[KeptReply]:
        bodies = await self._store.call(StoreCore.documents, kind)
        return [KeptReply.model_validate_json(body) for body in bodies.values()]

    async def _put(self, kept: KeptReply) -> None:
        name = kept.content.reply
        await self._store.call(StoreCore.put_documents, KEPT, {name: kept.model_dump_json().encode()})


_FINAL = frozenset({400, 404, 409, 410, 413})


class _Outgoing(WireModel):
    reply: Reply
    kept: KeptReply
    refused: bool = False
