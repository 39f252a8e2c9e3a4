"""PURE: what the link loses by itself, apart from what its full queue drops; how much, and in what runs.

Random loss tells nothing of capacity and must not lower the rate; it calls for protection of speech. A loss next to a
packet that queued long is the queue's own doing and calls for less. A gap of more than half a second is an outage.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from app.media.rate.feedback import Kind, PacketResult
from app.media.rate.queue import Point

SETTLED_S = 0.4
"""So long after it was sent (by others' arrival) a packet may still come, reordered; later it is lost."""
OUTAGE_S = 0.5
_SLOW_S, _FAST_S, _CONGESTED_S = 12.0, 3.0, 1.0
_FULL_QUEUE_S = 0.12
_FULL_SHARE = 0.5
_DEEPEST_FADES_S = 20.0
_RUNS_KEPT = 60.0


@dataclass(frozen=True)
class Share:
    """A fraction that forgets exponentially."""

    lost: float = 0.0
    all: float = 0.0

    def add(self, lost: int, count: int, passed_s: float, memory_s: float) -> Share:
        kept = math.exp(-max(0.0, passed_s) / memory_s)
        return Share(self.lost * kept + lost, self.all * kept + count)

    def faded(self, most: float) -> Share:
        """Never heavier than `most`, so that new figures count."""
        factor = min(1.0, most / self.all)
        return Share(self.lost * factor, self.all * factor)

    def fraction(self, least: float) -> float:
        """Of at least `least` packets: few losses among few packets mean little."""
        return self.lost / max(self.all, least)


@dataclass(frozen=True)
class Loss:
    slow: Share = Share()
    fast: Share = Share()
    congested: Share = Share()
    runs: Share = Share()  # lost speech packets over runs of them
    deepest_s: float = 0.0  # the longest queue of late
    _settled: int = -1
    _at: float = 0.0

    @property
    def random(self) -> float:
        """The fraction lost behind the bottleneck: quick to come, slow to go."""
        return max(self.slow.fraction(40), 0.7 * self.fast.fraction(25))

    @property
    def congestion(self) -> float:
        """The fraction that the full queue dropped in about the last second."""
        return self.congested.fraction(8)

    @property
    def burst(self) -> float:
        """The mean run of lost speech packets, 1 or more; 1 until three runs have been seen."""
        return max(1.0, self.runs.lost / self.runs.all) if self.runs.all >= 3 else 1.0

    def add(self, packets: tuple[PacketResult, ...], points: Sequence[Point]) -> Loss:
        """With `packets` in sending order, and the `points` of those received."""
        packets = packets[bisect_left(packets, self._settled, key=_number) :]
        newest = max((p.sent_at for p in packets if p.arrived_at is not None), default=None)
        if newest is None:
            return self
        waited = {point.number: point.queued_s for point in points if point.size and point.number >= self._settled}
        tally, run, before = _Tally(self.deepest_s), list[PacketResult](), 0.0
        for packet in packets:
            if packet.sent_at > newest - SETTLED_S:
                break
            if packet.arrived_at is None:
                run.append(packet)
                continue
            after = waited.get(packet.number, 0.0)
            if packet.number > self._settled:
                tally.received(packet, max(before, after), run)
            run, before = [], after
        return self if tally.last is None else self._with(tally, tally.last)

    def _with(self, tally: _Tally, last: PacketResult) -> Loss:
        passed = last.sent_at - self._at if self._settled >= 0 else 0.0
        runs = Share(self.runs.lost + tally.speech, self.runs.all + tally.runs)
        return Loss(
            self.slow.add(tally.lost, tally.lost + tally.there, passed, _SLOW_S),
            self.fast.add(tally.lost, tally.lost + tally.there, passed, _FAST_S),
            self.congested.add(tally.by_queue, tally.by_queue + tally.there, passed, _CONGESTED_S),
            runs.faded(_RUNS_KEPT) if runs.all > _RUNS_KEPT else runs,
            tally.deepest_s * math.exp(-max(0.0, passed) / _DEEPEST_FADES_S),
            last.number,
            last.sent_at,
        )


def _number(packet: PacketResult) -> int:
    return packet.number


@dataclass
class _Tally:
    """What one message has settled."""

    deepest_s: float
    there: int = 0
    lost: int = 0
    by_queue: int = 0
    speech: int = 0
    runs: int = 0
    last: PacketResult | None = None

    def received(self, packet: PacketResult, around_s: float, run: list[PacketResult]) -> None:
        """A received packet settles itself and the run of lost ones before it."""
        self.last = packet
        self.there += 1
        self.deepest_s = max(self.deepest_s, around_s)
        if not run or run[-1].sent_at - run[0].sent_at > OUTAGE_S:
            return
        if around_s > _FULL_QUEUE_S and around_s > _FULL_SHARE * self.deepest_s:
            self.by_queue += len(run)
            return
        self.lost += len(run)
        speech = sum(p.kind is Kind.SPEECH for p in run)
        self.speech += speech
        self.runs += speech > 0
