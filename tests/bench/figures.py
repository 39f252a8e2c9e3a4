"""PURE: what a call is judged by, and the targets it is held to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Figures:
    """One direction of a call, or the worse of several. None: not measured, or there is nothing to measure."""

    pesq: float | None = None  # wideband MOS-LQO, 1..4.6, mean of 6 s windows
    stoi: float | None = None  # 0..1, mean of 1 s windows against what the microphone took
    concealed: float | None = None  # fraction: W3C concealedSamples / totalSamplesReceived
    mouth_to_ear_ms: float | None = None  # median
    queue_p95_ms: float | None = None  # waiting in the bottleneck, without the packet's own transmission
    cpu_cores: float | None = None  # of the peer's processes
    back_s: float | None = None  # after the last cut's end, until the loudspeaker has sound again
    queue_down_s: float | None = None  # after a step down, until the queue stays under 100 ms


@dataclass(frozen=True)
class Measure:
    """How a figure is shown and compared. `better(a, b)`: a is better than b."""

    label: str
    show: Callable[[float], str]
    better: Callable[[float, float], bool]


def _higher(a: float, b: float) -> bool:
    return a > b


def _lower(a: float, b: float) -> bool:
    return a < b


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if math.isfinite(value) else "never"


MEASURES: dict[str, Measure] = {
    "pesq": Measure("PESQ", lambda v: f"{v:.2f}", _higher),
    "stoi": Measure("STOI", lambda v: f"{v:.3f}", _higher),
    "concealed": Measure("concealed", lambda v: f"{100 * v:.1f} %", _lower),
    "mouth_to_ear_ms": Measure("mouth to ear p50", lambda v: f"{v:.0f} ms", _lower),
    "queue_p95_ms": Measure("queue p95", lambda v: f"{v:.0f} ms", _lower),
    "cpu_cores": Measure("CPU", lambda v: f"{v:.2f}", _lower),
    "back_s": Measure("back after", _seconds, _lower),
    "queue_down_s": Measure("queue down in", lambda v: f"{v:.1f} s", _lower),
}
"""In the order of the table's columns; the names are those of :class:`Figures`."""
ALWAYS_SHOWN = ("pesq", "stoi", "concealed", "mouth_to_ear_ms", "queue_p95_ms", "cpu_cores")
_SPEECH = ("pesq", "stoi", "mouth_to_ear_ms")
NOTHING_HEARD, NOT_MEASURED = "no speech", "-"


def worse(several: Iterable[Figures]) -> Figures:
    """Figure by figure the worst: both directions and all seeds must hold. Figures() for none."""
    found = list(several)
    worst: dict[str, float | None] = {}
    for name, measure in MEASURES.items():
        values = [v for one in found if (v := getattr(one, name)) is not None]
        kept = values[0] if values else None
        for value in values[1:]:
            if kept is not None and measure.better(kept, value):
                kept = value
        worst[name] = kept
    return Figures(**worst)


def missed(figures: Figures, target: Figures) -> list[str]:
    """The names of the targets that are not reached; a target without a figure counts as missed."""
    names = []
    for field in fields(Figures):
        wanted, got = getattr(target, field.name), getattr(figures, field.name)
        if wanted is not None and (got is None or MEASURES[field.name].better(wanted, got)):
            names.append(field.name)
    return names


def shown(figures: Figures | None, target: Figures | None = None) -> str:
    """A table's cell; what misses the target is bold."""
    if figures is None:
        return ""
    if all(getattr(figures, name) is None for name in _SPEECH):
        return NOTHING_HEARD if target is None else f"**{NOTHING_HEARD}**"
    bad = missed(figures, target) if target is not None else []
    parts = []
    for name, measure in MEASURES.items():
        value = getattr(figures, name)
        if value is None and name not in ALWAYS_SHOWN and name not in bad:
            continue
        text = NOT_MEASURED if value is None else measure.show(value)
        if name not in ALWAYS_SHOWN:
            text = f"{measure.label} {text}"
        parts.append(f"**{text}**" if name in bad else text)
    return ", ".join(parts)


def wanted(target: Figures) -> str:
    """The target as a cell: "PESQ >= 3.30, ..."."""
    parts = []
    for name, measure in MEASURES.items():
        value = getattr(target, name)
        if value is not None:
            sign = ">=" if measure.better(1.0, 0.0) else "<="
            parts.append(f"{measure.label} {sign} {measure.show(value)}")
    return ", ".join(parts)
