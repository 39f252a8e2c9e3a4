"""A visit's written conversation over a real encrypted store: kept before sent, also after crashes; what is left."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from room_kit import ANN, DETAILS, KEYS, LEE, PUBLIC, ScriptedSession

from app.media.events import Cause, ConnectionChanged, ConnectionState, DataReady, DataReceived, Modality
from app.media.slot import FrameSlot
from app.media.words import Line, State
from app.net.signalling import SignedSignals
from app.offline.errors import StoreFailed
from app.offline.store import Store
from app.presenters.around import Surroundings
from app.presenters.chat import Chat, ChatHooks, notes
from app.presenters.views import Level, QuickPhrase
from app.presenters.visit import VisitRoom
from app.presenters.visit_sentences import VisitFacts
from app.presenters.words_sentences import line_state, number_in, quick_phrases
from app.wire.messages import Presence

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FACTS = VisitFacts(
    other="Dr Lee", other_present=True, started=True, connection=ConnectionState.CONNECTED, sending=Modality.VIDEO,
    cause=Cause.START, microphone_on=True, camera_on=True, peer=None, clinic_reachable=True, phone="555 0100",
)  # fmt: skip


class Side:
    """One person's conversation; what the channel took is in `sent`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sent: list[dict[str, object]] = []
        self.takes = True
        self.troubles: list[str] = []
        self.now = NOON
        self.hooks = ChatHooks(lambda: self.now, trouble=lambda sentence: self.troubles.append(sentence.text))

    async def open(self, visit_id: str = "visit1") -> Chat:
        chat = await Chat.open(self.store, visit_id, self.hooks)
        chat.attach(self.send)
        return chat

    def send(self, data: bytes) -> bool:
        if self.takes:
            self.sent.append(json.loads(data))
        return self.takes


def states(chat: Chat) -> list[State]:
    return [line.state for line in chat._talk.lines]


@pytest.fixture
def run(tmp_path: Path):
    def runner(scenario):
        async def whole():
            store = await Store.open(tmp_path / "store.db", b"k" * 32)
            try:
                await scenario(Side(store))
            finally:
                await store.close()

        asyncio.run(whole())
        disk = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert b"secret words" not in disk, "sealed as they are written"

    return runner


def test_a_line_is_on_the_disk_before_it_is_sent(run) -> None:
    async def scenario(side: Side) -> None:
        chat = await side.open()
        chat.on_ready(True)
        chat.say("secret words")
        assert side.sent == []
        assert chat.view(FACTS).lines[0].state.text == "Saving …"
        await chat.settle()
        assert [m["text"] for m in side.sent] == ["secret words"]
        assert await Chat.unfinished(side.store) == ("visit1",)
        chat.on_message(json.dumps({"got": side.sent[0]["say"]}).encode())
        await chat.settle()
        assert chat.view(FACTS).lines[0].state.text == "Dr Lee has it"
        assert chat.undelivered == ()
        assert await Chat.unfinished(side.store) == ()

    run(scenario)


def test_theirs_is_confirmed_when_it_is_kept_and_known_after_a_crash(run) -> None:
    async def scenario(side: Side) -> None:
        chat = await side.open()
        chat.on_ready(True)
        theirs = json.dumps({"say": "b1", "text": "secret words of theirs", "at": 7}).encode()
        chat.on_message(theirs)
        assert side.sent == []
        await chat.settle()
        assert side.sent == [{"got": "b1"}]
        again = await side.open()
        again.on_ready(True)
        again.on_message(theirs)
        assert [line.text for line in again.view(FACTS).lines] == ["secret words of theirs"], "shown once"
        assert side.sent == [{"got": "b1"}] * 2
        again.on_message(b"nonsense")
        assert len(again.view(FACTS).lines) == 1

    run(scenario)


