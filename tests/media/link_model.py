"""A drop-tail link on simulated time, for the rate controller: fluid, 20 ms steps, feedback like the real one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.media.rate import controller
from app.media.rate.arrivals import OUTAGE_S
from app.media.rate.capacity import PROBE_PADDING_BYTES, is_wide
from app.media.rate.controller import Control
from app.media.rate.feedback import LinkFeedback
from app.media.rate.ladder import LADDER

STEP_S = 0.02
QUEUE_S = 0.3
ONE_WAY_S = 0.05
_PROBE_BITS = (PROBE_PADDING_BYTES + 58) * 8


@dataclass
class Run:
    """What happened: (t, rung) at each change, and the queueing delay (s) at each step of time."""

    changes: list[tuple[float, int]] = field(default_factory=list)
    queue: list[tuple[float, float]] = field(default_factory=list)
    states: list[Control] = field(default_factory=list)
    probes: int = 0

    def rung_at(self, t: float) -> int:
        return [rung for at, rung in self.changes if at <= t][-1]

    def worst_queue(self, start: float, end: float) -> float:
        return max(q for t, q in self.queue if start <= t < end)

    def returns(self) -> list[float]:
        """When pictures came back after speech alone."""
        pairs = zip(self.changes, self.changes[1:], strict=False)
        return [t for (_, a), (t, b) in pairs if LADDER[a].pictures is None and LADDER[b].pictures is not None]

    def share_with_pictures(self, start: float, end: float) -> float:
        times = [t for t, _ in self.queue if start <= t < end]
        return sum(LADDER[self.rung_at(t)].pictures is not None for t in times) / len(times)


@dataclass
class _Link:
    """The queue, and what the far side has counted since its last report."""

    queue: float = 0.0
    sent: float = 0.0
    served: float = 0.0
    dropped: float = 0.0
    waited: float = 0.0
    steps: int = 0
    since: float = 0.0
    dark: float = 0.0
    capacity: float | None = None

    def carry(self, offered: float, rate: float, loss: float) -> float:
        """One step of time with `offered` bits; the queueing delay (s) after it."""
        self.sent += offered
        room = max(1500 * 8, QUEUE_S * rate)
        self.queue += offered
        self.dropped += max(0.0, self.queue - room)
        self.queue = min(self.queue, room)
        out = min(self.queue, rate * STEP_S)
        self.queue -= out
        self.served += out * (1 - loss)
        self.dropped += out * loss
        wait = self.queue / rate if rate else 5.0
        self.waited += min(5.0, wait)
        self.steps += 1
        self.dark = self.dark + STEP_S if not rate else 0.0
        return wait

    def probe(self, told: float) -> None:
        self.capacity = told if self.capacity is None else min(self.capacity, told)

    def report(self, t: float) -> LinkFeedback:
        passed = t - self.since
        lost = min(1.0, self.dropped / max(1.0, self.dropped + self.served))
        mean = self.waited / max(1, self.steps)
        told = LinkFeedback(t + ONE_WAY_S, 0.1, lost, mean, self.served / passed, self.sent / passed, self.capacity)
        self.forget(t)
        self.capacity = None
        return told

    def forget(self, t: float) -> None:
        self.sent = self.served = self.dropped = self.waited = 0.0
        self.steps, self.since = 0, t


def simulate(
    rate_bps: Callable[[float], float],
    seconds: float,
    loss: Callable[[float], float] = lambda _: 0.0,
    measured: Callable[[float], float | None] | None = None,
    after_step: Callable[[Control], Control] = lambda state: state,
) -> Run:
    """Runs a controller over a link of `rate_bps(t)` (0: an outage, feedback is lost too).

    `measured(t)` is what a probe would tell (None: the far side tells nothing); without it, the link's true rate.
    `after_step` may change the controller's memory.
    """
    run, state, link = Run(), controller.start(0.0), _Link()
    run.changes.append((0.0, state.rung))
    on_the_way: list[LinkFeedback] = []
    t = silent = probed = 0.0
    due = 1.0
    while t < seconds:
        t = round(t + STEP_S, 6)
        rate = rate_bps(t)
        offered = LADDER[state.rung].total_bps * STEP_S
        every = controller.probe_every(state, t)
        told = rate if measured is None else measured(t)
        if every is not None and t - probed >= every and told is not None:
            probed = t
            offered += _PROBE_BITS
            run.probes += 1
            if rate:
                link.probe(told)
        run.queue.append((t, link.carry(offered, rate, loss(t))))
        if link.dark > OUTAGE_S:  # the receiver holds nothing of an outage against the link
            link.queue = 0.0
            link.forget(t)
        if t >= due or (link.capacity is not None and is_wide(link.capacity)):
            if rate and t - link.since > 0.1:
                on_the_way.append(link.report(t))
            due = t + (0.5 if link.queue > 0.12 * rate or LADDER[state.rung].pictures else 1.0)
        before = state
        while on_the_way and on_the_way[0].at <= t:
            state = after_step(controller.step(state, on_the_way.pop(0), t))
        if t - silent >= 0.25:
            silent = t
            state = after_step(controller.step(state, None, t))
        if state.rung != before.rung:
            run.changes.append((t, state.rung))
            run.states.append(state)
    return run
