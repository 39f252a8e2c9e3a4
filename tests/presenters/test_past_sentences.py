"""What is said of a visit that is over: plain, true, and for every entry that a timeline can hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.media.events import Cause, ConnectionState, Modality
from app.media.words import Line, State
from app.presenters.past_record import VisitRecord
from app.presenters.past_sentences import (
    Two,
    carried_text,
    happened,
    length_words,
    said_lines,
    two_of,
    undelivered_sentence,
)
from app.presenters.views import Level, TimelineEntry
from app.presenters.visit_sentences import TIMELINE_CONNECTION, timeline_back, timeline_sending
from app.ui.past_samples import LEE, MARIA, record

NOW = datetime(2026, 11, 23, 14, 10, tzinfo=UTC)
MINE, THEIRS = Two("Ann", "Dr Lee", False), Two("Dr Lee", "Ann", True)


def told(*texts: str, two: Two = MINE) -> list[str]:
    entries = tuple(TimelineEntry(NOW + timedelta(seconds=n), text) for n, text in enumerate(texts))
    return [entry.text for entry in happened(VisitRecord("v", None, stays=(entries,)), two, NOW)]


def test_each_of_the_two_reads_the_same_entry_from_their_side() -> None:
    entry = timeline_sending("Ann", Modality.AUDIO, Cause.LINK_THIN, "Dr Lee")
    assert told(entry) == ["From you: sound alone, because the connection was weak."]
    assert told(entry, two=THEIRS) == ["From Ann: sound alone, because the connection was weak."]
    entry = timeline_sending("Ann", Modality.AUDIO, Cause.OTHER_CHOSE, "Dr Lee")
    assert told(entry) == ["From you: sound alone, as Dr Lee chose."]
    assert told(entry, two=THEIRS) == ["From Ann: sound alone, as you chose."]
    entry = timeline_sending("Dr Lee", Modality.VIDEO, Cause.CHOSEN, "Ann")
    assert told(entry) == ["From Dr Lee: picture and sound, as Dr Lee chose."]


def test_no_entry_of_the_ladder_or_the_connection_is_left_in_the_timelines_own_short_form() -> None:
    entries = [timeline_sending(a, m, c, b) for a, b in (("Ann", "Dr Lee"), ("Dr Lee", "Ann"))
               for m in Modality for c in Cause]  # fmt: skip
    entries += [TIMELINE_CONNECTION[state] for state in ConnectionState]
    said = told(*entries)
    assert len(said) == len(entries)
    assert not any("(" in text or not text.endswith(".") or text[:-1] in entries for text in said)


def test_what_a_person_did_is_said_to_them_and_what_is_unknown_stays() -> None:
    assert told("Ann came in", "Dr Lee asked for a sharp photo", "Left the visit", timeline_back(61), "Zzz") == [
        "You came in.",
        "Dr Lee asked for a sharp photo.",
        "You left the visit.",
        "Connected again, after 1 minute and 1 second.",
        "Zzz.",
    ]
    assert told("Anna came in") == ["Anna came in."]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(20, "Less than a minute."), (60, "1 minute."), (719, "12 minutes."), (3600, "1 hour."),
     (7_380, "2 hours and 3 minutes.")],
)  # fmt: skip
def test_how_long_it_was_is_counted_from_the_connection(seconds: int, words: str) -> None:
    stay = (
        TimelineEntry(NOW, "Ann came in"),
        TimelineEntry(NOW + timedelta(minutes=9), "Connected"),
        TimelineEntry(NOW + timedelta(minutes=9, seconds=seconds), "Left the visit"),
    )
    assert length_words(VisitRecord("v", None, stays=(stay,))) == words
    assert length_words(VisitRecord("v", None, stays=(stay[:1],))) == "You were not connected."


def test_two_stays_are_one_visit_and_no_entry_is_told_twice() -> None:
    stay = (TimelineEntry(NOW, "Connected"), TimelineEntry(NOW + timedelta(minutes=3), "Left the visit"))
    again = tuple(replace(entry, at=entry.at + timedelta(hours=1)) for entry in stay)
    both = VisitRecord("v", None, stays=(stay, again))
    assert length_words(both) == "6 minutes."
    assert len(happened(replace(both, stays=(stay, stay, again)), MINE, NOW)) == 4


@pytest.mark.parametrize(
    ("arrived", "says", "level"),
    [(True, "The clinic got this", Level.GOOD), (False, "goes to the clinic", Level.NOTE),
     (None, "was left for the clinic", Level.NOTE)],
)  # fmt: skip
def test_a_patients_line_that_went_by_the_outbox_says_how_far_it_came(arrived, says, level) -> None:
    one = record(provider=False)
    lines = said_lines(one, two_of(one, MARIA), NOW, arrived)
    assert [line.who for line in lines] == ["You", "Dr Lee", "You"]
    assert (lines[0].state.text, lines[1].state) == ("Dr Lee got this.", None)
    assert says in lines[2].state.text
    assert lines[2].state.level is level


def test_a_providers_line_that_was_not_delivered_says_so_and_is_counted() -> None:
    one = record(provider=True)
    two = two_of(one, LEE)
    (last,) = [line for line in said_lines(one, two, NOW, None) if "finished" in line.text]
    assert last.state.text == "Not delivered, as far as is known. Maria Lopez may not have got this."
    assert undelivered_sentence(one, two).text == "1 of your messages was not delivered."
    settled = replace(one, lines=tuple(replace(line, state=State.LEFT) for line in one.lines if line.mine))
    assert undelivered_sentence(settled, two) is None
    assert said_lines(settled, two, NOW, None)[0].state.text.endswith("It was sent again in a later one.")


def test_what_is_said_later_bears_its_time() -> None:
    at = round((NOW - timedelta(days=5)).timestamp() * 1_000)
    text = carried_text(Line("l1", True, "Take two.", at, State.LEFT), NOW)
    assert text == "(Written on 18 November at 14:10, not delivered then) Take two."