def test_after_a_crash_what_was_not_confirmed_goes_again_under_its_id(run) -> None:
    async def scenario(side: Side) -> None:
        chat = await side.open()
        chat.on_ready(True)
        chat.say("one")
        await chat.settle()
        again = await side.open()
        assert states(again) == [State.WAITING]
        again.on_ready(True)
        assert side.sent[0] == side.sent[1]

    run(scenario)


def test_a_full_channel_is_asked_again(run) -> None:
    async def scenario(side: Side) -> None:
        chat = await side.open()
        side.takes = False
        chat.on_ready(True)
        chat.say("one")
        await chat.settle()
        assert states(chat) == [State.WAITING]
        side.takes = True
        chat.flush()
        assert states(chat) == [State.SENDING]

    run(scenario)


def test_a_store_that_fails_keeps_no_words_from_going(run) -> None:
    async def scenario(side: Side) -> None:
        chat = await side.open()
        chat.on_ready(True)
        stock, chat._store = chat._store, Failing()
        chat.say("I cannot hear you.")
        await chat.settle()
        chat._store = stock
        assert len(side.sent) == 1
        assert "could not be saved" in side.troubles[0]

    run(scenario)


class Failing:
    async def get(self, name: str) -> bytes | None:
        return None

    async def put_many(self, values: object) -> None:
        raise StoreFailed("no disk")


def test_what_cannot_be_sent_is_told(run) -> None:
    async def scenario(side: Side) -> None:
        chat = await side.open()
        chat.say("  \n")
        chat.say("x" * 2_001)
        assert states(chat) == []
        assert "2,000 letters" in side.troubles[0]

    run(scenario)


def test_what_goes_to_the_outbox_is_not_sent_again_and_is_left_in_order(run) -> None:
    async def scenario(side: Side) -> None:
        chat = await side.open()
        chat.say("one")
        chat.say("two")
        await chat.settle()
        assert not chat.overdue()
        side.now += timedelta(seconds=25)
        assert chat.overdue()
        gone = chat.undelivered
        await chat.leave(gone)
        assert (states(chat), chat.undelivered) == ([State.LEFT] * 2, ())
        again = await side.open()
        again.on_ready(True)
        assert side.sent == []
        assert await Chat.unfinished(side.store) == ()
        assert notes(gone, NOON) == ("12:00  one\n12:00  two",)

    run(scenario)


def test_a_number_is_remembered_for_the_next_visit(run) -> None:
    async def scenario(side: Side) -> None:
        chat = await side.open()
        assert QuickPhrase("Please call me: ", whole=False) in chat.view(FACTS).quick
        chat.say("Please call me: +1 555 0199, after six")
        await chat.settle()
        other = await side.open("visit2")
        assert QuickPhrase("Please call me: +1 555 0199") in other.view(FACTS).quick

    run(scenario)


def test_a_damaged_entry_begins_anew(run, caplog) -> None:
    async def scenario(side: Side) -> None:
        await side.store.put("words/visit1", b"{")
        await side.store.put("words-undelivered", b"{")
        assert (await side.open()).view(FACTS).lines == ()
        assert await Chat.unfinished(side.store) == ()
        assert "cannot be read" in caplog.text

    run(scenario)


def test_notes_are_as_few_as_they_fit_in() -> None:
    lines = tuple(Line(str(n), True, "x" * 1_900, 1_000 * n, State.WAITING) for n in range(5))
    found = notes(lines, NOON)
    assert [note.count("x" * 1_900) for note in found] == [2, 2, 1]
    assert all(len(note) <= 4_000 for note in found)


@pytest.mark.parametrize(
    ("text", "number"),
    [("Please call me: 555 0100", "555 0100"), ("Please call me: +49 (0)30/1234-56 please", "+49 (0)30/1234-56"),
     ("Please call me: soon", ""), ("call 555 0100", ""), ("Please call me: 12", ""), ("", "")],
)  # fmt: skip
def test_a_number_in_words(text: str, number: str) -> None:
    assert number_in(text) == number


