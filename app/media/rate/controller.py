"""PURE: the rate controller. Feedback comes in, and what may be sent goes out; the memory is one frozen value.

Every way in takes the :class:`Control` and `now` (monotonic s) and returns the next one with its `decision`. Phases and
verdicts meet in one table. ValueError: time went back, or figures that are none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from app.media.events import Cause
from app.media.rate import probing
from app.media.rate.capacity import Capacity, Probe
from app.media.rate.feedback import PacketResult, RemoteFeedback, TransportFeedback
from app.media.rate.history import History
from app.media.rate.ladder import LADDER, SPEECH_ONLY, Rung, payload_bytes
from app.media.rate.link import ENOUGH, ENOUGH_NOISY, LEAST_BPS, START_BPS, Link
from app.media.rate.loss import Loss
from app.media.rate.probing import Prober
from app.media.rate.queue import QueueDelay
from app.media.rate.rungs import Rungs
from app.media.rate.signals import Signals, Verdict, judge, judge_remote, read
from app.media.rate.speech import Speech, choose_speech
from app.media.rate.split import Split, media_budget, pacing_bps, split, window_bytes

START_SPEECH = Speech(8_000, 120)
START_LASTS_S = 4.0
DRAIN_LOOK_S = 2.0
FAIR_DRAIN_S = 3.0
SHARED_CLEAR_S = 5.0
SILENT_S, SILENT_THIN_S, _THIN_BPS = 1.8, 3.2, 30_000.0
_RELIEF_S, _RELIEF = 0.06, 0.12
_FLAT_S = 0.03
_FIRST_RTT_S, _FIRST_INTERVAL_S = 0.2, 0.2
_AFTER_CUT_BPS = 26_000.0
_LONGEST_STEP_S = 1.0
_RTT_FORGETS_PER_S = 0.02
_UNKNOWN_BPS = 200_000.0
_SHARED_CONGESTION = 0.25


class Phase(StrEnum):
    START = "start"  # little is known: probe and climb
    STEADY = "steady"
    DRAIN = "drain"  # after an overuse: under what is carried, until the queue is gone
    SHARED = "shared"  # the queue does not follow what we do: another's
    BLIND = "blind"  # no feedback


@dataclass(frozen=True)
class Decision:
    """What to send: `rung` (speech format, pictures or None), why, how the link is split, the pace (bit/s) of what is
    not speech, the bytes in flight above which pictures and data wait, a probe to be sent once, or None, and the largest
    RTP payload of pictures and data.
    """

    rung: Rung
    cause: Cause
    split: Split
    pacing_bps: float
    window_bytes: int
    probe: Probe | None
    payload_bytes: int


@dataclass(frozen=True)
class Control:
    """The controller's whole memory. Times are monotonic seconds."""

    decision: Decision
    at: float
    phase: Phase = Phase.START
    phase_since: float = 0.0
    feedback_at: float = 0.0
    flight_at: float = 0.0  # when last nothing was in flight
    least_rtt_s: float | None = None
    interval_s: float = _FIRST_INTERVAL_S
    link: Link = Link()
    rungs: Rungs = Rungs()
    prober: Prober = Prober()
    history: History = History()
    queue: QueueDelay = QueueDelay()
    loss: Loss = Loss()
    capacity: Capacity = Capacity()
    verdict: Verdict = Verdict.FAIR
    mark: tuple[float, float] = (0.0, 0.0)  # (when to look again, the queue to compare with): does a drain help?
    clear_since: float | None = None
    standing_s: float = 0.0  # the queue at the last message of a drain
    suspicious: bool = False
    pictures_wanted: bool = True
    remote_loss: float = 0.0
    speech: Speech = field(default=START_SPEECH)

    @property
    def capacity_bps(self) -> float:
        """The best guess at what the bottleneck serves, for the transmission time of packets."""
        reading = self.capacity.lowest(self.at, self.queue.noise_s)
        if reading is None and self.link.failed_bps is None and self.phase is Phase.START:
            return _UNKNOWN_BPS
        return max(self.link.bps, self.link.failed_bps or 0.0, reading or 0.0)


@dataclass(frozen=True)
class _Step:
    """What an action gets beside the memory."""

    signals: Signals
    now: float
    passed_s: float


def start(now: float) -> Control:
    """How a transport begins: speech alone at 12 kbit/s, and a probe at once."""
    if not math.isfinite(now):
        raise ValueError("time is a plain figure")
    rung = Rung("speech-8", START_SPEECH)
    parts = split(START_BPS, rung, 0.0, paused=False)
    window = window_bytes(START_BPS, _FIRST_RTT_S, _FIRST_INTERVAL_S, 0.0)
    decision = Decision(rung, Cause.START, parts, pacing_bps(parts), window, probing.FIRST, payload_bytes(START_BPS))
    return Control(decision, now, phase_since=now, feedback_at=now, prober=Prober().sent(probing.FIRST, now))


