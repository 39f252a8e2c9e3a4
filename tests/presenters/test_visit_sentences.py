"""What both people read in a visit: the same truth on both screens, for every state there is."""

import itertools
from dataclasses import replace

import pytest

from app.media.events import Cause, ConnectionState, Modality, PeerState
from app.presenters.views import Level
from app.presenters.visit_sentences import (
    BACK_SHOWN_S,
    TIMELINE_CONNECTION,
    VisitFacts,
    how_long,
    link_sentence,
    other_sentence,
    stage_sentence,
    timeline_back,
    timeline_choice,
    timeline_sending,
)

PEER = PeerState(
    microphone_on=True, camera_on=True, sending=Modality.VIDEO, cause=Cause.START, hears_us=True, sees_us=True
)
LIVE = VisitFacts(
    other="Dr Lee",
    other_present=True,
    started=True,
    connection=ConnectionState.CONNECTED,
    sending=Modality.VIDEO,
    cause=Cause.START,
    microphone_on=True,
    camera_on=True,
    peer=PEER,
    clinic_reachable=True,
    phone="+1 555 0100",
)
BOTH = (True, False)


def plain(text):
    assert text[0].isupper()
    assert text.endswith((".", "…"))
    assert len(text) < 150
    assert "{" not in text
    assert "None" not in text


def test_every_state_has_one_plain_sentence():
    chosen = replace(PEER, speech_alone=True, microphone_on=False)
    peers = (None, PEER, chosen)
    states = itertools.product(BOTH, ConnectionState, Modality, Cause, peers, BOTH, BOTH, BOTH, BOTH)
    for started, connection, sending, cause, peer, reachable, present, alone, provider in states:
        facts = replace(
            LIVE,
            started=started,
            connection=connection,
            sending=sending,
            cause=cause,
            peer=peer,
            clinic_reachable=reachable,
            other_present=present,
            speech_alone=alone,
            provider=provider,
        )
        for sentence in (link_sentence(facts), other_sentence(facts), stage_sentence(facts)):
            if sentence is not None:
                plain(sentence.text)


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        (Modality.VIDEO, Modality.VIDEO, "The connection is good."),
        (Modality.AUDIO, Modality.VIDEO, "your picture is paused"),
        (Modality.VIDEO, Modality.AUDIO, "the picture of Dr Lee is paused"),
        (Modality.AUDIO, Modality.AUDIO, "both pictures are paused"),
        (Modality.STILLS, Modality.STILLS, "you see each other as still pictures"),
        (Modality.STILLS, Modality.VIDEO, "Dr Lee sees you as still pictures. You can go on talking."),
        (Modality.VIDEO, Modality.STILLS, "you see Dr Lee as still pictures. You can go on talking."),
        (Modality.STILLS, Modality.AUDIO, "Dr Lee sees you as still pictures; their own is paused."),
        (Modality.AUDIO, Modality.STILLS, "you see Dr Lee as still pictures; your own is paused."),
        (Modality.WORDS, Modality.WORDS, "too weak for speech now. Please write to Dr Lee. Speech comes back"),
        (Modality.WORDS, Modality.AUDIO, "too weak for your speech now. Please write to Dr Lee. You still hear"),
        (Modality.VIDEO, Modality.WORDS, "The connection of Dr Lee is too weak for speech now."),
    ],
)
def test_a_thin_link_is_told_on_both_sides(ours, theirs, words):
    def cause(modality):
        return Cause.START if modality is Modality.VIDEO else Cause.LINK_THIN

    peer = replace(PEER, sending=theirs, cause=cause(theirs))
    assert words in link_sentence(replace(LIVE, sending=ours, cause=cause(ours), peer=peer)).text


def test_a_camera_that_was_turned_off_is_no_fault_of_the_link():
    words = replace(LIVE, sending=Modality.WORDS, cause=Cause.LINK_THIN)
    said = other_sentence(words)
    assert said is not None
    assert "cannot hear you" in said.text, "packets of silence come, and no word of ours"
    facts = replace(LIVE, sending=Modality.AUDIO, cause=Cause.CHOSEN, camera_on=False)
    assert link_sentence(facts).level is Level.GOOD
    facts = replace(facts, peer=replace(PEER, sees_us=False))
    assert other_sentence(facts).text == "Dr Lee hears you but cannot see you: your camera is off."
    assert other_sentence(facts).level is Level.NOTE