def test_a_provider_is_called_at_the_clinic() -> None:
    provider = replace(FACTS, provider=True)
    assert [p.text for p in quick_phrases(provider, "")] == [
        "I cannot hear you.",
        "I can hear you but not see you.",
        "Please call me: 555 0100",
        "Please wait a moment.",
    ]
    assert not quick_phrases(replace(provider, phone=""), "")[2].whole


@pytest.mark.parametrize("provider", [True, False])
@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("connection", list(ConnectionState))
@pytest.mark.parametrize("state", list(State))
def test_every_line_says_where_it_stands(
    state: State, connection: ConnectionState, ready: bool, provider: bool
) -> None:
    for started in (True, False):
        facts = replace(FACTS, connection=connection, provider=provider, started=started)
        sentence = line_state(state, facts, ready)
        if state in (State.ARRIVED, State.READ):
            assert sentence is None
            continue
        assert sentence is not None
        assert "{" not in sentence.text
        assert (sentence.level is Level.GOOD) == (state is State.DELIVERED)
        if state is State.WAITING and not ready and not provider and connection is ConnectionState.FAILED and started:
            assert "later with your messages" in sentence.text


# In a visit


class Talking(ScriptedSession):
    def __init__(self, offerer, send, emit):
        super().__init__(offerer, send, emit)
        self.data: list[tuple[str, bytes]] = []

    def send_data(self, label: str, data: bytes) -> bool:
        self.data.append((label, data))
        return True


def room_with(chat: Chat, sessions: list[Talking]) -> VisitRoom:
    def make(*, offerer, send, emit):
        sessions.append(Talking(offerer, send, emit))
        return sessions[-1]

    async def way() -> None: ...

    around = Surroundings(
        say=lambda message: True, make_session=make, make_way=way, remote=FrameSlot(), clock=lambda: 1.0,
        wall=lambda: NOON, changed=lambda: None, device=lambda d: None, devices=lambda d: None,
        trouble=lambda s: None,
    )  # fmt: skip
    signals = SignedSignals("visit00001", ANN, KEYS[ANN], {LEE: PUBLIC[LEE]}, lambda: 1)
    return VisitRoom(DETAILS, me=ANN, signals=signals, around=around, words=chat)


def test_words_in_a_visit_wait_for_the_channel_and_for_a_new_one(run) -> None:
    async def scenario(side: Side) -> None:
        chat, sessions = await Chat.open(side.store, "visit00001", side.hooks), []
        room = room_with(chat, sessions)
        room.enter(True)
        chat.say("Are you there?")
        await chat.settle()
        assert room.view().words.lines[0].state.text == "Goes when Dr Lee is here"
        room.on_presence(Presence(visit_id="visit00001", device_id=LEE, present=True))
        emit = sessions[0].emit
        emit(ConnectionChanged(1.0, ConnectionState.CONNECTED))
        assert room.view().words.lines[0].state.text == "Waits for the app of Dr Lee", "an older one has no words"
        emit(DataReady(1.0, True))
        assert room.view().words.lines[0].state.text == "Sending …"
        emit(DataReceived(1.5, "closer", b'{"say":"x1","text":"not words","at":1}'))
        emit(DataReceived(1.5, "words", b'{"say":"b1","text":"Yes","at":1}'))
        emit(DataReady(2.0, False))
        emit(ConnectionChanged(2.0, ConnectionState.INTERRUPTED))
        assert "when the connection is back" in room.view().words.lines[0].state.text
        emit(DataReady(3.0, True))
        await chat.settle()
        sent = [json.loads(data) for label, data in sessions[0].data if label == "words"]
        assert sent[0] == sent[1]
        assert {"got": "b1"} in sent
        assert [line.text for line in room.view().words.lines] == ["Are you there?", "Yes"]
        await room.leave()
        assert [line.text for line in chat.undelivered] == ["Are you there?"]

    run(scenario)
