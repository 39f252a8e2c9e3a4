"""A guest on the side of one app: what the service and the page say in, a session driven, sentences out."""

import asyncio
from types import SimpleNamespace

import pytest
import room_kit

from app.media.events import Cause, ConnectionChanged, ConnectionState, Modality, ModalityChanged, SignalPart
from app.media.slot import FrameSlot
from app.net.guest_signals import GuestSignals
from app.presenters.guest import GuestAround, GuestCall, GuestWho
from app.presenters.guest_sentences import GuestState, clean_name, guest_sentence
from app.presenters.views import Level, PictureState
from app.wire.guests import GuestLink, GuestRole, GuestStep, open_step, seal_step
from app.wire.trust import Role
from tests.e2e.e2e_people import person

LEE = "leesdevice01"
LINK = GuestLink(bytes(range(16)))
KEYS = LINK.keys(LEE)


class ScriptedSession(room_kit.ScriptedSession):
    def __init__(self, send, emit):
        super().__init__(False, send, emit)
        self.bulk, self.left = False, 0.0

    def set_bulk(self, waits):
        self.bulk = waits

    def set_left(self, share):
        self.left = share


class World:
    def __init__(self, *, provider=True):
        self.said, self.notes, self.sessions, self.left = [], [], [], []
        around = GuestAround(
            say=lambda message: self.said.append(message) or True,
            make_session=self.make,
            make_way=self.way,
            remote=FrameSlot(),
            clock=lambda: 100.0,
            changed=lambda: None,
            note=self.notes.append,
            device=lambda event: None,
            left=lambda: self.left.append(True),
        )
        who = GuestWho(LINK.guest_id, "Ana", GuestRole.INTERPRETER, "Dr Lee", "Dr Lee", provider, "https://link")
        signals = GuestSignals(LINK.guest_id, KEYS, "Dr Lee", "provider", lambda: 1)
        self.call = GuestCall(who, signals, around, microphone_on=False, camera_on=True, speech_alone=False)
        self.sequence = 0

    async def way(self):
        return None

    def make(self, *, offerer, send, emit):
        assert offerer, "the app offers: the page answers"
        self.sessions.append(ScriptedSession(send, emit))
        return self.sessions[-1]

    def page_says(self, kind, key=KEYS.from_guest):
        self.sequence += 1
        step = GuestStep(kind=kind, call="0" * 16, sequence=self.sequence, page=b"p" * 16)
        self.call.said(seal_step(step, key, LINK.guest_id))

    def connection(self, state):
        self.sessions[0].emit(ConnectionChanged(1.0, state))


@pytest.fixture
def run():
    def runner(scenario, **given):
        async def whole():
            world = World(**given)
            await scenario(world)
            await world.call.close()

        asyncio.run(whole())

    return runner


def test_nothing_happens_before_the_guest_comes(run):
    async def scenario(w):
        view = w.call.view()
        assert (view.title, view.link, view.connected) == ("Ana (interpreter, not verified)", "https://link", False)
        assert "works once" in view.says.text
        w.call.seen(False)
        assert w.sessions == []

    run(scenario)


def test_the_guest_comes_and_is_named_as_not_verified(run):
    async def scenario(w):
        w.call.seen(True)
        await room_kit.settle()
        session = w.sessions[0]
        assert ("microphone", False) in session.log, "who is muted is muted for the guest too"
        session.send(SignalPart("offer", "a" * 16, "v=0"))
        assert open_step(w.said[0].box, KEYS.to_guest, LINK.guest_id).sdp == "v=0"
        w.page_says("answer")
        await room_kit.settle()
        assert [part.kind for part in session.heard] == ["answer"]
        w.connection(ConnectionState.CONNECTED)
        assert w.call.view().connected
        assert w.call.view().link == ""
        assert "Ana (interpreter, not verified) joined" in w.notes
        w.sessions[0].emit(ModalityChanged(1.0, Modality.AUDIO, Cause.LINK_THIN, "speech"))
        assert w.notes[-1] == "Dr Lee to Ana: speech alone (the connection is weak)"
        w.call.seen(True)
        assert session.log[-1] == "back"
        assert len(w.sessions) == 1
        w.connection(ConnectionState.RECONNECTING)
        assert w.call.view().says.level is Level.WARN

    run(scenario)


def test_bulk_leaves_the_guest_what_it_leaves_the_visit(run, tmp_path):
    async def scenario(w):
        presenter = person(Role.PATIENT, tmp_path).presenter
        presenter._room = visit = SimpleNamespace(upload_allowance=5_000.0)
        assert presenter.upload_allowance == 5_000.0
        presenter._guest = w.call
        assert presenter.upload_allowance == 5_000.0, "nobody has come"
        w.call.seen(True)
        await room_kit.settle()
        assert presenter.upload_allowance == 5_000.0, "no media yet"
        w.connection(ConnectionState.CONNECTED)
        for spare, allowed in ((9e6, 5_000.0), (40_000.0, 2_500.0), (0.0, 0.0)):
            w.sessions[0].upload_bps = spare
            assert presenter.upload_allowance == allowed, "the tighter of the two counts"
        visit.upload_allowance = None
        assert presenter.upload_allowance == 0.0, "the visit is away; the guest still hears us"
        w.connection(ConnectionState.INTERRUPTED)
        assert presenter.upload_allowance is None
        w.connection(ConnectionState.CONNECTED)
        await w.call.close()
        assert presenter.upload_allowance is None, "the guest has gone"

    run(scenario)


