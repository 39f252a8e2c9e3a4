"""PURE: what a call is judged by, and the targets it is held to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

F = TypeVar("F")
NOT_MEASURED = "-"


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


def higher(a: float, b: float) -> bool:
    return a > b


def lower(a: float, b: float) -> bool:
    return a < b


def seconds(value: float) -> str:
    return f"{value:.1f} s" if math.isfinite(value) else "never"


def milliseconds(value: float) -> str:
    return f"{value:.0f} ms"


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def two_places(value: float) -> str:
    return f"{value:.2f}"


def three_places(value: float) -> str:
    return f"{value:.3f}"


@dataclass(frozen=True)
class Sheet(Generic[F]):
    """How one kind of figures, a dataclass of `float | None`, is compared and shown.

    `measures`: by the names of its fields, in the order of a cell. `always`: stand in each cell, without their names.
    `vital`: where all of these are None or 0, nothing arrived, and the cell says `nothing`.
    """

    kind: type[F]
    measures: Mapping[str, Measure]
    always: tuple[str, ...]
    vital: tuple[str, ...]
    nothing: str

    def worse(self, several: Iterable[F]) -> F:
        """Figure by figure the worst: both directions and all seeds must hold. All None for none."""
        found = list(several)
        worst: dict[str, float | None] = {}
        for name, measure in self.measures.items():
            values = [v for one in found if (v := getattr(one, name)) is not None]
            kept = values[0] if values else None
            for value in values[1:]:
                if kept is not None and measure.better(kept, value):
                    kept = value
            worst[name] = kept
        return self.kind(**worst)

    def missed(self, figures: F, target: F) -> list[str]:
        """The names of the targets that are not reached; a target without a figure counts as missed."""
        names = []
        for name, measure in self.measures.items():
            wanted, got = getattr(target, name), getattr(figures, name)
            if wanted is not None and (got is None or measure.better(wanted, got)):
                names.append(name)
        return names

    def nearest(self, figures: F, targets: Sequence[F]) -> F:
        """Of targets of which one is enough, the one that misses least; the earlier one of equals."""
        return min(targets, key=lambda target: len(self.missed(figures, target)))

    def shown(self, figures: F | None, target: F | None = None) -> str:
        """A table's cell; what misses the target is bold."""
        if figures is None:
            return ""
        bad = self.missed(figures, target) if target is not None else []
        if not any(getattr(figures, name) for name in self.vital):
            return f"**{self.nothing}**" if bad else self.nothing
        parts = []
        for name, measure in self.measures.items():
            value = getattr(figures, name)
            if value is None and name not in self.always and name not in bad:
                continue
            text = NOT_MEASURED if value is None else measure.show(value)
            if name not in self.always:
                text = f"{measure.label} {text}"
            parts.append(f"**{text}**" if name in bad else text)
        return ", ".join(parts)

    def wanted(self, target: F) -> str:
        """The target as a cell: "PESQ >= 3.30, ..."."""
        parts = []
        for name, measure in self.measures.items():
            value = getattr(target, name)
            if value is not None:
                sign = ">=" if measure.better(1.0, 0.0) else "<="
                parts.append(f"{measure.label} {sign} {measure.show(value)}")
        return ", ".join(parts)


SPEECH = Sheet(
    Figures,
    {
        "pesq": Measure("PESQ", two_places, higher),
        "stoi": Measure("STOI", three_places, higher),
        "concealed": Measure("concealed", percent, lower),
        "mouth_to_ear_ms": Measure("mouth to ear p50", milliseconds, lower),
        "queue_p95_ms": Measure("queue p95", milliseconds, lower),
        "cpu_cores": Measure("CPU", two_places, lower),
        "back_s": Measure("back after", seconds, lower),
        "queue_down_s": Measure("queue down in", seconds, lower),
    },
    always=("pesq", "stoi", "concealed", "mouth_to_ear_ms", "queue_p95_ms", "cpu_cores"),
    vital=("pesq", "stoi", "mouth_to_ear_ms"),
    nothing="no speech",
)
