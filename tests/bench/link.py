"""PURE: one direction of a bench link: the demo's drop-tail bottleneck, then loss, distance and jitter.

    arrive -> outage? -> drop-tail queue -> serialised at the rate -> loss -> distance and jitter -> delivered

Options have the names and meanings of the lab's (linklab/README.md), as far as they are here.
"""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from app.demo.path.shaper import LinkSettings, Shaper

T = TypeVar("T")

_JITTER_LIMIT_SD = 3.0
_LONG_WAIT_MS, _FREE_S = 100.0, 1.0


class BadLink(ValueError):
    """An option that cannot be used; the sentence names it."""


@dataclass(frozen=True)
class LinkOptions:
    """`rate`: (from second, kbit/s) steps, the first at 0; times in ms; loss in fractions of packets; `burst`: (mean
    loss, mean run in packets) of a Gilbert-Elliott model; `outages`: (start, seconds).
    """

    rate: tuple[tuple[float, float], ...] = ((0.0, 2000.0),)
    delay: float = 0.0
    jitter: float = 0.0
    reorder: bool = False
    loss: float = 0.0
    burst: tuple[float, float] | None = None
    queue_ms: float = 300.0
    outages: tuple[tuple[float, float], ...] = ()

    def kbps_at(self, t: float) -> float:
        return next((kbps for start, kbps in reversed(self.rate) if t >= start), self.rate[0][1])

    def cut_at(self, t: float) -> bool:
        return any(start <= t < start + seconds for start, seconds in self.outages)

    def changes(self) -> list[float]:
        """The moments at which something changes, in order."""
        ends = [moment for start, seconds in self.outages for moment in (start, start + seconds)]
        return sorted({*(start for start, _ in self.rate), *ends})


def _pairs(text: str) -> tuple[tuple[float, float], ...]:
    return tuple((float(a), float(b)) for a, b in (part.split(":") for part in text.split(",")))


def parse(options: Mapping[str, str]) -> LinkOptions:
    """The lab's words. Raises BadLink for what is not known here or is no number."""
    given: dict[str, object] = {}
    try:
        for name, text in options.items():
            if name == "rate":
                given["rate"] = _pairs(text) if ":" in text else ((0.0, float(text)),)
            elif name == "outage":
                given["outages"] = _pairs(text)
            elif name == "burst":
                mean, run = (float(part) for part in text.split(","))
                given["burst"] = (mean, run)
            elif name == "reorder":
                given["reorder"] = text == "1"
            elif name in ("delay", "jitter", "loss", "queue_ms"):
                given[name] = float(text)
            else:
                raise BadLink(f"this link has no option {name}")
    except ValueError as error:
        raise error if isinstance(error, BadLink) else BadLink(f"{name}={text} cannot be read") from error
    return LinkOptions(**given)  # type: ignore[arg-type]


class Losses:
    """Which packets are lost after the bottleneck: independent, and in bursts (Gilbert-Elliott, all lost when bad)."""

    def __init__(self, loss: float, burst: tuple[float, float] | None, chance: random.Random) -> None:
        self._loss, self._chance, self._bad = loss, chance, False
        mean, run = burst or (0.0, 1.0)
        self._leave = 1 / run
        self._enter = self._leave * mean / (1 - mean)

    def next(self) -> bool:
        """True: this packet is lost."""
        self._bad = self._chance.random() >= self._leave if self._bad else self._chance.random() < self._enter
        return self._chance.random() < self._loss or self._bad


@dataclass
class Waited:
    """(arrival, ms in the queue) of each packet that got in, and how many were lost where."""

    packets: list[tuple[float, float]] = field(default_factory=list)
    dropped: int = 0
    lost: int = 0
    cut: int = 0


class Link(Generic[T]):
    """`now` is seconds since the link's start and never runs backwards; sizes are IP bytes."""

    def __init__(self, options: LinkOptions, seed: int) -> None:
        self.options = options
        self.waited = Waited()
        self._settings = LinkSettings(options.kbps_at(0), 0, options.queue_ms, options.cut_at(0))
        self._shaper: Shaper[T] = Shaper(self._settings, 0.0)
        self._changes = [t for t in options.changes() if t > 0]
        chance = random.Random(seed)
        self._losses, self._jitter = Losses(options.loss, options.burst, chance), random.Random(seed + 1)
        self._flying: list[tuple[float, int, T]] = []
        self._numbers = itertools.count()
        self._latest = 0.0

    def put(self, now: float, item: T, size: int) -> None:
        self._advance(now)
        left = self._shaper.moves_at()
        ahead = 0.0 if left is None else left - now + self._shaper.waiting_bytes / self._settings.bytes_per_second
        if self._settings.cut:
            self.waited.cut += 1
        elif self._shaper.put(now, item, size):
            self.waited.packets.append((now, 1000 * ahead))
        else:
            self.waited.dropped += 1

    def take(self, now: float) -> list[T]:
        """What is at the far end by `now`, in the order of arrival there."""
        self._advance(now)
        arrived = []
        while self._flying and self._flying[0][0] <= now:
            due, _, item = heapq.heappop(self._flying)
            if self.options.cut_at(due):
                self.waited.cut += 1
            else:
                arrived.append(item)
        return arrived

    def next_at(self) -> float | None:
        """When :meth:`take` must be called next, if nothing else comes."""
        moments = [self._shaper.moves_at(), self._flying[0][0] if self._flying else None]
        return min((moment for moment in moments if moment is not None), default=None)

    def _advance(self, now: float) -> None:
        while self._changes and self._changes[0] <= now:
            moment = self._changes.pop(0)
            self._serve(moment)
            self._settings = self._settings.changed(
                rate_kbps=self.options.kbps_at(moment), cut=self.options.cut_at(moment)
            )
            self.waited.cut += len(self._shaper.set(moment, self._settings))
        self._serve(now)

    def _serve(self, now: float) -> None:
        """Packets leave the bottleneck one by one, each at its own moment, and set out for the far end."""
        while (moment := self._shaper.moves_at()) is not None and moment <= now:
            self._launch(moment, self._shaper.take(moment))
        self._launch(now, self._shaper.take(now))

    def _launch(self, moment: float, items: list[T]) -> None:
        for item in items:
            if self._losses.next():
                self.waited.lost += 1
                continue
            wander = max(-_JITTER_LIMIT_SD, min(_JITTER_LIMIT_SD, self._jitter.gauss(0, 1))) * self.options.jitter
            due = moment + max(0.0, self.options.delay + wander) / 1000
            if not self.options.reorder:
                due = self._latest = max(self._latest, due)
            heapq.heappush(self._flying, (due, next(self._numbers), item))


def p95(values: list[float]) -> float | None:
    """The nearest-rank 95th percentile."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else None


def queue_down_s(link: Link[Any], end: float) -> float | None:
    """Of all steps down the longest time until no packet waits 100 ms for a second; None without such a step."""
    took = []
    steps = [*link.options.rate, (end, math.inf)]
    for (_, before), (start, kbps), (until, _) in zip(steps, steps[1:], steps[2:], strict=False):
        if kbps < before:
            slow = [t for t, waited in link.waited.packets if start <= t < until and waited >= _LONG_WAIT_MS]
            moments = [start, *slow]
            gaps = zip(moments, [*slow, until], strict=True)
            took.append(next((a - start for a, b in gaps if b - a >= _FREE_S), until - start))
    return max(took, default=None)
