"""One direction of the hop: datagrams and TCP bytes of all connections share one :class:`Shaper` on the asyncio loop.

Datagrams meet the drop-tail queue as they come. TCP bytes are never lost, as a person's computer would send them
again: they wait in their connection until the link has room, and what a cut takes from the link goes back there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.demo.path import control
from app.demo.path.kinds import Kind, KindTally
from app.demo.path.shaper import LinkSettings, Shaper

UDP_HEADERS = 28  # IPv4 and UDP
TCP_HEADERS = 40  # IPv4 and TCP
SEGMENT = 1400  # TCP payload bytes in one packet


@dataclass(frozen=True)
class Parcel:
    """What travels: `deliver` is called at the far end. A parcel of a stream goes back to it if the link is cut."""

    size: int
    kind: Kind
    deliver: Callable[[], None]
    stream: Stream | None = None


class Stream:
    """One direction of one TCP connection: parcels that wait for room in the link, in order.

    `blocked` holds it back while its far end cannot take more.
    """

    def __init__(self, link: Thinned) -> None:
        self.blocked = False
        self._link = link
        self._parcels: deque[Parcel] = deque()
        self._size = 0

    @property
    def waiting_bytes(self) -> int:
        return self._size

    def send(self, size: int, deliver: Callable[[], None]) -> None:
        """Queues a packet of `size` payload bytes (0 for one that only opens or ends the connection)."""
        parcel = Parcel(size + TCP_HEADERS, Kind.TCP, deliver, self)
        self._parcels.append(parcel)
        self._size += parcel.size
        self._link.serve(self)

    def peek(self) -> Parcel | None:
        return self._parcels[0] if self._parcels and not self.blocked else None

    def pop(self) -> None:
        self._size -= self._parcels.popleft().size

    def give_back(self, parcel: Parcel) -> None:
        """Puts a parcel at the front again."""
        self._parcels.appendleft(parcel)
        self._size += parcel.size

    def unblock(self) -> None:
        self.blocked = False
        self._link.serve(self)

    def drop(self) -> None:
        """The connection is gone: nothing more of it enters the link."""
        self._parcels.clear()
        self._size = 0


class Thinned:
    """A direction of the link with its timer. Only for the loop's own thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: LinkSettings) -> None:
        self._loop = loop
        self._shaper: Shaper[Parcel] = Shaper(settings, loop.time())
        self._kinds = KindTally()
        self._streams: deque[Stream] = deque()  # those with something to send, in turn
        self._timer: asyncio.TimerHandle | None = None

    @property
    def settings(self) -> LinkSettings:
        return self._shaper.settings

    def datagram(self, payload_size: int, kind: Kind, deliver: Callable[[], None]) -> None:
        size = payload_size + UDP_HEADERS
        self._shaper.put(self._loop.time(), Parcel(size, kind, deliver), size)
        self._arrange()

    def serve(self, stream: Stream) -> None:
        """The stream has something to send, or may go on."""
        if stream not in self._streams:
            self._streams.append(stream)
        self._feed()
        self._arrange()

    def set(self, settings: LinkSettings) -> None:
        lost = self._shaper.set(self._loop.time(), settings)
        for parcel in reversed(lost):
            if parcel.stream is not None:
                parcel.stream.give_back(parcel)
                if parcel.stream not in self._streams:
                    self._streams.append(parcel.stream)
        self._feed()
        self._arrange()

    def describe(self) -> dict[str, Any]:
        self._tick()
        return control.describe(self._shaper, self._kinds)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _feed(self) -> None:
        """Lets the streams send in turn, one packet each, while TCP fills at most half of the queue."""
        now = self._loop.time()
        idle = 0
        while self._streams and idle < len(self._streams):
            stream = self._streams.popleft()
            parcel = stream.peek()
            if parcel is None:
                continue  # it comes back by serve()
            self._streams.append(stream)
            if not self._has_room(now, parcel.size):
                idle += 1
                continue
            idle = 0
            stream.pop()
            self._shaper.put(now, parcel, parcel.size)

    def _has_room(self, now: float, size: int) -> bool:
        if self._shaper.room(now) < size:
            return False
        waiting = self._shaper.waiting_bytes
        return waiting == 0 or waiting + size <= self.settings.queue_bytes / 2

    def _arrange(self) -> None:
        """Wakes up when something arrives, or, if a stream waits for room, when the queue moves up."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        times = [self._shaper.next_at(), self._shaper.moves_at() if self._streams else None]
        due = [at for at in times if at is not None]
        if due:
            self._timer = self._loop.call_at(min(due), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._tick()
        self._feed()
        self._arrange()

    def _tick(self) -> None:
        for parcel in self._shaper.take(self._loop.time()):
            self._kinds.count(parcel.kind, parcel.size)
            parcel.deliver()
