"""What is said of what we send: the link's causes, people's choices, and who chose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.media.events import Cause, Modality, ModalityChanged, PeerState, View
from app.media.outgoing import Outgoing
from app.media.rate.controller import Decision
from app.media.rate.feedback import Kind, PacketResult, TransportFeedback
from app.media.rate.ladder import Rung


class _Transport:
    """The face of a transport that Outgoing uses; keeps what it was told."""

    in_flight = 0
    audio_at: float | None = None
    video_at: float | None = None

    def __init__(self) -> None:
        self.told: list[PeerState] = []
        self.used: list[tuple[Decision, Rung, bool]] = []

    def use(self, decision: Decision, rung: Rung, *, muted: bool) -> None:
        self.used.append((decision, rung, muted))

    def tell(self, state: PeerState) -> None:
        self.told.append(state)


def _begun() -> tuple[Outgoing, _Transport, list[Any]]:
    events: list[Any] = []
    outgoing, transport = Outgoing(events.append), _Transport()
    outgoing.begin(0.0, camera=True)
    outgoing.attach(transport, 1.0)  # type: ignore[arg-type]
    return outgoing, transport, events


def _last(events: list[Any]) -> tuple[Modality, Cause]:
    changed = [e for e in events if isinstance(e, ModalityChanged)][-1]
    return changed.sending, changed.cause


def _peer(alone: bool, sending: Modality = Modality.AUDIO) -> PeerState:
    return PeerState(True, True, sending, Cause.START, True, False, alone)


def _told(outgoing: Outgoing, seconds: float, kbit: float, now: float) -> float:
    """A far side that tells of speech and of probe trains as a link of `kbit` gives them."""
    until = now + seconds
    number = 1_000 * round(now)
    while now < until:
        train = [(PacketResult(number + i, now - 0.2, 150, Kind.SPEECH, now - 0.1, None)) for i in range(3)]
        for i in range(4):
            kind, size = (Kind.PROBE, 200) if i else (Kind.SPEECH, 150)
            arrived = now - 0.1 + i * 200 * 8 / (kbit * 1_000)
            train.append(PacketResult(number + 3 + i, now - 0.2, size, kind, arrived, number))
        number += 7
        outgoing.on_feedback(TransportFeedback(now, tuple(train), None), now)
        outgoing.tick(now + 0.05)
        now += 0.1
    return now


def test_a_visit_begins_by_nobodys_choice_even_when_the_switches_are_told() -> None:
    outgoing, _, events = _begun()
    outgoing.set_microphone(True, 1.1)
    outgoing.set_camera(True, 1.1)
    outgoing.set_speech_alone(False, 1.1)
    assert _last(events) == (Modality.AUDIO, Cause.START)


def test_speech_alone_is_told_at_once_with_who_chose_and_taken_back() -> None:
    outgoing, transport, events = _begun()
    outgoing.set_speech_alone(True, 2.0)
    assert _last(events) == (Modality.AUDIO, Cause.CHOSEN)
    assert transport.told[-1].speech_alone
    assert not outgoing.pictures_wanted
    outgoing.set_speech_alone(False, 3.0)
    assert not transport.told[-1].speech_alone
    assert outgoing.pictures_wanted
    assert _last(events)[1] is Cause.CHOSEN, "what comes back comes back by choice"


def test_the_other_sides_choice_stops_our_pictures_and_stands_when_we_change_our_own() -> None:
    outgoing, transport, events = _begun()
    assert outgoing.on_peer_state(_peer(False), 2.0)
    assert outgoing.on_peer_state(_peer(True), 2.1)
    assert not outgoing.on_peer_state(_peer(True), 2.2), "nothing new"
    assert _last(events) == (Modality.AUDIO, Cause.OTHER_CHOSE)
    outgoing.set_speech_alone(True, 3.0)
    assert _last(events)[1] is Cause.CHOSEN
    outgoing.set_speech_alone(False, 4.0)
    assert _last(events)[1] is Cause.OTHER_CHOSE
    assert all(rung.pictures is None for _, rung, _ in transport.used)
    outgoing.on_peer_state(_peer(False), 5.0)
    assert outgoing.pictures_wanted


def test_no_camera_and_a_lost_link_have_causes_of_their_own() -> None:
    outgoing, transport, events = _begun()
    outgoing.set_camera_present(False, 2.0)
    assert _last(events) == (Modality.AUDIO, Cause.NO_CAMERA)
    assert not transport.told[-1].camera_on
    outgoing.set_camera_present(True, 3.0)
    outgoing.interrupted(4.0)
    assert _last(events) == (Modality.AUDIO, Cause.LINK_LOST)
    outgoing.set_microphone(False, 5.0)
    assert transport.used[-1][2], "muted"
    assert not transport.told[-1].microphone_on


@pytest.mark.parametrize(("kbit", "sending"), [(34, Modality.STILLS), (300, Modality.VIDEO)])
def test_stills_are_told_from_moving_pictures(kbit: float, sending: Modality) -> None:
    outgoing, transport, events = _begun()
    now = _told(outgoing, 8.0, kbit, 1.1)
    assert _last(events)[0] is sending
    assert transport.told[-1].sending is sending
    pictures = outgoing.rung.pictures
    assert pictures is not None
    assert pictures.are_stills == (sending is Modality.STILLS)
    changes = sum(isinstance(e, ModalityChanged) for e in events)
    _told(outgoing, 3.0, kbit, now)
    assert sum(isinstance(e, ModalityChanged) for e in events) == changes, "a rate within a rung is nothing to tell"


def test_a_still_is_seen_for_longer_than_a_moving_picture() -> None:
    outgoing, transport, _ = _begun()
    transport.video_at = 2.0
    outgoing.on_peer_state(_peer(False, Modality.STILLS), 10.0)
    assert transport.told[-1].sees_us, "a still every nine seconds is a picture all the same"
    outgoing.tick(14.1)
    assert not transport.told[-1].sees_us
    outgoing.on_peer_state(_peer(False, Modality.VIDEO), 15.0)
    transport.video_at = 14.0
    outgoing.tick(15.5)
    assert transport.told[-1].sees_us
    outgoing.tick(16.1)
    assert not transport.told[-1].sees_us


def test_what_the_other_side_wishes_to_see_is_followed_and_survives_a_new_transport() -> None:
    outgoing, transport, _ = _begun()
    now = _told(outgoing, 8.0, 300, 1.1)
    talk = outgoing.rung.pictures
    outgoing.look(View.DETAIL, now)
    now = _told(outgoing, 0.3, 300, now)
    detail = outgoing.rung.pictures
    assert talk is not None
    assert detail is not None
    assert detail.width > talk.width
    assert transport.used[-1][1].pictures == detail
    outgoing.attach(transport, now)  # type: ignore[arg-type]
    assert outgoing.rung.pictures is None, "what was measured on the old one says nothing of the new one"
    _told(outgoing, 8.0, 300, now + 10)
    again = outgoing.rung.pictures
    assert again is not None
    assert again.width == detail.width


def test_the_others_wish_shapes_our_pictures_and_stays_on_a_new_transport() -> None:
    outgoing, transport, _ = _begun()
    outgoing.set_wish(View.MOTION, 1.5)
    assert transport.told[-1].wish is View.MOTION, "ours is told at once"
    assert outgoing._control.rungs.view is View.TALK, "and shapes nothing of ours"
    assert outgoing.on_peer_state(replace(_peer(False), wish=View.DETAIL), 2.0)
    assert outgoing._control.rungs.view is View.DETAIL
    later = _Transport()
    outgoing.attach(later, 3.0)  # type: ignore[arg-type]
    assert outgoing._control.rungs.view is View.DETAIL
    assert later.told[-1].wish is View.MOTION
    assert outgoing.on_peer_state(_peer(False), 4.0)
    assert outgoing._control.rungs.view is View.TALK


def test_moving_pictures_leave_a_share_to_a_still_and_stand_for_a_first_look() -> None:
    outgoing, transport, events = _begun()
    now = _told(outgoing, 6.0, 300.0, 2.0)
    before, spare, told = outgoing.rung.pictures, outgoing.still_bps, len(events)
    assert before is not None
    assert not before.are_stills
    taking = outgoing.decision.split.pictures_bps
    outgoing.set_still_share(1.0, now)
    assert transport.used[-1][1].pictures is None
    assert outgoing.still_bps >= spare + taking
    outgoing.set_still_share(0.4, now)
    beside = transport.used[-1][1].pictures
    assert (beside.width, beside.height) == (before.width, before.height), "no key picture for it"
    assert beside.wire_bps == pytest.approx(0.6 * before.wire_bps, rel=0.01)
    assert outgoing.still_bps >= 0.4 * taking, "pictures take all there is: of the rest nothing would come"
    assert beside.wire_bps + outgoing.still_bps <= outgoing.decision.split.link_bps
    outgoing.set_still_share(0.0, now)
    assert transport.used[-1][1].pictures == before
    assert len(events) == told, "nobody chose it, so nothing is told of it"
