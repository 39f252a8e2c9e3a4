"""Guests' links and who of them is here. Pure and in memory: nothing of a guest reaches the disk.

A provider's device opens a link for a visit of its own; the first page that shows the admission takes it; messages go
between that page and the visit's devices, unread. Times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.clinic.rooms import NotInVisit
from app.wire.guests import GuestEnd, GuestSeen, guest_id_of

LINK_S = 30 * 60.0
"""So long an unused link waits."""
SEAT_S = 8 * 3600.0
"""So long a used one lasts at most; a visit's end takes it away sooner."""
MOST_IN_VISIT = 4
MOST_OF_DEVICE = 16
MOST_IN_ALL = 4096
_REMEMBERED = 1024


class TooManyGuests(Exception):
    """The visit, the device or the service has as many links as it may."""


class NotAdmitted(Exception):
    """The page does not get in; `reason` is what it is told."""

    def __init__(self, reason: GuestEnd) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass
class Seat:
    """One link. `page` is the secret of the page that took it; `until` its end."""

    guest_id: str
    visit_id: str
    owner: str
    participants: tuple[str, ...]
    until: float
    page: bytes = b""
    present: bool = False

    def seen(self, present: bool) -> GuestSeen:
        return GuestSeen(visit_id=self.visit_id, guest_id=self.guest_id, present=present)


class Guests:
    """All links of this process."""

    def __init__(self) -> None:
        self._seats: dict[str, Seat] = {}
        self._ended: dict[str, GuestEnd] = {}  # why links that were there are no more; the newest alone

    def open(self, owner: str, guest_id: str, visit_id: str, participants: tuple[str, ...], now: float) -> Seat:
        """A new link, or the one that stands already. Raises :class:`NotInVisit` or :class:`TooManyGuests`."""
        if owner not in participants:
            raise NotInVisit
        self.expire(now)
        known = self._seats.get(guest_id)
        if known is not None:
            if (known.owner, known.visit_id) != (owner, visit_id):
                raise NotInVisit
            return known
        seats = self._seats.values()
        if (
            len(self._seats) >= MOST_IN_ALL
            or sum(seat.visit_id == visit_id for seat in seats) >= MOST_IN_VISIT
            or sum(seat.owner == owner for seat in seats) >= MOST_OF_DEVICE
        ):
            raise TooManyGuests
        self._ended.pop(guest_id, None)
        made = self._seats[guest_id] = Seat(guest_id, visit_id, owner, participants, now + LINK_S)
        return made

    def admit(self, admission: bytes, page: bytes, now: float) -> Seat:
        """The seat of the page that shows `admission`, marked present. Raises :class:`NotAdmitted`."""
        self.expire(now)
        guest_id = guest_id_of(admission)
        seat = self._seats.get(guest_id)
        if seat is None:
            raise NotAdmitted(self._ended.get(guest_id, GuestEnd.UNKNOWN))
        if seat.page and seat.page != page:
            raise NotAdmitted(GuestEnd.USED)
        if not seat.page:
            seat.page, seat.until = page, now + SEAT_S
        seat.present = True
        return seat

    def find(self, guest_id: str) -> Seat | None:
        return self._seats.get(guest_id)

    def of(self, device_id: str, guest_id: str) -> Seat:
        """A guest that this device may talk with, and who is here. Raises :class:`NotInVisit`."""
        seat = self._seats.get(guest_id)
        if seat is None or device_id not in seat.participants or not seat.present:
            raise NotInVisit
        return seat

    def to(self, guest_id: str, device_id: str) -> None:
        """Whether a guest may talk with this device. Raises :class:`NotInVisit`."""
        seat = self._seats.get(guest_id)
        if seat is None or device_id not in seat.participants:
            raise NotInVisit

    def close(self, owner: str, guest_id: str) -> tuple[Seat, ...]:
        """Its provider takes the link back; () when there is none of this device's."""
        return self._drop(
            (s for s in self._seats.values() if (s.owner, s.guest_id) == (owner, guest_id)), GuestEnd.OVER
        )

    def leave(self, owner: str, visit_id: str) -> tuple[Seat, ...]:
        """A device has left its visit: its guests go with it."""
        return self._drop(
            (s for s in self._seats.values() if (s.owner, s.visit_id) == (owner, visit_id)), GuestEnd.OVER
        )

    def close_visit(self, visit_id: str) -> tuple[Seat, ...]:
        return self._drop((s for s in self._seats.values() if s.visit_id == visit_id), GuestEnd.OVER)

    def expire(self, now: float) -> tuple[Seat, ...]:
        return self._drop((s for s in self._seats.values() if s.until <= now), GuestEnd.EXPIRED)

    def seen_by(self, device_id: str) -> tuple[GuestSeen, ...]:
        """Who is here in this device's visits, for its new connection."""
        return tuple(s.seen(True) for s in self._seats.values() if s.present and device_id in s.participants)

    def _drop(self, seats: Iterable[Seat], reason: GuestEnd) -> tuple[Seat, ...]:
        found = tuple(seats)
        for seat in found:
            del self._seats[seat.guest_id]
            self._ended[seat.guest_id] = reason
        while len(self._ended) > _REMEMBERED:
            del self._ended[next(iter(self._ended))]
        return found
