"""PURE: how speech is sent: bitrate, frame length and redundancy from a budget and from what the link loses."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import lru_cache

PACKET_OVERHEAD_BYTES = 58
"""IPv4 20, UDP 8, RTP 12, header extension with the transport-wide sequence number 8, SRTP tag 10."""
FRAMES_MS = (20, 40, 60, 120)
LEAST_BITRATE, MOST_BITRATE = 6_000, 32_000
DEEPEST = 3
_FURTHEST_MS = 340  # RFC 2198: an offset of 14 bits at 48 kHz
_APART_MOST_MS = 150  # copies further back are waited for longer than talk bears
_RED_HEADER_BYTES, _RED_LAST_BYTES = 4, 1  # RFC 2198 section 3


@dataclass(frozen=True)
class Speech:
    """`bitrate` bit/s of Opus payload (6,000..32,000) in packets of `frame_ms` (20, 40, 60 or 120); `redundancy`: how
    many earlier frames ride in each packet (RFC 2198), 0..3, each `distance` frames before the next (a copy well apart
    survives a burst better than three close ones), together at most 340 ms back; `fec`: Opus in-band FEC (RFC 6716
    section 2.1.7); `loss_percent`: told to the encoder; `dtx`: nothing is sent in silence. Raises ValueError for
    anything else.
    """

    bitrate: int
    frame_ms: int
    redundancy: int = 0
    fec: bool = False
    loss_percent: int = 0
    dtx: bool = False
    distance: int = 1

    def __post_init__(self) -> None:
        if not LEAST_BITRATE <= self.bitrate <= MOST_BITRATE:
            raise ValueError("no such speech bitrate")
        if self.frame_ms not in FRAMES_MS:
            raise ValueError("no such frame length")
        if not 0 <= self.redundancy <= DEEPEST or not 0 <= self.loss_percent <= 100:
            raise ValueError("no such redundancy or loss")
        if self.distance < 1 or self.redundancy * self.distance * self.frame_ms > _FURTHEST_MS:
            raise ValueError("no such distance")

    @property
    def packet_bytes(self) -> int:
        """Bytes of one packet on the wire, every header and redundant frame in."""
        payload = math.ceil(self.bitrate * self.frame_ms / 8_000)
        red = self.redundancy * (_RED_HEADER_BYTES + payload) + _RED_LAST_BYTES if self.redundancy else 0
        return payload + red + PACKET_OVERHEAD_BYTES

    @property
    def wire_bps(self) -> int:
        """Bit/s on the wire."""
        return round(self.packet_bytes * 8_000 / self.frame_ms)


_RATES = (6_000, 7_000, 8_000, 10_000, 12_000, 16_000, 20_000, 24_000, 28_000, 32_000)
_QUALITY: dict[int, tuple[float, ...]] = {
    # Wideband PESQ of libopus 1.6.1 on the lab's clip with no network, at _RATES.
    20: (2.37, 2.98, 3.29, 3.60, 3.83, 4.26, 4.35, 4.38, 4.40, 4.42),
    40: (2.61, 3.10, 3.43, 3.72, 3.92, 4.25, 4.33, 4.36, 4.39, 4.41),
    60: (2.68, 3.16, 3.43, 3.76, 4.03, 4.26, 4.36, 4.38, 4.40, 4.41),
    120: (2.57, 2.98, 3.29, 3.62, 3.80, 4.07, 4.25, 4.33, 4.37, 4.39),
}
_WORTH_OF_MS = {20: 0.0, 40: 0.06, 60: 0.17, 120: 0.55}
"""What a frame length's delay takes away, in PESQ: talk stumbles long before words are lost."""
_WAIT_PER_MS = 0.0012  # a frame that comes back with the next packets is waited for
_FRAGILE = {20: 11.0, 40: 11.5, 60: 12.0, 120: 16.0}
"""How fast concealed frames spoil speech: PESQ falls by 3.2 * (1 - exp(-fragile * concealed)). Measured with our
playout: 4.38 to 2.95 at 5 % concealed, to 3.55 at 2.5 % (20 ms)."""
_FALL = 3.2
_RUN_COSTS = 0.7  # a long gap is worse than as much in short ones: whole words go
_FEC_DEPTH, _FEC_SHARE = 0.5, 0.7
"""In-band FEC recovers one frame, coarser, and its copy is paid from the bitrate."""
_LOSS_THAT_COUNTS = 0.012
_STEPS = (0.03, 0.075, 0.12, 0.18, 0.25, 0.33, 0.5)
_KEEP_WITHIN = 0.06  # so little better is not worth a change
_KEEP_LOSSY = 0.15  # for figures of loss are rough
_ROOM_TO_RISE = 0.985
BITRATES = (
    6_000,
    6_250,
    6_500,
    6_750,
    7_000,
    7_250,
    7_500,
    8_000,
    9_000,
    10_000,
    12_000,
    13_000,
    14_000,
    16_000,
    20_000,
    24_000,
    28_000,
    32_000,
)
_APART = 6
_DISTANCES = (1, 4, 6, 7)
_ENOUGH = 0.016
LOWEST = Speech(LEAST_BITRATE, 120)