@pytest.mark.parametrize(
    ("hears", "sees", "words"),
    [
        (True, True, "hears you and sees you"),
        (True, False, "hears you but cannot see you"),
        (False, True, "sees you but cannot hear you"),
        (False, False, "cannot hear you"),
    ],
)
def test_what_the_other_one_gets(hears, sees, words):
    assert words in other_sentence(replace(LIVE, peer=replace(PEER, hears_us=hears, sees_us=sees))).text


def test_nothing_is_said_of_the_other_while_nothing_is_known():
    assert other_sentence(replace(LIVE, connection=ConnectionState.RECONNECTING)) is None
    assert other_sentence(replace(LIVE, peer=None)) is None
    assert other_sentence(replace(LIVE, started=False)) is None


def test_who_is_muted_knows_it_and_so_does_the_other():
    assert "You are muted" in other_sentence(replace(LIVE, microphone_on=False)).text
    unseen = replace(LIVE, microphone_on=False, peer=replace(PEER, sees_us=False, hears_us=False))
    assert other_sentence(unseen).text == "You are muted: Dr Lee does not hear you and does not see you."
    muted = replace(LIVE, peer=replace(PEER, microphone_on=False))
    assert other_sentence(muted).text == "Dr Lee hears you and sees you. Dr Lee is muted."


CHOICES = [
    (True, False, "You chose speech alone. Pictures are off on both sides; you can bring them back at any time."),
    (False, True, "Dr Lee chose speech alone. You can go on talking; Dr Lee can bring the pictures back."),
    (True, True, "You and Dr Lee both chose speech alone. Pictures come back when you both want them again."),
]


def alone(own, theirs, **peer):
    return replace(LIVE, speech_alone=own, peer=replace(PEER, speech_alone=theirs, sees_us=False, **peer))


@pytest.mark.parametrize(("own", "theirs", "text"), CHOICES)
def test_both_screens_say_who_chose_speech_alone(own, theirs, text):
    facts = alone(own, theirs)
    assert stage_sentence(facts).text == text
    assert other_sentence(facts).text == "Dr Lee hears you."  # that nobody sees anybody is no trouble now
    assert other_sentence(facts).level is Level.GOOD
    assert link_sentence(facts).text == "The connection is good."


@pytest.mark.parametrize(("own", "theirs", "text"), CHOICES)
@pytest.mark.parametrize("camera_on", BOTH)
@pytest.mark.parametrize("hears", BOTH)
def test_muted_and_camera_off_while_speech_alone_is_chosen(own, theirs, text, camera_on, hears):
    facts = replace(alone(own, theirs, hears_us=hears), microphone_on=False, camera_on=camera_on)
    assert other_sentence(facts).text == "You are muted: Dr Lee does not hear you."
    said = stage_sentence(facts).text
    assert said.startswith(text)
    assert ("Your camera stays off" in said) == (own and not camera_on)


