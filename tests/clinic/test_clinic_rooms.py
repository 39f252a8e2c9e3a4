from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.clinic.rooms import Deliver, NotInVisit, Rooms
from app.wire.messages import Presence, SendSignal, Signal
from app.wire.signed import Signed

VISITS = {"visit0001": ("patient1", "provider"), "visit0002": ("patient2", "provider", "helper01")}
EVERYBODY = ("patient1", "patient2", "provider", "helper01")
BODY = Signed(payload=b"offer", signature=b"s" * 64)


def presence(visit: str, device: str, present: bool) -> Presence:
    return Presence(visit_id=visit, device_id=device, present=present)


def test_entering_tells_the_enterer_of_all_and_the_others_of_it() -> None:
    rooms = Rooms()
    first = rooms.enter("visit0001", "patient1", VISITS["visit0001"])
    assert first == (
        Deliver("patient1", presence("visit0001", "patient1", True)),
        Deliver("provider", presence("visit0001", "patient1", True)),
    )
    second = rooms.enter("visit0001", "provider", VISITS["visit0001"])
    assert second == (
        Deliver("provider", presence("visit0001", "patient1", True)),
        Deliver("provider", presence("visit0001", "provider", True)),
        Deliver("patient1", presence("visit0001", "provider", True)),
    )


def test_entering_twice_tells_the_others_once() -> None:
    rooms = Rooms()
    rooms.enter("visit0001", "patient1", VISITS["visit0001"])
    again = rooms.enter("visit0001", "patient1", VISITS["visit0001"])
    assert [deliver.to for deliver in again] == ["patient1"]


def test_a_removed_visit_empties_its_room() -> None:
    rooms = Rooms()
    rooms.enter("visit0001", "patient1", VISITS["visit0001"])
    assert rooms.close("visit0001") == (Deliver("provider", presence("visit0001", "patient1", False)),)
    assert rooms.close("visit0001") == ()
    assert rooms.present("visit0001") == frozenset()


def test_a_signal_goes_to_a_present_participant_alone() -> None:
    rooms = Rooms()
    rooms.enter("visit0001", "patient1", VISITS["visit0001"])
    message = SendSignal(visit_id="visit0001", to="patient1", body=BODY)
    sent = rooms.signal("provider", message)
    assert sent == Deliver("patient1", Signal(visit_id="visit0001", sender="provider", body=BODY))
    for sender, to in (("patient2", "patient1"), ("patient1", "provider"), ("patient1", "patient1")):
        with pytest.raises(NotInVisit):
            rooms.signal(sender, message.model_copy(update={"to": to}))


class WaitingRoom(RuleBasedStateMachine):
    """What each device was told adds up to who is present, at every moment."""

    def __init__(self) -> None:
        super().__init__()
        self.rooms = Rooms()
        self.truth: set[tuple[str, str]] = set()
        self.told: dict[str, set[tuple[str, str]]] = {device: set() for device in EVERYBODY}

    def hand_out(self, delivers: tuple[Deliver, ...]) -> None:
        for deliver in delivers:
            message = deliver.message
            assert isinstance(message, Presence)
            assert deliver.to in VISITS[message.visit_id]
            assert message.device_id in VISITS[message.visit_id]
            known = self.told[deliver.to]
            (known.add if message.present else known.discard)((message.visit_id, message.device_id))

    @rule(visit=st.sampled_from(sorted(VISITS)), device=st.sampled_from(EVERYBODY))
    def enter(self, visit: str, device: str) -> None:
        if device in VISITS[visit]:
            self.hand_out(self.rooms.enter(visit, device, VISITS[visit]))
            self.truth.add((visit, device))
        else:
            with pytest.raises(NotInVisit):
                self.rooms.enter(visit, device, VISITS[visit])

    @rule(visit=st.sampled_from(sorted(VISITS)), device=st.sampled_from(EVERYBODY))
    def leave(self, visit: str, device: str) -> None:
        self.hand_out(self.rooms.leave(visit, device))
        self.truth.discard((visit, device))
        self.told[device].discard((visit, device))

    @rule(device=st.sampled_from(EVERYBODY))
    def lose_connection_and_return(self, device: str) -> None:
        self.hand_out(self.rooms.gone(device))
        self.truth = {(visit, one) for visit, one in self.truth if one != device}
        self.told[device] = set()
        self.hand_out(self.rooms.seen_by(device))

    @rule(visit=st.sampled_from(sorted(VISITS)))
    def remove(self, visit: str) -> None:
        self.hand_out(self.rooms.close(visit))
        for known in (self.truth, *self.told.values()):
            known.difference_update({(visit, device) for device in EVERYBODY})

    @invariant()
    def all_know_the_same_truth(self) -> None:
        for visit in VISITS:
            assert self.rooms.present(visit) == {device for one, device in self.truth if one == visit}
        for device, known in self.told.items():
            mine = {(visit, one) for visit, one in self.truth if device in VISITS[visit]}
            assert known == mine


WaitingRoom.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestWaitingRoom = WaitingRoom.TestCase