def on_feedback(control: Control, feedback: TransportFeedback, now: float) -> Control:
    """The next memory after one transport-wide feedback message."""
    control = _at(control, now)
    history = control.history.add(feedback)
    control = replace(control, history=history)
    if not history.fresh:
        return control  # a message of losses alone is no sign that anything arrives
    control = _light(control, now) if control.phase is Phase.BLIND else control
    noise = control.queue.noise_s  # as it was: what this message brings must not excuse itself
    guess = control.capacity_bps
    queue = control.queue.add(history.fresh, guess)
    loss = control.loss.add(history.packets, queue.points)
    capacity = control.capacity.add(history.packets, now, control.prober.expected)
    signals = read(history, queue, loss, noise)
    passed = min(_LONGEST_STEP_S, now - control.feedback_at)
    control = replace(
        _timed(control, feedback, now),
        queue=queue,
        loss=loss,
        capacity=capacity,
        verdict=judge(signals, noise, guess),
    )
    return _decide(_act(control, _Step(signals, now, passed)), now)


def on_remote(control: Control, feedback: RemoteFeedback, now: float) -> Control:
    """The next memory after a guest's REMB or receiver report."""
    control = _at(control, now)
    control = _light(control, now) if control.phase is Phase.BLIND else control
    least = min(control.least_rtt_s or math.inf, feedback.rtt_s or _FIRST_RTT_S)
    passed = min(_LONGEST_STEP_S, now - control.feedback_at)
    verdict = judge_remote(feedback, least)
    lost = control.remote_loss if feedback.fraction_lost is None else feedback.fraction_lost
    queue = max(0.0, (feedback.rtt_s or least) - least)
    signals = Signals(queue, 1.0, False, 0.0, feedback.sent_bps * (1 - lost), feedback.sent_bps, None)
    control = replace(
        control,
        least_rtt_s=least,
        feedback_at=now,
        verdict=verdict,
        remote_loss=lost,
        suspicious=False,
        interval_s=1.0,
    )
    if verdict is Verdict.CLEAR and control.phase in (Phase.START, Phase.STEADY):
        starting = control.phase is Phase.START
        grown = control.link.remote(feedback.remb_bps, feedback.sent_bps, now, passed, starting)
        return _decide(replace(control, link=grown), now)
    control = _act(control, _Step(signals, now, 0.0))
    return _decide(replace(control, link=control.link.limited(feedback.remb_bps)), now)


def tick(control: Control, now: float, in_flight_bytes: int, pictures_wanted: bool) -> Control:
    """To be called every 50 to 100 ms: probes fall due, and missing feedback is noticed. `in_flight_bytes`: sent and
    neither told received nor lost; `pictures_wanted`: whether the person's camera is on and speech alone not chosen.
    """
    if in_flight_bytes < 0:
        raise ValueError("bytes in flight are not negative")
    changed = pictures_wanted is not control.pictures_wanted
    control = replace(_at(control, now), pictures_wanted=pictures_wanted)
    if control.phase is Phase.BLIND:
        return _decide(control, now) if changed else control
    if not in_flight_bytes:
        control = replace(control, flight_at=now)  # nothing to be told of
    overdue = now - max(control.feedback_at, control.flight_at)
    rtt = control.least_rtt_s or _FIRST_RTT_S
    silent = max(SILENT_THIN_S if control.link.bps < _THIN_BPS else SILENT_S, 2 * rtt + 5 * control.interval_s)
    if overdue > silent:
        return _act(replace(control, verdict=Verdict.SILENT), None)
    late = overdue > rtt + 3 * control.interval_s + 0.1
    over = control.phase is Phase.START and now - control.phase_since >= START_LASTS_S
    if over or late is not control.suspicious or changed:
        control = replace(control, suspicious=late)
        if over:
            control = replace(control, phase=Phase.STEADY, phase_since=now, rungs=control.rungs.thin())
        return _decide(control, now)
    prober, probe = _probe(control, now)
    if probe is None and control.decision.probe is None:
        return control
    return replace(control, prober=prober, decision=replace(control.decision, probe=probe))


def lose(control: Control, now: float) -> Control:
    """Nothing at all is heard of the other side: speech alone, at once; pictures come back as the link does."""
    return _dark(_at(control, now))


def found(control: Control, now: float) -> Control:
    """The other side is heard again."""
    control = _at(control, now)
    return _decide(_light(control, now), now) if control.phase is Phase.BLIND else control