@pytest.mark.parametrize(("own", "theirs"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("cause", list(Cause))
def test_a_weak_connection_pauses_no_picture_that_is_off_by_choice(own, theirs, cause):
    facts = replace(alone(own, theirs, sending=Modality.AUDIO, cause=cause), sending=Modality.AUDIO, cause=cause)
    said = link_sentence(facts)
    assert "picture" not in said.text
    assert ("weak" in said.text) == (cause is Cause.LINK_THIN)
    assert stage_sentence(facts) is not None


def test_the_other_one_does_not_hear_us_in_speech_alone():
    assert other_sentence(alone(True, False, hears_us=False)).level is Level.BAD
    assert "Dr Lee is muted." in other_sentence(alone(False, True, microphone_on=False)).text


def test_speech_alone_chosen_before_the_visit_and_in_an_outage():
    waiting = replace(LIVE, started=False, peer=None, speech_alone=True)
    assert stage_sentence(waiting).text == "You chose speech alone: the visit starts without pictures."
    for state in (ConnectionState.INTERRUPTED, ConnectionState.RECONNECTING, ConnectionState.FAILED):
        assert stage_sentence(replace(alone(True, True), connection=state)) is None


@pytest.mark.parametrize(
    ("peer", "words"),
    [
        ({"camera_on": False, "sending": Modality.AUDIO, "cause": Cause.CHOSEN}, "has turned the camera off"),
        ({"sending": Modality.AUDIO, "cause": Cause.NO_CAMERA}, "has no camera"),
        ({"sending": Modality.AUDIO, "cause": Cause.LINK_THIN}, "comes back by itself"),
        ({"sending": Modality.AUDIO, "cause": Cause.LINK_RECOVERED}, "comes back soon"),
    ],
)
def test_why_there_is_no_picture(peer, words):
    assert words in stage_sentence(replace(LIVE, peer=replace(PEER, **peer))).text


def test_a_picture_needs_no_words():
    assert stage_sentence(LIVE) is None
    assert stage_sentence(replace(LIVE, peer=None)) is None


def test_an_outage_is_told_from_its_first_to_its_last_second():
    """Each second of a minute and more: few changes of the words, none back, and the way on when it lasts."""
    said = []
    for second in range(2, 130):
        state = (
            ConnectionState.INTERRUPTED
            if second < 8
            else ConnectionState.RECONNECTING
            if second < 60
            else ConnectionState.FAILED
        )
        text = link_sentence(replace(LIVE, connection=state, gone_s=float(second))).text
        if text not in said:
            said.append(text)
        assert text == said[-1]
    assert len(said) == 8
    assert said[0] == "The connection has been interrupted for a few seconds. Please wait: it comes back by itself."
    assert "by itself" in said[2]
    assert "+1 555 0100" in said[-1]
    assert "photo" in said[-1]


def test_a_lost_link_offers_to_each_what_each_can_do():
    lost = replace(LIVE, connection=ConnectionState.FAILED, gone_s=70.0)
    assert "You can call +1 555 0100" in link_sentence(lost).text
    assert "call" not in link_sentence(replace(lost, phone="")).text
    provider = link_sentence(replace(lost, other="Amina", provider=True)).text
    assert "Amina was shown the number +1 555 0100" in provider
    assert "photo" not in provider


def test_the_connection_is_back_for_a_while():
    back = replace(LIVE, back_s=1.0)
    assert link_sentence(back).text == "The connection is back. You can go on talking."
    assert link_sentence(replace(back, back_s=BACK_SHOWN_S)).text == "The connection is good."
    waits = replace(back, sending=Modality.AUDIO, cause=Cause.LINK_LOST)
    assert "The pictures follow soon." in link_sentence(waits).text
    assert "pictures" not in link_sentence(replace(waits, speech_alone=True)).text


def test_how_long_in_words():
    assert [how_long(s) for s in (0, 7, 12, 20, 31, 58, 119, 200)] == [
        "a few seconds",
        "a few seconds",
        "about 10 seconds",
        "about 20 seconds",
        "about half a minute",
        "about a minute",
        "about 2 minutes",
        "3 minutes",
    ]
    with pytest.raises(ValueError, match="less than nothing"):
        how_long(-1)


def test_stills_are_pictures_and_no_gap():
    stills = replace(LIVE, peer=replace(PEER, sending=Modality.STILLS, cause=Cause.LINK_THIN))
    assert stage_sentence(stills) is None, "the last still stays on the stage"
    assert other_sentence(stills).text == "Dr Lee hears you and sees you."
    starting = replace(LIVE, sending=Modality.STILLS, peer=replace(PEER, sending=Modality.STILLS))
    assert link_sentence(starting).level is Level.GOOD, "at a start nothing is known of the link yet"
    lost = replace(LIVE, sending=Modality.STILLS, cause=Cause.LINK_LOST)
    assert "recovering" not in link_sentence(lost).text, "pictures are there already"
    chosen = replace(stills, sending=Modality.STILLS, cause=Cause.LINK_THIN, speech_alone=True)
    assert "picture" not in link_sentence(chosen).text
    assert timeline_sending("Ann", Modality.STILLS, Cause.LINK_THIN, "Dr Lee") == (
        "Ann: still pictures and speech (the connection is weak)"
    )


def test_who_is_away_is_told_apart_from_a_lost_link():
    facts = replace(LIVE, connection=ConnectionState.RECONNECTING)
    assert "no connection" in link_sentence(facts).text
    assert "Dr Lee is not connected" in link_sentence(replace(facts, other_present=False)).text
    assert "no connection" in link_sentence(replace(facts, other_present=False, clinic_reachable=False)).text


def test_the_timeline_names_everything_and_who_chose():
    for sending, cause in itertools.product(Modality, Cause):
        assert timeline_sending("Ann", sending, cause, "Dr Lee").startswith("Ann: ")
    assert timeline_sending("Ann", Modality.AUDIO, Cause.OTHER_CHOSE, "Dr Lee") == (
        "Ann: speech alone (by choice of Dr Lee)"
    )
    assert set(TIMELINE_CONNECTION) == set(ConnectionState)
    assert timeline_choice("Ann", True) == "Ann chose speech alone"
    assert timeline_choice("Ann", False) == "Ann chose pictures again"
    assert timeline_back(45.4) == "Connected again after 45 s"
