"""The provider's pages beside a visit that goes on: what takes the window, and the ways back."""

import asyncio
from types import SimpleNamespace

import pytest

from app.media.slot import FrameSlot
from app.offline.review_notes import AnswerDraft
from app.presenters.environment import Environment
from app.presenters.provider import ProviderPresenter
from app.presenters.views import Page


class ScriptedRoom:
    """What the pages ask of a visit."""

    session, other = None, "Maria Lopez"
    ended_by_other = forged = False

    def __init__(self):
        self.details = SimpleNamespace(visit_id="visit00001")
        self.left = False

    async def leave(self):
        self.left = True

    def set_bulk(self, waits):
        assert not waits, "a provider uploads nothing in bulk"

    def view(self):
        return None


class ScriptedInbox:
    """Its manifests come when the test says so."""

    items, manifests = (), {}

    def __init__(self):
        self.asked, self.come = asyncio.Event(), asyncio.Event()

    def item(self, submission):
        return SimpleNamespace(submission=submission)

    async def manifest(self, item):
        self.asked.set()
        await self.come.wait()
        return SimpleNamespace(submission=item.submission)

    def was_opened(self, submission):
        raise AssertionError("nothing is opened under a visit")


class World:
    def __init__(self, folder):
        env = Environment(
            folder=folder, ring=None, session=None, sound_test=None, remote=FrameSlot(), mine=FrameSlot(),
            list_devices=tuple,
        )  # fmt: skip
        self.views = []
        self.presenter = presenter = ProviderPresenter(env, asyncio.get_running_loop(), self.views.append)
        presenter.inbox_view = tuple
        presenter.item_view = lambda: presenter._item
        presenter.visit_view = lambda: None
        presenter._inbox = ScriptedInbox()
        presenter._notes = SimpleNamespace(answer=self.no_answer)
        presenter._copies = SimpleNamespace(keep_only=lambda submissions: None)
        presenter._shelf = SimpleNamespace(clear=self.nothing)
        presenter._page = Page.HOME

    async def no_answer(self, submission):
        return AnswerDraft()

    async def nothing(self):
        return None

    async def settled(self):
        """Commands reach the loop, and what they began has ended."""
        await asyncio.sleep(0)
        while tasks := list(self.presenter._tasks):
            await asyncio.wait(tasks)

    @property
    def page(self):
        return self.presenter._page


@pytest.fixture
def run(tmp_path):
    def runner(scenario):
        async def whole():
            await scenario(World(tmp_path))

        asyncio.run(whole())

    return runner


def test_the_list_is_reached_from_a_visit_and_the_visit_from_the_list(run):
    async def scenario(w):
        w.presenter._room, w.presenter._page = ScriptedRoom(), Page.VISIT
        w.presenter.open_inbox()
        await w.settled()
        assert w.page is Page.HOME
        w.presenter.back_to_visit()
        await w.settled()
        assert w.page is Page.VISIT
        w.presenter.open_inbox()
        w.presenter.start_visit("visit00001")  # "Go back to the visit", in the day's list
        await w.settled()
        assert w.page is Page.VISIT
        assert not w.presenter._room.left

    run(scenario)


def test_without_a_visit_there_is_no_way_back_to_one(run):
    async def scenario(w):
        w.presenter.back_to_visit()
        w.presenter.open_inbox()
        await w.settled()
        assert w.page is Page.HOME

    run(scenario)


def test_an_item_closes_to_the_list_and_back_to_the_visit_closes_it_too(run):
    async def scenario(w):
        w.presenter._room = ScriptedRoom()
        for way, page in ((w.presenter.close_item, Page.HOME), (w.presenter.back_to_visit, Page.VISIT)):
            w.presenter._page, w.presenter._item = Page.ITEM, SimpleNamespace()
            way()
            await w.settled()
            assert w.page is page
            assert w.presenter._item is None, "its sound would be heard in the visit"

    run(scenario)


def test_an_item_on_its_way_does_not_take_the_window_from_a_visit_that_began(run):
    async def scenario(w):
        opening = asyncio.create_task(w.presenter._open(SimpleNamespace(submission="item0001")))
        await w.presenter._inbox.asked.wait()
        w.presenter._room, w.presenter._page = ScriptedRoom(), Page.VISIT
        w.presenter._inbox.come.set()
        await opening
        assert w.page is Page.VISIT
        assert w.presenter._item is None
        assert not w.presenter._busy

    run(scenario)


@pytest.mark.parametrize(("page", "then"), [(Page.VISIT, Page.HOME), (Page.ITEM, Page.ITEM), (Page.DESK, Page.DESK)])
def test_what_is_read_or_written_does_not_end_with_the_visit(run, page, then):
    async def scenario(w):
        room = ScriptedRoom()
        ended = asyncio.Event()

        async def gone():
            room.left = True
            assert w.page is then
            ended.set()
            raise asyncio.CancelledError  # what comes after is of the store

        room.leave = gone
        w.presenter._room, w.presenter._page = room, page
        w.presenter.hang_up()
        await w.settled()
        assert ended.is_set()

    run(scenario)
