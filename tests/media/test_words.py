"""The written conversation: kept before sent, confirmed, sent again on a new channel, shown once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.media import words
from app.media.words import BadWords, Conversation, Full, Line, State

OPEN = Conversation(ready=True)


def said(text: str = "hello", line_id: str = "a1", talk: Conversation = OPEN) -> Conversation:
    """Written and kept."""
    talk = words.say(talk, line_id, text, 5)
    return words.kept(talk, talk)


def test_a_line_is_kept_then_sent_then_delivered() -> None:
    talk = words.say(OPEN, "a1", "  hello\r\nthere ", 5)
    assert talk.lines == (Line("a1", True, "hello\nthere", 5, State.WRITING),)
    assert words.due(talk) == (), "not on disk yet"
    talk = words.kept(talk, talk)
    (message,) = words.due(talk)
    assert json.loads(message.data) == {"say": "a1", "text": "hello\nthere", "at": 5}
    talk = words.handed(talk, message)
    assert (talk.lines[0].state, words.due(talk)) == (State.SENDING, ())
    assert talk.undelivered == talk.lines
    talk = words.receive(talk, b'{"got":"a1"}')
    assert (talk.lines[0].state, talk.undelivered) == (State.DELIVERED, ())
    assert words.channel(talk, True).lines == talk.lines, "a new channel sends nothing that is delivered"


def test_theirs_is_kept_before_it_is_confirmed_and_shown_once() -> None:
    message = b'{"say":"b1","text":"good morning","at":7}'
    talk = words.receive(OPEN, message)
    assert words.due(talk) == ()
    talk = words.kept(talk, talk)
    (got,) = words.due(talk)
    assert json.loads(got.data) == {"got": "b1"}
    talk = words.handed(talk, got)
    assert words.due(talk) == ()
    talk = words.receive(talk, message)
    assert len(talk.lines) == 1
    assert [json.loads(m.data) for m in words.due(talk)] == [{"got": "b1"}], "the confirmation may have been lost"
    assert words.receive(talk, message) == talk


def test_what_was_handed_over_goes_again_on_a_new_channel_only() -> None:
    talk = said()
    (message,) = words.due(talk)
    talk = words.handed(talk, message)
    talk = words.channel(talk, False)
    assert (talk.lines[0].state, words.due(talk)) == (State.WAITING, ())
    assert words.due(words.channel(talk, True)) == (message,)
    told_late = words.channel(words.handed(words.channel(talk, True), message), True)
    assert words.due(told_late) == (message,), "a new one without word that the old one went"


def test_what_saved_does_not_hold_is_not_kept() -> None:
    before = said()
    talk = words.receive(words.say(before, "a2", "more", 6), b'{"say":"b1","text":"x","at":7}')
    talk = words.kept(talk, before)
    assert [line.state for line in talk.lines] == [State.WAITING, State.WRITING, State.ARRIVED]


def test_what_goes_another_way_never_goes_by_the_channel() -> None:
    talk = said("two", "a2", said("one", "a1"))
    talk = words.leave(talk, talk.undelivered[:1])
    assert [line.state for line in talk.lines] == [State.LEFT, State.WAITING]
    assert [m.line for m in words.due(words.channel(talk, True))] == ["a2"]
    late = words.receive(talk, b'{"got":"a1"}')
    assert late.lines[0].state is State.LEFT, "it is in the outbox all the same"


@pytest.mark.parametrize(
    "text", ["", " \n ", "\u202e\x00\ud800", "x" * 2_001], ids=["empty", "white", "control", "too long"]
)
def test_text_that_cannot_be_sent(text: str) -> None:
    with pytest.raises(BadWords):
        words.say(OPEN, "a1", text, 5)


@pytest.mark.parametrize("line_id", ["", "x" * 41, "a b", "é", "a1"])
def test_ids_are_plain_and_used_once(line_id: str) -> None:
    with pytest.raises(BadWords):
        words.say(said(), line_id, "hello", 5)


def test_text_is_tidied_without_harm_to_scripts() -> None:
    assert words.tidy("a\tb\u00a0c\x07\u202e!") == "a b c!"
    assert words.tidy("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 👩\u200d⚕️ é") == (
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 👩\u200d⚕️ é"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff", b"[]", b"7", b"{}", b'{"say":"b1"}', b'{"say":"b1","text":5,"at":1}', b'{"got":5}',
        b'{"say":"b1","text":"x","at":true}', b'{"say":"b1","text":"x","at":-1}', b'{"say":"b1","text":" ","at":1}',
        b'{"say":"b1","text":"x","at":9e99}', b'{"say":"b 1","text":"x","at":1}', b'{"got":"a b"}', b"[" * 9_000,
        b'{"say":"b1","text":"' + b"x" * 2_001 + b'","at":1}', b'{"say":"a1","text":"x","at":1}',
    ],
)  # fmt: skip
def test_a_message_that_is_none_changes_nothing(data: bytes) -> None:
    with pytest.raises(BadWords):
        words.receive(said(), data)


def test_a_confirmation_of_what_was_never_said_is_passed_over() -> None:
    assert words.receive(said(), b'{"got":"zz"}') == said()
    theirs = words.receive(OPEN, b'{"say":"b1","text":"x","at":1}')
    assert words.receive(theirs, b'{"got":"b1"}') == theirs


def test_memory_is_bounded_and_what_waits_is_never_dropped() -> None:
    first = said()
    many = tuple(Line(f"b{n}", False, "x", 1, State.READ) for n in range(5_000, 5_000 + words.MOST_LINES - 20))
    talk = replace(first, lines=first.lines + many)
    for number in range(50):
        talk = words.receive(talk, json.dumps({"say": f"b{number}", "text": "x", "at": 1}).encode())
        talk = words.kept(talk, talk)
    assert len(talk.lines) == words.MOST_LINES
    assert talk.lines[0].id == "a1", "ours that waits is still there"
    full = replace(OPEN, lines=tuple(Line(f"a{n}", True, "x", 1, State.WAITING) for n in range(words.MOST_LINES)))
    with pytest.raises(Full):
        words.say(full, "zz", "hello", 5)
    with pytest.raises(Full):
        words.receive(full, b'{"say":"b1","text":"x","at":1}')


def test_a_kept_conversation_is_read_again_and_nothing_else_is() -> None:
    talk = words.receive(words.say(said(), "a2", "é\n", 6), b'{"say":"b1","text":"x","at":7}')
    again = words.load(words.dump(talk))
    assert [(line.id, line.text, line.state) for line in again.lines] == [
        ("a1", "hello", State.WAITING),
        ("a2", "é", State.WAITING),
        ("b1", "x", State.READ),
    ]
    assert not again.ready
    for bad in (b"", b"{}x", b"[5]", b'[{"id":1}]', b"5", b"[" * 9_000):
        with pytest.raises(BadWords):
            words.load(bad)


class TwoPeople(RuleBasedStateMachine):
    """Two machines, a channel in order that loses what is on it when it goes, and programs that end and begin."""

    @initialize()
    def begin(self) -> None:
        self.talk = [Conversation(), Conversation()]
        self.disk = [b"[]", b"[]"]
        self.way: list[list[bytes]] = [[], []]
        self.shown: list[list[str]] = [[], []]
        self.written = 0

    def keep(self, who: int) -> None:
        before = {line.id for line in self.talk[who].lines if line.state is State.READ}
        self.disk[who] = words.dump(self.talk[who])
        self.talk[who] = words.kept(self.talk[who], self.talk[who])
        fresh = {line.id for line in self.talk[who].lines if line.state is State.READ} - before
        self.shown[who] += sorted(fresh)

    @rule(who=st.integers(0, 1))
    def write(self, who: int) -> None:
        self.written += 1
        self.talk[who] = words.say(self.talk[who], f"{'ab'[who]}{self.written}", "words", self.written)

    @rule(who=st.integers(0, 1))
    def save(self, who: int) -> None:
        self.keep(who)

    @rule()
    def new_channel(self) -> None:
        self.way = [[], []]
        self.talk = [words.channel(talk, True) for talk in self.talk]

    @rule()
    def no_channel(self) -> None:
        self.way = [[], []]
        self.talk = [words.channel(talk, False) for talk in self.talk]

    @rule(who=st.integers(0, 1), count=st.integers(1, 3))
    def send(self, who: int, count: int) -> None:
        for message in words.due(self.talk[who])[:count]:
            self.talk[who] = words.handed(self.talk[who], message)
            self.way[who].append(message.data)

    @rule(who=st.integers(0, 1))
    def arrive(self, who: int) -> None:
        if self.way[1 - who]:
            self.talk[who] = words.receive(self.talk[who], self.way[1 - who].pop(0))

    @rule(who=st.integers(0, 1))
    def crash(self, who: int) -> None:
        """Channels go with a program; what was not on disk was never said to be."""
        self.way = [[], []]
        self.talk[1 - who] = words.channel(self.talk[1 - who], False)
        self.talk[who] = words.load(self.disk[who])

    @invariant()
    def each_line_is_shown_once(self) -> None:
        for ids in getattr(self, "shown", []):
            assert len(set(ids)) == len(ids)

    def teardown(self) -> None:
        if not hasattr(self, "talk"):
            return
        self.new_channel()
        for _ in range(4):
            for who in (0, 1):
                self.keep(who)
                self.send(who, 1_000)
                while self.way[1 - who]:
                    self.arrive(who)
                while self.way[who]:
                    self.arrive(1 - who)
        for who in (0, 1):
            mine = {line.id for line in self.talk[who].lines if line.mine}
            assert not self.talk[who].undelivered
            assert mine <= set(self.shown[1 - who]), "what is on one's screen as delivered is on the other's"
        self.each_line_is_shown_once()


TestTwoPeople = TwoPeople.TestCase
TestTwoPeople.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
