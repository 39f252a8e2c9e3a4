"""PURE: sound made longer or shorter by one pitch period, unheard (WSOLA: Verhelst and Roelands, ICASSP 1993).

The front of the given samples stays as it is (it continues what was played), and so does the end (it continues into
what comes): in between one period is repeated or left out where the waveform is most like itself, with a cross-fade.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.media.audio.libopus import RATE

Samples = NDArray[np.int16]

SHORTEST = RATE // 400
LONGEST = RATE * 13 // 1000
OVERLAP = RATE * 6 // 1000
NEEDED = LONGEST + OVERLAP
"""Samples that a change looks at."""
_COARSE = 6
"""Similarity is first looked for at 8 kHz."""
_FADE_IN = np.linspace(0, 1, OVERLAP + 2, dtype=np.float32)[1:-1]
_FADE_OUT = 1 - _FADE_IN


def period(samples: Samples, longest: int = LONGEST) -> tuple[int, float]:
    """(lag in samples, likeness -1..1): where the first OVERLAP samples come again most alike, at lags of SHORTEST to
    `longest`. `samples` holds NEEDED at least.
    """
    sound = samples[:NEEDED].astype(np.float32)
    coarse = sound.reshape(-1, _COARSE).mean(axis=1)
    last = max(SHORTEST, min(longest, LONGEST)) // _COARSE
    best = SHORTEST // _COARSE + int(np.argmax(_likeness(coarse, OVERLAP // _COARSE, SHORTEST // _COARSE, last)))
    low = max(SHORTEST, best * _COARSE - _COARSE)
    high = min(LONGEST, best * _COARSE + _COARSE)
    fine = _likeness(sound, OVERLAP, low, high)
    place = int(np.argmax(fine))
    return low + place, float(fine[place])


def _likeness(sound: NDArray[np.float32], width: int, low: int, high: int) -> NDArray[np.float32]:
    """Normalised correlation of sound[:width] with sound[lag:lag+width] for lag = low..high."""
    head, rest = sound[:width], sound[low : high + width]
    dots = np.correlate(rest, head, "valid")
    squares = np.concatenate([np.zeros(1, np.float32), np.cumsum(rest * rest, dtype=np.float32)])
    energy = np.maximum(squares[width:] - squares[:-width], 1.0)
    return np.asarray(dots / np.sqrt(energy * max(1.0, float(head @ head))), np.float32)


def shorter(samples: Samples, lag: int) -> Samples:
    """`lag` samples fewer: the front fades into what stands one period on."""
    joint = samples[:OVERLAP] * _FADE_OUT + samples[lag : lag + OVERLAP] * _FADE_IN
    return np.concatenate([joint.astype(np.int16), samples[lag + OVERLAP :]])


def longer(samples: Samples, lag: int) -> Samples:
    """`lag` samples more: the first period is played, then everything from the front again."""
    joint = samples[lag : lag + OVERLAP] * _FADE_OUT + samples[:OVERLAP] * _FADE_IN
    return np.concatenate([samples[:lag], joint.astype(np.int16), samples[OVERLAP:]])


def crossfade(before: Samples, after: Samples) -> Samples:
    """`after`, whose front fades in out of `before` over as many samples as `before` has."""
    count = min(len(before), len(after))
    if not count:
        return after
    ramp = np.linspace(0, 1, count + 2, dtype=np.float32)[1:-1]
    joint = before[:count] * (1 - ramp) + after[:count] * ramp
    return np.concatenate([joint.astype(np.int16), after[count:]])
