"""PURE: the rate controller. Feedback comes in, and what may be sent goes out; the memory is one frozen value.

Every way in takes the :class:`Control` and `now` (monotonic s) and returns the next one with its `decision`. Phases
and verdicts meet in one table (:mod:`app.media.rate.phases`). ValueError: time went back, or figures that are none.
"""

from __future__ import annotations

import math
from dataclasses import replace

from app.media.events import Cause
from app.media.rate.capacity import Probe
from app.media.rate.feedback import RemoteFeedback, TransportFeedback
from app.media.rate.ladder import (
    LADDERS,
    SPEECH_ONLY,
    Rung,
    View,
    media_budget,
    payload_bytes,
    pictures_of,
    room_bps,
    speech_share,
)
from app.media.rate.link import ENOUGH_NOISY, JUMP, LEAST_BPS, START_BPS
from app.media.rate.phases import AFTER_CUT_BPS, FIRST_RTT_S, Step, act, dark, light
from app.media.rate.probing import FIRST, Prober
from app.media.rate.rungs import Rungs
from app.media.rate.signals import Signals, Verdict, judge, judge_remote, read
from app.media.rate.speech import LOWEST, Speech, choose_speech
from app.media.rate.split import Split, pacing_bps, split, window_bytes
from app.media.rate.state import FIRST_INTERVAL_S, START_SPEECH, Control, Decision, Phase
from app.media.rate.words_alone import hopeless

__all__ = [
    "Control",
    "Decision",
    "Phase",
    "Probe",
    "Split",
    "found",
    "look",
    "lose",
    "on_feedback",
    "on_remote",
    "start",
    "tick",
]

START_LASTS_S = 4.0
SILENT_S, SILENT_THIN_S, _THIN_BPS = 1.8, 3.2, 30_000.0
_LONGEST_STEP_S = 1.0
_RTT_FORGETS_PER_S = 0.02
_RISE, _WORSE, _LONGER = 0.98, 1.3, 0.4


def start(now: float) -> Control:
    """How a transport begins: speech alone at 12 kbit/s, and a probe behind the first speech packet. Who can send has
    seen the far side's part of the handshake ended (RFC 6347 section 4.2.4), so that it is heard.
    """
    if not math.isfinite(now):
        raise ValueError("time is a plain figure")
    rung = Rung("speech-8", START_SPEECH)
    parts = split(START_BPS, rung, 0.0, paused=False)
    window = window_bytes(START_BPS, FIRST_RTT_S, FIRST_INTERVAL_S, 0.0)
    decision = Decision(rung, Cause.START, parts, pacing_bps(parts), window, FIRST, payload_bytes(START_BPS))
    return Control(decision, now, phase_since=now, feedback_at=now, prober=Prober().sent(FIRST, now))


def on_feedback(control: Control, feedback: TransportFeedback, now: float) -> Control:
    """The next memory after one transport-wide feedback message."""
    control = _at(control, now)
    first = not control.history.packets
    history = control.history.add(feedback)
    control = replace(control, history=history)
    if first and history.fresh:  # only now it is known when the first packets left
        control = replace(control, prober=replace(control.prober, last_at=history.fresh[0].sent_at))
    if not history.fresh:
        return control  # a message of losses alone is no sign that anything arrives
    control = light(control, now) if control.phase is Phase.BLIND else control
    noise = control.queue.noise_s  # as it was: what this message brings must not excuse itself
    guess = control.capacity_bps
    queue = control.queue.add(history.fresh, guess, feedback.results)
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
    return _decide(act(control, Step(signals, now, passed)), now)


def on_remote(control: Control, feedback: RemoteFeedback, now: float) -> Control:
    """The next memory after a guest's REMB or receiver report."""
    control = _at(control, now)
    control = light(control, now) if control.phase is Phase.BLIND else control
    least = min(control.least_rtt_s or math.inf, feedback.rtt_s or FIRST_RTT_S)
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
        # Silence sends less than the rung may: the rung is what goes as tried.
        tried = max(feedback.sent_bps, float(control.decision.rung.total_bps))
        grown = control.link.remote(feedback.remb_bps, tried, now, passed, starting)
        return _decide(replace(control, link=grown), now)
    control = act(control, Step(signals, now, 0.0))
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
    rtt = control.least_rtt_s or FIRST_RTT_S
    silent = max(SILENT_THIN_S if control.link.bps < _THIN_BPS else SILENT_S, 2 * rtt + 5 * control.interval_s)
    if overdue > silent:
        return _decide(act(replace(control, verdict=Verdict.SILENT), None), now)
    late = overdue > rtt + 3 * control.interval_s + 0.1
    over = control.phase is Phase.START and now - control.phase_since >= START_LASTS_S
    if control.phase is Phase.STEADY and now - control.phase_since >= START_LASTS_S and control.rungs.is_unsaid:
        over = pictures_wanted  # the link has had its time to show that it carries them
    if over or late is not control.suspicious or changed:
        control = replace(control, suspicious=late)
        if over:
            control = replace(control, phase=Phase.STEADY, phase_since=now, rungs=control.rungs.thin())
        return _decide(control, now)
    prober, probe = _probe(control, now)
    if probe is control.decision.probe:  # none, or the first, which waits
        return control
    return replace(control, prober=prober, decision=replace(control.decision, probe=probe))


def lose(control: Control, now: float) -> Control:
    """Nothing at all is heard of the other side: speech alone, at once; pictures come back as the link does."""
    return _decide(dark(_at(control, now)), now)


def look(control: Control, view: View, now: float) -> Control:
    """Another wish of what the pictures are for."""
    control = _at(control, now)
    return _decide(replace(control, rungs=control.rungs.look(view)), now)


