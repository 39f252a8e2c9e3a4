"""The page of sound and camera: a test alone, choosing before and during a visit; the devices stand in at the edge."""

import asyncio
import threading
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from app.media.devices import DEFAULT_DEVICE, DeviceSpec, FoundDevice
from app.media.slot import FrameSlot
from app.presenters.devices import Chosen, load_choice
from app.presenters.environment import Environment
from app.presenters.provider import ProviderPresenter
from app.presenters.sound import HINTS, SAYS
from app.presenters.views import Page, SoundPhase

DESK = FoundDevice("microphone", "Desk", DeviceSpec("device", "1"))
HEADSET = FoundDevice("microphone", "Headset", DeviceSpec("device", "2"))


@dataclass(frozen=True)
class Status:
    state: str
    problem: str = ""


class ScriptedTest:
    """Stands where a SoundTest stands, which owns a microphone and a loudspeaker; the script speaks for it."""

    def __init__(self, microphone, speaker, tell, moved):
        self.microphone, self.speaker, self.tell, self._moved = microphone, speaker, tell, moved
        self.log = []

    def start(self):
        self.log.append("start")
        self._moved()

    def stop(self, timeout=2.0):
        self.log.append("stop")
        self._moved()


class ScriptedRoom:
    """What the page asks of a visit."""

    def __init__(self, changed, session=None):
        self.session, self.other, self.used, self.changed = session, "Dr Lee", [], changed
        self.details = SimpleNamespace(visit_id="visit00001")
        self.ended_by_other = self.forged = False

    async def use_device(self, kind, spec):
        self.used.append((kind, spec))
        self.changed()

    def set_bulk(self, waits):
        return None

    def view(self):
        return None


class World:
    def __init__(self, folder):
        self.views, self.tests = [], []
        self.there = (DESK,)
        env = Environment(
            folder=folder,
            ring=None,
            session=self.no_session,
            sound_test=self.make,
            remote=FrameSlot(),
            mine=FrameSlot(),
            list_devices=lambda: self.there,
        )
        self.loop, self.event = asyncio.get_running_loop(), asyncio.Event()
        self.presenter = ProviderPresenter(env, self.loop, self.publish)

    def publish(self, view):
        self.views.append(view)
        self.event.set()

    def moved(self):
        """Something has happened in another thread."""
        self.loop.call_soon_threadsafe(self.event.set)

    def no_session(self, **_):
        raise AssertionError("no visit begins here")

    def make(self, microphone, speaker, tell):
        self.tests.append(ScriptedTest(microphone, speaker, tell, self.moved))
        return self.tests[-1]

    @property
    def sound(self):
        return self.views[-1].sound

    def tell(self, state, problem="", test=-1):
        """As the test does: from a thread of its own."""
        thread = threading.Thread(target=self.tests[test].tell, args=(Status(state, problem),))
        thread.start()
        thread.join()

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not self.views or not condition():
                self.event.clear()
                await self.event.wait()


@pytest.fixture
def run(tmp_path):
    def runner(scenario):
        async def whole():
            world = World(tmp_path)
            await world.presenter.start()
            world.presenter._page = Page.HOME  # as when enrolled
            try:
                await scenario(world)
            finally:
                await world.presenter.stop()

        asyncio.run(whole())

    return runner


async def opened(w):
    w.presenter.open_sound()
    await w.until(lambda: w.sound is not None and w.sound.devices[0].names)


def test_a_person_hears_themselves(run):
    async def scenario(w):
        await opened(w)
        assert w.sound.phase is SoundPhase.READY
        w.presenter.start_sound_test()
        await w.until(lambda: w.tests and w.tests[0].log == ["start"])
        assert (w.tests[0].microphone, w.tests[0].speaker) == (DEFAULT_DEVICE, DEFAULT_DEVICE)
        for state, phase in (
            ("listening", SoundPhase.LISTENING),
            ("playing", SoundPhase.PLAYING),
            ("done", SoundPhase.ASKING),
        ):
            w.tell(state)
            await w.until(lambda phase=phase: w.sound.phase is phase)
            assert w.sound.says == SAYS[phase]
        w.presenter.answer_sound_test(True)
        await w.until(lambda: w.sound.phase is SoundPhase.HEARD)
        w.presenter.answer_sound_test(False)  # answered already
        w.presenter.close_sound()
        await w.until(lambda: w.views[-1].page is Page.HOME)
        assert w.sound is None

    run(scenario)


