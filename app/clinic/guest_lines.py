"""The standing connections of guests' pages, joined to those of the devices. Lives on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from app.clinic.bus import Event, VisitRemoved
from app.clinic.connections import Connections
from app.clinic.guests import Guests, NotAdmitted, Seat
from app.clinic.limits import WrongTries
from app.clinic.rooms import Deliver
from app.wire.guests import CloseGuest, GuestAnswer, GuestEnd, GuestHears, GuestSaid, GuestSay, OpenGuest, SendGuest

_MOST_QUEUED = 32
_MOST_LINES = 512
_WRONG_PER_ADDRESS, _WRONG_IN_ALL, _WRONG_PERIOD_S = 20, 1000, 600.0


class Line:
    """The way out to one page; :meth:`send` never waits."""

    def __init__(self, guest_id: str) -> None:
        self.guest_id = guest_id
        self.closing: asyncio.Future[GuestEnd] = asyncio.get_running_loop().create_future()
        self._queue: asyncio.Queue[GuestAnswer] = asyncio.Queue(_MOST_QUEUED)

    def send(self, message: GuestAnswer) -> None:
        """A page that does not take its messages is closed off; it comes back by itself if it lives."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            self.close(GuestEnd.FAULTS)

    def close(self, reason: GuestEnd) -> None:
        if not self.closing.done():
            self.closing.set_result(reason)

    async def next(self) -> GuestAnswer:
        return await self._queue.get()


class GuestLines:
    """`monotonic` gives the time (s)."""

    def __init__(self, connections: Connections, monotonic: Callable[[], float]) -> None:
        self._connections, self._monotonic = connections, monotonic
        self._guests = Guests()
        self._lines: dict[str, Line] = {}
        self._tries = WrongTries(_WRONG_PER_ADDRESS, _WRONG_IN_ALL, _WRONG_PERIOD_S)

    # A device's side

    def open(self, device_id: str, message: OpenGuest, participants: tuple[str, ...]) -> None:
        """Raises NotInVisit or TooManyGuests."""
        self.expire()
        seat = self._guests.open(device_id, message.guest_id, message.visit_id, participants, self._monotonic())
        if seat.present:
            self._connections.deliver((Deliver(device_id, seat.seen(True)),))

    def close(self, device_id: str, message: CloseGuest) -> None:
        self._end(self._guests.close(device_id, message.guest_id), GuestEnd.OVER)

    def say(self, device_id: str, message: SendGuest) -> None:
        """From a device to a page. Raises NotInVisit."""
        seat = self._guests.of(device_id, message.guest_id)
        line = self._lines.get(seat.guest_id)
        if line is not None:
            line.send(GuestHears(sender=device_id, box=message.box))

    def left(self, device_id: str, visit_id: str) -> None:
        self._end(self._guests.leave(device_id, visit_id), GuestEnd.OVER)

    def tell(self, device_id: str) -> None:
        """A device's new connection hears who is here."""
        self._connections.deliver(Deliver(device_id, seen) for seen in self._guests.seen_by(device_id))

    # A page's side

    def admit(self, address: str, admission: bytes, page: bytes) -> Line:
        """A page's new connection takes the place of its old one. Raises NotAdmitted."""
        now = self._monotonic()
        if self._tries.wait(address, now) > 0 or len(self._lines) >= _MOST_LINES:
            raise NotAdmitted(GuestEnd.TOO_MANY)
        self.expire()
        try:
            seat = self._guests.admit(admission, page, now)
        except NotAdmitted:
            self._tries.wrong(address, now)
            raise
        old = self._lines.get(seat.guest_id)
        if old is not None:
            old.close(GuestEnd.REPLACED)
        line = self._lines[seat.guest_id] = Line(seat.guest_id)
        return line

    def arrived(self, line: Line) -> None:
        """The page has had its welcome: the devices hear of it."""
        self._announce(self._guests.find(line.guest_id), True)

    def remove(self, line: Line) -> None:
        """Nothing when another connection has taken its place."""
        if self._lines.get(line.guest_id) is line:
            del self._lines[line.guest_id]
            self._announce(self._guests.find(line.guest_id), False)

    def hear(self, line: Line, message: GuestSay) -> None:
        """From a page to a device. Raises NotInVisit."""
        self._guests.to(line.guest_id, message.to)
        said = GuestSaid(guest_id=line.guest_id, box=message.box)
        self._connections.deliver((Deliver(message.to, said),))

    # Time and the schedule

    def on_event(self, event: Event) -> None:
        """The bus's subscriber."""
        if isinstance(event, VisitRemoved):
            self._end(self._guests.close_visit(event.visit_id), GuestEnd.OVER)

    def expire(self) -> None:
        """Takes away what has had its time; called whenever something is asked."""
        self._end(self._guests.expire(self._monotonic()), GuestEnd.EXPIRED)

    def _end(self, seats: Iterable[Seat], reason: GuestEnd) -> None:
        for seat in seats:
            line = self._lines.pop(seat.guest_id, None)
            if line is not None:
                line.close(reason)
            self._announce(seat, False)

    def _announce(self, seat: Seat | None, present: bool) -> None:
        if seat is not None:
            seat.present = present
            self._connections.deliver(Deliver(device, seat.seen(present)) for device in seat.participants)