def found(control: Control, now: float) -> Control:
    """The other side is heard again."""
    control = _at(control, now)
    return _decide(light(control, now), now) if control.phase is Phase.BLIND else control


def _at(control: Control, now: float) -> Control:
    if not math.isfinite(now) or now < control.at:
        raise ValueError("time went back")
    return replace(control, at=now)


def _timed(control: Control, feedback: TransportFeedback, now: float) -> Control:
    newest = control.history.fresh[-1]
    # The least is forgotten slowly: the way back may have become longer, which no queue of ours shows.
    passed = now - control.feedback_at
    least = math.inf if control.least_rtt_s is None else control.least_rtt_s * (1 + _RTT_FORGETS_PER_S * passed)
    rtt = min(least, max(0.001, now - newest.sent_at))
    interval = min(1.5, passed)
    smooth = control.interval_s + 0.2 * (interval - control.interval_s)
    return replace(control, feedback_at=now, least_rtt_s=rtt, interval_s=max(0.02, smooth), suspicious=False)


def _decide(control: Control, now: float) -> Control:
    """The decision that follows from the memory."""
    loss, burst, link = max(control.loss.random, control.remote_loss), control.loss.burst, control.link
    words = control.words.judge(_hopeless(control, loss), now)
    rungs = _rungs(control, loss, burst, now)
    if words.on:
        rungs = rungs.speech_alone(Cause.LINK_THIN, now)
    speech = _speech(control, rungs.step, loss, burst)
    payload = payload_bytes(link.bps)
    paused = control.suspicious or control.phase is Phase.BLIND
    pictures = pictures_of(
        rungs.step, rungs.view, room_bps(link.bps, loss, burst, control.least_rtt_s or 0.0), payload
    )
    name = LADDERS[rungs.view][rungs.step].name if pictures is not None else f"speech-{speech.bitrate // 1000}"
    rung = Rung("words", LOWEST, silent=True) if words.on else Rung(name, speech, pictures)
    parts = split(link.bps, rung, loss, paused)
    window = window_bytes(link.bps, control.least_rtt_s or FIRST_RTT_S, control.interval_s, control.queue.noise_s)
    prober, probe = _probe(control, now)
    decision = Decision(rung, rungs.cause, parts, pacing_bps(parts), window, probe, payload)
    return replace(control, words=words, rungs=rungs, speech=speech, prober=prober, decision=decision)


def _hopeless(control: Control, loss: float) -> bool:
    """Nothing heard at all is a cut, not a thin link: what people see then is told elsewhere."""
    if control.phase is Phase.BLIND or control.suspicious:
        return False
    return hopeless(control.link.bps, LEAST_BPS, loss, overuse=control.verdict is Verdict.OVERUSE)


def _rungs(control: Control, loss: float, burst: float, now: float) -> Rungs:
    rungs = control.rungs
    if not control.pictures_wanted or control.phase is Phase.SHARED:
        return rungs.speech_alone(Cause.LINK_THIN if control.pictures_wanted else None, now)
    if control.phase is Phase.BLIND:
        return rungs
    held = control.link.held_bps
    rtt = control.least_rtt_s or 0.0
    room = room_bps(held, loss, burst, rtt)
    first = control.capacity.lowest(now, control.queue.noise_s) if control.phase is Phase.START else None
    if first is not None and control.verdict is Verdict.CLEAR:
        # The first picture need not wait until the link is known: its size is chosen, its pace follows what is known.
        hoped = room_bps(JUMP * first, _WORSE * loss, burst + _LONGER, rtt)
        return rungs.fit(max(room, hoped), hoped, now, may_rise=True)
    rise = control.phase is Phase.STEADY and control.verdict is Verdict.CLEAR and not _hopeful(control)
    if control.phase is Phase.START:
        return rungs  # not yet known to be thin
    # A step up must hold when losses come out a little worse.
    careful = room_bps(_RISE * held, _WORSE * loss, burst + _LONGER, rtt)
    return rungs.fit(room, careful, now, may_rise=rise)


def _hopeful(control: Control) -> bool:
    """Whether readings have begun to promise more: a step up waits for what the others say, and is one step then."""
    readings = control.capacity.fresh(control.at)
    if control.capacity.noisy(control.at, control.queue.noise_s):
        return len(readings) < ENOUGH_NOISY
    return bool(readings) and control.link.promised(readings[-1].bps, control.at)


def _speech(control: Control, step: int, loss: float, burst: float) -> Speech:
    """Alone it takes what there is, beside pictures its share; while a queue drains no more than before."""
    link = control.link.bps
    budget = media_budget(link) if step == SPEECH_ONLY else speech_share(link, loss, burst, control.least_rtt_s or 0.0)
    if control.phase is Phase.BLIND:
        budget = min(media_budget(AFTER_CUT_BPS), media_budget(link))
    elif control.phase is Phase.DRAIN:
        budget = min(budget, control.speech.wire_bps)
    first = control.phase is Phase.START and not control.capacity.readings and step == SPEECH_ONLY
    if first and control.verdict is not Verdict.OVERUSE and link <= START_BPS:
        return START_SPEECH
    return choose_speech(budget, loss, burst, control.speech)


def _probe(control: Control, now: float) -> tuple[Prober, Probe | None]:
    may = control.phase in (Phase.START, Phase.STEADY) and not control.suspicious and not control.remote_loss
    if not may:
        return control.prober, None
    if not control.history.fresh:  # the first one waits for the first speech packet
        return control.prober, None if control.history.packets else control.decision.probe
    if control.verdict is not Verdict.CLEAR and control.capacity.readings:
        return control.prober, None
    return control.prober.due(control.capacity, control.link, control.phase is Phase.START, control.queue.noise_s, now)
