"""PURE: the rung to send on. Down fast, up slow, no flapping; every change has its cause.

Two ways in: :func:`step` with the feedback that came (or None when a second passed without), and `now`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from app.media.events import Cause
from app.media.rate.capacity import LOW_LASTS_S, ROOM, Probes, Says
from app.media.rate.estimator import Verdict, carried, estimate, judge
from app.media.rate.feedback import LinkFeedback
from app.media.rate.ladder import LADDER, LOWEST_PICTURES, SPEECH_ONLY, START, STOP_TO, highest_within

SILENT_AFTER_S = 3.0
SILENT_WITH_PICTURES_S = 1.8  # reports come twice as often then
UP_EVERY_S = 5.0
TRIAL_S = 5.0
DRAIN_S = 2.5
HOLD_FIRST_S = 8.0
HOLD_LONGEST_S = 64.0
HOLD_AFTER_SILENCE_S = 4.0
PROVEN_S = 60.0
RESUME_AFTER_S = 2.0
RESUME_WITHIN_S = 10.0
_KEPT_FOR_S = 12.0  # pictures that came back and went again sooner came back in vain
_CALM_S = 1.0
_SPEECH_ROOM = 1.1
_PROBE_S = 1.75
_PROBE_AGAIN_S = 0.6
_BAD_FOR_S = 0.8
_SAFETY = 0.85


class Phase(StrEnum):
    STEADY = "steady"
    TRIAL = "trial"  # a step up is being judged
    DRAINING = "draining"  # a step down is given time to show
    BLIND = "blind"  # no feedback


class Action(StrEnum):
    STAY = "stay"
    CALM = "calm"  # good: go up if all conditions hold
    SUSPECT = "suspect"  # bad: go down if it lasts
    BACK = "back"  # the trial failed
    STOP = "stop"  # no pictures, now
    DARK = "dark"  # nothing is heard: send speech alone
    LIGHT = "light"  # feedback is back


_TABLE: dict[tuple[Phase, Verdict], Action] = {
    (Phase.STEADY, Verdict.GOOD): Action.CALM,
    (Phase.STEADY, Verdict.FAIR): Action.STAY,
    (Phase.STEADY, Verdict.BAD): Action.SUSPECT,
    (Phase.STEADY, Verdict.SEVERE): Action.STOP,
    (Phase.STEADY, Verdict.SILENT): Action.DARK,
    (Phase.TRIAL, Verdict.GOOD): Action.CALM,
    (Phase.TRIAL, Verdict.FAIR): Action.STAY,
    (Phase.TRIAL, Verdict.BAD): Action.BACK,
    (Phase.TRIAL, Verdict.SEVERE): Action.BACK,
    (Phase.TRIAL, Verdict.SILENT): Action.DARK,
    (Phase.DRAINING, Verdict.GOOD): Action.CALM,
    (Phase.DRAINING, Verdict.FAIR): Action.STAY,
    (Phase.DRAINING, Verdict.BAD): Action.SUSPECT,
    (Phase.DRAINING, Verdict.SEVERE): Action.STOP,
    (Phase.DRAINING, Verdict.SILENT): Action.DARK,
    (Phase.BLIND, Verdict.GOOD): Action.LIGHT,
    (Phase.BLIND, Verdict.FAIR): Action.LIGHT,
    (Phase.BLIND, Verdict.BAD): Action.LIGHT,
    (Phase.BLIND, Verdict.SEVERE): Action.LIGHT,
    (Phase.BLIND, Verdict.SILENT): Action.STAY,
}


@dataclass(frozen=True)
class Control:
    """The controller's whole memory. Times are monotonic seconds."""

    rung: int
    cause: Cause
    phase: Phase
    phase_since: float
    feedback_at: float
    estimate_bps: float
    good_since: float | None = None
    bad_since: float | None = None
    changed_at: float | None = None
    raised_at: float | None = None
    failed: int | None = None  # the lowest rung that the link did not carry, until proven otherwise
    hold_s: float = HOLD_FIRST_S
    retry_at: float = 0.0  # not before: the failed rung, or pictures again
    raised_from: int = 0
    stopped: bool = False  # the last step down stopped pictures
    probes: Probes = field(default_factory=Probes)
    resume: int | None = None  # the picture rung that was cut off by an outage
    light_at: float | None = None  # when that outage ended
    returned_at: float | None = None  # when pictures last came back
    on_trust: bool = False  # they came back on the word of probes, or because they flowed before an outage
    after_cut: bool = False  # they came back after an outage
    trust_at: float = 0.0  # not before: pictures on trust


def start(now: float, rung: int = START) -> Control:
    """How a visit begins."""
    if not 0 <= rung < len(LADDER):
        raise ValueError("no such rung")
    return Control(rung, Cause.START, Phase.STEADY, now, now, float(LADDER[rung].total_bps))


