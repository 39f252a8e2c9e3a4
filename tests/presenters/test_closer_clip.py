"""A clip asked for: one touch, a countdown, sealed once, told when true; stopped by either, nothing is kept."""

from __future__ import annotations

import asyncio

from test_closer_sides import a_visit

from app.media.clip.bounds import Clip
from app.media.closer.life import Life

CLIP = Clip(b"\0\0\0\x20ftypisom clip", 10.0, 1280, 720)


class Recording:
    """Stands where VisitSession.record_clip stands: tests say when it begins and ends."""

    def __init__(self):
        self.running, self.ended, self.cancelled, self.clip, self.times = False, asyncio.Event(), False, CLIP, 0

    async def record(self, begun):
        self.times, self.running = self.times + 1, True
        begun()
        try:
            await self.ended.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        finally:
            self.running = False
        return self.clip


def run(test):
    async def inner():
        async with a_visit() as visit:
            visit.recording = Recording()
            visit.sessions["Ann"].record_clip = visit.recording.record
            visit.lee.ask("clip")
            await visit.until(lambda: visit.ann.view() is not None)
            await test(visit)

    asyncio.run(inner())


async def agreed(visit):
    visit.ann.answer(True)
    visit.ann.answer(True)
    await visit.until(lambda: visit.recording.running and visit.lee.view().life is Life.TAKING)


def test_asked_agreed_counted_down_sealed_once_and_told_when_true():
    async def test(visit):
        assert visit.ann.view().says.text == "Dr Lee asks for a clip of 10 seconds."
        assert visit.lee.view().says.text == "You asked Ann for a clip of 10 seconds."
        await agreed(visit)
        assert visit.ann.view().says.text == "Recording: 10 s"
        assert visit.ann.view().can_stop
        assert visit.lee.view().says.text == "Ann agreed. The clip is being recorded."
        await visit.until(lambda: visit.ann.view().says.text == "Recording: 9 s")
        assert visit.filed == []
        visit.recording.ended.set()
        await visit.until(lambda: visit.lee.view().life is Life.SAVED)
        assert visit.filed == [(CLIP.data, "closer-clip")]
        assert visit.recording.times == 1
        assert visit.ann.view().says.text == "Saved. It is sent to Dr Lee when the connection has room for it."
        assert visit.lee.view().says.text == "The clip is saved at Ann's side. It comes to your inbox."
        assert not visit.ann.busy, "the upload may go on"
        assert visit.lee.can_ask
        assert visit.notes.count("A clip of Ann was recorded; it comes by the outbox") == 2

    run(test)


def test_saved_is_not_said_before_it_is_sealed():
    async def test(visit):
        gate, filed = asyncio.Event(), visit.ann.around.file

        async def slow(*given):
            await gate.wait()
            await filed(*given)

        object.__setattr__(visit.ann.around, "file", slow)
        await agreed(visit)
        visit.recording.ended.set()
        await visit.until(lambda: not visit.recording.running)
        await visit.until(lambda: visit.ann.view().says.text == "The clip is being saved.")
        assert visit.ann.view().life is Life.TAKING
        assert not visit.ann.view().can_stop
        gate.set()
        await visit.until(lambda: visit.ann.view().life is Life.SAVED)

    run(test)


def test_stopped_by_the_patient_nothing_is_kept_and_the_provider_is_told():
    async def test(visit):
        await agreed(visit)
        visit.ann.clip.stop()
        await visit.until(lambda: visit.lee.view().life is Life.REFUSED)
        assert visit.lee.view().says.text == "Ann did not send a clip."
        assert visit.recording.cancelled
        assert visit.filed == []
        assert visit.ann.view() is None

    run(test)


def test_taken_back_by_the_provider_the_recording_ends_and_nothing_is_kept():
    async def test(visit):
        await agreed(visit)
        visit.lee.withdraw()
        await visit.until(lambda: visit.recording.cancelled)
        await visit.until(lambda: visit.ann.view() is None)
        assert visit.filed == []

    run(test)


def test_no_picture_and_a_full_disk_are_told_to_both():
    async def no_picture(visit):
        visit.recording.clip = None
        await agreed(visit)
        visit.recording.ended.set()
        await visit.until(lambda: visit.lee.view().life is Life.FAILED)
        assert "could not be recorded or saved" in visit.lee.view().says.text
        assert visit.ann.view().says.text == "The camera gave no picture. Dr Lee has been told."

    async def full(visit):
        visit.full_disk = True
        await agreed(visit)
        visit.recording.ended.set()
        await visit.until(lambda: visit.lee.view().life is Life.FAILED)
        assert visit.ann.view().says.text.startswith("The clip could not be saved on this computer.")

    run(no_picture)
    run(full)


def test_the_call_ends_in_the_middle_and_what_there_is_goes_to_the_outbox_once():
    async def test(visit):
        await agreed(visit)
        visit.ann.end()
        visit.recording.ended.set()  # as a session does that is closed
        said = await visit.ann.finish()
        assert visit.filed == [(CLIP.data, "closer-clip")]
        assert said.text == "Your clip is saved. It is sent to the clinic when the connection allows."

    run(test)


def test_the_call_ends_too_soon_and_that_is_said():
    async def test(visit):
        visit.recording.clip = None
        await agreed(visit)
        visit.ann.end()
        visit.recording.ended.set()
        said = await visit.ann.finish()
        assert said.text == "The clip could not be saved on this computer. The call ended too soon."

    run(test)


def test_a_new_transport_in_the_middle_says_again_what_stands():
    async def test(visit):
        await agreed(visit)
        visit.ready(False)
        visit.recording.ended.set()
        await visit.until(lambda: visit.ann.view().life is Life.SAVED)
        assert visit.lee.view().life is Life.TAKING
        visit.ready(True)
        await visit.until(lambda: visit.lee.view().life is Life.SAVED)
        visit.ready(True)
        assert len(visit.filed) == 1

    run(test)


def test_the_first_answer_was_lost_with_its_transport():
    async def test(visit):
        visit.sessions["Ann"].up = False
        visit.ann.answer(True)
        visit.recording.ended.set()
        await visit.until(lambda: visit.ann.view().life is Life.SAVED)
        visit.ready(True)
        await visit.until(lambda: visit.lee.view().life is Life.SAVED)

    run(test)
