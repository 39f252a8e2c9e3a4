"""The standing connections: one per device, with a bounded way out, and what they do in the rooms."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from enum import IntEnum

from app.clinic.bus import Devices, Event, Everyone, InRole, Notice, VisitRemoved
from app.clinic.rooms import Deliver, Rooms
from app.clinic.tokens import Actor
from app.wire.messages import SendSignal, ServerMessage

log = logging.getLogger(__name__)

MAX_QUEUED = 64


class CloseCode(IntEnum):
    """Our reasons to close a WebSocket (RFC 6455 section 7.4.2: 4000-4999 are for the application)."""

    REPLACED = 4001
    TOO_MANY_FAULTS = 4002
    NOT_SIGNED_IN = 4003
    TOO_SLOW = 4008


class Connection:
    """The way out to one device. Lives on the event loop; :meth:`send` never waits."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.closing: asyncio.Future[CloseCode] = asyncio.get_running_loop().create_future()
        self._queue: asyncio.Queue[ServerMessage] = asyncio.Queue(MAX_QUEUED)

    def send(self, message: ServerMessage) -> None:
        """Queues a message; a device that does not take them is closed off rather than waited for."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            self.close(CloseCode.TOO_SLOW)

    def close(self, code: CloseCode) -> None:
        if not self.closing.done():
            self.closing.set_result(code)

    async def next(self) -> ServerMessage:
        return await self._queue.get()


class Connections:
    """All connections of this process. Lives on the event loop."""

    def __init__(self) -> None:
        self._by_device: dict[str, Connection] = {}
        self._rooms = Rooms()

    def add(self, connection: Connection, first: ServerMessage) -> None:
        """A device's new connection takes the place of its old one, and hears `first` before all else."""
        device_id = connection.actor.device_id
        old = self._by_device.get(device_id)
        if old is not None:
            self.remove(old)
            old.close(CloseCode.REPLACED)
        self._by_device[device_id] = connection
        connection.send(first)
        self.deliver(self._rooms.seen_by(device_id))

    def remove(self, connection: Connection) -> None:
        """Ends a connection's presence; nothing when another has taken its place."""
        device_id = connection.actor.device_id
        if self._by_device.get(device_id) is connection:
            del self._by_device[device_id]
            self.deliver(self._rooms.gone(device_id))

    def enter(self, connection: Connection, visit_id: str, participants: tuple[str, ...]) -> None:
        """Raises :class:`app.clinic.rooms.NotInVisit`."""
        if self._by_device.get(connection.actor.device_id) is connection:
            self.deliver(self._rooms.enter(visit_id, connection.actor.device_id, participants))

    def leave(self, connection: Connection, visit_id: str) -> None:
        if self._by_device.get(connection.actor.device_id) is connection:
            self.deliver(self._rooms.leave(visit_id, connection.actor.device_id))

    def signal(self, connection: Connection, message: SendSignal) -> None:
        """Raises :class:`app.clinic.rooms.NotInVisit`."""
        self.deliver((self._rooms.signal(connection.actor.device_id, message),))

    def on_event(self, event: Event) -> None:
        """The bus's subscriber."""
        match event:
            case Notice(audience=Everyone(), message=message):
                self._tell(self._by_device.values(), message)
            case Notice(audience=InRole(role=role), message=message):
                self._tell((one for one in self._by_device.values() if one.actor.role is role), message)
            case Notice(audience=Devices(device_ids=ids), message=message):
                self._tell((one for name, one in self._by_device.items() if name in ids), message)
            case VisitRemoved(visit_id=visit_id):
                self.deliver(self._rooms.close(visit_id))
            case _:
                raise AssertionError(f"no way for {event!r}")

    def deliver(self, deliveries: Iterable[Deliver]) -> None:
        """What goes to a device that is not connected is dropped."""
        for deliver in deliveries:
            connection = self._by_device.get(deliver.to)
            if connection is not None:
                connection.send(deliver.message)

    def _tell(self, connections: Iterable[Connection], message: ServerMessage) -> None:
        for connection in list(connections):
            connection.send(message)
