"""Lips: how far pictures are behind (positive) or before the speech of their moment, from a call's own recordings.

    python tests/bench/lips.py CALL...      folders kept by `make bench ARGS="pictures --keep FOLDER"`

Speech is found again in what was said, second by second, by its waveform; a picture by the number drawn into it.
"""

from __future__ import annotations

import bisect
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 48_000
WITHIN_S = 0.1
"""Pictures that are no further off are in time with the lips (issue: lips within 100 ms)."""
_THINNED = 6
"""Speech is compared at 8 kHz."""
_SECOND = RATE // _THINNED
_LONGEST_S = 6.0
_LIKE = 0.6
_LEAST_LEVEL = 1e-4
_OLD_PICTURE_S = 15.0
"""The film begins anew after a while, with the same numbers: a picture is not older than this."""

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Track:
    """Sound at 8 kHz, -1..1, and when how many samples of it had been there: `times` (Unix s) by `counts`."""

    sound: Sound
    times: NDArray[np.float64]
    counts: NDArray[np.float64]

    def time(self, place: int) -> float:
        return float(np.interp(place, self.counts, self.times))

    def place(self, time: float) -> int:
        return int(np.interp(time, self.times, self.counts))


def track(folder: Path, name: str) -> Track | None:
    """NAME.raw (mono int16 at 48 kHz) with NAME.csv (Unix s, samples). None where there is none."""
    lines = [(t, n) for t, n, *_ in _numbers(folder / f"{name}.csv")]
    if not lines:
        return None
    raw = np.fromfile(folder / f"{name}.raw", np.int16).astype(np.float32) / 32768
    thin = raw[: len(raw) // _THINNED * _THINNED].reshape(-1, _THINNED).mean(axis=1)
    return Track(thin, np.array([t for t, _ in lines]), np.cumsum([n for _, n in lines]) / _THINNED)


def speech_delays(said: Track, heard: Track, first: float, last: float) -> list[tuple[float, float]]:
    """(Unix s, seconds from microphone to loudspeaker) for each second within [first, last) that is found again."""
    found = []
    for start in range(heard.place(first), heard.place(last) - _SECOND, _SECOND):
        end, piece = heard.time(start + _SECOND), heard.sound[start : start + _SECOND]
        low = max(0, said.place(end - _LONGEST_S) - _SECOND)
        among = said.sound[low : said.place(end)]
        if len(among) < _SECOND or np.sqrt(np.mean(piece**2)) < _LEAST_LEVEL:
            continue
        place, likeness = _most_like(among, piece)
        if likeness > _LIKE:
            found.append((heard.time(start + _SECOND // 2), end - said.time(low + place + _SECOND)))
    return found


def _most_like(among: Sound, piece: Sound) -> tuple[int, float]:
    size = 1 << math.ceil(math.log2(len(among) + len(piece)))
    dots = np.fft.irfft(np.fft.rfft(among, size) * np.conj(np.fft.rfft(piece, size)), size)
    squares = np.concatenate([[0.0], np.cumsum(among.astype(np.float64) ** 2)])
    energy = np.sqrt(np.maximum(squares[len(piece) :] - squares[: -len(piece)], 1e-6))
    likeness = dots[: len(energy)] / energy / math.sqrt(float(np.sum(piece**2)))
    place = int(np.argmax(likeness))
    return place, float(likeness[place])


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
    said, heard = track(there, "sent_audio"), track(here, "audio")
    if said is None or heard is None:
        return []
    shown = picture_delays(_numbers(there / "sent.csv"), _numbers(here / "recv.csv"), first, last)
    return offsets(speech_delays(said, heard, first, last), shown)


def within(offsets: Sequence[float]) -> float | None:
    """The share that is at most WITHIN_S off; None of nothing."""
    return sum(abs(offset) <= WITHIN_S for offset in offsets) / len(offsets) if offsets else None


def _numbers(file: Path) -> list[tuple[float, ...]]:
    """Lines of comma-separated numbers; others (a picture whose number could not be read) are left out."""
    found = []
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            found.append(tuple(float(word) for word in line.split(",")))
        except ValueError:
            continue
    return [numbers for numbers in found if len(numbers) > 1]


def summary(call: Path) -> Mapping[str, str]:
    """By side, in words."""
    said: dict[str, str] = {}
    for side in "ab":
        shown = _numbers(call / side / "recv.csv")
        found = lips(call, side, shown[0][0] + WARM_S, shown[-1][0]) if shown else []
        if not found:
            said[side] = "no pictures, or no speech"
            continue
        low, middle, high = (1000 * float(figure) for figure in np.percentile(found, [5, 50, 95]))
        share = 100 * (within(found) or 0.0)
        said[side] = f"{middle:.0f} ms behind (5 %: {low:.0f}, 95 %: {high:.0f}), {share:.0f} % within 100 ms"
    return said


WARM_S = 13.0
"""From the first picture to the steady part."""


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
