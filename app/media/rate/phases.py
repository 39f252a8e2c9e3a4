"""PURE: what each phase does on each verdict: one table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.media.events import Cause
from app.media.rate.history import History
from app.media.rate.ladder import room_bps
from app.media.rate.link import ENOUGH, ENOUGH_NOISY, LEAST_BPS
from app.media.rate.probing import Prober
from app.media.rate.queue import QueueDelay
from app.media.rate.signals import Signals, Verdict
from app.media.rate.state import FIRST_INTERVAL_S, Control, Phase

FIRST_RTT_S = 0.2
DRAIN_LOOK_S = 2.0
SHARED_CLEAR_S = 5.0
AFTER_CUT_BPS, _AFTER_CUT_SHARE = 26_000.0, 0.4
"""What is sent when a link is back, until it is known anew: most come back as they were."""
_RELIEF_S, _RELIEF = 0.06, 0.12
_FLAT_S = 0.03
_SHARED_CONGESTION = 0.25


@dataclass(frozen=True)
class Step:
    """What an action gets beside the memory."""

    signals: Signals
    now: float
    passed_s: float


def _climb(control: Control, step: Step | None) -> Control:
    told = _told(step)
    link = control.link.grow(told.signals, control.capacity, control.queue.noise_s, told.now, told.passed_s)
    control = replace(control, link=link)
    if control.phase is not Phase.START:
        return control
    noisy = control.capacity.noisy(told.now, control.queue.noise_s)
    enough = len(control.capacity.fresh(told.now)) >= (ENOUGH_NOISY if noisy else ENOUGH)
    return enter(control, Phase.STEADY, told.now) if enough else control


def _hold(control: Control, step: Step | None) -> Control:
    told = _told(step)
    link = control.link.stay(control.capacity, control.queue.noise_s, told.now, told.passed_s)
    return replace(control, link=link)


def _back_off(control: Control, step: Step | None) -> Control:
    told = _told(step)
    wait = (control.least_rtt_s or FIRST_RTT_S) + control.interval_s
    return replace(
        enter(control, Phase.DRAIN, told.now),
        link=control.link.back_off(told.signals, told.now),
        capacity=control.capacity.forget(),
        standing_s=told.signals.standing_s,
        mark=(told.now + wait + DRAIN_LOOK_S, math.inf),
    )


def _drain(control: Control, step: Step | None) -> Control:
    """Lower if need be; and look from time to time whether it helps."""
    told = _told(step)
    if told.signals.standing_s > control.standing_s or told.signals.rising:
        control = replace(control, link=control.link.drain(told.signals))
    control = replace(control, standing_s=told.signals.standing_s)
    due, before = control.mark
    queue = told.signals.standing_s
    if before == math.inf and told.now >= due - DRAIN_LOOK_S:
        return replace(control, mark=(told.now + DRAIN_LOOK_S, queue))
    if told.now < due:
        return control
    if queue <= before - max(_RELIEF_S, _RELIEF * before):
        return replace(control, mark=(told.now + DRAIN_LOOK_S, queue))
    return _not_ours(control, told)


def _not_ours(control: Control, told: Step) -> Control:
    """A queue that our own restraint leaves as it is: the path has become longer, or others fill it."""
    if told.signals.spread_s < _FLAT_S + 2 * control.queue.noise_s:
        return _settle(
            replace(control, queue=control.queue.rebase(), link=control.link.moved(), least_rtt_s=None), told
        )
    return replace(enter(control, Phase.SHARED, told.now), link=control.link.share(), clear_since=None)


def _settle(control: Control, step: Step | None) -> Control:
    told = _told(step)
    return replace(enter(control, Phase.STEADY, told.now), link=control.link.settle())


def _endure(control: Control, step: Step | None) -> Control:
    """Others fill the queue: useful speech goes on, unless we alone are what is dropped."""
    told = _told(step)
    control = replace(control, clear_since=None)
    if told.signals.congestion > _SHARED_CONGESTION:
        return replace(control, link=control.link.drain(told.signals))
    if told.signals.spread_s < _FLAT_S and told.now - control.phase_since > DRAIN_LOOK_S:
        return _not_ours(control, told)
    return control


def _relief(control: Control, step: Step | None) -> Control:
    told = _told(step)
    since = control.clear_since if control.clear_since is not None else told.now
    if told.now - since >= SHARED_CLEAR_S:
        return replace(enter(control, Phase.STEADY, told.now), capacity=control.capacity.forget())
    return replace(control, clear_since=since)


def dark(control: Control, step: Step | None = None) -> Control:
    rungs = control.rungs.speech_alone(Cause.LINK_LOST, control.at)
    return replace(enter(control, Phase.BLIND, control.at), rungs=rungs, suspicious=False)


def light(control: Control, now: float) -> Control:
    """As at a start, with a part of what the link carried before; the rest of what was known is known no more."""
    bps = max(LEAST_BPS, min(control.link.bps, max(AFTER_CUT_BPS, _AFTER_CUT_SHARE * control.link.bps)))
    room = room_bps(bps, control.loss.random, control.loss.burst)
    return replace(
        enter(control, Phase.START, now),
        rungs=control.rungs.fit(room, room, now, may_rise=True) if control.pictures_wanted else control.rungs,
        feedback_at=now,
        link=replace(control.link, bps=bps, held_bps=bps),
        capacity=control.capacity.forget(),
        queue=QueueDelay(noise_s=control.queue.noise_s),
        history=History(control.history.fresh, control.history.fresh),
        prober=Prober(),
        interval_s=FIRST_INTERVAL_S,
    )


TABLE: dict[tuple[Phase, Verdict], Callable[[Control, Step | None], Control]] = {
    (Phase.START, Verdict.CLEAR): _climb,
    (Phase.START, Verdict.FAIR): _hold,
    (Phase.START, Verdict.OVERUSE): _back_off,
    (Phase.START, Verdict.SILENT): dark,
    (Phase.STEADY, Verdict.CLEAR): _climb,
    (Phase.STEADY, Verdict.FAIR): _hold,
    (Phase.STEADY, Verdict.OVERUSE): _back_off,
    (Phase.STEADY, Verdict.SILENT): dark,
    (Phase.DRAIN, Verdict.CLEAR): _settle,
    (Phase.DRAIN, Verdict.FAIR): _drain,
    (Phase.DRAIN, Verdict.OVERUSE): _drain,
    (Phase.DRAIN, Verdict.SILENT): dark,
    (Phase.SHARED, Verdict.CLEAR): _relief,
    (Phase.SHARED, Verdict.FAIR): _endure,
    (Phase.SHARED, Verdict.OVERUSE): _endure,
    (Phase.SHARED, Verdict.SILENT): dark,
}
"""BLIND is left by any feedback before a verdict counts (:func:`light`)."""


def act(control: Control, step: Step | None) -> Control:
    return TABLE[control.phase, control.verdict](control, step)


def _told(step: Step | None) -> Step:
    if step is None:
        raise ValueError("this needs feedback")
    return step


def enter(control: Control, phase: Phase, now: float) -> Control:
    return replace(control, phase=phase, phase_since=now)
