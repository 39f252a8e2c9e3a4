"""PURE: the links of part pictures with what pictures must reach on each, as data.

The links are those of part speech, and so are the goals of speech: they hold at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.bench.figures import Figures
from tests.bench.picture_figures import PictureFigures
from tests.bench.speech_cases import CASES, Case, link_of

_STEADY_S, _STEPS_STEADY_S = 45.0, 85.0  # the seconds of freezing are of these
_ONE_PERCENT = 0.01
_LIPS_MS = 100.0


@dataclass(frozen=True)
class PictureCase(Case):
    """`target` is of speech. `pictures`: one of these is enough; where there is none, `guest` says what to reach."""

    pictures: tuple[PictureFigures, ...] = ()
    guest: bool = False
    """Ours with Chromium, each way, held to Chromium with Chromium on the same link in the same run."""
    page: bool = False
    """That Chromium does what the clinic's guest page asks; ours offers, as it does there."""


def _of(name: str, *pictures: PictureFigures) -> PictureCase:
    """A link of part speech, with its goals of speech."""
    (case,) = (case for case in CASES if case.name == name)
    return PictureCase(**vars(case), pictures=pictures)


def _wide(kbps: int, pictures: PictureFigures) -> PictureCase:
    """A link that part speech has not; it has no goal of speech."""
    return PictureCase(str(kbps), f"{kbps} kbit/s", link_of(rate=kbps), Figures(), pictures=(pictures,))


def _steady(
    fps: float, ssim: float, frozen: float | None = None, *, delay_ms: float | None = 220, **more: float
) -> PictureFigures:
    """Of a link of 64 to 500 kbit/s, which must be used and not filled. The delay is asked for from 100 on."""
    return PictureFigures(fps, ssim, frozen, delay_ms=delay_ms, used=0.88, queue_p95_ms=60, lips_ms=_LIPS_MS, **more)


def _lossy(fps: float, ssim: float, frozen: float) -> PictureFigures:
    return PictureFigures(fps, ssim, frozen, delay_ms=220, lips_ms=_LIPS_MS)


def _guest(name: str, *, page: bool = False) -> PictureCase:
    (case,) = (case for case in CASES if case.name == name)
    slug, words = ("page", "a guest's page") if page else ("chromium", "Chromium")
    return PictureCase(
        f"ours-{slug}-{name}", f"ours with {words}, {case.title}", case.link, Figures(), guest=True, page=page
    )


_MOVING = PictureFigures(fps=7, ssim=0.862, longest_gap_s=1)
"""What 48 kbit/s is held to; where stills are asked for it is the better thing."""

PICTURE_CASES: tuple[PictureCase, ...] = (
    _of("24", PictureFigures(ssim=0.92, longest_gap_s=10), _MOVING),
    _of("32", PictureFigures(ssim=0.92, longest_gap_s=4), _MOVING),
    _of("48", _MOVING),
    _of("64", _steady(12, 0.885, _ONE_PERCENT, delay_ms=None)),
    _of("100", _steady(15, 0.908, _ONE_PERCENT)),
    _of("150", _steady(20, 0.93, first_s=0.8, start_frozen_s=1.0, cpu_cores=0.5)),
    _wide(250, _steady(24, 0.955)),
    _wide(500, _steady(24.5, 0.968, cpu_cores=0.9)),
    _of("150-loss5", _lossy(15, 0.925, 1 / _STEADY_S)),
    _of("150-loss15", _lossy(12, 0.91, 3 / _STEADY_S)),
    _of("cut-4", PictureFigures(back_s=1)),
    _of("cut-15", PictureFigures(back_s=1)),
    _of("steps", PictureFigures(ssim=0.92, frozen=3 / _STEPS_STEADY_S, narrow_fps=6, wide_again_s=3)),
    _guest("64"),
    _guest("150"),
    _guest("150-loss5"),
    _guest("48", page=True),
    _guest("64", page=True),
    _guest("150", page=True),
)
