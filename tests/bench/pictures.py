"""Part pictures of `make bench`: each link with ours, stock aiortc and Chromium in the same run, beside the target.

On the lab's link alone: what judges pictures is the lab's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from tests.bench.figures import SPEECH, F, Figures, Sheet
from tests.bench.picture_figures import PICTURES, PictureFigures
from tests.bench.pictures_cases import PictureCase
from tests.bench.speech import Bench, Heard, cell, joined, several, with_error
from tests.bench.tables import Row

HEADER: Row = ("case", "link", "ours", "ours: speech", "stock aiortc", "Chromium", "target", "measured")
LEGEND = (
    "Each figure is the worse direction of the worst seed, of the steady part (from 15 s on): pictures a second, "
    "SSIM, time frozen, longest gap, one-way delay p50, link used (ours without padding; the others do not tell "
    "theirs apart), queue p95, CPU (cores, one peer). Speech is of the same call. Bold: the target is missed."
)
_GUEST_TARGET = "at ours and at Chromium no worse than Chromium with Chromium"
_GUEST_PICTURES = ("fps", "ssim", "frozen", "delay_ms")
_GUEST_SPEECH = ("pesq", "stoi", "mouth_to_ear_ms")


@dataclass(frozen=True)
class Calls:
    """What was measured on one link; None: it was not asked for. `turned`: the same call, the other one offering."""

    ours: Heard
    stock: Heard | None = None
    chromium: Heard | None = None
    turned: Heard | None = None


def measure(
    bench: Bench, case: PictureCase, seconds: float | None, seeds: Sequence[int], *, stock: bool, chromium: bool
) -> Calls | None:
    """The calls of one case, one after the other; None for a case that needs Chromium, without it."""

    def made(engine: str) -> Heard:
        return several(bench, engine, case, seconds, seeds)

    if case.guest and not chromium:
        return None
    if case.page:
        return Calls(made("ours-page"), None, made("chromium"))
    if case.guest:
        return Calls(made("ours-chromium"), None, made("chromium"), made("chromium-ours"))
    return Calls(made("ours"), made("stock") if stock else None, made("chromium") if chromium else None)


def row(case: PictureCase, calls: Calls, measured: str) -> Row:
    if case.guest:
        return _guest_row(case, calls, measured)
    ours = PICTURES.worse(calls.ours.pictures)
    return (
        case.name,
        case.title,
        sight(case, calls.ours, PICTURES.nearest(ours, case.pictures)),
        cell(calls.ours, case.target),
        sight(case, calls.stock),
        sight(case, calls.chromium),
        "; or ".join(PICTURES.wanted(target) for target in case.pictures),
        measured,
    )


def holds(case: PictureCase, calls: Calls) -> bool:
    """Pictures and speech, of ours."""
    if case.guest:
        return _guest_holds(calls)
    pictures, speech = PICTURES.worse(calls.ours.pictures), SPEECH.worse(calls.ours.directions)
    missed = PICTURES.missed(pictures, PICTURES.nearest(pictures, case.pictures))
    return calls.ours.error is None and not missed and not SPEECH.missed(speech, case.target)


def sight(case: PictureCase, heard: Heard | None, target: PictureFigures | None = None) -> str:
    """A cell; beside what stands in every one, what this case asks for."""
    if heard is None:
        return ""
    figures = asked_alone(PICTURES.worse(heard.pictures), case.pictures)
    return with_error(PICTURES.shown(figures, target), heard)


def asked_alone(figures: PictureFigures, targets: Sequence[PictureFigures]) -> PictureFigures:
    """Without the figures that neither stand in every cell nor are asked for by any target."""
    names = [field.name for field in fields(PictureFigures) if field.name not in PICTURES.always]
    idle = [name for name in names if all(getattr(target, name) is None for target in targets)]
    return replace(figures, **dict.fromkeys(idle))


# Ours with Chromium


def at_place(heard: Heard, place: int) -> Heard:
    """What was received at a (0) or at b (1); each whole call has given two of each."""
    return Heard(heard.directions[place::2], heard.error, heard.pictures[place::2])


def receivers(calls: Calls) -> dict[str, Heard]:
    """ "ours" and "Chromium": what each received, whoever offered."""
    turned = [] if calls.turned is None else [calls.turned]
    return {
        "ours": joined([at_place(calls.ours, 0), *(at_place(call, 1) for call in turned)]),
        "Chromium": joined([at_place(calls.ours, 1), *(at_place(call, 0) for call in turned)]),
    }


def goals(chromium: Heard) -> tuple[PictureFigures, Figures]:
    """What Chromium with Chromium reached, as the least to reach."""
    return (
        _least(PICTURES, chromium.pictures, _GUEST_PICTURES),
        _least(SPEECH, chromium.directions, _GUEST_SPEECH),
    )


def _least(sheet: Sheet[F], several: Sequence[F], names: Sequence[str]) -> F:
    worst = sheet.worse(several)
    return sheet.kind(**{name: getattr(worst, name) for name in names})


def _guest_row(case: PictureCase, calls: Calls, measured: str) -> Row:
    assert calls.chromium is not None
    pictures, speech = goals(calls.chromium)
    seen = [f"at {name}: {sight(case, heard, pictures)}" for name, heard in receivers(calls).items()]
    said = [f"at {name}: {cell(heard, speech)}" for name, heard in receivers(calls).items()]
    beside = f"{sight(case, calls.chromium)}; speech {cell(calls.chromium)}"
    return (case.name, case.title, "; ".join(seen), "; ".join(said), "", beside, _GUEST_TARGET, measured)


def _guest_holds(calls: Calls) -> bool:
    """False too where Chromium's own call gave nothing to compare with."""
    assert calls.chromium is not None
    pictures, speech = goals(calls.chromium)
    return bool(calls.chromium.pictures) and all(
        heard.error is None
        and bool(heard.pictures)
        and not PICTURES.missed(PICTURES.worse(heard.pictures), pictures)
        and not SPEECH.missed(SPEECH.worse(heard.directions), speech)
        for heard in receivers(calls).values()
    )
