"""PURE: what the pictures of a call are judged by."""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.figures import Measure, Sheet, higher, lower, milliseconds, percent, seconds, three_places, two_places


@dataclass(frozen=True)
class PictureFigures:
    """One direction of a call, or the worse of several. None: not measured, or there is nothing to measure."""

    fps: float | None = None  # pictures shown a second
    ssim: float | None = None  # 0..1, mean, against the source in its own size; 0 where no picture could be recognised
    frozen: float | None = None  # fraction of the time in freezes (W3C's totalFreezesDuration, from outside)
    longest_gap_s: float | None = None  # without a new picture
    delay_ms: float | None = None  # median, from the camera to the display
    used: float | None = None  # fraction of the link's capacity that was delivered; ours without its padding
    queue_p95_ms: float | None = None  # waiting in the bottleneck, without the packet's own transmission
    cpu_cores: float | None = None  # of the peer's processes
    first_s: float | None = None  # from the call's start to the first picture
    start_frozen_s: float | None = None  # in the first 15 s, the wait for the first picture included
    back_s: float | None = None  # after the last cut's end, until a new picture
    narrow_fps: float | None = None  # pictures a second in the narrowest step
    wide_again_s: float | None = None  # after a step up, until 15 pictures a second over 2 s
    lips_ms: float | None = None  # median of how far a moving picture is off the speech of its moment, either way
    lips_within: float | None = None  # fraction of the moving pictures that are at most 100 ms off


def _rate(value: float) -> str:
    return f"{value:.1f}/s" if value >= 1 else f"{value:.2f}/s"  # stills come every few seconds


PICTURES = Sheet(
    PictureFigures,
    {
        "fps": Measure("pictures", _rate, higher),
        "ssim": Measure("SSIM", three_places, higher),
        "frozen": Measure("frozen", percent, lower),
        "longest_gap_s": Measure("longest gap", seconds, lower),
        "delay_ms": Measure("delay p50", milliseconds, lower),
        "used": Measure("link used", percent, higher),
        "queue_p95_ms": Measure("queue p95", milliseconds, lower),
        "cpu_cores": Measure("CPU", two_places, lower),
        "first_s": Measure("first picture after", seconds, lower),
        "start_frozen_s": Measure("frozen in the first 15 s", seconds, lower),
        "back_s": Measure("back after", seconds, lower),
        "narrow_fps": Measure("pictures at the narrowest", _rate, higher),
        "wide_again_s": Measure("15/s after a step up in", seconds, lower),
        "lips_ms": Measure("lips p50", milliseconds, lower),
        "lips_within": Measure("lips within 100 ms", percent, higher),
    },
    always=("fps", "ssim", "frozen", "longest_gap_s", "delay_ms", "used", "queue_p95_ms", "cpu_cores"),
    vital=("fps",),
    nothing="no picture",
)