def step(state: Control, feedback: LinkFeedback | None, now: float) -> Control:
    """The next state; `rung` and `cause` are the decision. `now` never goes back."""
    if now < state.feedback_at:
        raise ValueError("time went back")
    if feedback is None:
        pictures = LADDER[state.rung].pictures is not None
        if now - state.feedback_at < (SILENT_WITH_PICTURES_S if pictures else SILENT_AFTER_S):
            return state
        return _act(state, _TABLE[state.phase, Verdict.SILENT], None, now)
    verdict = judge(feedback)
    known = estimate(state.estimate_bps, feedback, verdict, now - state.feedback_at)
    probes = state.probes if feedback.capacity_bps is None else state.probes.add(now, feedback.capacity_bps)
    state = _settle(replace(state, feedback_at=now, estimate_bps=known, probes=probes), verdict, now)
    return _act(state, _TABLE[state.phase, verdict], feedback, now)


def _settle(state: Control, verdict: Verdict, now: float) -> Control:
    """Keeps the runs of good and bad, ends phases whose time is up, and forgives what was proven."""
    good = state.good_since if state.good_since is not None else now
    bad = state.bad_since if state.bad_since is not None else now
    state = replace(
        state,
        good_since=good if verdict is Verdict.GOOD else None,
        bad_since=bad if verdict in (Verdict.BAD, Verdict.SEVERE) else None,
    )
    lasts = {Phase.STEADY: None, Phase.BLIND: None, Phase.TRIAL: TRIAL_S, Phase.DRAINING: DRAIN_S}[state.phase]
    # A drain that shows no relief when its time is up is judged anew, as steady.
    if lasts is not None and now - state.phase_since >= lasts:
        state = replace(state, phase=Phase.STEADY, phase_since=now)
    if verdict is Verdict.GOOD and now >= state.retry_at + PROVEN_S:
        state = replace(state, failed=None, hold_s=HOLD_FIRST_S)
    return state


def _act(state: Control, action: Action, feedback: LinkFeedback | None, now: float) -> Control:
    if action is Action.STAY:
        return state
    if action is Action.CALM:
        return _calm(state, now)
    if action is Action.DARK:
        return _dark(state, now)
    if action is Action.LIGHT:
        retry_at = max(state.retry_at, now + HOLD_AFTER_SILENCE_S)
        return replace(_enter(state, Phase.STEADY, now), retry_at=retry_at, light_at=now)
    if feedback is None:
        raise ValueError(f"'{action}' needs feedback")
    if action is Action.SUSPECT:
        return _suspect(state, feedback, now)
    if action is Action.BACK:
        # What was carried well before the try is carried again, unless the link itself has broken down.
        least = min(state.raised_from, STOP_TO) if judge(feedback) is Verdict.SEVERE else state.raised_from
        return _lower(state, max(_fitting(state, feedback), min(state.rung - 1, least)), now)
    if action is Action.STOP:
        if state.rung <= SPEECH_ONLY:
            return _suspect(state, feedback, now)
        return _lower(state, min(_fitting(state, feedback), STOP_TO), now)
    raise ValueError(f"no such action: {action}")


def _suspect(state: Control, feedback: LinkFeedback, now: float) -> Control:
    """Down when it was bad for about a second; while a step down drains, its time must be up first."""
    lasted = state.bad_since is not None and now - state.bad_since >= _BAD_FOR_S
    if state.phase is Phase.DRAINING or not lasted or state.rung == 0:
        return state
    return _lower(state, _fitting(state, feedback), now)


def _fitting(state: Control, feedback: LinkFeedback) -> int:
    """The highest rung below this one that fits into what is getting through now."""
    return max(0, min(state.rung - 1, highest_within(_SAFETY * carried(feedback), pictures=True)))


def _dark(state: Control, now: float) -> Control:
    """Speech alone, and remember the pictures: silent is not yet known to be thin."""
    if state.rung >= LOWEST_PICTURES:
        soon = state.returned_at is not None and now - state.returned_at < _KEPT_FOR_S
        # One cut happens; pictures that came back after one and are cut again at once came back in vain.
        counts = soon and state.after_cut
        state = replace(state, resume=state.rung)
        if counts:
            hold = min(HOLD_LONGEST_S, state.hold_s * 2)
            state = replace(state, hold_s=hold, retry_at=now + hold, trust_at=now + hold)
    rung = min(state.rung, SPEECH_ONLY)
    return replace(
        _enter(state, Phase.BLIND, now),
        rung=rung,
        cause=Cause.LINK_LOST,
        good_since=None,
        bad_since=None,
        probes=Probes(),
        light_at=None,
    )


def _calm(state: Control, now: float) -> Control:
    """Up, if all conditions hold: pictures at once on trust, else the next rung."""
    if state.phase is not Phase.STEADY or state.good_since is None:
        return state
    if state.changed_at is not None and now - state.changed_at < UP_EVERY_S:
        return state
    trusted = _trusted(state, now, now - state.good_since)
    if trusted is not None:
        return _raise(state, trusted, now, on_trust=True)
    measured = _measured_speech(state, now)
    if measured > state.rung:
        return _raise(state, measured, now)
    return _raise(state, state.rung + 1, now) if _may_rise(state, now, now - state.good_since) else state


