"""The lab's link on simulated time: drop-tail queue, serialised, then loss, propagation and jitter; by packets."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from app.media.rate.feedback import Kind

Schedule = tuple[tuple[float, float], ...]  # (from s, value)


def value(schedule: Schedule, t: float) -> float:
    held = schedule[0][1]
    for since, what in schedule:
        if since > t:
            break
        held = what
    return held


@dataclass
class LinkSpec:
    """One direction. Rates in kbit/s, delays in ms, as the lab's options."""

    rate: Schedule
    delay: Schedule = ((0.0, 50.0),)
    queue_ms: float = 300.0
    queue_floor: int = 1_500
    loss: Schedule = ((0.0, 0.0),)
    burst: tuple[float, float] | None = None  # Gilbert-Elliott: (mean loss, mean run in packets)
    jitter: float = 0.0
    reorder: bool = False
    outages: tuple[tuple[float, float], ...] = ()  # (start s, seconds)


@dataclass
class Packet:
    owner: int  # which sender; RTCP and consent are -1
    kind: Kind | None
    size: int
    number: int
    sent_at: float
    arrive: Callable[[Packet, float], None]
    cluster: int | None = None
    frames: tuple[int, ...] = ()


class Clock:
    """Events in the order of time."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (when, next(self._order), what))

    def run(self, until: float) -> None:
        while self._heap and self._heap[0][0] <= until:
            self.now, _, what = heapq.heappop(self._heap)
            what()


class Bottleneck:
    def __init__(self, clock: Clock, spec: LinkSpec, seed: int) -> None:
        self.clock, self.spec, self._random = clock, spec, random.Random(seed)
        self._waiting: deque[tuple[Packet, float]] = deque()
        self._waiting_bytes = 0
        self._serving: Packet | None = None
        self._bad, self._last_out = False, 0.0
        self.waits: list[tuple[float, float, Packet]] = []  # (left at, waited s, packet)
        self.queue_drops: list[tuple[float, Packet]] = []
        self.losses: list[tuple[float, Packet]] = []
        self.depth: list[tuple[float, float]] = []

    def put(self, packet: Packet) -> None:
        now = self.clock.now
        if self._dark(now):
            self.losses.append((now, packet))
            return
        limit = max(self.spec.queue_floor, value(self.spec.rate, now) * self.spec.queue_ms / 8)
        if self._serving is not None and self._waiting_bytes + packet.size > limit:
            self.queue_drops.append((now, packet))
            return
        self._waiting.append((packet, now))
        self._waiting_bytes += packet.size
        if self._serving is None:
            self._serve()

    def _dark(self, now: float) -> bool:
        return any(start <= now < start + length for start, length in self.spec.outages)

    def _serve(self) -> None:
        if not self._waiting:
            self._serving = None
            return
        packet, since = self._waiting.popleft()
        self._waiting_bytes -= packet.size
        self._serving = packet
        now = self.clock.now
        self.waits.append((now, now - since, packet))
        self.clock.at(self._done(now, packet.size * 8), lambda: self._sent(packet))

    def _done(self, t: float, bits: float) -> float:
        while True:
            rate = value(self.spec.rate, t) * 1_000
            until = min((since for since, _ in self.spec.rate if since > t), default=float("inf"))
            if rate * (until - t) >= bits:
                return t + bits / rate
            bits -= rate * (until - t)
            t = until

    def _sent(self, packet: Packet) -> None:
        now = self.clock.now
        if self._dark(now) or self._lost(now):
            self.losses.append((now, packet))
        else:
            jitter = self.spec.jitter / 1_000
            late = max(-3 * jitter, min(3 * jitter, self._random.gauss(0, jitter))) if jitter else 0.0
            out = now + max(0.0, value(self.spec.delay, now) / 1_000 + late)
            if not self.spec.reorder:
                out = max(out, self._last_out)
            self._last_out = out
            self.clock.at(out, lambda: packet.arrive(packet, out))
        self._serve()

    def _lost(self, now: float) -> bool:
        if self.spec.burst is not None:
            mean, run = self.spec.burst
            leave = 1 / run
            enter = leave * mean / (1 - mean)
            self._bad = self._random.random() >= leave if self._bad else self._random.random() < enter
            return self._bad
        return self._random.random() < value(self.spec.loss, now)
