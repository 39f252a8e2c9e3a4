"""PURE: how much we let the link carry: up by what probes read and queues confirm, down to what was delivered.

Probe readings are a ceiling. An overuse says what the link really gave us; readings that it disproves (another flow
has its share, a radio link sends in bursts) are believed only in that proportion, `credit`, which comes back slowly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.media.rate.capacity import Capacity
from app.media.rate.ladder import CONSENT_BPS, LEAST_TOTAL_BPS
from app.media.rate.signals import Signals

LEAST_BPS = float(LEAST_TOTAL_BPS)
MOST_BPS = 900_000.0
START_BPS = 13_000.0
"""Speech of 8 kbit/s in 120 ms frames, whole."""
SPEECH_FLOOR_BPS = 22_000.0
"""Useful speech: 12 kbit/s in 60 ms frames, whole. A queue that others make takes no more than this away."""
SHARED_BPS = 26_400.0
"""Good speech, whole: so much is taken of a link whose queue is another's."""
HOLD_FIRST_S, HOLD_LONGEST_S = 8.0, 64.0
PROVEN_S = 30.0
JUMP, FULL = 0.85, 0.96
_FIRST_SHARE, _FIRST_LIMIT_BPS = 0.7, 30_000.0
_GROWTH, _SHRINK = 0.03, 0.1  # of itself, a second
_BLIND_GROWTH, _BLIND_STEP_BPS = 0.05, 500.0
_REMOTE_START_GROWTH, _REMOTE_GROWTH = 0.6, 0.08
_UNPROVEN, _UNPROVEN_STEP_BPS = 1.5, 10_000.0
_CREDIT_PER_S = 0.025
_SAME_FALL_S = 3.0
"""So soon after an overuse another one belongs to the same fall of the link, not to a second try."""
_FORGIVES_ONCE_S, _CREDIT_ONCE_PER_S = 3.0, 0.1
_AT_LEAST_DOWN = 0.97  # an overuse is an overuse, however much seems to be carried
_LIED = 1.25
_AGREES = 0.3
_SETTLED = 0.9
_AGAIN_HELD = 0.92
_UNSEEN = 0.8
_HOPE = 1.2
ENOUGH, ENOUGH_NOISY = 3, 6
"""Readings that allow any jump; more of them under jitter."""