def test_the_guests_pictures_leave_the_visit_and_the_outbox_their_part(run, tmp_path):
    async def scenario(w):
        presenter = person(Role.PATIENT, tmp_path).presenter
        closer, told = SimpleNamespace(busy=False), []
        room = SimpleNamespace(set_bulk=told.append, closer=closer, link_bps=120_000.0, pictures_wanted=True)
        presenter._room, presenter._guest = room, w.call
        presenter._worker = worker = SimpleNamespace(waits=False)
        presenter.divide_link()  # before the guest is there
        w.call.seen(True)
        session = w.sessions[0]
        assert (session.left, session.bulk, told) == (1.0, False, [False]), "the visit's speech goes first"
        worker.waits = True
        for link, busy, left, bulk in (
            (180_000.0, False, 1.0, True),
            (300_000.0, False, 0.5, True),
            (180_000.0, False, 0.5, True),
            (300_000.0, True, 1.0, False),
            (None, False, 0.0, True),
        ):
            room.link_bps, closer.busy = link, busy
            presenter.divide_link()
            assert (session.left, session.bulk) == (left, bulk)
        room.link_bps, room.pictures_wanted = 60_000.0, False
        presenter.divide_link()
        assert session.left == 0.5, "a visit without pictures does not know how much its link carries"

    run(scenario)


def pictures_said(w):
    steps = [open_step(message.box, KEYS.to_guest, LINK.guest_id) for message in w.said]
    return [step.kind for step in steps if step.kind.startswith("pictures")]


def test_speech_alone_stops_the_guests_pictures_too_and_brings_them_back(run):
    async def scenario(w):
        w.call.seen(True)
        await room_kit.settle()
        assert pictures_said(w) == [], "nobody has chosen"
        switches = {"microphone_on": True, "camera_on": True}
        for alone in (True, True, False):
            w.call.choose(**switches, speech_alone=alone)
        assert pictures_said(w) == ["pictures-off", "pictures-on"]
        w.call.choose(**switches, speech_alone=True)
        w.call.seen(False)
        w.call.seen(True)
        assert pictures_said(w)[2:] == ["pictures-off"] * 2, "a page that was loaded anew hears it again"
        w.page_says("pictures-on")
        await room_kit.settle()
        assert w.sessions[0].heard == [], "the page has no say"

    run(scenario)


def test_speech_alone_chosen_before_the_guest_comes_holds_from_the_start(run):
    async def scenario(w):
        w.call.choose(microphone_on=True, camera_on=True, speech_alone=True)
        assert w.said == []
        w.call.seen(True)
        assert pictures_said(w) == ["pictures-off"]

    run(scenario)


def test_steps_of_others_and_unusable_ones_are_dropped(run):
    async def scenario(w):
        w.call.seen(True)
        await room_kit.settle()
        w.page_says("answer", key=bytes(32))
        w.call.said(b"junk")
        await room_kit.settle()
        assert w.sessions[0].heard == []
        w.sessions[0].refuse = True
        w.page_says("answer")
        await room_kit.settle()
        w.sessions[0].refuse = False
        w.page_says("again")
        await room_kit.settle()
        assert [part.kind for part in w.sessions[0].heard] == ["again"]
        assert w.left == []

    run(scenario)


def test_goodbye_of_the_guest_and_ours(run):
    async def scenario(w):
        w.call.seen(True)
        await room_kit.settle()
        w.page_says("bye")
        assert w.left == [True]
        assert w.notes[-1] == "Ana (interpreter, not verified) left"
        await w.call.close()
        await w.call.close()
        assert w.sessions[0].log.count("close") == 1
        assert open_step(w.said[-1].box, KEYS.to_guest, LINK.guest_id).kind == "bye"
        w.call.seen(True)
        assert len(w.sessions) == 1, "whoever was sent away does not come back"

    run(scenario)


@pytest.mark.parametrize("provider", [True, False])
@pytest.mark.parametrize("state", list(GuestState))
def test_every_state_has_a_sentence_with_a_name(state, provider):
    sentence = guest_sentence(state, "Ana", GuestRole.CAREGIVER, "Dr Lee", provider=provider)
    assert "Ana" in sentence.text
    assert "{" not in sentence.text


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("  Ana \n Reyes ", "Ana Reyes"), ("\u202eanA\x00", "anA"), ("x" * 80, "x" * 60), (" \t", ""), ("Łódź", "Łódź")],
)
def test_names_are_one_printable_line(typed, shown):
    assert clean_name(typed) == shown


def test_a_picture_has_an_age_when_it_stands_still():
    async def scenario(w):
        remote = w.call._around.remote
        assert (w.call.view().picture, w.call.view().picture_age_s) == (PictureState.NONE, 0)
        remote.put(object(), 91.4)  # the clock says 100
        assert (w.call.view().picture, w.call.view().picture_age_s) == (PictureState.FROZEN, 8)

    async def whole():
        await scenario(World())

    asyncio.run(whole())
