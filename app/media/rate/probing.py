"""PURE: when to probe, and with how much: never more than 60 ms of the link, under 3 % of it in the long run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.media.rate.capacity import LEAST_BYTES, Capacity, Probe, train
from app.media.rate.link import Link

FIRST = Probe(100, 2)
"""On an unknown link: 133 ms of 12 kbit/s, once."""
_CLIMB_S, _STEADY_S = 0.06, 0.04
"""How long a train may take the link."""
_SHARE = 0.02
_LEAST_PERIOD_S, _QUICK_S, _AGAIN_S = 2.0, 0.45, 1.2
_FIRST_AGAIN_S = 0.5
_CLIMB_EVERY_S = 0.24
_THIN_BPS, _USEFUL_BPS = 30_000.0, 19_000.0
_FEW = 3


@dataclass(frozen=True)
class Prober:
    """`expected`: packets of a whole cluster, the speech packet before the train in."""

    last_at: float | None = None
    last_bits: int = 0
    expected: int = 2
    tries: int = 0  # without a reading

    def sent(self, probe: Probe, now: float) -> Prober:
        return replace(self, last_at=now, last_bits=probe.bits, expected=probe.packets + 1)

    def due(
        self, capacity: Capacity, link: Link, starting: bool, noise_s: float, now: float
    ) -> tuple[Prober, Probe | None]:
        """The probe to send now, or None."""
        readings = capacity.fresh(now)
        known = capacity.lowest(now, noise_s)
        if known is None:
            again = _FIRST_AGAIN_S if starting and self.tries < _FEW else _AGAIN_S
            if self.last_at is not None and now - self.last_at < again:
                return self, None
            size = max(LEAST_BYTES, _CLIMB_S / 8 * link.bps)
            probe = FIRST if starting and self.tries < _FEW and link.bps < _THIN_BPS else train(size)
            return replace(self.sent(probe, now), tries=self.tries + 1), probe
        # Longer trains while jitter is about, and as long as all readings are high.
        noisy = capacity.noisy(now, noise_s)
        news = known if noisy else readings[-1].bps
        long = starting or noisy
        probe = train((_CLIMB_S if long else _STEADY_S) / 8 * link.probed_bps(known, now))
        if self.last_at is not None and now - self.last_at < self._period(
            probe, news, len(readings), link, starting, now
        ):
            return self, None
        return self.sent(probe, now), probe

    def _period(self, probe: Probe, newest_bps: float, count: int, link: Link, starting: bool, now: float) -> float:
        if starting:
            if newest_bps > _THIN_BPS:
                return _CLIMB_EVERY_S
            return _FIRST_AGAIN_S if newest_bps > _USEFUL_BPS else _AGAIN_S
        steady = max(_LEAST_PERIOD_S, probe.bits / (_SHARE * link.bps))
        few = count < _FEW
        hopeful = link.promised(newest_bps, now)
        return _QUICK_S if hopeful else min(steady, _AGAIN_S) if few else steady
