"""PURE: what probe trains tell of the link's capacity.

Padding follows a speech packet back to back; the time between the arrivals of the first and the last is what the
narrowest link took for the bytes after the first, so it tells that link's rate and hardly fills its queue. Jitter
spoils short trains (so they get longer while readings are high), aggregation and cross traffic raise readings (so the
lowest of several counts, and what a later overuse disproved is discounted).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.media.rate.feedback import PacketResult

PROBE_PADDING_BYTES = 240
"""Padding is 255 bytes at most (RFC 3550 section 5.1); with headers this makes 298 on the wire."""
LARGEST_BYTES = 298
LEAST_BYTES = 70
FRESH_S = 15.0
HIGHEST_BPS = 2_000_000.0
_MOST_PACKETS = 12
_KEPT = 5
_COUNTS = 3
_LEAST_GAP_S = 0.0005  # transport feedback tells time in steps of 0.25 ms
_BACK_TO_BACK_S = 0.02
_COMPLETE = 0.6
_NOISY = 0.12


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
    """A probe of about so many bytes in as few packets as can be."""
    packets = max(1, min(_MOST_PACKETS, -(-int(bytes_) // LARGEST_BYTES)))
    return Probe(max(LEAST_BYTES, min(LARGEST_BYTES, int(bytes_ / packets))), packets)


@dataclass(frozen=True)
class Reading:
    at: float
    bps: float
    gap_s: float


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
        return tuple(r for r in self.readings if now - r.at <= FRESH_S)

    def lowest(self, now: float, noise_s: float, count: int = _COUNTS) -> float | None:
        """Bit/s that the last `count` readings agree on: the lowest; with much jitter the mean over their time, for
        there the lowest is only the unluckiest. None without fresh readings.
        """
        fresh = self.fresh(now)
        if not fresh:
            return None
        gaps = sum(r.gap_s for r in fresh)
        if noise_s > _NOISY * gaps / len(fresh):
            return sum(r.bps * r.gap_s for r in fresh) / gaps
        return min(r.bps for r in fresh[-count:])

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
    if gap <= 0:
        return None  # reordered
    # Whatever else of ours went between has used the link as well, and so have the lost.
    bits = sum(p.size for p in packets if first.number < p.number <= last.number) * 8
    gap = max(gap, _LEAST_GAP_S, bits / HIGHEST_BPS)
    return Reading(at, bits / gap, gap)
