"""What the lab's analysis and the peers' own files say of a call's pictures, as figures."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.lab import after_cuts
from tests.bench.lips import lips, within
from tests.bench.picture_figures import PictureFigures
from tests.bench.recording import numbers

_WIDE_FPS, _WIDE_WINDOW_S, _GRID_S = 15, 2.0, 0.1
_MOVING_FPS = 5.0
_DIRECTIONS = (("a", "b2a"), ("b", "a2b"))  # the side that receives, and the way its pictures come


def padding_bytes(lines: Sequence[Mapping[str, Any]], first: float, last: float) -> int:
    """Bytes that a sender's statistics name as probes within [first, last) (Unix s), every header in; 0 for a peer
    that names none. The counter begins anew with each transport of the call.
    """
    sent, before = 0, 0
    for line in lines:
        now = line.get("transport", {}).get("probeBytesSent")
        if now is None:
            continue
        if first <= line["t"] < last:
            sent += now - before if now >= before else now
        before = now
    return sent


def wide_after(pictures: Sequence[float], start: float, end: float) -> float:
    """From `start` to the first moment from which 15 pictures a second are shown over 2 s; infinite if not before
    `end`. The lab's own figure of this kind asks for 10.
    """
    moments = int((end - _WIDE_WINDOW_S - start) / _GRID_S) + 1
    for moment in (start + _GRID_S * n for n in range(max(0, moments))):
        if sum(moment <= t < moment + _WIDE_WINDOW_S for t in pictures) >= _WIDE_FPS * _WIDE_WINDOW_S:
            return moment - start
    return math.inf


def used(link: Mapping[str, Any], padding: int) -> float | None:
    """The delivered fraction of the capacity without the padding, which is lost as often as the rest. `link`: one
    direction of the lab's link_stats. None where the link had no capacity.
    """
    capacity = link.get("capacity_kbps", 0.0) * link.get("seconds", 0.0) * 125
    if not capacity:
        return None
    return float(link["utilisation"] - padding * (1 - link.get("loss", 0.0)) / capacity)


def pictures_of(
    answer: Mapping[str, Any], padding: Mapping[str, int], shown: Mapping[str, Sequence[float]]
) -> list[PictureFigures]:
    """The figures of both directions, at a and then at b; none if there was no call. `padding`: bytes in the steady
    part by the side that sent them. `shown`: by receiving side, when its pictures came (s after the call's start).
    """
    steady = answer.get("steady")
    if not steady:
        return []
    found = []
    for place, (side, direction) in enumerate(_DIRECTIONS):
        sight, link = steady[f"rx_{side}"]["video"], steady["link"].get(direction, {})
        steps = [step for step in answer.get("steps") or [] if step["dir"] == direction]
        first = answer.get(f"first_video_s_{side}")
        found.append(
            PictureFigures(
                fps=sight["fps"],
                ssim=sight.get("ssim") or 0.0,
                frozen=sight["freeze_s"] / (steady["to"] - steady["from"]),
                longest_gap_s=sight["longest_gap_s"],
                delay_ms=sight.get("delay_p50_ms"),
                used=used(link, padding.get(direction[0], 0)),
                queue_p95_ms=link.get("qdelay_p95_ms"),
                cpu_cores=(answer.get("cpu_cores") or [None, None])[place],
                first_s=math.inf if first is None else first,
                start_frozen_s=answer["startup"][f"rx_{side}"]["video"]["freeze_s"],
                back_s=after_cuts(answer, side, "first_frame_after_s"),
                narrow_fps=min(steps, key=lambda step: step["kbps"])["fps"] if steps else None,
                wide_again_s=_wide_again(steps, shown.get(side, ()), steady["to"]),
            )
        )
    return found


def _wide_again(steps: Sequence[Mapping[str, Any]], shown: Sequence[float], end: float) -> float | None:
    """The longest time after a step up; None where there is none."""
    took = []
    for number, step in enumerate(steps, 1):
        if step["kind"] == "up":
            took.append(wide_after(shown, step["t"], steps[number]["t"] if number < len(steps) else end))
    return max(took, default=None)


def pictures_in(out: Path, answer: Mapping[str, Any]) -> list[PictureFigures]:
    """`out`: the call's folder."""
    if not answer.get("steady"):
        return []
    t0 = json.loads((out / "meta.json").read_text())["t0"]
    first, last = t0 + answer["steady"]["from"], t0 + answer["steady"]["to"]
    padding = {side: padding_bytes(_statistics(out / side), first, last) for side, _ in _DIRECTIONS}
    shown = {side: [at - t0 for at, *_ in numbers(out / side / "recv.csv")] for side, _ in _DIRECTIONS}
    found = pictures_of(answer, padding, shown)
    return [
        _with_lips(figures, lips(out, side, first, last))
        for figures, (side, _) in zip(found, _DIRECTIONS, strict=True)
    ]


def _with_lips(figures: PictureFigures, off: Sequence[float]) -> PictureFigures:
    """A still has no lips."""
    if not off or (figures.fps or 0.0) < _MOVING_FPS:
        return figures
    return replace(figures, lips_ms=1000 * median(map(abs, off)), lips_within=within(off))


def _statistics(folder: Path) -> list[dict[str, Any]]:
    file = folder / "stats.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
