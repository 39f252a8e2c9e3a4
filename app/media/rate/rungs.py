"""PURE: which rung to send on, given what the link is held to carry: down at once, up rarely, never to and fro."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.media.events import Cause
from app.media.rate.ladder import LOWEST_PICTURES, SPEECH_ONLY, cost_bps, highest_within

UP_EVERY_S = 5.0
RETURN_AFTER_S = 1.5
IN_VAIN_S = 12.0
HOLD_FIRST_S, HOLD_LONGEST_S = 8.0, 64.0
PROVEN_S = 60.0
_KEEP = 1.04
_RISE = 0.98
_WORSE, _LONGER = 1.3, 0.4  # a step up must hold when losses come out a little worse


@dataclass(frozen=True)
class Rungs:
    """`step` is an index into the ladder. Times are monotonic seconds."""

    step: int = SPEECH_ONLY
    cause: Cause = Cause.START
    changed_at: float | None = None
    returned_at: float | None = None  # when pictures last came
    not_before: float = 0.0  # pictures
    hold_s: float = HOLD_FIRST_S

    def speech_alone(self, cause: Cause | None, now: float) -> Rungs:
        """No pictures, at once; `cause` None: by a person's wish, which is told elsewhere."""
        if self.step == SPEECH_ONLY:
            return self if cause is None else replace(self, cause=cause)
        if cause is None:
            return replace(self, step=SPEECH_ONLY, changed_at=None, returned_at=None)
        soon = self.returned_at is not None and now - self.returned_at < IN_VAIN_S
        wait = self.hold_s if soon else RETURN_AFTER_S
        hold = min(HOLD_LONGEST_S, self.hold_s * 2) if soon else self.hold_s
        return replace(self, step=SPEECH_ONLY, cause=cause, changed_at=now, not_before=now + wait, hold_s=hold)

    def fit(self, held_bps: float, loss: float, burst: float, now: float, *, may_rise: bool) -> Rungs:
        """The rung for a link that is held to carry `held_bps`."""
        state = self
        if self.step >= LOWEST_PICTURES and self.returned_at is not None and now - self.returned_at > PROVEN_S:
            state = replace(self, hold_s=HOLD_FIRST_S)
        if cost_bps(state.step, loss, burst) > _KEEP * held_bps and state.step > SPEECH_ONLY:
            return state._down(highest_within(held_bps, loss, burst), now)
        above = highest_within(_RISE * held_bps, _WORSE * loss, burst + _LONGER)
        return state._up(above, now) if may_rise and above > state.step else state

    def thin(self) -> Rungs:
        """A start is over, or a cut is, and no pictures were possible."""
        return replace(self, cause=Cause.LINK_THIN) if self.is_unsaid else self

    @property
    def is_unsaid(self) -> bool:
        """Whether speech alone still has a cause that says nothing of how wide the link is."""
        return self.step == SPEECH_ONLY and self.cause in (Cause.START, Cause.LINK_LOST)

    def _down(self, step: int, now: float) -> Rungs:
        if step == SPEECH_ONLY:
            return self.speech_alone(Cause.LINK_THIN, now)
        return replace(self, step=step, cause=Cause.LINK_THIN, changed_at=now)

    def _up(self, step: int, now: float) -> Rungs:
        returns = self.step == SPEECH_ONLY
        if now < self.not_before and returns:
            return self
        if not returns and self.changed_at is not None and now - self.changed_at < UP_EVERY_S:
            return self
        cause = self.cause if self.cause is Cause.START else Cause.LINK_RECOVERED
        return replace(self, step=step, cause=cause, changed_at=now, returned_at=now if returns else self.returned_at)
