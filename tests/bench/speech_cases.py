"""PURE: the links of part speech with what speech must reach on each, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from tests.bench.figures import Figures

STEADY_FROM_S = 15.0
_DELAY_MS, _QUEUE_MS, _SECONDS = 50, 300, 60.0
_MOST_QUEUE_MS = 60.0  # 95th percentile, in any steady case of 48 kbit/s and more


@dataclass(frozen=True)
class Case:
    """`link`: the lab's options of both directions (linklab/README.md), by their names there. `seconds`: of the call;
    `fixed`: they belong to the case, and no option changes them. `tcp`: (start, seconds) of a greedy upload, a to b.
    """

    name: str
    title: str
    link: Mapping[str, str]
    target: Figures
    seconds: float = _SECONDS
    fixed: bool = False
    tcp: tuple[float, float] | None = None
    phase: str = "steady"
    """Which part of the call is judged: "steady", or "during_tcp" with the side that shares its link."""

    @property
    def needs_lab(self) -> bool:
        """A real TCP needs two network stacks."""
        return self.tcp is not None


@dataclass(frozen=True)
class _Goal:
    """A row of the issue's table."""

    pesq: float | None = None
    stoi: float | None = None
    concealed_percent: float | None = None
    mouth_to_ear_ms: float | None = None
    others: Mapping[str, float] = field(default_factory=dict)

    def figures(self) -> Figures:
        concealed = None if self.concealed_percent is None else self.concealed_percent / 100
        return Figures(self.pesq, self.stoi, concealed, self.mouth_to_ear_ms, **self.others)


_QUEUE = {"queue_p95_ms": _MOST_QUEUE_MS}


def link_of(**options: object) -> dict[str, str]:
    return {k: str(v) for k, v in {"delay": _DELAY_MS, "queue_ms": _QUEUE_MS, **options}.items()}


def _rate(kbps: int, goal: _Goal, queue_ms: int = _QUEUE_MS) -> Case:
    return Case(str(kbps), f"{kbps} kbit/s", link_of(rate=kbps, queue_ms=queue_ms), goal.figures())


def _cut(seconds: int, within_s: float, call_s: float) -> Case:
    goal = Figures(back_s=within_s)
    link = link_of(rate=150, outage=f"20:{seconds}")
    return Case(f"cut-{seconds}", f"150 kbit/s, cut of {seconds} s", link, goal, call_s, fixed=True)


CASES: tuple[Case, ...] = (
    _rate(12, _Goal(2.2, 0.85, 5, 600), queue_ms=600),
    _rate(16, _Goal(2.9, 0.90, 2, 500), queue_ms=400),
    _rate(24, _Goal(3.3, 0.94, 1, 400)),
    _rate(32, _Goal(3.6, 0.95, 1, 350)),
    _rate(48, _Goal(3.85, 0.96, 0.5, 300, _QUEUE)),
    _rate(64, _Goal(3.95, 0.965, 0.5, 270, _QUEUE)),
    _rate(100, _Goal(4.0, 0.97, 0.5, 240, _QUEUE)),
    _rate(150, _Goal(4.2, 0.98, 0.3, 200, _QUEUE)),
    Case(
        "150-loss5",
        "150 kbit/s, 5 % random loss",
        link_of(rate=150, loss=0.05),
        _Goal(3.7, 0.96, 1, 300, _QUEUE).figures(),
    ),
    Case(
        "150-loss15",
        "150 kbit/s, 15 % random loss",
        link_of(rate=150, loss=0.15),
        _Goal(3.1, 0.93, 3, 400, _QUEUE).figures(),
    ),
    Case(
        "150-burst",
        "150 kbit/s, loss in bursts of 5, 5 % mean",
        link_of(rate=150, burst="0.05,5"),
        _Goal(3.4, 0.955, 2, 300, _QUEUE).figures(),
    ),
    Case(
        "150-jitter",
        "150 kbit/s, jitter of 30 ms, reordered",
        link_of(rate=150, jitter=30, reorder=1),
        _Goal(4.0, 0.97, 0.5, 320, _QUEUE).figures(),
    ),
    Case("64-loss20", "64 kbit/s, 20 % loss", link_of(rate=64, loss=0.2), Figures(stoi=0.88, queue_p95_ms=60)),
    Case(
        "250-rtt600",
        "250 kbit/s, 600 ms round trip",
        link_of(rate=250, delay=300),
        _Goal(4.25, 0.98, None, 440, _QUEUE).figures(),
    ),
    _cut(4, 0.3, 45),
    _cut(15, 0.4, 55),
    _cut(45, 3.0, 90),
    Case(
        "steps",
        "300-120-300-60-300 kbit/s in steps of 20 s",
        link_of(rate="0:300,20:120,40:300,60:60,80:300"),
        _Goal(3.8, 0.955, 0.5, None, {"queue_down_s": 2.0}).figures(),
        seconds=100,
        fixed=True,
    ),
    Case(
        "tcp",
        "128 kbit/s, buffer of 2 s, a TCP upload beside it",
        link_of(rate=128, queue_ms=2000),
        # The buffer is 2 s; 50 ms of distance and the least that talk costs by itself come on top.
        _Goal(None, 0.94, 2, 2300).figures(),
        fixed=True,
        tcp=(20, 30),
        phase="during_tcp",
    ),
)
"""Both directions alike; without another word: 100 ms round trip and a drop-tail queue of 300 ms, pictures wanted."""

LONG_CASES: tuple[Case, ...] = (
    Case(
        "64-loss20-long",
        "64 kbit/s, 20 % loss, 20 minutes",
        link_of(rate=64, loss=0.2),
        Figures(stoi=0.88),
        seconds=1200,
    ),
    Case(
        "250-rtt600-long",
        "250 kbit/s, 600 ms round trip, 20 minutes",
        link_of(rate=250, delay=300),
        _Goal(4.25, 0.98, None, 440).figures(),
        seconds=1200,
    ),
)


C = TypeVar("C", bound=Case)


class NoSuchCase(ValueError):
    """The sentence says which there are."""


def chosen(names: str, cases: tuple[C, ...]) -> tuple[C, ...]:
    """The cases of a comma list, in the table's order; all for "". Raises NoSuchCase."""
    if not names:
        return cases
    asked = {name.strip() for name in names.split(",") if name.strip()}
    unknown = asked - {case.name for case in cases}
    if unknown:
        there = ", ".join(case.name for case in cases)
        raise NoSuchCase(f"no such case: {', '.join(sorted(unknown))}; there are {there}")
    return tuple(case for case in cases if case.name in asked)


def seconds_of(case: Case, asked: float | None) -> float:
    """How long the call takes: `asked`, unless the case has its own length."""
    return case.seconds if case.fixed or asked is None else asked