def _trusted(state: Control, now: float, held: float) -> int | None:
    """The picture rung (two up at most) to return to from speech: the probes allow it, or it was carried before an
    outage and they do not forbid it.
    """
    if state.rung >= LOWEST_PICTURES or now < state.trust_at or held < _CALM_S:
        return None
    says, low = state.probes.says(now), state.probes.lowest(now, LOW_LASTS_S)
    targets: list[int] = []
    if says is Says.YES and low is not None:
        targets.append(highest_within(low / ROOM, pictures=True))
    lit = state.light_at is not None and RESUME_AFTER_S <= now - state.light_at < RESUME_WITHIN_S
    if state.resume is not None and lit and says is not Says.NO:
        targets.append(state.resume if low is None else min(state.resume, highest_within(low, pictures=True)))
    return max(LOWEST_PICTURES, min(LOWEST_PICTURES + 1, max(targets))) if targets else None


def _measured_speech(state: Control, now: float) -> int:
    """Where speech may go after pictures stopped, in one step (so that it puts their return off once at most); 0 when
    that is not known, or when a step down of speech itself has shown the probes wrong.
    """
    low = state.probes.lowest(now, LOW_LASTS_S)
    if low is None or len(state.probes.readings) < 2 or not state.stopped:
        return 0
    return highest_within(low / _SPEECH_ROOM, pictures=False)


def _may_rise(state: Control, now: float, held: float) -> bool:
    """Whether to try the next rung, `held` s after figures became good."""
    above = state.rung + 1
    if above >= len(LADDER):
        return False
    pictures_return = above == LOWEST_PICTURES
    risky = pictures_return or (state.failed is not None and above >= state.failed)
    low = state.probes.lowest(now, LOW_LASTS_S)
    if above <= LOWEST_PICTURES and low is not None and low < LADDER[above].total_bps:
        return False  # the link does not carry it: a try would only fill its queue
    if risky:
        return now >= state.retry_at and held >= (HOLD_AFTER_SILENCE_S if state.cause is Cause.LINK_LOST else 5.0)
    return held >= UP_EVERY_S - 1 and state.estimate_bps >= LADDER[above].total_bps


def _cause_of_raise(state: Control, rung: int) -> Cause:
    """A link has recovered when pictures are back; until then better speech is still speech on a thin link."""
    return state.cause if state.cause is Cause.START or LADDER[rung].pictures is None else Cause.LINK_RECOVERED


def _raise(state: Control, rung: int, now: float, *, on_trust: bool = False) -> Control:
    if state.rung < LOWEST_PICTURES <= rung:
        state = replace(state, returned_at=now, on_trust=on_trust, after_cut=state.resume is not None, resume=None)
    return replace(
        _enter(state, Phase.TRIAL, now),
        rung=rung,
        raised_from=state.rung,
        cause=_cause_of_raise(state, rung),
        raised_at=now,
        changed_at=now,
        good_since=None,
    )


def _lower(state: Control, rung: int, now: float) -> Control:
    """Down, and remember what failed: a failure soon after a try doubles the time until the next try."""
    tried = state.raised_at is not None and now - state.raised_at < PROVEN_S
    # A long fall from a rung that was not being tried is another link, not another failure.
    another = state.failed is None or (state.rung < state.failed and state.rung - rung >= 2)
    again = tried and not another
    stops = rung < LOWEST_PICTURES <= state.rung
    in_vain = stops and state.returned_at is not None and now - state.returned_at < _KEPT_FOR_S
    lied = in_vain and state.on_trust
    hold = min(HOLD_LONGEST_S, state.hold_s * 2) if again or lied else HOLD_FIRST_S
    return replace(
        _enter(state, Phase.DRAINING, now),
        rung=rung,
        changed_at=now,
        cause=Cause.LINK_THIN,
        failed=rung + 1,  # the lowest rung that is not known to fit
        hold_s=hold,
        retry_at=now + hold,
        good_since=None,
        bad_since=None,
        probes=Probes() if stops else state.probes,
        resume=None,
        stopped=stops,
        trust_at=now + hold if lied else state.trust_at,
    )


def _enter(state: Control, phase: Phase, now: float) -> Control:
    return replace(state, phase=phase, phase_since=now)


def probe_every(state: Control, now: float) -> float | None:
    """Seconds between probes of the link's capacity; None: none, for pictures flow or a queue is draining."""
    if state.rung >= LOWEST_PICTURES or state.phase is Phase.DRAINING:
        return None
    pending = state.resume is not None and state.light_at is not None and now - state.light_at < RESUME_WITHIN_S
    quick = (pending or state.probes.hopeful(now)) and now >= state.trust_at
    return _PROBE_AGAIN_S if quick else _PROBE_S


def lose(state: Control, now: float) -> Control:
    """Nothing at all is heard of the other side: as after a silence of feedback, at once."""
    return _act(state, _TABLE[state.phase, Verdict.SILENT], None, now)
