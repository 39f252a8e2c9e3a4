"""Who is present in which visit. Pure: what a device does comes in, what goes to whom comes out.

Every participant hears of presence, whether present itself or not: so a provider sees who waits before opening
the visit. What goes to a device that is not connected is dropped; on connecting it asks by :meth:`Rooms.seen_by`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.wire.guests import GuestSaid, GuestSeen
from app.wire.messages import Presence, SendSignal, Signal


class NotInVisit(Exception):
    """The visit has no such participant, or the other one is not present. Which of the two is not told."""


@dataclass(frozen=True)
class Deliver:
    """`message` for the device `to`."""

    to: str
    message: Presence | Signal | GuestSeen | GuestSaid


@dataclass
class _Room:
    participants: tuple[str, ...]
    present: dict[str, None] = field(default_factory=dict)  # an ordered set: who came first is told first


class Rooms:
    """A room is there as long as somebody is present in it."""

    def __init__(self) -> None:
        self._rooms: dict[str, _Room] = {}

    def present(self, visit_id: str) -> frozenset[str]:
        room = self._rooms.get(visit_id)
        return frozenset(room.present) if room is not None else frozenset()

    def enter(self, visit_id: str, device_id: str, participants: tuple[str, ...]) -> tuple[Deliver, ...]:
        """The enterer hears of all present, itself too; the others hear of the enterer, once.

        Raises :class:`NotInVisit` for a device that is not one of `participants`.
        """
        if device_id not in participants:
            raise NotInVisit
        room = self._rooms.setdefault(visit_id, _Room(participants))
        news = device_id not in room.present
        room.present[device_id] = None
        to_enterer = [Deliver(device_id, _presence(visit_id, one, True)) for one in room.present]
        return (*to_enterer, *(_to_others(visit_id, room, device_id, True) if news else ()))

    def leave(self, visit_id: str, device_id: str) -> tuple[Deliver, ...]:
        """The others hear that the device is gone; nothing when it was not there."""
        room = self._rooms.get(visit_id)
        if room is None or device_id not in room.present:
            return ()
        del room.present[device_id]
        if not room.present:
            del self._rooms[visit_id]
        return _to_others(visit_id, room, device_id, False)

    def gone(self, device_id: str) -> tuple[Deliver, ...]:
        """The device's connection ended: it leaves wherever it was."""
        visits = [visit_id for visit_id, room in self._rooms.items() if device_id in room.present]
        return tuple(deliver for visit_id in visits for deliver in self.leave(visit_id, device_id))

    def close(self, visit_id: str) -> tuple[Deliver, ...]:
        """The visit was removed: the participants hear that nobody is present any more."""
        room = self._rooms.pop(visit_id, None)
        if room is None:
            return ()
        return tuple(deliver for one in room.present for deliver in _to_others(visit_id, room, one, False))

    def seen_by(self, device_id: str) -> tuple[Deliver, ...]:
        """Who is present in this device's visits, for its new connection."""
        return tuple(
            Deliver(device_id, _presence(visit_id, one, True))
            for visit_id, room in self._rooms.items()
            if device_id in room.participants
            for one in room.present
        )

    def signal(self, sender: str, message: SendSignal) -> Deliver:
        """Raises :class:`NotInVisit` unless the sender takes part in the visit and the recipient is present in it."""
        room = self._rooms.get(message.visit_id)
        if room is None or sender not in room.participants or message.to not in room.present or message.to == sender:
            raise NotInVisit
        return Deliver(message.to, Signal(visit_id=message.visit_id, sender=sender, body=message.body))


def _presence(visit_id: str, device_id: str, present: bool) -> Presence:
    return Presence(visit_id=visit_id, device_id=device_id, present=present)


def _to_others(visit_id: str, room: _Room, device_id: str, present: bool) -> tuple[Deliver, ...]:
    message = _presence(visit_id, device_id, present)
    return tuple(Deliver(other, message) for other in room.participants if other != device_id)
