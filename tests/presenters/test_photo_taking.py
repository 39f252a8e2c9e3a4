"""The photo page: a press is never swallowed, however long a photo's sizes take to make."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from app.presenters import photo_taking
from app.presenters.photo_taking import Photo, PhotoTaking
from app.presenters.views import Page, PhotoPhase

PICTURE = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)


class Taking(PhotoTaking):
    """A page over a picture that stands still, for a draft."""

    ready = drafting_photo = True
    can_measure = False

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._page = Page.SEND
        self.tasks: list[asyncio.Task[None]] = []
        self.phases: list[PhotoPhase] = []
        self.kept: list[Photo | None] = []
        self.said: list[str] = []
        self._begin_photos(lambda spec, tell: self)
        self.news = asyncio.Event()

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def still(self):
        return PICTURE

    def changed(self) -> None:
        if self._photo is not None:
            self.phases.append(self._photo.phase)
        self.news.set()

    def say(self, text, level=None) -> None:
        self.said.append(text)
        self.changed()

    def spawn(self, coroutine) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))

    def camera_spec(self):
        return None

    def on_device(self, event) -> None: ...
    def session_still(self):
        return None

    def sending_rate(self):
        return None

    async def photo_done(self, photo) -> bool:
        self.kept.append(photo)
        return True

    def page_after_photo(self) -> Page:
        return Page.SEND

    async def until(self, is_so) -> None:
        async with asyncio.timeout(20):
            while not is_so():
                self.news.clear()
                await self.news.wait()


async def taken() -> Taking:
    at = Taking()
    at.start_photo()
    await at.until(lambda: at._photo is not None)
    at.shutter()
    await at.until(lambda: PhotoPhase.REVIEW in at.phases)
    return at


async def end(at: Taking) -> list[BaseException | None]:
    at.cancel_photo()
    await at.until(lambda: at._photo is None)
    return [found for found in await asyncio.gather(*at.tasks, return_exceptions=True) if found]


@pytest.fixture
def held(monkeypatch):
    """The copies are made when the test says so."""
    go, make = threading.Event(), photo_taking._copies

    def copies(rgb):
        assert go.wait(20)
        return make(rgb)

    monkeypatch.setattr(photo_taking, "_copies", copies)
    yield go
    go.set()


def test_a_press_before_the_sizes_are_made_is_remembered_and_shown(held) -> None:
    async def run() -> None:
        at = await taken()
        at.keep_photo()
        await at.until(lambda: at.phases[-1] is PhotoPhase.SAVING)
        assert at.kept == []
        held.set()
        await at.until(lambda: at._photo is None)
        (photo,) = at.kept
        assert photo.copies is not None
        assert photo.chosen(None) is not None
        assert at._page is Page.SEND
        assert await end(at) == []

    asyncio.run(run())


def test_who_thinks_better_while_it_is_saved_keeps_nothing(held) -> None:
    async def run() -> None:
        at = await taken()
        at.keep_photo()
        await at.until(lambda: at.phases[-1] is PhotoPhase.SAVING)
        at.cancel_photo()
        await at.until(lambda: at._photo is None)
        held.set()
        assert await end(at) == []
        assert not any(at.kept)

    asyncio.run(run())


def test_a_photo_that_cannot_be_made_ready_says_so_and_may_be_taken_again(monkeypatch) -> None:
    def broken(rgb):
        raise RuntimeError("test")

    async def run() -> None:
        monkeypatch.setattr(photo_taking, "_copies", broken)
        at = await taken()
        at.keep_photo()
        await at.until(lambda: at.said)
        assert at.phases[-1] is PhotoPhase.REVIEW
        assert [str(error) for error in await end(at)] == ["test"]

    asyncio.run(run())
