"""PURE: which rung to send on, given the room beside speech: down at once, up rarely, never to and fro."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.media.events import Cause
from app.media.rate.ladder import LADDERS, LOWEST_VIDEO, SPEECH_ONLY, STILLS, View, highest

UP_EVERY_S = 20.0
SETTLING_S = 8.0
RETURN_AFTER_S = 1.5
IN_VAIN_S = 12.0
HOLD_FIRST_S, HOLD_LONGEST_S = 20.0, 80.0
PROVEN_S = 60.0
NARROW_S = 6.0
_KEEP = 0.96


@dataclass(frozen=True)
class Rungs:
    """`step` is an index into the view's ladder. Times are monotonic seconds."""

    step: int = SPEECH_ONLY
    cause: Cause = Cause.START
    view: View = View.TALK
    up_at: float | None = None  # the last change up
    free_until: float | None = None  # after a start or a cut the right rung is still being found
    rests_until: float = 0.0  # no step up at all so soon after one down
    not_before: float = 0.0  # no step up beyond stills, or at all where those have failed
    failed: int = SPEECH_ONLY
    failed_up_at: float | None = None  # the change up that has failed: it counts once, in however many steps it fell
    hold_s: float = HOLD_FIRST_S
    narrow_since: float | None = None  # since when there has been no room even for stills

    def speech_alone(self, cause: Cause | None, now: float) -> Rungs:
        """No pictures, at once; `cause` None: by a person's wish, which is told elsewhere."""
        if self.step == SPEECH_ONLY:
            return self if cause is None else replace(self, cause=cause)
        if cause is None:
            return replace(self, step=SPEECH_ONLY, up_at=None, free_until=None)
        return self._down(SPEECH_ONLY, cause, now)

    def look(self, view: View) -> Rungs:
        """Another wish of what to see: as at a start, from the lowest step up."""
        return self if view is self.view else replace(self, view=view, up_at=None, free_until=None)

    def fit(self, room: float, room_to_rise: float, now: float, *, may_rise: bool) -> Rungs:
        """The rung for `room` bit/s on the wire beside speech; `room_to_rise`: the same reckoned with care."""
        state = self
        # A rung that was taken back has proven nothing, however long ago it was tried.
        if self.up_at is not None and self.not_before <= self.up_at < now - PROVEN_S:
            state = replace(self, hold_s=HOLD_FIRST_S)
        narrow = state.step > SPEECH_ONLY and room < _KEEP * LADDERS[state.view][STILLS].least
        if narrow is not (state.narrow_since is not None):
            state = replace(state, narrow_since=now if narrow else None)
        if room < _KEEP * LADDERS[state.view][state.step].least:
            return state._fall(highest(state.view, room, rising=False), now)
        above = highest(state.view, room_to_rise, rising=True)
        return state._up(above, now) if may_rise and above > state.step else state

    def _fall(self, step: int, now: float) -> Rungs:
        """A link that has just fallen often looks thinner than it is, and the way back up is slow: stills stay, with
        the next one held back while there is no room, until there has been none for a while.
        """
        if step == SPEECH_ONLY and (self.narrow_since is None or now - self.narrow_since < NARROW_S):
            step = STILLS
        return self if step == self.step else self._down(step, Cause.LINK_THIN, now)

    def thin(self) -> Rungs:
        """A start is over, or a cut is, and no moving pictures were possible."""
        return replace(self, cause=Cause.LINK_THIN) if self.is_unsaid else self

    @property
    def is_unsaid(self) -> bool:
        """Whether few or no pictures still have a cause that says nothing of how wide the link is."""
        return self.step < LOWEST_VIDEO and self.cause in (Cause.START, Cause.LINK_LOST)

    def _down(self, step: int, cause: Cause, now: float) -> Rungs:
        lost = cause is Cause.LINK_LOST
        settling = self.free_until is not None and now < self.free_until
        state = replace(self, step=step, cause=cause)
        if lost:  # that pictures went with the link is no failure of theirs
            return replace(state, free_until=None, up_at=None)
        if settling:
            return state
        state = replace(state, rests_until=now + RETURN_AFTER_S)
        in_vain = self.up_at is not None and self.up_at != self.failed_up_at and now - self.up_at < IN_VAIN_S
        if not in_vain:
            return state
        return replace(
            state,
            not_before=max(self.not_before, now + self.hold_s),
            failed=self.step,
            failed_up_at=self.up_at,
            hold_s=min(HOLD_LONGEST_S, self.hold_s * 2),
        )

    def _up(self, step: int, now: float) -> Rungs:
        if now < self.not_before:
            step = min(step, STILLS if self.failed > STILLS else SPEECH_ONLY)
        if now < self.rests_until or step <= self.step:
            return self
        free = self.up_at is None or (self.free_until is not None and now < self.free_until)
        if not free and self.up_at is not None and now - self.up_at < UP_EVERY_S:
            return self
        settles = now + SETTLING_S if self.up_at is None else self.free_until
        return replace(self, step=step, cause=self._cause_up(step), up_at=now, free_until=settles)

    def _cause_up(self, step: int) -> Cause:
        if self.cause is Cause.START:
            return self.cause
        return Cause.LINK_THIN if step == STILLS else Cause.LINK_RECOVERED
