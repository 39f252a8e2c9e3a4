"""Both sides of looking closer with their cameras, outbox and channel scripted: what is said, filed and shown."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import cv2
import numpy as np

from app.media.closer.life import Life
from app.media.video import still_checks
from app.offline.errors import DiskFull
from app.presenters.closer import CloserAround
from app.presenters.closer_patient import PatientCloser
from app.presenters.closer_provider import ProviderCloser


def scene(width=1280, height=960):
    noise = np.random.default_rng(7).integers(0, 255, (height // 16, width // 16, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)


class ScriptedSession:
    """Carries bytes to the other side at once and in order while `up`; its camera shows `rgb`."""

    def __init__(self, loop):
        self.loop, self.up, self.rgb, self.still_bps = loop, True, scene(), 8e6
        self.shares = []
        self.to = None
        self.shutter = asyncio.Event()
        self.shutter.set()

    def send_data(self, label, data):
        assert label == "closer"
        if self.up:
            self.loop.call_soon(lambda: self.to.on_data(data) if self.up else None)
        return self.up

    def data_backlog(self, label):
        return 0

    def still(self):
        return None if self.rgb is None else self.rgb[::4, ::4].copy()

    async def best_still(self):
        await self.shutter.wait()
        return self.rgb

    def set_still_share(self, share):
        self.shares.append(share)


class Visit:
    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.news = asyncio.Event()
        self.filed, self.notes, self.full_disk = [], [], False
        self.sessions = {"Dr Lee": ScriptedSession(self.loop), "Ann": ScriptedSession(self.loop)}
        self.lee, self.ann = (
            ProviderCloser(self._around("Dr Lee", "Ann")),
            PatientCloser(self._around("Ann", "Dr Lee")),
        )
        self.sessions["Dr Lee"].to, self.sessions["Ann"].to = self.ann, self.lee

    def _around(self, me, other):
        session = self.sessions[me]
        return CloserAround(lambda: session, self.news.set, self.notes.append, self.loop.time, me, other, self._file)

    async def _file(self, data, name, media_type, purpose):
        if self.full_disk:
            raise DiskFull("no space")
        self.filed.append((data, purpose))

    def ready(self, on):
        for session in self.sessions.values():
            session.up = on
        self.lee.on_ready(on)
        self.ann.on_ready(on)

    async def until(self, condition):
        async with asyncio.timeout(60):
            while not condition():
                self.news.clear()
                await self.news.wait()

    async def asked(self):
        self.lee.ask("photo")
        await self.until(lambda: self.ann.view() is not None)


@asynccontextmanager
async def a_visit():
    visit = Visit()
    visit.ready(True)
    yield visit
    visit.lee.end()
    visit.ann.end()
    await visit.lee.finish()
    await visit.ann.finish()


def shown(visit):
    view = visit.lee.view()
    return None if view is None or not view.picture else cv2.imdecode(np.frombuffer(view.picture, np.uint8), 1).shape


def run(test):
    async def inner():
        async with a_visit() as visit:
            await test(visit)

    asyncio.run(inner())


def test_asked_agreed_seen_sharper_filed_once_and_put_away():
    async def test(visit):
        assert visit.lee.can_ask
        await visit.asked()
        assert not visit.lee.can_ask
        assert visit.ann.view().says.text == "Dr Lee asks for a sharp photo."
        visit.ann.answer(True)
        visit.ann.answer(True)  # a second touch is none
        await visit.until(lambda: shown(visit) is not None)
        await visit.until(lambda: shown(visit) == (960, 1280, 3) and visit.ann.view().life is Life.DONE)
        assert visit.ann.view().says.text == "Sent to Dr Lee."
        assert visit.lee.view().says.text == "The photo is here, in full."
        [(original, purpose)] = visit.filed
        assert purpose == "closer"
        assert cv2.imdecode(np.frombuffer(original, np.uint8), 1).shape == (960, 1280, 3)
        shares = visit.sessions["Ann"].shares
        assert shares[0] == 1.0, "moving pictures stand for the first look"
        assert 0.0 < shares[-2] < 1.0, "and go on, smaller, beside the fine one"
        assert shares[-1] == 0.0
        visit.lee.dismiss()
        visit.ann.dismiss()
        assert (visit.lee.view(), visit.ann.view()) == (None, None)
        assert visit.lee.can_ask
        assert visit.notes.count("A sharp photo of Ann was delivered in the visit") == 2

    run(test)


def test_sent_is_not_said_before_it_is_true():
    async def test(visit):
        said = []
        await visit.asked()
        visit.ann.answer(True)
        visit.sessions["Ann"].still_bps = 60_000.0

        def look():
            view = visit.ann.view()
            said.append(view.says.text)
            return view.life is Life.SENDING and bool(visit.filed) and visit.ann.side.preview_there(view.ask)

        await visit.until(look)
        assert not any(text.startswith("Sent") for text in said)
        assert visit.ann.view().says.text.startswith("Dr Lee sees it already. It is getting sharper:")
        assert visit.ann.busy

    run(test)


def test_not_now_is_an_answer_and_nothing_is_taken():
    async def test(visit):
        await visit.asked()
        visit.ann.answer(False)
        await visit.until(lambda: visit.lee.view().life is Life.REFUSED)
        assert visit.lee.view().says.text == "Ann answered: not now."
        assert visit.ann.view() is None
        assert visit.filed == []

    run(test)


def test_the_wish_can_be_taken_back_before_and_while_it_is_taken():
    async def test(visit):
        await visit.asked()
        visit.lee.withdraw()
        await visit.until(lambda: visit.ann.view() is None)
        visit.sessions["Ann"].shutter.clear()
        await visit.asked()
        visit.ann.answer(True)
        await visit.until(lambda: visit.lee.view() is not None and visit.lee.view().life is Life.TAKING)
        visit.lee.withdraw()
        await visit.until(lambda: visit.ann.view() is None)
        visit.sessions["Ann"].shutter.set()
        visit.ann.end()
        await visit.ann.finish()
        assert visit.filed == []

    run(test)


def test_the_call_ends_first_and_the_photo_is_in_the_outbox_once():
    async def test(visit):
        visit.sessions["Ann"].still_bps = 20_000.0
        await visit.asked()
        visit.ann.answer(True)
        await visit.until(lambda: visit.lee.view().life is Life.SENDING)
        visit.lee.end()
        visit.ann.end()
        sentence = await visit.ann.finish()
        assert sentence.text == "Your photo is saved. It is sent to the clinic when the connection allows."
        assert len(visit.filed) == 1
        assert not visit.ann.busy
        assert visit.lee.view().life is Life.LATER
        assert visit.lee.view().says.text == "The rest of the photo comes to your inbox."

    run(test)


def test_a_cut_in_the_middle_is_said_and_nothing_is_lost():
    async def test(visit):
        visit.sessions["Ann"].still_bps = 400_000.0
        await visit.asked()
        visit.ann.answer(True)
        await visit.until(lambda: visit.lee.view().picture != b"")
        visit.ready(False)
        assert visit.lee.view().life is not Life.SENDING or "when it is back" in visit.lee.view().says.text
        await visit.until(lambda: bool(visit.filed))
        assert visit.ann.view().says.text == "Saved. It goes on to Dr Lee when the connection is back."
        visit.sessions["Ann"].still_bps = 8e6
        visit.ready(True)
        await visit.until(lambda: visit.lee.view().life is Life.DONE and visit.ann.view().life is Life.DONE)
        assert len(visit.filed) == 1

    run(test)


def test_a_camera_without_a_picture_is_told_to_both():
    async def test(visit):
        visit.sessions["Ann"].rgb = None
        await visit.asked()
        visit.ann.answer(True)
        await visit.until(lambda: visit.lee.view().life is Life.FAILED)
        assert visit.lee.view().says.text == "Ann agreed, but the camera gave no picture."
        assert visit.ann.view().says.text == "The camera gave no picture. Dr Lee has been told."

    run(test)


def test_a_full_disk_is_told_and_the_provider_sees_the_photo_all_the_same():
    async def test(visit):
        visit.full_disk = True
        await visit.asked()
        visit.ann.answer(True)
        await visit.until(lambda: visit.lee.view().life is Life.DONE)
        assert "could not be saved on this computer" in visit.ann.view().says.text
        assert visit.filed == []

    run(test)


async def taking_slowly(visit):
    """The camera of a patient who agreed, while it changes its mode and the first look is there."""
    camera = visit.sessions["Ann"]
    camera.shutter.clear()
    await visit.asked()
    visit.ann.answer(True)
    await visit.until(lambda: shown(visit) is not None)
    return camera


def test_while_a_slow_camera_changes_its_mode_the_live_picture_is_the_first_look():
    async def test(visit):
        camera = await taking_slowly(visit)
        assert shown(visit) == (240, 320, 3), "of the live picture"
        assert set(camera.shares) == {1.0}, "pictures stand from the touch on"
        assert visit.ann.view().life is Life.TAKING
        assert visit.ann.view().says.text == "Hold still. The photo is being taken."
        assert visit.filed == []
        camera.shutter.set()
        await visit.until(lambda: visit.ann.view().life is Life.DONE and shown(visit) == (960, 1280, 3))
        [(original, _)] = visit.filed
        assert cv2.imdecode(np.frombuffer(original, np.uint8), 1).shape == (960, 1280, 3)

    run(test)


def test_a_camera_that_goes_while_it_is_at_it_leaves_the_picture_of_the_touch():
    async def test(visit):
        camera = await taking_slowly(visit)
        camera.rgb = None
        camera.shutter.set()
        await visit.until(lambda: visit.ann.view().life is Life.DONE and visit.lee.view().life is Life.DONE)
        assert len(visit.filed) == 1

    run(test)


def test_what_would_make_it_better_is_said_before_it_is_taken():
    async def test(visit):
        visit.sessions["Ann"].rgb = scene() // 8
        await visit.asked()
        await visit.until(lambda: visit.ann.view().hint != "")
        assert visit.ann.view().hint == still_checks.DARK.replace("It is", "It looks")
        visit.ann.answer(True)
        await visit.until(lambda: visit.ann.view().hint.startswith("It is a little dark. Dr Lee can ask"))

    run(test)


def test_what_is_no_picture_is_not_shown_and_what_is_no_message_is_passed_over():
    async def test(visit):
        visit.lee.on_data(b"\x01rubbish")
        visit.ann.on_data(b"{}")
        await visit.asked()
        ask = visit.lee.view().ask
        visit.ann.side.answer(ask, "agreed")
        visit.ann.side.offer(ask, b"no picture at all", "preview", (320, 240), 0, 1)
        visit.ann.look()
        await visit.until(
            lambda: visit.lee.view().life is Life.DONE and "cannot be opened" in visit.lee.view().says.text
        )
        assert visit.lee.view().picture == b""

    run(test)
