"""PURE: how long each packet waited in queues: its one-way delay above the least that its size can have.

The two clocks need not agree: only differences count, and the windowed minimum follows their drift (200 ppm make 12 ms
in its 60 s). On thin links a packet's own transmission is no queue: 178 bytes take 12 kbit/s for 119 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from app.media.rate.feedback import Kind, PacketResult

WINDOW_S = 60.0
POINTS_S = 2.0
_MOST_POINTS = 1_000
_BUCKET_S = 2.0
_NOISE_GAIN = 1 / 32
_NOISE_LIMIT_S = 0.08
_NEIGHBOUR_S = 0.25

Minima = tuple[tuple[int, float, int], ...]  # (class of size, least delay in s, its size in bytes)


class Point(NamedTuple):
    """A received packet: when (receiver's clock, s), how long it queued (s), bytes on the wire, number, and bytes of
    RTCP before it. One of no bytes stands for a lost packet.
    """

    arrived_at: float
    queued_s: float
    size: int
    number: int
    beside: int = 0


@dataclass(frozen=True)
class QueueDelay:
    """`noise_s`: standard deviation of the delay from one speech packet to the next, queues aside: jitter. `points`:
    the last two seconds in the order of arrival.
    """

    points: tuple[Point, ...] = ()
    noise_s: float = 0.0
    buckets: tuple[tuple[float, Minima], ...] = ()  # (start by the receiver's clock, minima)
    _last: tuple[float, float] | None = None  # (sent at, delay) of the last speech packet
    _seen: int = 0

    def add(
        self, fresh: tuple[PacketResult, ...], capacity_bps: float, told: tuple[PacketResult, ...] = ()
    ) -> QueueDelay:
        """With newly received packets (any order), of a bottleneck that serves about `capacity_bps`. `told`: the
        whole message in sending order; what it tells lost counts as queued like its neighbours, for a loss must
        not hide a queue.
        """
        buckets, noise, last, seen = self.buckets, self.noise_s, self._last, self._seen
        for packet in fresh:
            if packet.arrived_at is None:
                raise ValueError("only received packets have a delay")
            buckets = _bucketed(buckets, packet.arrived_at, packet.sent_at, packet.size)
            if packet.kind is not Kind.SPEECH:
                continue
            delay = packet.arrived_at - packet.sent_at
            if last is not None and 0 < packet.sent_at - last[0] <= _NEIGHBOUR_S:
                # For Gaussian delays the mean difference of neighbours is 1.128 standard deviations.
                seen += 1
                noise += max(_NOISE_GAIN, 1 / (seen + 4)) * (min(_NOISE_LIMIT_S, abs(delay - last[1]) / 1.128) - noise)
            last = (packet.sent_at, delay)
        minima = _lowest(buckets)
        new = [_point(packet, minima, capacity_bps) for packet in fresh]
        new += _in_place_of_lost(told, new)
        new.sort()
        points = self.points + tuple(new)
        if self.points and new and new[0] < self.points[-1]:
            points = tuple(sorted(points))
        until = points[-1].arrived_at if points else 0.0
        cut = next((i for i, p in enumerate(points) if until - p.arrived_at <= POINTS_S), 0)
        return QueueDelay(points[max(cut, len(points) - _MOST_POINTS) :], noise, buckets, last, min(seen, 1_000))

    def rebase(self) -> QueueDelay:
        """The path is another one: what was the least delay is so no more."""
        return QueueDelay(noise_s=self.noise_s, _seen=self._seen)


def _point(packet: PacketResult, minima: Minima, capacity_bps: float) -> Point:
    arrived, size = packet.arrived_at or 0.0, packet.size
    delay = arrived - packet.sent_at
    # A larger packet may take longer than a small one by its transmission; the reverse is not reckoned, for an
    # estimate that is too low would make queues out of nothing.
    near = [d + max(0, size - s) * 8 / capacity_bps for _, d, s in minima if s <= size * 1.2]
    base = min(near or [d for _, d, _ in minima])
    return Point(arrived, max(0.0, delay - base), size, packet.number, packet.beside)


def _in_place_of_lost(told: tuple[PacketResult, ...], there: list[Point]) -> list[Point]:
    """Points of no bytes for lost packets: as that of their two neighbours which queued longer, as much later as they
    were sent later.
    """
    points = {point.number: point for point in there}
    received = [(packet, points[packet.number]) for packet in told if packet.number in points]
    made, ahead = list[Point](), 0
    for packet in told:
        while ahead < len(received) and received[ahead][0].number < packet.number:
            ahead += 1
        near = received[max(0, ahead - 1) : ahead + 1]
        if packet.arrived_at is not None or not near:
            continue
        like, point = max(near, key=lambda pair: pair[1].queued_s)
        made.append(
            Point(point.arrived_at + packet.sent_at - like.sent_at, point.queued_s, 0, packet.number, packet.beside)
        )
    return made


def _bucketed(
    buckets: tuple[tuple[float, Minima], ...], arrived: float, sent: float, size: int
) -> tuple[tuple[float, Minima], ...]:
    entry = (_class(size), arrived - sent, size)
    if buckets and abs(arrived - buckets[-1][0]) < _BUCKET_S:
        start, minima = buckets[-1]
        merged = _with(minima, entry)
        return buckets if merged is minima else (*buckets[:-1], (start, merged))
    kept = [b for b in buckets if abs(arrived - b[0]) <= WINDOW_S]
    return (*kept, (arrived, (entry,)))


@lru_cache(maxsize=2048)
def _class(size: int) -> int:
    return round(math.log2(size) * 3)


def _with(minima: Minima, entry: tuple[int, float, int]) -> Minima:
    for index, (size_class, delay, _) in enumerate(minima):
        if size_class == entry[0]:
            return minima if delay <= entry[1] else (*minima[:index], entry, *minima[index + 1 :])
    return (*minima, entry)


def _lowest(buckets: tuple[tuple[float, Minima], ...]) -> Minima:
    least: dict[int, tuple[int, float, int]] = {}
    for _, minima in buckets:
        for entry in minima:
            held = least.get(entry[0])
            if held is None or entry[1] < held[1]:
                least[entry[0]] = entry
    return tuple(least.values())
