"""PURE: what probe trains tell of the link's capacity.

Padding follows a speech packet back to back; the time between the arrivals of the first and the last is what the
narrowest link took for the bytes after the first, so it tells that link's rate and hardly fills its queue. Jitter
spoils short trains (so they get longer while readings are high), aggregation and cross traffic raise readings (so the
lowest of several counts, and what a later overuse disproved is discounted).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

from app.media.rate.feedback import PacketResult

LARGEST_BYTES = 298
"""On the wire: 240 of padding (255 at most, RFC 3550 section 5.1) and headers."""
LEAST_BYTES = 70
FRESH_S = 15.0
HIGHEST_BPS = 2_000_000.0
_MOST_PACKETS = 12
_KEPT = 10
_COUNTS = 3
_LEAST_GAP_S = 0.0005  # transport feedback tells time in steps of 0.25 ms
_BACK_TO_BACK_S = 0.02
_COMPLETE = 0.6
_NOISY, _NOISY_UNTOLD = 0.06, 0.3
_AGREEING, _DISAGREE = 3, 0.3
_LINE_LEAST = 3
_ERRORS = 0.7


@dataclass(frozen=True)
class Probe:
    """`packets` padding packets of `packet_bytes` each on the wire (70..298, headers in), to be sent back to back
    right behind the next speech packet, all under one cluster. To be sent once for each decision that has it.
    """

    packet_bytes: int
    packets: int

    @property
    def bits(self) -> int:
        return self.packet_bytes * self.packets * 8


def train(bytes_: float) -> Probe:
    """A probe of about so many bytes, in three packets or more if they are not too small: then jitter shows."""
    least = 3 if bytes_ >= 3 * LEAST_BYTES else 1
    packets = max(least, min(_MOST_PACKETS, -(-int(bytes_) // LARGEST_BYTES)))
    return Probe(max(LEAST_BYTES, min(LARGEST_BYTES, int(bytes_ / packets))), packets)


@dataclass(frozen=True)
class Reading:
    """`gap_s` may be negative where jitter has reordered the train: then it counts in a mean alone."""

    at: float
    bits: int
    gap_s: float
    error_s: float | None = (
        None  # how far arrivals lie off a straight line: jitter, nothing of our own queue; None: two
    )

    @property
    def bps(self) -> float:
        return self.bits / max(self.gap_s, _LEAST_GAP_S, self.bits / HIGHEST_BPS)


@dataclass(frozen=True)
class Capacity:
    """The last readings of probes."""

    readings: tuple[Reading, ...] = ()
    _done: tuple[int, ...] = ()

    def add(self, packets: tuple[PacketResult, ...], at: float, expected: int) -> Capacity:
        """With `packets` in sending order; `expected`: packets of a whole cluster, its speech packet in."""
        state = self
        clusters: dict[int, list[PacketResult]] = {}
        for packet in packets:
            if packet.cluster is not None and packet.cluster not in self._done:
                clusters.setdefault(packet.cluster, []).append(packet)
        for cluster, members in clusters.items():
            complete = len(members) >= expected or packets[-1].number > members[-1].number
            if not complete:
                continue
            reading = _read(packets, members, at)
            state = replace(state, _done=(*state._done, cluster)[-8:])
            if reading is not None:
                state = replace(state, readings=(*state.readings, reading)[-_KEPT:])
        return state

    def fresh(self, now: float) -> tuple[Reading, ...]:
        if not self.readings or now - self.readings[0].at <= FRESH_S:
            return self.readings
        return tuple(r for r in self.readings if now - r.at <= FRESH_S)

    def lowest(self, now: float, noise_s: float, count: int = _COUNTS) -> float | None:
        """Bit/s that the last readings agree on: the mean of the two lowest of `count` and one more; with much jitter
        the mean over their time, for there the lowest is only the unluckiest. None without fresh readings.
        """
        fresh = self.fresh(now)
        if not fresh:
            return None
        if self.noisy(now, noise_s):
            # One standard error to the safe side: each train has two ends.
            error = _ERRORS * noise_s * math.sqrt(2 * len(fresh))
            return Reading(now, sum(r.bits for r in fresh), sum(r.gap_s for r in fresh) + error).bps
        # One low reading alone is mostly the receiver's clock; two are the link.
        lowest = sorted(r.bps for r in fresh[-(count + 1) :])[:2]
        return sum(lowest) / len(lowest)

    def noisy(self, now: float, noise_s: float) -> bool:
        """Whether jitter is large beside what the trains take."""
        fresh = self.fresh(now)
        if not fresh:
            return False
        gap = sum(abs(r.gap_s) for r in fresh) / len(fresh)
        errors = [r.error_s for r in fresh if r.error_s is not None]
        if errors:
            return sum(errors) / len(errors) > _NOISY * gap
        if len(fresh) >= _AGREEING:
            # On the thinnest links RTCP and consent make speech wait by turns: that is no jitter of the link's.
            paces = [r.gap_s / r.bits for r in fresh]
            return max(paces) - min(paces) > _DISAGREE * sum(paces) / len(paces)
        return noise_s > _NOISY_UNTOLD * gap

    def forget(self) -> Capacity:
        """What was read before says nothing of the link as it is now."""
        return replace(self, readings=())


def _read(packets: tuple[PacketResult, ...], members: list[PacketResult], at: float) -> Reading | None:
    there = [p for p in members if p.arrived_at is not None]
    if len(there) < 2 or len(there) < _COMPLETE * len(members):
        return None
    first, last = there[0], there[-1]
    if last.sent_at - first.sent_at > _BACK_TO_BACK_S:
        return None
    gap = (last.arrived_at or 0.0) - (first.arrived_at or 0.0)
    # Whatever else of ours went between has used the link as well, and so have the lost.
    bits = sum(p.size for p in packets if first.number < p.number <= last.number) * 8
    return Reading(at, bits, gap, _off_line(there))


def _off_line(there: list[PacketResult]) -> float | None:
    """The standard deviation of arrivals around a straight line over the bytes sent (s)."""
    if len(there) < _LINE_LEAST:
        return None
    sizes = itertools.accumulate([0, *(p.size for p in there[1:])])
    points = [(float(x), p.arrived_at or 0.0) for x, p in zip(sizes, there, strict=True)]
    mean_x, mean_y = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    tilt = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    squares = sum((y - mean_y - tilt * (x - mean_x)) ** 2 for x, y in points)
    return math.sqrt(squares / (len(points) - 2))
