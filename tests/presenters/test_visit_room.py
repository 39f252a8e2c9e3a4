"""The waiting room and what comes before and around the media: presence and signed signals in, decisions out."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from room_kit import ANN, KEYS, LEE, PUBLIC, World, settle

from app.media.devices import DeviceSpec, FoundDevice
from app.media.events import (
    Cause,
    ConnectionChanged,
    ConnectionState,
    DeviceChanged,
    DevicesChanged,
    Modality,
    ModalityChanged,
    PeerChanged,
    PeerState,
    SignalPart,
    View,
)
from app.net.signalling import SignedSignals
from app.presenters.views import PictureState, VisitPhase
from app.wire.messages import Enter, Leave, SendSignal, Signal


@pytest.fixture
def run():
    def runner(me, scenario):
        async def whole():
            world = World(me)
            world.room.enter(True)
            await scenario(world)
            await world.room.leave()
            assert isinstance(world.said[-1], Leave)

        asyncio.run(whole())

    return runner


def test_the_patient_waits_until_the_provider_comes(run):
    async def scenario(w):
        assert w.said == [Enter(visit_id="visit00001")]
        assert w.room.view().phase is VisitPhase.WAITING
        w.presence(True, device=ANN)  # one's own presence comes back too
        assert w.sessions == []
        w.presence(True)
        await settle()
        assert w.sessions[0].offerer is False
        assert w.sessions[0].log[-1] == "start"
        assert w.room.view().phase is VisitPhase.CONNECTING

    run(ANN, scenario)


def test_the_provider_offers_and_a_return_makes_no_second_session(run):
    async def scenario(w):
        w.presence(True)
        w.presence(False)
        w.presence(True)
        await settle()
        assert len(w.sessions) == 1
        assert w.sessions[0].offerer is True
        assert "back" in w.sessions[0].log

    run(LEE, scenario)


def test_a_lost_connection_is_entered_again(run):
    async def scenario(w):
        w.presence(True)
        w.room.on_stream(False)
        assert "Connecting" in w.room.view().link.text
        w.room.on_stream(True)
        assert w.said.count(Enter(visit_id="visit00001")) == 2

    run(ANN, scenario)


def test_signals_reach_the_session_in_order_and_bye_ends(run):
    async def scenario(w):
        w.signal("offer", "v=0")
        w.signal("again")
        await settle()
        assert [part.kind for part in w.sessions[0].heard] == ["offer", "again"]
        w.signal("bye")
        assert w.room.ended_by_other
        assert not w.room.forged

    run(ANN, scenario)


def test_a_forged_signal_is_never_used_and_marks_the_visit(run):
    async def scenario(w):
        stranger = SignedSignals("visit00001", LEE, Ed25519PrivateKey.generate(), {}, lambda: 1)
        body = stranger.wrap(ANN, "offer", "call000001", "v=0")
        w.room.on_signal(Signal(visit_id="visit00001", sender=LEE, body=body))
        await settle()
        assert w.room.forged
        assert w.sessions == []

    run(ANN, scenario)


def test_a_malformed_signal_is_told_and_the_visit_goes_on(run):
    async def scenario(w):
        w.presence(True)
        await settle()
        w.sessions[0].refuse = True
        w.signal("offer", "nonsense")
        await settle()
        assert "cannot be used here" in w.troubles[0].text
        w.sessions[0].refuse = False
        w.signal("offer", "v=0")
        await settle()
        assert [part.sdp for part in w.sessions[0].heard] == ["v=0"]

    run(ANN, scenario)


def test_what_the_session_says_becomes_view_and_timeline(run):
    async def scenario(w):
        w.presence(True)
        await settle()
        emit = w.sessions[0].emit
        emit(ConnectionChanged(1.0, ConnectionState.CONNECTED))
        emit(ModalityChanged(2.0, Modality.AUDIO, Cause.LINK_THIN, "speech-16"))
        emit(PeerChanged(3.0, PeerState(True, True, Modality.VIDEO, Cause.START, True, False)))
        missing = DeviceChanged(4.0, "camera", "missing", "0")
        emit(missing)
        view = w.room.view()
        assert view.phase is VisitPhase.LIVE
        assert not view.camera_present
        assert w.devices == [missing]
        texts = [entry.text for entry in view.timeline]
        assert texts[1:] == [
            "Connected",
            "Ann: picture and speech",
            "Ann: speech alone (the connection is weak)",
            "Dr Lee: picture and speech",
        ]

    run(ANN, scenario)


def test_bulk_gets_half_of_what_media_leave_and_all_while_none_flow(run):
    async def scenario(w):
        assert w.room.upload_allowance is None
        w.presence(True)
        await settle()
        session, emit = w.sessions[0], w.sessions[0].emit
        assert w.room.upload_allowance is None, "no transport yet"
        emit(ConnectionChanged(1.0, ConnectionState.CONNECTED))
        for spare, allowed in ((80_000.0, 5_000.0), (1_300.0, 0.0), (0.0, 0.0), (9e6, 20_000.0)):
            session.upload_bps = spare
            assert w.room.upload_allowance == allowed
        emit(ConnectionChanged(4.0, ConnectionState.RECONNECTING))
        assert w.room.upload_allowance is None

    run(ANN, scenario)


def test_what_waits_in_the_outbox_is_told_the_session_but_not_beside_a_closer_look(run, monkeypatch):
    async def scenario(w):
        w.room.set_bulk(True)  # before there is anyone to talk with
        w.presence(True)
        session = w.sessions[0]
        w.room.set_bulk(True)
        monkeypatch.setattr(type(w.room.closer), "busy", True)
        w.room.set_bulk(True)
        monkeypatch.undo()
        w.room.set_bulk(True)
        w.room.set_bulk(False)
        assert [said[1] for said in session.log if said[0] == "bulk"] == [True, False, True, False]

    run(ANN, scenario)


def test_the_last_picture_stays_with_its_age(run):
    async def scenario(w):
        import numpy as np

        assert w.room.view().picture is PictureState.NONE
        w.remote.put(np.zeros((2, 2, 3), np.uint8), w.now)
        assert w.room.view().picture is PictureState.LIVE
        w.now += 12.7
        view = w.room.view()
        assert (view.picture, view.picture_age_s) == (PictureState.FROZEN, 12)

    run(ANN, scenario)


def test_signals_go_out_signed_for_the_other_one(run):
    async def scenario(w):
        w.presence(True)
        await settle()
        w.sessions[0].send(SignalPart("offer", "call000001", "v=0"))
        message = w.said[-1]
        assert isinstance(message, SendSignal)
        assert message.to == ANN
        checker = SignedSignals("visit00001", ANN, KEYS[ANN], {LEE: PUBLIC[LEE]}, lambda: 1)
        assert checker.unwrap(LEE, message.body).sdp == "v=0"

    run(LEE, scenario)


def test_speech_alone_is_chosen_and_taken_back_at_once_and_noted_with_who_chose(run):
    async def scenario(w):
        w.presence(True)
        await settle()
        emit = w.sessions[0].emit
        emit(ConnectionChanged(1.0, ConnectionState.CONNECTED))
        w.room.set_speech_alone(True)
        w.room.set_speech_alone(True)
        assert w.sessions[0].log.count(("speech-alone", True)) == 1
        emit(ModalityChanged(2.0, Modality.AUDIO, Cause.CHOSEN, "speech"))
        view = w.room.view()
        assert (view.speech_alone, view.pictures_off, view.picture) == (True, True, PictureState.NONE)
        assert "You chose speech alone" in view.stage.text
        emit(PeerChanged(3.0, PeerState(True, True, Modality.AUDIO, Cause.OTHER_CHOSE, True, False, True)))
        w.room.set_speech_alone(False)
        view = w.room.view()
        assert (view.speech_alone, view.pictures_off) == (False, True)
        assert "Dr Lee chose speech alone" in view.stage.text
        emit(ModalityChanged(4.0, Modality.AUDIO, Cause.OTHER_CHOSE, "speech"))
        emit(PeerChanged(5.0, PeerState(True, True, Modality.VIDEO, Cause.CHOSEN, True, False)))
        assert not w.room.view().pictures_off
        texts = [entry.text for entry in w.room.timeline]
        for line in (
            "Ann chose speech alone",
            "Ann: speech alone (by choice)",
            "Dr Lee chose speech alone",
            "Dr Lee: speech alone (by choice of Ann)",
            "Ann chose pictures again",
            "Dr Lee chose pictures again",
        ):
            assert texts.count(line) == 1, line

    run(ANN, scenario)


def test_speech_alone_chosen_in_the_waiting_room_holds_from_the_start(run):
    async def scenario(w):
        w.room.set_speech_alone(True)
        assert "starts without pictures" in w.room.view().stage.text
        w.presence(True)
        await settle()
        log = w.sessions[0].log
        assert log.index(("speech-alone", True)) < log.index("start")

    run(ANN, scenario)


def test_an_outage_is_told_with_its_length_and_its_end(run):
    async def scenario(w):
        w.presence(True)
        await settle()
        emit = w.sessions[0].emit
        emit(ConnectionChanged(1.0, ConnectionState.CONNECTED))
        emit(ConnectionChanged(2.0, ConnectionState.INTERRUPTED))
        assert "a few seconds" in w.room.view().link.text
        w.now += 20.0
        emit(ConnectionChanged(3.0, ConnectionState.RECONNECTING))
        assert "about 20 seconds" in w.room.view().link.text
        w.now += 25.0
        emit(ConnectionChanged(4.0, ConnectionState.CONNECTED))
        assert w.room.view().link.text.startswith("The connection is back.")
        w.now += 10.0
        assert w.room.view().link.text == "The connection is good."
        assert w.room.timeline[-1].text == "Connected again after 45 s"

    run(ANN, scenario)


def test_the_media_waits_until_the_devices_are_free_and_then_uses_the_newest_choice(run):
    async def scenario(w):
        w.way.clear()
        w.presence(True)
        await settle()
        session = w.sessions[0]
        await w.room.use_device("microphone", DeviceSpec("device", "Desk"))
        await w.room.use_device("microphone", DeviceSpec("device", "Headset"))
        assert "start" not in session.log
        w.way.set()
        await settle()
        assert session.log[-3:] == ["start", ("microphone begins", "Headset"), ("microphone", "Headset")]

    run(ANN, scenario)


def test_two_exchanges_of_a_device_never_overlap_and_the_last_wish_counts(run):
    async def scenario(w):
        w.presence(True)
        await settle()
        session = w.sessions[0]
        session.exchange.clear()
        wishes = [
            asyncio.create_task(w.room.use_device("microphone", DeviceSpec("device", name)))
            for name in ("first", "second", "third")
        ]
        await settle()
        session.exchange.set()
        await asyncio.gather(*wishes)
        told = [entry[1] for entry in session.log if entry[0] in ("microphone begins", "microphone")]
        assert told[-2:] == ["third", "third"]
        assert "second" not in told

    run(ANN, scenario)


def test_devices_that_come_and_go_are_passed_on(run):
    async def scenario(w):
        w.presence(True)
        await settle()
        found = (FoundDevice("microphone", "Headset", DeviceSpec("device", "3")),)
        w.sessions[0].emit(DevicesChanged(1.0, found))
        assert w.found == [found]

    run(ANN, scenario)


def test_the_providers_wish_goes_out_and_is_written_down_once(run):
    async def scenario(w):
        w.room.set_wish(View.MOTION)  # before there is anyone to tell
        w.presence(True)
        await settle()
        assert ("wish", View.MOTION) in w.sessions[0].log
        w.room.set_wish(View.DETAIL)
        w.room.set_wish(View.DETAIL)
        assert w.sessions[0].log.count(("wish", View.DETAIL)) == 1
        view = w.room.view()
        assert view.wish is View.DETAIL
        assert view.wished is None
        assert [e.text for e in view.timeline if "asked" in e.text] == [
            "Dr Lee asked to see movement",
            "Dr Lee asked for more detail",
        ]

    run(LEE, scenario)


def test_the_patient_reads_what_was_asked_while_it_is_in_force(run):
    async def scenario(w):
        w.presence(True)
        await settle()
        emit = w.sessions[0].emit
        emit(ConnectionChanged(1.0, ConnectionState.CONNECTED))
        emit(ModalityChanged(1.0, Modality.VIDEO, Cause.LINK_RECOVERED, "video-320"))

        def peer(view):
            emit(PeerChanged(3.0, PeerState(True, True, Modality.VIDEO, Cause.START, True, True, False, view)))

        peer(View.TALK)
        assert w.room.view().wished is None
        peer(View.DETAIL)
        assert w.room.view().wished.text == "Dr Lee asked for more detail: the picture is sharper and moves less."
        emit(ModalityChanged(4.0, Modality.AUDIO, Cause.LINK_THIN, "speech"))
        assert w.room.view().wished is None, "no picture is sharper now"
        peer(View.TALK)
        assert [e.text for e in w.room.timeline if "asked" in e.text] == [
            "Dr Lee asked for more detail",
            "Dr Lee asked for the usual picture again",
        ]

    run(ANN, scenario)
