"""PURE: encoded packets in the order of their timestamps, until they are due. Bounded."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

MOST_PACKETS = 256
LARGEST_PAYLOAD = 1500


@dataclass(frozen=True)
class SpeechPacket:
    """One Opus packet. `sequence` and `timestamp` (48 kHz) are unwrapped; a RED copy's sequence is -1 (unknown):
    timestamps order everything. `redundant`: a RED copy.
    """

    sequence: int
    timestamp: int
    payload: bytes
    redundant: bool = False


@dataclass(frozen=True)
class Held:
    """A packet of `samples`, arrived at `at` (s)."""

    packet: SpeechPacket
    samples: int
    at: float

    @property
    def start(self) -> int:
        return self.packet.timestamp

    @property
    def end(self) -> int:
        return self.packet.timestamp + self.samples


class Waiting:
    """At most MOST_PACKETS; when there are more, the oldest goes."""

    def __init__(self) -> None:
        self._held: dict[int, Held] = {}
        self._order: list[int] = []

    def __len__(self) -> int:
        return len(self._order)

    def put(self, held: Held) -> bool:
        """False when a packet of that time, or of a part of it, is there already: packets that overlap could make one
        pull decode them all. A primary takes its copy's place.
        """
        there, later = self.covering(held.start), self.after(held.start)
        if there is not None:
            same = (there.start, there.end) == (held.start, held.end)
            if same and there.packet.redundant and not held.packet.redundant:
                self._held[held.start] = held
            return False
        if later is not None and later.start < held.end:
            return False
        if len(self._order) >= MOST_PACKETS:
            del self._held[self._order.pop(0)]
        bisect.insort(self._order, held.start)
        self._held[held.start] = held
        return True

    def covering(self, place: int) -> Held | None:
        """The packet that holds the sample `place`."""
        index = bisect.bisect_right(self._order, place) - 1
        if index < 0:
            return None
        held = self._held[self._order[index]]
        return held if held.end > place else None

    def after(self, place: int) -> Held | None:
        """The first packet that begins behind `place`."""
        index = bisect.bisect_right(self._order, place)
        return self._held[self._order[index]] if index < len(self._order) else None

    def drop_before(self, place: int) -> list[Held]:
        """Takes out and returns what ends at or before `place`."""
        gone: list[Held] = []
        while self._order and self._held[self._order[0]].end <= place:
            gone.append(self._held.pop(self._order.pop(0)))
        return gone

    def remove(self, held: Held) -> None:
        if self._held.pop(held.start, None) is not None:
            self._order.remove(held.start)

    @property
    def end(self) -> int | None:
        """The sample behind the newest packet."""
        return self._held[self._order[-1]].end if self._order else None

    def clear(self) -> None:
        self._held.clear()
        self._order.clear()