# What each phase does on each verdict.


def _climb(control: Control, step: _Step | None) -> Control:
    told = _told(step)
    link = control.link.grow(told.signals, control.capacity, control.queue.noise_s, told.now, told.passed_s)
    control = replace(control, link=link)
    if control.phase is not Phase.START:
        return control
    noisy = control.capacity.noisy(told.now, control.queue.noise_s)
    enough = len(control.capacity.fresh(told.now)) >= (ENOUGH_NOISY if noisy else ENOUGH)
    return _enter(control, Phase.STEADY, told.now) if enough else control


def _hold(control: Control, step: _Step | None) -> Control:
    told = _told(step)
    link = control.link.stay(control.capacity, control.queue.noise_s, told.now, told.passed_s)
    return replace(control, link=link)


def _back_off(control: Control, step: _Step | None) -> Control:
    told = _told(step)
    wait = (control.least_rtt_s or _FIRST_RTT_S) + control.interval_s
    return replace(
        _enter(control, Phase.DRAIN, told.now),
        link=control.link.back_off(told.signals, told.now),
        capacity=control.capacity.forget(),
        standing_s=told.signals.standing_s,
        mark=(told.now + wait + DRAIN_LOOK_S, math.inf),
    )


def _drain(control: Control, step: _Step | None) -> Control:
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


def _not_ours(control: Control, told: _Step) -> Control:
    """A queue that our own restraint leaves as it is: the path has become longer, or others fill it."""
    if told.signals.spread_s < _FLAT_S + 2 * control.queue.noise_s:
        return _settle(
            replace(control, queue=control.queue.rebase(), link=control.link.moved(), least_rtt_s=None), told
        )
    return replace(_enter(control, Phase.SHARED, told.now), link=control.link.share(), clear_since=None)


def _settle(control: Control, step: _Step | None) -> Control:
    told = _told(step)
    return replace(_enter(control, Phase.STEADY, told.now), link=control.link.settle())


def _endure(control: Control, step: _Step | None) -> Control:
    """Others fill the queue: useful speech goes on, unless we alone are what is dropped."""
    told = _told(step)
    control = replace(control, clear_since=None)
    if told.signals.congestion > _SHARED_CONGESTION:
        return replace(control, link=control.link.drain(told.signals))
    if told.signals.spread_s < _FLAT_S and told.now - control.phase_since > DRAIN_LOOK_S:
        return _not_ours(control, told)
    return control


def _relief(control: Control, step: _Step | None) -> Control:
    told = _told(step)
    since = control.clear_since if control.clear_since is not None else told.now
    if told.now - since >= SHARED_CLEAR_S:
        return replace(_enter(control, Phase.STEADY, told.now), capacity=control.capacity.forget())
    return replace(control, clear_since=since)


def _dark(control: Control, step: _Step | None = None) -> Control:
    rungs = control.rungs.speech_alone(Cause.LINK_LOST, control.at)
    # That pictures went with the link is no failure of theirs.
    rungs = replace(rungs, not_before=control.rungs.not_before, hold_s=control.rungs.hold_s)
    return _decide(replace(_enter(control, Phase.BLIND, control.at), rungs=rungs, suspicious=False), control.at)


def _light(control: Control, now: float) -> Control:
    """As at a start, with what speech had; what was known of the path is known no more."""
    bps = max(LEAST_BPS, min(control.link.bps, _AFTER_CUT_BPS))
    return replace(
        _enter(control, Phase.START, now),
        feedback_at=now,
        link=replace(control.link, bps=bps, held_bps=bps),
        capacity=control.capacity.forget(),
        queue=QueueDelay(noise_s=control.queue.noise_s),
        history=History(control.history.fresh, control.history.fresh),
        prober=Prober(),
        interval_s=_FIRST_INTERVAL_S,
    )


_TABLE: dict[tuple[Phase, Verdict], Callable[[Control, _Step | None], Control]] = {
    (Phase.START, Verdict.CLEAR): _climb,
    (Phase.START, Verdict.FAIR): _hold,
    (Phase.START, Verdict.OVERUSE): _back_off,
    (Phase.START, Verdict.SILENT): _dark,
    (Phase.STEADY, Verdict.CLEAR): _climb,
    (Phase.STEADY, Verdict.FAIR): _hold,
    (Phase.STEADY, Verdict.OVERUSE): _back_off,
    (Phase.STEADY, Verdict.SILENT): _dark,
    (Phase.DRAIN, Verdict.CLEAR): _settle,
    (Phase.DRAIN, Verdict.FAIR): _drain,
    (Phase.DRAIN, Verdict.OVERUSE): _drain,
    (Phase.DRAIN, Verdict.SILENT): _dark,
    (Phase.SHARED, Verdict.CLEAR): _relief,
    (Phase.SHARED, Verdict.FAIR): _endure,
    (Phase.SHARED, Verdict.OVERUSE): _endure,
    (Phase.SHARED, Verdict.SILENT): _dark,
}
"""BLIND is left by any feedback before a verdict counts (:func:`_light`)."""