def choose_speech(budget_bps: float, loss: float, burst: float, before: Speech | None) -> Speech:
    """The best speech within `budget_bps` on the wire (the lowest there is, if nothing fits).

    `loss`: fraction of packets; `burst`: mean run of lost packets (1: single); `before`: what is sent now, kept
    while hardly anything is better. Raises ValueError for figures that are none.
    """
    if not (0 <= loss <= 1 and burst >= 1 and math.isfinite(burst) and math.isfinite(budget_bps)):
        raise ValueError("loss is a fraction and burst is at least 1")
    seen, run = _bucket(loss), _run(burst)
    best = _best(int(max(0.0, budget_bps) // 50) * 50, seen, run)
    if before is None or before.wire_bps > budget_bps:
        return best
    keep = _KEEP_LOSSY if seen else _KEEP_WITHIN
    before = replace(before, loss_percent=_told(seen), fec=before.fec and seen > 0)
    if best == before or worth(best, seen, run) - worth(before, seen, run) <= keep:
        return before
    if best.wire_bps > before.wire_bps:  # up: with some room, so that it holds
        best = _best(int(max(0.0, budget_bps * _ROOM_TO_RISE) // 50) * 50, seen, run)
        return best if worth(best, seen, run) - worth(before, seen, run) > keep else before
    return best


def needed_redundancy(loss: float, burst: float) -> int:
    """The least depth that leaves under 1.6 % of frames unrecovered (or the deepest)."""
    return _depth(_bucket(loss), _run(burst))


def in_runs(burst: float) -> bool:
    """Whether losses come in runs of more than one speech packet."""
    return _run(burst) > 1


@lru_cache(maxsize=512)
def _depth(seen: float, run: float) -> int:
    return next(
        (depth for depth in range(DEEPEST) if residual(seen, run, depth, _APART if run > 1 else 1) <= _ENOUGH), DEEPEST
    )


def residual(loss: float, burst: float, depth: float, distance: int = 1) -> float:
    """The fraction of frames that stay lost when each rides in `depth` further packets, `distance` apart. Gilbert's
    model: a run goes on with 1 - 1/burst, or, if losses are independent, with their own probability; what binds two
    packets to one fate fades with their distance.
    """
    goes_on = max(loss, 1 - 1 / max(1.0, burst))
    bound = (goes_on - loss) / (1 - loss) if loss < 1 else 0.0
    return float(loss * (loss + (1 - loss) * bound**distance) ** depth)


def worth(speech: Speech, loss: float, burst: float) -> float:
    """What a listener gets, on the scale of PESQ: quality less delay less what stays lost."""
    share = _FEC_SHARE if speech.fec else 1.0
    depth = speech.redundancy + (_FEC_DEPTH if speech.fec else 0.0)
    gone = residual(loss, burst, depth, speech.distance)
    waits = speech.redundancy * speech.distance * speech.frame_ms * _WAIT_PER_MS if loss >= _LOSS_THAT_COUNTS else 0.0
    fragile = _FRAGILE[speech.frame_ms] * (1 + _RUN_COSTS * (burst - 1))
    quality = _quality(speech.bitrate * share, speech.frame_ms)
    return quality - _WORTH_OF_MS[speech.frame_ms] - waits - _FALL * (1 - math.exp(-fragile * gone))


def _bucket(loss: float) -> float:
    """Loss in steps, so that a noisy figure does not flap what is sent."""
    if loss < _LOSS_THAT_COUNTS:
        return 0.0
    return next((step for step in _STEPS if loss <= step), 1.0)


def _run(burst: float) -> float:
    return max(1.0, math.floor(burst + 0.4))


def _told(loss: float) -> int:
    return round(loss * 100)


@lru_cache(maxsize=16)
def _candidates(loss_percent: int, bursts: bool) -> tuple[Speech, ...]:
    depths = range(DEEPEST + 1) if loss_percent else (0,)
    plain = [
        Speech(b, f, r, False, loss_percent)
        for b, f, r in itertools.product(BITRATES, FRAMES_MS, depths)
        if r * f <= _FURTHEST_MS
    ]
    fec = [Speech(b, f, 0, True, loss_percent) for b in BITRATES for f in (20, 40, 60) if loss_percent and b >= 12_000]
    apart = [
        Speech(b, f, r, False, loss_percent, False, d)
        for b, f, r, d in itertools.product(BITRATES, FRAMES_MS, (1, 2), _DISTANCES[1:])
        if bursts and loss_percent and r * d * f <= _APART_MOST_MS
    ]
    return tuple(plain + apart + fec)


@lru_cache(maxsize=4096)
def _best(budget_bps: int, loss: float, burst: float) -> Speech:
    fitting = [s for s in _candidates(_told(loss), burst > 1) if s.wire_bps <= budget_bps]
    if not fitting:
        return LOWEST
    return max(fitting, key=lambda s: (worth(s, loss, burst), -s.wire_bps))


def _quality(bitrate: float, frame_ms: int) -> float:
    table = tuple(zip(_RATES, _QUALITY[frame_ms], strict=True))
    if bitrate <= table[0][0]:
        return table[0][1] - (table[0][0] - bitrate) / 1_000 * 0.4
    for (low, at_low), (high, at_high) in itertools.pairwise(table):
        if bitrate <= high:
            return at_low + (at_high - at_low) * (bitrate - low) / (high - low)
    return table[-1][1]
