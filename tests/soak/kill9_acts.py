"""What a process of kill9.py does: each act may be ended by SIGKILL at any of its steps; `settle` puts all in order.

What an act says on its pipe before the end is a promise to a person: "saved", "taken back", "come", "read", "written".
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.offline.offline_kit import CANARY, NOW, Until
from tests.offline.test_real_clinic import Town
from tests.soak import adapter as app
from tests.soak.town import patient_book, patient_http, person_http, provider_book

PHOTO = CANARY + bytes(range(256)) * 80 + CANARY  # more than goes with one request
WHOLE = (CANARY + bytes(range(255, -1, -1)) * 30, b"another one" + CANARY * 90)
"""What the two photos of :func:`two_photos` were before they were made smaller."""
NOTE = CANARY.decode()
Say = Callable[[str], None]
_PATIENCE = 600
"""Seconds in which this process has run: beside other work on two cores a delivery has taken minutes."""


@dataclass(frozen=True)
class Scene:
    """`item`: the submission that an act is about; "" where nothing was sent before."""

    profile: app.Profile
    made: Town
    item: str
    say: Say
    wants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Working:
    store: app.Store
    worker: app.OutboxWorker
    book: app.ReplyBook
    until: Until
    blobs: Path

    async def quiet(self) -> None:
        """Nothing is left to be done: all has arrived or is taken back, and only what is held lies here."""
        saved = len(await self.store.call(app.StoreCore.submissions))
        for _ in range(_PATIENCE):  # one by one: a machine that stops this process for minutes costs one of them
            with contextlib.suppress(TimeoutError):
                return await self.until.holds(lambda: self._quiet(saved), timeout=1.0)
        raise TimeoutError(f"it is not quiet: {self.worker.snapshot()}")

    def _quiet(self, saved: int) -> bool:
        there = self.worker._submissions
        held = {row.file for s in there if s.life is app.Life.HELD for row in s.blobs}
        rest = [s for s in there if s.life is not app.Life.HELD]
        done = all(s.life in app.ARRIVED or s.life is app.Life.WITHDRAWN for s in rest)
        gone = all(row.state in app.GONE for s in rest for row in s.blobs)
        return len(there) >= saved and done and gone and {path.name for path in self.blobs.iterdir()} == held


@contextlib.asynccontextmanager
async def working(s: Scene) -> AsyncIterator[Working]:
    """The patient's app: its store, its outbox at work, its replies."""
    store, until = await app.Store.open(s.profile.store_path, s.made.key), Until()
    async with patient_http(s.made, s.made.clinic.url) as http:
        around = app.Surroundings(watch=False)
        worker = app.OutboxWorker(store, s.profile.blobs, http, on_change=until.changed, surroundings=around)
        worker.start()
        try:
            yield Working(store, worker, patient_book(s.made, store, http), until, s.profile.blobs)
        finally:
            await worker.stop()
    await store.close()


# what is killed


async def first(s: Scene) -> None:
    core = app.open_core(s.profile)
    app.device_keys(core)
    core.close()


async def capture(s: Scene) -> None:
    core = app.open_core(s.profile)
    parts = [app.Part(PHOTO, NOTE, "image/jpeg")]
    sealed = app.seal_submission(app.sender(core), parts, app.Words("wound", NOTE), NOW)
    app.save_sealed(core, s.profile.blobs, sealed)
    s.say(f"saved {sealed.submission}\n")
    core.close()


async def recover(s: Scene) -> None:
    core = app.open_core(s.profile)
    app.sweep(core, s.profile.blobs)
    core.close()


async def draft(s: Scene) -> None:
    """Its photo, once taken, has to arrive: the next process goes on with it. It adds to `item` if there is one."""
    store = await app.Store.open(s.profile.store_path, s.made.key)
    book = app.DraftBook(store, s.profile.blobs)
    name = (await book.begin(app.Purpose.WOUND_CHECK, amends=s.item or None)).draft
    await book.add_part(name, app.Part(PHOTO, NOTE, "image/jpeg"))
    s.say(f"saved {name}\n")
    await book.set_note(name, NOTE)
    await book.finish(name)
    await store.close()


async def deliver(s: Scene) -> None:
    async with working(s) as w:
        await w.quiet()


async def withdraw(s: Scene) -> None:
    async with working(s) as w:
        if not await w.worker.withdraw(s.item):
            raise RuntimeError("it was not opened, and it could not be taken back")
        s.say(f"taken back {s.item}\n")
        await w.quiet()


