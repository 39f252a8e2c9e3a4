"""A drop-tail link on simulated time, for the rate controller: fluid, 20 ms steps, feedback like the real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.media.rate import controller
from app.media.rate.controller import Control
from app.media.rate.feedback import LinkFeedback
from app.media.rate.ladder import LADDER

STEP_S = 0.02
QUEUE_S = 0.3
ONE_WAY_S = 0.05


@dataclass
class Run:
    """What happened: (t, rung) at each change, and the queueing delay (s) at each step of time."""

    changes: list[tuple[float, int]] = field(default_factory=list)
    queue: list[tuple[float, float]] = field(default_factory=list)
    states: list[Control] = field(default_factory=list)

    def rung_at(self, t: float) -> int:
        return [rung for at, rung in self.changes if at <= t][-1]

    def worst_queue(self, start: float, end: float) -> float:
        return max(q for t, q in self.queue if start <= t < end)

    def share_with_pictures(self, start: float, end: float) -> float:
        times = [t for t, _ in self.queue if start <= t < end]
        return sum(LADDER[self.rung_at(t)].pictures is not None for t in times) / len(times)


def simulate(
    rate_bps: Callable[[float], float], seconds: float, loss: Callable[[float], float] = lambda _: 0.0
) -> Run:
    """Runs a controller over a link of `rate_bps(t)` (0: an outage, feedback is lost too)."""
    run, state = Run(), controller.start(0.0)
    run.changes.append((0.0, state.rung))
    queue = sent = served = dropped = delay_sum = 0.0
    delays, last, due = 0, 0.0, 1.0
    on_the_way: list[LinkFeedback] = []
    t, silent = 0.0, 0.0
    while t < seconds:
        t = round(t + STEP_S, 6)
        rate = rate_bps(t)
        offered = LADDER[state.rung].total_bps * STEP_S
        sent += offered
        room = max(1500 * 8, QUEUE_S * rate)
        queue += offered
        dropped += max(0.0, queue - room)
        queue = min(queue, room)
        out = min(queue, rate * STEP_S)
        queue -= out
        served += out * (1 - loss(t))
        dropped += out * loss(t)
        delay_sum += min(5.0, queue / rate if rate else 5.0)
        delays += 1
        run.queue.append((t, queue / rate if rate else 5.0))
        if t >= due:
            passed = t - last
            if rate:
                lost = dropped / max(1.0, dropped + served)
                mean = delay_sum / delays
                on_the_way.append(
                    LinkFeedback(t + ONE_WAY_S, 0.1, min(1.0, lost), mean, served / passed, sent / passed)
                )
                sent = served = dropped = delay_sum = 0.0
                delays, last = 0, t
            due = t + (0.5 if queue > 0.12 * rate or LADDER[state.rung].pictures else 1.0)
        before = state
        while on_the_way and on_the_way[0].at <= t:
            state = controller.step(state, on_the_way.pop(0), t)
        if t - silent >= 0.25:
            silent = t
            state = controller.step(state, None, t)
        if state.rung != before.rung:
            run.changes.append((t, state.rung))
            run.states.append(state)
    return run