def _act(control: Control, step: _Step | None) -> Control:
    return _TABLE[control.phase, control.verdict](control, step)


def _told(step: _Step | None) -> _Step:
    if step is None:
        raise ValueError("this needs feedback")
    return step


def _enter(control: Control, phase: Phase, now: float) -> Control:
    return replace(control, phase=phase, phase_since=now)


def _at(control: Control, now: float) -> Control:
    if not math.isfinite(now) or now < control.at:
        raise ValueError("time went back")
    return replace(control, at=now)


def _timed(control: Control, feedback: TransportFeedback, now: float) -> Control:
    newest: PacketResult = control.history.fresh[-1]
    # The least is forgotten slowly: the way back may have become longer, which no queue of ours shows.
    passed = now - control.feedback_at
    least = math.inf if control.least_rtt_s is None else control.least_rtt_s * (1 + _RTT_FORGETS_PER_S * passed)
    rtt = min(least, max(0.001, now - newest.sent_at))
    interval = min(1.5, passed)
    smooth = control.interval_s + 0.2 * (interval - control.interval_s)
    return replace(control, feedback_at=now, least_rtt_s=rtt, interval_s=max(0.02, smooth), suspicious=False)


def _decide(control: Control, now: float) -> Control:
    """The decision that follows from the memory."""
    loss = max(control.loss.random, control.remote_loss)
    burst = control.loss.burst
    link, rungs = control.link, control.rungs
    if not control.pictures_wanted or control.phase is Phase.SHARED:
        rungs = rungs.speech_alone(Cause.LINK_THIN if control.pictures_wanted else None, now)
    elif control.phase is not Phase.BLIND:
        rise = control.phase is Phase.STEADY and control.verdict is Verdict.CLEAR and not _hopeful(control)
        rungs = rungs.fit(link.held_bps, loss, burst, now, may_rise=rise)
    base = LADDER[rungs.step]
    speech = _speech(control, base, loss, burst)
    name = base.name if base.pictures is not None else f"speech-{speech.bitrate // 1000}"
    rung = Rung(name, speech, base.pictures)
    paused = control.suspicious or control.phase is Phase.BLIND
    parts = split(link.bps, rung, loss, paused)
    window = window_bytes(link.bps, control.least_rtt_s or _FIRST_RTT_S, control.interval_s, control.queue.noise_s)
    prober, probe = _probe(control, now)
    decision = Decision(rung, rungs.cause, parts, pacing_bps(parts), window, probe, payload_bytes(link.bps))
    return replace(control, rungs=rungs, speech=speech, prober=prober, decision=decision)


def _hopeful(control: Control) -> bool:
    """Whether readings have begun to promise more: a step up waits for what the others say, and is one step then."""
    readings = control.capacity.fresh(control.at)
    if control.capacity.noisy(control.at, control.queue.noise_s):
        return len(readings) < ENOUGH_NOISY
    return bool(readings) and control.link.promised(readings[-1].bps, control.at)


def _speech(control: Control, base: Rung, loss: float, burst: float) -> Speech:
    """Speech takes what pictures leave; while a queue drains no more than before."""
    budget = media_budget(control.link.bps)
    if control.phase is Phase.BLIND:
        budget = min(media_budget(_AFTER_CUT_BPS), budget)
    elif control.phase is Phase.DRAIN:
        budget = min(budget, control.speech.wire_bps)
    elif base.pictures is not None:
        budget -= base.pictures.wire_bps
    first = control.phase is Phase.START and not control.capacity.readings and control.rungs.step == SPEECH_ONLY
    if first and control.verdict is not Verdict.OVERUSE and control.link.bps <= START_BPS:
        return START_SPEECH
    return choose_speech(budget, loss, burst, control.speech)


def _probe(control: Control, now: float) -> tuple[Prober, Probe | None]:
    may = control.phase in (Phase.START, Phase.STEADY) and not control.suspicious and not control.remote_loss
    if not may:
        return control.prober, None
    if control.verdict is not Verdict.CLEAR and control.capacity.readings:
        return control.prober, None
    return control.prober.due(control.capacity, control.link, control.phase is Phase.START, control.queue.noise_s, now)
