"""The photo page: the camera's best still, sealed before anything is asked; no press is swallowed, nothing doubled."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.media.slot import FrameSlot
from app.media.video.camera import CameraPreview
from app.presenters import photo_making, photo_taking
from app.presenters.photo_shot import Photo, SealedPhoto
from app.presenters.photo_taking import PhotoTaking
from app.presenters.views import Page, PhotoPhase

LIVE = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
BEST = np.random.default_rng(2).integers(0, 255, (480, 640, 3), np.uint8)


class Taking(PhotoTaking):
    """A page over a camera whose live picture stands still, for a draft. `shot` is what its still mode gives."""

    ready = drafting_photo = True
    can_measure = False

    def __init__(self, page: Page = Page.SEND) -> None:
        self.loop = asyncio.get_running_loop()
        self._page = page
        self.tasks: list[asyncio.Task[None]] = []
        self.phases: list[PhotoPhase] = []
        self.log: list[str] = []
        self.kept: list[Photo] = []
        self.said: list[str] = []
        self.refuses = 0
        self.shot: asyncio.Future = self.loop.create_future()
        self.shot.set_result(BEST)
        self._begin_photos(lambda spec, tell: self)
        self.news = asyncio.Event()

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def still(self):
        return LIVE

    async def best_still(self):
        return await asyncio.shield(self.shot)

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
    def visit_camera(self):
        return None

    def sending_rate(self):
        return None

    async def photo_taken(self, jpeg):
        if self.refuses:
            self.refuses -= 1
            self.say("There is no room left.")
            return None
        self.log.append(f"sealed {cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1).shape[1]}")
        return SealedPhoto("draft", f"blob{len(self.log)}")

    async def photo_dropped(self, sealed) -> None:
        self.log.append(f"dropped {sealed.blob}")
        self.news.set()

    async def photo_done(self, photo, sealed) -> bool:
        if photo is not None:
            self.kept.append(photo)
            self.log.append(f"kept {sealed.blob if sealed else len(photo.picks)}")
        return True

    def page_after_photo(self) -> Page:
        return Page.SEND

    async def until(self, is_so) -> None:
        async with asyncio.timeout(30):
            while not is_so():
                self.news.clear()
                await self.news.wait()


async def looking() -> Taking:
    at = Taking()
    at.start_photo()
    await at.until(lambda: at._photo is not None)
    return at


async def taken() -> Taking:
    at = await looking()
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
    go, make = threading.Event(), photo_making.copies_of

    def copies(rgb, sides):
        assert go.wait(30)
        return make(rgb, sides)

    monkeypatch.setattr(photo_making, "copies_of", copies)
    yield go
    go.set()


def test_hold_still_then_the_best_still_is_sealed_before_it_is_asked_whether_it_is_good() -> None:
    async def run() -> None:
        at = await looking()
        at.shot = at.loop.create_future()
        at.shutter()
        await at.until(lambda: at.phases[-1] is PhotoPhase.TAKING)
        at.shutter()  # an impatient finger
        assert at.log == []
        at.shot.set_result(BEST)
        await at.until(lambda: at._photo.saved)
        assert at.phases[-1] is PhotoPhase.REVIEW
        assert at.log == ["sealed 640"]
        assert at.photo_view().saved
        await at.until(lambda: at.photo_view().sizes)
        assert await end(at) == []

    asyncio.run(run())


@pytest.mark.parametrize("how", ["nothing", "late"])
def test_where_the_still_mode_fails_the_live_picture_is_the_photo(monkeypatch, caplog, how: str) -> None:
    async def run() -> None:
        at = await looking()
        at.shot = at.loop.create_future()
        if how == "nothing":
            at.shot.set_result(None)
        else:
            monkeypatch.setattr(photo_taking, "SHOT_S", 0.01)
        at.shutter()
        await at.until(lambda: at._photo.saved)
        assert at.log == ["sealed 320"]
        assert await end(at) == []

    asyncio.run(run())


def test_take_again_and_cancel_drop_what_was_sealed() -> None:
    async def run() -> None:
        at = await taken()
        await at.until(lambda: at._photo.saved)
        at.retake()
        await at.until(lambda: at.log[-1] == "dropped blob1")
        at.shutter()
        await at.until(lambda: at._photo.saved)
        at.cancel_photo()  # as fast as can be
        await at.until(lambda: len(at.log) == 4)
        assert at.log[2:] == ["sealed 640", "dropped blob3"]
        assert at.kept == []
        assert await end(at) == []

    asyncio.run(run())


def test_cancelled_while_the_camera_takes_it_nothing_is_sealed() -> None:
    async def run() -> None:
        at = await looking()
        at.shot = at.loop.create_future()
        at.shutter()
        await at.until(lambda: at.phases[-1] is PhotoPhase.TAKING)
        at.cancel_photo()
        await at.until(lambda: at._photo is None)
        at.shot.set_result(BEST)
        assert await end(at) == []
        assert at.log == []

    asyncio.run(run())


def test_what_could_not_be_sealed_is_tried_again_at_use(held) -> None:
    async def run() -> None:
        held.set()
        at = await looking()
        at.refuses = 2
        at.shutter()
        await at.until(lambda: at.said)
        assert not at.photo_view().saved
        at.keep_photo()
        await at.until(lambda: len(at.said) == 2 and at.phases[-1] is PhotoPhase.REVIEW)
        at.keep_photo()
        await at.until(lambda: at._photo is None)
        assert at.log == ["sealed 640", "kept blob1"]
        assert await end(at) == []

    asyncio.run(run())


def test_a_press_before_the_sizes_are_made_is_remembered_and_shown(held) -> None:
    async def run() -> None:
        at = await taken()
        assert at.photo_view().sizing
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
        assert at.log == ["sealed 640", "dropped blob1"]

    asyncio.run(run())


def test_a_photo_whose_sizes_cannot_be_made_is_kept_all_the_same(monkeypatch, caplog) -> None:
    def broken(rgb, sides):
        raise RuntimeError("test")

    async def run() -> None:
        monkeypatch.setattr(photo_making, "copies_of", broken)
        at = await taken()
        await at.until(lambda: at._photo.failed)
        assert not at.photo_view().sizing
        at.keep_photo()
        await at.until(lambda: at._photo is None)
        assert at.log == ["sealed 640", "kept blob1"]
        assert await end(at) == []

    asyncio.run(run())
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "the sizes of a photo could not be made: RuntimeError"
    ]


def test_photos_from_files_have_their_size_chosen_together(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.jpg" for name in ("one", "two", "broken", "never")]
    for path in paths:
        cv2.imwrite(str(path), np.asarray(cv2.resize(LIVE, (700, 500)), np.uint8))
    paths[2].write_bytes(b"\xff\xd8\xffrubbish")

    async def run() -> None:
        at = Taking()
        at.spawn(at.pick_photos(paths))
        await at.until(lambda: at.phases and at.phases[-1] is PhotoPhase.OPENING)
        await at.until(lambda: at.phases[-1] is PhotoPhase.REVIEW)
        assert [text.partition(":")[0] for text in at.said] == ["broken.jpg"]
        view = at.photo_view()
        assert (view.files, view.jpeg[:2], [size.side for size in view.sizes]) == (2, b"\xff\xd8", [640])
        at.retake()
        at.choose_size(640)
        at.keep_photo()
        await at.until(lambda: at._photo is None)
        (photo,) = at.kept
        assert [pick.name for pick in photo.picks] == ["one.jpg", "two.jpg"]
        assert photo.chosen(None).side == 640
        assert at.log == ["kept 2"]
        assert await end(at) == []

    asyncio.run(run())


def test_a_12_megapixel_camera_gives_its_still_to_the_photo() -> None:
    class Preview(CameraPreview):
        async def best_still(self):
            return await asyncio.to_thread(super().best_still)

    async def run() -> None:
        at, ready = await looking(), asyncio.Event()
        camera = Preview("synthetic", "12mp", FrameSlot(), lambda *_: at.loop.call_soon_threadsafe(ready.set))
        camera.start()
        await asyncio.wait_for(ready.wait(), 20)
        at._camera = camera
        shot = await at._best(LIVE)
        assert shot.shape == (3024, 4032, 3)
        await asyncio.to_thread(camera.stop)
        at._camera = at
        assert await end(at) == []

    asyncio.run(run())
