"""Earlier visits over a real encrypted store: the list, a record, what was sent with it, words said again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from room_kit import DETAILS, LEE

from app.media.events import Cause, Modality
from app.media.words import State
from app.offline.outbox import OutboxSubmission
from app.offline.replies import Member, ReplyBook
from app.offline.standing import Stage
from app.offline.store import Store, StoreCore
from app.presenters.chat import Chat, ChatHooks
from app.presenters.items import Items
from app.presenters.past_record import VisitRecord, keep_visit, past_visits, record
from app.presenters.past_views import FiledItem
from app.presenters.past_visits import AT_ONCE, Filed, PastAround, PastVisits
from app.presenters.views import Page
from app.presenters.visit_sentences import timeline_sending
from app.presenters.visit_timeline import VisitTimeline
from app.wire.trust import Role
from tests.offline.offline_kit import PATIENT
from tests.offline.test_outbox import submission
from tests.presenters.sending_kit import Sending, sending
from tests.presenters.tasks_kit import Tasks

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class World(Tasks):
    def __init__(self, store: Store, me: str) -> None:
        super().__init__()
        self.store, self.me, self.now = store, me, NOON
        self.page, self.live = Page.HOME, None
        self.filed: tuple[Filed, ...] = ()
        self.past = PastVisits(
            PastAround(
                loop=asyncio.get_running_loop(),
                store=lambda: store,
                me=lambda: self.me,
                page=lambda: self.page,
                go=self._go,
                live=lambda: self.live,
                changed=lambda: None,
                spawn=self.spawn,
                wall=lambda: self.now,
                look_for=self._nothing,
                filed=lambda found: self.filed,
            )
        )

    def _go(self, page: Page) -> None:
        self.page = page

    async def _nothing(self, found: VisitRecord) -> None:
        return None

    async def was(self, visit_id: str, *texts: str) -> None:
        """A visit that was entered now."""
        await self.store.call(keep_visit, DETAILS.model_copy(update={"visit_id": visit_id}))
        timeline = VisitTimeline(visit_id, lambda: self.now)
        for text in texts or ("Ann came in",):
            timeline.note(text)
            self.now += timedelta(minutes=1)
        await timeline.keep(self.store)

    async def chat(self, visit_id: str) -> Chat:
        return await Chat.open(self.store, visit_id, ChatHooks(lambda: self.now))

    async def shown(self):
        await self.settled()
        return self.past.view()


@pytest.fixture
def run(tmp_path: Path):
    def runner(scenario, me: str = DETAILS.patient_device) -> None:
        async def whole() -> None:
            store = await Store.open(tmp_path / "store.db", b"k" * 32)
            try:
                await scenario(World(store, me))
            finally:
                await store.close()

        asyncio.run(whole())
        disk = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"Dr Lee" not in disk, "names are sealed as the words are"

    return runner


def test_the_newest_is_first_the_one_under_way_is_not_there_and_older_ones_come_on_demand(run) -> None:
    async def scenario(w: World) -> None:
        for n in range(AT_ONCE + 2):
            await w.was(f"visit{n:05}")
        w.live = f"visit{AT_ONCE + 1:05}"
        w.past.open_list()
        view = await w.shown()
        assert [row.visit_id for row in view.rows] == [f"visit{n:05}" for n in range(AT_ONCE, 0, -1)]
        assert view.more
        w.past.show_more()
        view = await w.shown()
        assert (len(view.rows), view.more, view.rows[0].title) == (AT_ONCE + 1, False, "Visit with Dr Lee")

    run(scenario)


def test_a_record_of_words_and_of_what_happened(run) -> None:
    async def scenario(w: World) -> None:
        thin = timeline_sending("Ann", Modality.AUDIO, Cause.LINK_THIN, "Dr Lee")
        await w.was("visit00001", "Ann came in", "Connected", thin, "Left the visit")
        chat = await w.chat("visit00001")
        chat.say("I cannot hear you.")
        chat.on_message(b'{"say": "b1", "text": "Hold on.", "at": 7}')
        await chat.settle()
        await chat.leave(chat.undelivered)
        w.filed = (Filed(FiledItem("item0001", "Written message", "Received.", Stage.RECEIVED), words=True),)
        w.past.open_list()
        w.past.open_visit("visit00001")
        opened = (await w.shown()).opened
        assert (opened.title, opened.text, opened.reason) == ("Visit with Dr Lee", "2 minutes.", "Rash")
        assert [(line.who, line.text) for line in opened.said] == [
            ("You", "I cannot hear you."), ("Dr Lee", "Hold on."),
        ]  # fmt: skip
        assert opened.said[0].state.text.endswith("The clinic got this as a written message.")
        assert [entry.text for entry in opened.happened][2] == (
            "From you: sound alone, because the connection was weak."
        )
        assert not opened.can_carry, "a patient's words go by the outbox"
        w.past.close_visit()
        w.past.close_list()
        assert (await w.shown(), w.page) == (None, Page.HOME)

    run(scenario)


def test_when_the_person_goes_on_nothing_clear_stays(run) -> None:
    async def scenario(w: World) -> None:
        await w.was("visit00001")
        w.past.open_list()
        w.past.open_visit("visit00001")
        assert (await w.shown()).opened is not None
        w.past.forget()
        view = await w.shown()
        assert (view.rows, view.opened) == ((), None)
        w.past.open_visit("visit00001")
        w.page = Page.HOME  # before it was read
        assert await w.shown() is None
        assert w.past._open is None

    run(scenario)


def test_a_visit_from_before_names_were_kept_and_damaged_words_are_still_listed(run, caplog) -> None:
    async def scenario(w: World) -> None:
        await w.store.put("timeline/visitold01/20251122T120000", b"2025-11-22T12:00:00+00:00\tConnected\nrubbish\n")
        await w.store.put("words/visitold01", b"{")
        w.past.open_list()
        w.past.open_visit("visitold01")
        view = await w.shown()
        assert [(row.title, row.text) for row in view.rows] == [("Visit", "Less than a minute.")]
        assert "damaged" in view.opened.says[0].text
        assert [entry.text for entry in view.opened.happened] == ["You were connected with the other person."]

    run(scenario)
    assert "conversation" in caplog.text


def test_a_timeline_of_any_length_is_kept_whole(run) -> None:
    async def scenario(w: World) -> None:
        timeline = VisitTimeline("visit00001", lambda: w.now)
        for n in range(1_203):
            timeline.note(f"entry {n}")
            if n % 300 == 0:
                await timeline.keep(w.store)
        await timeline.keep(w.store)
        (stay,) = (await w.store.call(record, "visit00001")).stays
        assert [entry.text for entry in stay] == [f"entry {n}" for n in range(1_203)]
        assert await w.store.call(past_visits) == ("visit00001",)

    run(scenario)


def test_a_providers_undelivered_words_are_said_in_the_next_visit_when_wanted_once(run) -> None:
    async def scenario(w: World) -> None:
        await w.was("visit00001")
        chat = await w.chat("visit00001")
        for text in ("Take two.", "x" * 1_990):
            chat.say(text)
        await chat.settle()
        w.past.open_list()
        w.past.open_visit("visit00001")
        assert (await w.shown()).opened.can_carry
        w.now += timedelta(days=1)
        other = await w.chat("visit00009")
        await w.past.carry_into(other, DETAILS.patient_device)
        assert other.undelivered == (), "not without the provider's wish"
        w.past.carry_words(True)
        opened = (await w.shown()).opened
        assert (opened.can_carry, opened.carries) == (False, True)
        await w.past.carry_into(other, "somebodyelse")
        assert other.undelivered == ()
        await w.past.carry_into(other, DETAILS.patient_device)
        for again in (other, await w.chat("visit00009")):
            (line,) = again.undelivered
            assert line.text == "(Written yesterday at 12:01, not delivered then) Take two."
            assert line.state is State.WAITING
        before = await w.chat("visit00001")
        assert [line.text for line in before.undelivered] == ["x" * 1_990], "too long with its time: it stays"
        assert set(await Chat.unfinished(w.store)) == {"visit00001", "visit00009"}
        await w.past.carry_into(other, DETAILS.patient_device)
        assert len(other.undelivered) == 1, "once"

    run(scenario, LEE)


def test_what_was_sent_with_an_old_visit_opens_though_the_list_no_longer_shows_it(tmp_path: Path) -> None:
    async def scene(at: Sending) -> None:
        sent = replace(submission(), purpose="words", visit_id="visit00001")
        await at.at.store.call(StoreCore.insert_submission, sent)
        await at.at.store.call(StoreCore.insert_submission, other_visit())
        items = Items(at.around, at.drafting)
        items._book = ReplyBook(at.at.store, None, Member(PATIENT, Role.PATIENT, at.at.keys))
        assert items.filed("visit00001") == ()
        await items.look_for("visit00001")
        (filed,) = items.filed("visit00001")
        assert (filed.item.submission_id, filed.words, filed.item.stage) == ("s1", True, Stage.SAVED)
        assert filed.item.title.startswith("Written message")
        for beneath in (Page.PAST_VISITS, Page.HOME):
            at.page = beneath
            items.open_item("s1")
            await at.settled()
            assert at.page is Page.SENT
            assert items.view() is not None
            items.close_item()
            await at.settled()
            assert at.page is beneath

    async def whole() -> None:
        async with sending(tmp_path) as at:
            await scene(at)

    asyncio.run(whole())


def other_visit() -> OutboxSubmission:
    made = submission(2)
    blobs = tuple(replace(one, file=f"2-{one.file}") for one in made.blobs)
    return replace(made, visit_id="visit00002", blobs=blobs)