async def reply(s: Scene) -> None:
    """The clinic's question comes, what it asks for goes, and a person reads it."""
    async with working(s) as w:
        for one in await w.book.fetch():
            s.say(f"come {one.content.reply}\n")
        await app.in_step(w.worker, w.store, await w.book.all())
        for one in await w.book.all():
            await w.book.mark_read(one.content.reply)
            s.say(f"read {one.content.reply}\n")
        await w.quiet()


async def answer(s: Scene) -> None:
    """At the provider's desk."""
    store = await app.Store.open(s.profile.store_path, s.profile.key_file.read_bytes())
    async with person_http(s.made.provider, s.made.clinic.url) as http:
        book = provider_book(s.made, store, http)
        written = await book.write(s.item, s.made.patient.device_id, app.ReplyKind.ANSWER, NOTE, name=NOTE)
        s.say(f"written {written.content.reply}\n")
        await book.deliver()
        await book.fetch()
    await store.close()


# what is never killed


async def ask(s: Scene) -> None:
    """At the desk: a question about the item, that asks for the original of what `wants` names."""
    store = await app.Store.open(s.profile.store_path, s.profile.key_file.read_bytes())
    async with person_http(s.made.provider, s.made.clinic.url) as http:
        book, to = provider_book(s.made, store, http), s.made.patient.device_id
        sent = await book.send(s.item, to, app.ReplyKind.QUESTION, NOTE, s.wants, name=NOTE)
        if sent.number == 0 and await book.pending():
            raise RuntimeError("the question did not go")
    await store.close()


async def two_photos(s: Scene) -> None:
    """An item of two photos, each with its original: the first one's is to be sent as well, the other's is held."""
    store = await app.Store.open(s.profile.store_path, s.made.key)
    book = app.DraftBook(store, s.profile.blobs)
    item = (await book.begin(app.Purpose.WOUND_CHECK)).draft
    copies = [app.Part(PHOTO, NOTE, "image/jpeg", app.PartRole.COPY) for _ in WHOLE]
    originals = [
        app.Part(data, NOTE, "image/jpeg", app.PartRole.ORIGINAL, of=copy.blob)
        for data, copy in zip(WHOLE, copies, strict=True)
    ]
    await book.add_parts(item, [*copies, *originals])
    await book.set_note(item, NOTE)
    await book.finish(item)
    names = [str(await store.call(app.original_of, copy.blob)) for copy in copies]
    before = await store.call(app.StoreCore.submission, names[0])
    assert before is not None
    await store.call(app.StoreCore.save_submission, before, app.release(before))
    s.say(f"saved {item}\nsaved {names[0]}\nsaved {names[1]}\ncopy {copies[1].blob}\n")
    await store.close()


async def settle(s: Scene) -> None:
    """The next start, and all that a person does who finds something begun. Says what it found and what it left."""
    store = await app.Store.open(s.profile.store_path, s.made.key)
    await go_on(store, s.profile)
    await store.close()
    async with working(s) as w:
        for one in await w.book.all():  # before anything is asked of the clinic
            s.say(f"kept {one.content.reply}\n" + f"known read {one.content.reply}\n" * (one.read_at is not None))
        if s.item:
            await w.book.fetch()
        await app.in_step(w.worker, w.store, await w.book.all())
        for one in await w.book.all():
            await w.book.mark_read(one.content.reply)
        await w.quiet()
        lives = {one.submission: one.life.value for one in await w.store.call(app.StoreCore.submissions)}
        replies = [one.content.reply for one in await w.book.all() if one.told_read]
        s.say(f"left {json.dumps([lives, replies])}\n")


async def go_on(store: app.Store, profile: app.Profile) -> None:
    await store.call(app.sweep, profile.blobs)
    book = app.DraftBook(store, profile.blobs)
    for left in await book.drafts():
        if left.parts:
            await book.set_note(left.draft, NOTE)
            await book.finish(left.draft)
        else:
            await book.discard(left.draft)


async def settle_desk(s: Scene) -> None:
    """The provider's next start."""
    store = await app.Store.open(s.profile.store_path, s.profile.key_file.read_bytes())
    async with person_http(s.made.provider, s.made.clinic.url) as http:
        book = provider_book(s.made, store, http)
        for one in await book.replies_of(s.item):
            s.say(f"kept {one.content.reply}\n")
        await book.fetch()
        if await book.pending():
            raise RuntimeError("an answer waits still")
        s.say(f"left {json.dumps([one.content.reply for one in await book.replies_of(s.item)])}\n")
    await store.close()


ACTS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "first": first,
    "capture": capture,
    "draft": draft,
    "deliver": deliver,
    "recover": recover,
    "amend": draft,
    "withdraw": withdraw,
    "withdraw half sent": withdraw,
    "reply": reply,
    "answer": answer,
    "ask": ask,
    "two photos": two_photos,
    "settle": settle,
    "settle desk": settle_desk,
}
