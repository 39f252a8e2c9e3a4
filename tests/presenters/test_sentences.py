"""What people read: the same truth on both screens, for every state there is."""

import itertools
from dataclasses import replace

import pytest

from app.media.events import Cause, ConnectionState, Modality, PeerState
from app.net.errors import Unreachable
from app.presenters.sentences import (
    TIMELINE_CONNECTION,
    VisitFacts,
    clinic_sentence,
    device_sentence,
    link_sentence,
    other_sentence,
    timeline_sending,
)
from app.presenters.views import Level

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


def test_every_state_has_one_plain_sentence():
    states = itertools.product(
        (True, False), ConnectionState, Modality, Cause, (None, PEER), (True, False), (True, False)
    )
    for started, connection, sending, cause, peer, reachable, present in states:
        facts = replace(
            LIVE,
            started=started,
            connection=connection,
            sending=sending,
            cause=cause,
            peer=peer,
            clinic_reachable=reachable,
            other_present=present,
        )
        text = link_sentence(facts).text
        assert text[0].isupper()
        assert text.endswith((".", "…"))
        assert len(text) < 140


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        (Modality.VIDEO, Modality.VIDEO, "The link is good."),
        (Modality.AUDIO, Modality.VIDEO, "your picture is paused"),
        (Modality.VIDEO, Modality.AUDIO, "the picture of Dr Lee is paused"),
        (Modality.AUDIO, Modality.AUDIO, "both pictures are paused"),
    ],
)
def test_a_thin_link_is_told_on_both_sides(ours, theirs, words):
    def cause(modality):
        return Cause.START if modality is Modality.VIDEO else Cause.LINK_THIN

    peer = replace(PEER, sending=theirs, cause=cause(theirs))
    assert words in link_sentence(replace(LIVE, sending=ours, cause=cause(ours), peer=peer)).text


def test_a_camera_that_was_turned_off_is_no_fault_of_the_link():
    facts = replace(LIVE, sending=Modality.AUDIO, cause=Cause.CHOSEN, camera_on=False)
    assert link_sentence(facts).level is Level.GOOD
    facts = replace(facts, peer=replace(PEER, sees_us=False))
    assert other_sentence(facts).text == "Dr Lee hears you but cannot see you: your camera is off."


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


def test_who_is_muted_knows_it():
    assert "You are muted" in other_sentence(replace(LIVE, microphone_on=False)).text


def test_a_lost_link_offers_the_telephone():
    text = link_sentence(replace(LIVE, connection=ConnectionState.FAILED)).text
    assert "+1 555 0100" in text
    assert "call" not in link_sentence(replace(LIVE, connection=ConnectionState.FAILED, phone="")).text


def test_who_is_away_is_told_apart_from_a_lost_link():
    facts = replace(LIVE, connection=ConnectionState.RECONNECTING)
    assert "link is gone" in link_sentence(facts).text
    assert "Dr Lee is not connected" in link_sentence(replace(facts, other_present=False)).text
    assert "link is gone" in link_sentence(replace(facts, other_present=False, clinic_reachable=False)).text


def test_the_clinic():
    assert "Looking" in clinic_sentence(None, known=False).text
    assert clinic_sentence(None, known=True).level is Level.GOOD
    assert clinic_sentence(Unreachable(), known=True) == (clinic_sentence(Unreachable("other detail"), known=True))


def test_devices_and_timeline_name_every_state():
    for kind, state in itertools.product(("camera", "microphone", "speaker"), ("ready", "missing", "busy", "failed")):
        sentence = device_sentence(kind, state, "Dr Lee")
        assert (sentence is None) == (state == "ready")
    with pytest.raises(KeyError):
        device_sentence("camera", "sulking")
    for sending, cause in itertools.product(Modality, Cause):
        assert timeline_sending("Ann", sending, cause).startswith("Ann: ")
    assert set(TIMELINE_CONNECTION) == set(ConnectionState)