@dataclass(frozen=True)
class Link:
    """All in bit/s on the wire, RTCP and consent in. `bps`: what may be sent now; `held_bps`: what the link is held to
    carry once the queue is gone (rungs follow this, so that a short drain does not cost a key frame);
    `failed_bps`: what it delivered at the last overuse.
    """

    bps: float = START_BPS
    held_bps: float = START_BPS
    credit: float = 1.0
    failed_bps: float | None = None
    failed_at: float = 0.0
    first_bps: float = START_BPS  # what it carried when that overuse began: while it lasts we measure only ourselves
    hold_s: float = HOLD_FIRST_S
    checked: bool = True  # readings after the failure have been compared with it

    def grow(self, signals: Signals, capacity: Capacity, noise_s: float, now: float, passed_s: float) -> Link:
        """The queue is gone: up."""
        link = self._credited(capacity, noise_s, now, passed_s)
        reading = capacity.lowest(now, noise_s)
        if reading is None:
            return link._to(max(link.bps, link._without_readings(signals, now, passed_s)))
        usable = reading * link.credit
        top = FULL * usable
        if link.failed_bps is not None and not link.checked:
            top = min(top, max(link.bps, _SETTLED * link.failed_bps))
        if link.failed_bps is not None and link._held_back(now):
            top = min(top, max(LEAST_BPS, _AGAIN_HELD * link.failed_bps))
        enough = ENOUGH_NOISY if capacity.noisy(now, noise_s) else ENOUGH
        start = max(link.bps, min(top, _jump(usable, len(capacity.fresh(now)), enough)))
        grown = link._to(max(start, min(top, start * (1 + _GROWTH * passed_s))))
        # Where jitter blurs the readings, what goes through without a queue is the better witness.
        return grown if capacity.noisy(now, noise_s) else grown._bounded(top, passed_s)

    def stay(self, capacity: Capacity, noise_s: float, now: float, passed_s: float) -> Link:
        """Some queue: no more, and less if the readings say so."""
        reading = capacity.lowest(now, noise_s)
        if reading is None or capacity.noisy(now, noise_s):
            return self
        usable = reading * self.credit
        return self._bounded(FULL * usable, passed_s)

    def back_off(self, signals: Signals, now: float) -> Link:
        """An overuse: send under what is carried, until the queue is gone."""
        carried = self._carried(signals)
        since = now - self.failed_at
        again = self.failed_bps is not None and _SAME_FALL_S <= since < self.hold_s + PROVEN_S
        alike = again and abs(carried / (self.failed_bps or carried) - 1) < _AGREES
        hold = min(HOLD_LONGEST_S, self.hold_s * 2) if alike else HOLD_FIRST_S
        drained = self._drained(carried, signals.standing_s)
        return replace(
            drained,
            bps=max(LEAST_BPS, min(drained.bps, _AT_LEAST_DOWN * self.bps)),
            failed_bps=carried,
            first_bps=carried,
            failed_at=now,
            hold_s=hold,
            checked=False,
        )

    def drain(self, signals: Signals) -> Link:
        """Still a longer queue: lower if less is carried than was thought. Never up. Where the link was not seen busy,
        how little we send in a drain is a poor measure of what it carries: a little lower at most.
        """
        carried, failed = self._carried(signals), self.failed_bps
        if failed is not None and signals.busy_bps is None:
            return self._drained(max(carried, _UNSEEN * failed), signals.standing_s)
        if failed is not None and carried >= 0.9 * failed:
            carried = failed
        return replace(self._drained(carried, signals.standing_s), failed_bps=carried)

    def settle(self) -> Link:
        """The queue is gone."""
        bps = max(self.bps, self.held_bps, self._speech_floor())
        return replace(self, bps=bps, held_bps=bps)

    def share(self) -> Link:
        """The queue is not ours: useful speech and no more, until it is gone."""
        return replace(self, bps=self._speech_floor(), held_bps=self._speech_floor())

    def moved(self) -> Link:
        """The queue was none, but a longer path: nothing has failed."""
        return replace(self, failed_bps=None, credit=1.0, checked=True, hold_s=HOLD_FIRST_S)

    def promised(self, newest_bps: float, now: float) -> bool:
        """Whether the newest reading is well above what the link is let carry: others should follow soon."""
        # Beyond MOST_BPS there is nothing to hope for: a wide link must not wait for more.
        return not self._held_back(now) and min(newest_bps * self.credit, MOST_BPS) > _HOPE * self.bps

    def probed_bps(self, reading_bps: float, now: float) -> float:
        """What a probe may count on: less than what was read if that has failed."""
        believed = reading_bps * self.credit
        return min(believed, self.failed_bps) if self.failed_bps is not None and self._held_back(now) else believed

    def _held_back(self, now: float) -> bool:
        """Whether it has failed alike more than once, and not long ago."""
        return self.hold_s > HOLD_FIRST_S and self.failed_bps is not None and now - self.failed_at < self.hold_s

    def _speech_floor(self) -> float:
        return max(LEAST_BPS, min(_SETTLED * self.first_bps, SHARED_BPS))

    def remote(self, remb_bps: float | None, sent_bps: float, now: float, passed_s: float, starting: bool) -> Link:
        """A guest's link without a queue: up by a share of itself, no further than what was sent proves."""
        growth = _REMOTE_START_GROWTH if starting else _REMOTE_GROWTH
        if self.failed_bps is not None and now - self.failed_at < self.hold_s:
            growth = 0.0
        top = max(self.bps, _UNPROVEN * sent_bps + _UNPROVEN_STEP_BPS)
        return self._to(min(top, self.bps * (1 + growth * passed_s))).limited(remb_bps)

    def limited(self, most_bps: float | None) -> Link:
        if most_bps is None or most_bps >= self.bps:
            return self
        return self._to(most_bps)

    def _carried(self, signals: Signals) -> float:
        if signals.busy_bps is not None:
            return signals.busy_bps + CONSENT_BPS  # which no feedback tells of
        # What was delivered with pauses between is less than the link carries; a little less is tried.
        return max(_SETTLED * self.bps, signals.delivered_bps or 0.0)

    def _drained(self, carried: float, standing_s: float) -> Link:
        factor = max(0.5, min(0.85, 0.9 - standing_s))
        bps = max(LEAST_BPS, factor * carried, min(0.85 * carried, SPEECH_FLOOR_BPS))
        return replace(self, bps=min(self.bps, bps), held_bps=min(self.held_bps, max(LEAST_BPS, _SETTLED * carried)))

    def _without_readings(self, signals: Signals, now: float, passed_s: float) -> float:
        up = self.bps * (1 + _BLIND_GROWTH * passed_s) + _BLIND_STEP_BPS * passed_s
        if self.failed_bps is not None and now - self.failed_at < self.hold_s:
            up = min(up, 0.95 * self.failed_bps)
        return min(up, _UNPROVEN * (signals.delivered_bps or self.bps) + _UNPROVEN_STEP_BPS)

    def _credited(self, capacity: Capacity, noise_s: float, now: float, passed_s: float) -> Link:
        """Compares the first two readings after an overuse with what it delivered; forgives when the hold is over."""
        if self.failed_bps is None:
            return self
        if not self.checked and len(capacity.fresh(now)) >= 2:
            reading = capacity.lowest(now, noise_s) or self.failed_bps
            lied = reading > _LIED * self.failed_bps
            return replace(self, checked=True, credit=self.failed_bps / reading if lied else 1.0)
        # What failed once may have been a mistake of ours in the middle of a fall; what fails alike again was none.
        once = self.hold_s <= HOLD_FIRST_S
        if self.checked and now - self.failed_at >= (_FORGIVES_ONCE_S if once else self.hold_s):
            credit = min(1.0, self.credit + (_CREDIT_ONCE_PER_S if once else _CREDIT_PER_S) * passed_s)
            proven = credit >= 1.0 and now - self.failed_at >= self.hold_s + PROVEN_S
            return replace(self, credit=credit, failed_bps=None if proven else self.failed_bps)
        return self

    def _bounded(self, top: float, passed_s: float) -> Link:
        if self.bps <= top:
            return self
        return self._to(max(top, self.bps * (1 - _SHRINK * passed_s)))

    def _to(self, bps: float) -> Link:
        bps = max(LEAST_BPS, min(MOST_BPS, bps))
        return replace(self, bps=bps, held_bps=bps)


def _jump(usable: float, count: int, enough: int) -> float:
    """Where so many readings lead at once: one to useful speech, two to good speech, enough of them anywhere."""
    if count == 1:
        return min(_FIRST_LIMIT_BPS, _FIRST_SHARE * usable)
    return JUMP * usable if count >= enough else min(2 * _FIRST_LIMIT_BPS, JUMP * usable)
