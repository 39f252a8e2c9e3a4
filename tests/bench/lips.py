"""Lips: how far pictures are behind (positive) or before the speech of their moment, from a call's own recordings.

    python tests/bench/lips.py CALL...      folders kept by `make bench ARGS="pictures --keep FOLDER"`

Speech is found again in what was said, second by second, by its waveform; a picture by the number drawn into it.
"""

from __future__ import annotations

import bisect
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench.recording import OLDEST_S, RATE, Recording, Sound, aligned, numbers

WITHIN_S = 0.1
"""Pictures that are no further off are in time with the lips (issue: lips within 100 ms)."""
_THINNED = 6
"""Speech is compared at 8 kHz."""
_SECOND = RATE // _THINNED
_LIKE = 0.6
_LEAST_LEVEL = 1e-4
_WARM_S = 13.0
"""From the first picture to the steady part."""
_OLD_PICTURE_S = 15.0
"""The film begins anew after a while, with the same numbers: a picture is not older than this."""


def _recording(folder: Path, name: str) -> Recording | None:
    return Recording.read(folder, name, _THINNED, _thin)


def _thin(sound: Sound, step: int) -> Sound:
    return np.asarray(sound[: len(sound) // step * step].reshape(-1, step).mean(axis=1), np.float32)


def speech_delays(said: Recording, heard: Recording, first: float, last: float) -> list[tuple[float, float]]:
    """(Unix s, seconds from microphone to loudspeaker) for each second within [first, last) that is found again."""
    found = []
    for start in range(heard.place_at(first), heard.place_at(last) - _SECOND, _SECOND):
        end, piece = heard.time_of(start + _SECOND), heard.samples[start : start + _SECOND]
        low = max(0, said.place_at(end - OLDEST_S) - _SECOND)
        among = said.samples[low : said.place_at(end)]
        if len(among) < _SECOND or np.sqrt(np.mean(piece**2)) < _LEAST_LEVEL:
            continue
        place, likeness = aligned(piece, among)
        if likeness > _LIKE:
            found.append((heard.time_of(start + _SECOND // 2), end - said.time_of(low + place + _SECOND)))
    return found


def picture_delays(
    sent: Iterable[Sequence[float]], shown: Iterable[Sequence[float]], first: float, last: float
) -> list[tuple[float, float]]:
    """(Unix s, seconds from camera to display). `sent`, `shown`: rows of Unix s and the picture's number."""
    times: dict[int, list[float]] = {}
    for at, number, *_ in sent:
        times.setdefault(int(number), []).append(at)
    found = []
    for at, number, *_ in shown:
        of = times.get(int(number), [])
        place = bisect.bisect_right(of, at)
        if place and first <= at < last and at - of[place - 1] < _OLD_PICTURE_S:
            found.append((at, at - of[place - 1]))
    return found


def offsets(speech: Sequence[tuple[float, float]], pictures: Sequence[tuple[float, float]]) -> list[float]:
    """Seconds by which each picture is behind the speech of its moment; none without both."""
    if not speech:
        return []
    heard = np.interp([at for at, _ in pictures], [at for at, _ in speech], [delay for _, delay in speech])
    return [float(delay - spoken) for (_, delay), spoken in zip(pictures, heard, strict=True)]


def lips(call: Path, side: str, first: float, last: float) -> list[float]:
    """The offsets of what `side` (a or b) of the call saw and heard within [first, last) Unix s."""
    here, there = call / side, call / ("b" if side == "a" else "a")
    said, heard = _recording(there, "sent_audio"), _recording(here, "audio")
    if said is None or heard is None:
        return []
    shown = picture_delays(_named(there / "sent.csv"), _named(here / "recv.csv"), first, last)
    return offsets(speech_delays(said, heard, first, last), shown)


def _named(file: Path) -> list[tuple[float, ...]]:
    """Those pictures whose number could be read."""
    return [row for row in numbers(file) if not math.isnan(row[1])]


def within(offsets: Sequence[float]) -> float | None:
    """The share that is at most WITHIN_S off; None of nothing."""
    return sum(abs(offset) <= WITHIN_S for offset in offsets) / len(offsets) if offsets else None


def summary(call: Path) -> Mapping[str, str]:
    """By side, in words."""
    said: dict[str, str] = {}
    for side in "ab":
        shown = numbers(call / side / "recv.csv")
        found = lips(call, side, shown[0][0] + _WARM_S, shown[-1][0]) if shown else []
        if not found:
            said[side] = "no pictures, or no speech"
            continue
        low, middle, high = (1000 * float(figure) for figure in np.percentile(found, [5, 50, 95]))
        share = 100 * (within(found) or 0.0)
        said[side] = f"{middle:.0f} ms behind (5 %: {low:.0f}, 95 %: {high:.0f}), {share:.0f} % within 100 ms"
    return said


def main() -> int:
    if not sys.argv[1:]:
        print(__doc__)
        return 2
    for name in sys.argv[1:]:
        for side, words in summary(Path(name)).items():
            print(f"{Path(name).name}, at {side}: {words}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