def test_who_heard_nothing_reads_what_to_try_next(run):
    async def scenario(w):
        await opened(w)
        w.presenter.start_sound_test()
        await w.until(lambda: w.tests)
        w.tell("done")
        await w.until(lambda: w.sound.phase is SoundPhase.ASKING)
        w.presenter.answer_sound_test(False)
        await w.until(lambda: w.sound.phase is SoundPhase.NOT_HEARD)
        assert "volume" in w.sound.hints[0]
        assert any("another loudspeaker" in hint for hint in w.sound.hints)

    run(scenario)


@pytest.mark.parametrize(
    ("state", "problem", "phase", "says"),
    [
        ("no-sound", "", SoundPhase.NO_SOUND, "The microphone heard nothing."),
        ("failed", "There is no microphone.", SoundPhase.FAILED, "There is no microphone."),
        ("failed", "", SoundPhase.FAILED, "The try did not work."),
    ],
)
def test_what_goes_wrong_is_said_and_can_be_tried_again(run, state, problem, phase, says):
    async def scenario(w):
        await opened(w)
        w.presenter.start_sound_test()
        await w.until(lambda: w.tests)
        w.tell(state, problem)
        await w.until(lambda: w.sound.phase is phase)
        assert w.sound.says.text == says
        assert w.sound.hints == HINTS[phase]
        w.presenter.start_sound_test()
        await w.until(lambda: len(w.tests) == 2 and w.sound.phase is SoundPhase.LISTENING)

    run(scenario)


def test_a_test_that_is_left_ends_and_its_late_words_change_nothing(run):
    async def scenario(w):
        await opened(w)
        w.presenter.start_sound_test()
        await w.until(lambda: w.tests and w.tests[0].log)
        w.presenter.stop_sound_test()
        await w.until(lambda: w.tests[0].log == ["start", "stop"])
        w.tell("playing")
        w.presenter.start_sound_test()
        await w.until(lambda: len(w.tests) == 2 and w.tests[1].log)
        w.tell("done", test=0)
        w.tell("playing", test=1)
        await w.until(lambda: w.sound.phase is SoundPhase.PLAYING)
        w.presenter.close_sound()
        await w.until(lambda: w.tests[1].log == ["start", "stop"])

    run(scenario)


def test_every_phase_of_a_test_has_words():
    for phase in SoundPhase:
        if phase is not SoundPhase.IN_VISIT:
            assert SAYS[phase].text.endswith((".", "?"))
            assert all(hint.endswith((".", "?")) for hint in HINTS[phase])


def test_a_choice_is_used_for_the_next_test_and_remembered(run, tmp_path):
    async def scenario(w):
        w.there = (DESK, HEADSET)
        await opened(w)
        w.presenter.start_sound_test()
        await w.until(lambda: w.tests and w.tests[0].log)
        w.presenter.choose_device("microphone", "Headset")
        await w.until(lambda: w.tests[0].log == ["start", "stop"])  # it was a try of the other one
        assert w.sound.devices[0].chosen == "Headset"
        w.presenter.start_sound_test()
        await w.until(lambda: len(w.tests) == 2)
        assert w.tests[1].microphone == HEADSET.spec
        async with w.presenter._choice_saving:
            assert load_choice(tmp_path)[0] == {"microphone": "Headset"}

    run(scenario)


def test_in_a_visit_a_choice_reaches_the_session_and_a_device_that_returns_is_used_again(run):
    async def scenario(w):
        p = w.presenter
        w.there = (DESK, HEADSET)
        await opened(w)
        room = ScriptedRoom(p.changed, session=object())
        p._room = room
        assert p.chosen_for_visit() == Chosen()
        p.choose_device("microphone", "Headset")
        await w.until(lambda: room.used)
        assert room.used == [("microphone", HEADSET.spec)]
        assert w.sound.phase is SoundPhase.IN_VISIT
        assert "Dr Lee goes on" in w.sound.says.text
        p.start_sound_test()  # the visit has the devices
        p.on_devices((DESK,))
        await w.until(lambda: len(room.used) == 2)
        assert room.used[-1] == ("microphone", DEFAULT_DEVICE)
        assert not w.sound.devices[0].present
        p.on_devices((DESK, HEADSET))
        await w.until(lambda: len(room.used) == 3)
        p.on_devices((DESK, HEADSET))
        assert len(room.used) == 3
        assert w.tests == []
        p._room = None

    run(scenario)


def test_the_waiting_person_who_tries_the_sound_goes_to_the_visit_when_it_begins(run):
    async def scenario(w):
        p = w.presenter
        p._room, p._page = ScriptedRoom(p.changed), Page.VISIT
        await opened(w)
        p.start_sound_test()
        await w.until(lambda: w.tests and w.tests[0].log)
        await p.make_way()
        assert w.tests[0].log == ["start", "stop"]
        assert w.views[-1].page is Page.VISIT
        p._room = None

    run(scenario)
