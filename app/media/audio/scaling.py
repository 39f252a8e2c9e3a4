"""PURE: when sound is stretched or shrunk to reach the target delay, and by how much: pauses first, speech gently."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from app.media.audio import stretch
from app.media.audio.libopus import RATE

MS = RATE // 1000
LOW = 3 * MS
HIGH = 16 * MS
"""The delay may be so much below or above the target. Together they are more than one period, or it would swing."""
_QUIET = 0.08
_QUIET_PACE = (20 * MS, -1.0)
_FASTEST = (0, 0.4)
_FASTER = ((40 * MS, 240 * MS, 0.85), (100 * MS, 100 * MS, 0.75), (200 * MS, 40 * MS, 0.6))
_SLOWER = ((10 * MS, 160 * MS, 0.85), (20 * MS, 60 * MS, 0.7))
"""(error below, samples between two changes in speech, likeness needed): the further off, the faster; and faster to
slow down than to speed up, for too little in hand will be heard as a gap."""

Samples = NDArray[np.int16]


class Scaling:
    """Remembers how loud it was of late, and when it last changed something."""

    def __init__(self) -> None:
        self._level = 0.0
        self._since = 0

    def wanted(self, error: int) -> int:
        """Samples to add (positive) or take away, for a delay `error` samples above the target."""
        if error < -LOW:
            return -error
        return -error if error > HIGH else 0

    def apply(self, out: Samples, wanted: int) -> tuple[Samples, int]:
        """`out` changed towards `wanted`, and the samples that it became longer by."""
        place = changed = 0
        while len(out) - place >= stretch.NEEDED and (wanted - changed) * wanted > 0:
            ahead = out[place:]
            quiet = self._is_quiet(ahead)
            pace, likeness = _QUIET_PACE if quiet else _pace(wanted - changed)
            if self._since < pace:
                break
            lag, found = stretch.period(ahead)
            if found < likeness:
                break
            change = stretch.longer if wanted > 0 else stretch.shorter
            out = np.concatenate([out[:place], change(ahead, lag)])
            changed += lag if wanted > 0 else -lag
            place += stretch.OVERLAP + (lag if wanted > 0 else 0)
            self._since = 0
        return out, changed

    def played(self, got: Samples) -> None:
        peak = float(np.abs(got.astype(np.int32)).max(initial=0))
        self._level = max(self._level * math.exp(-len(got) / RATE / 2), peak)
        self._since += len(got)

    def _is_quiet(self, ahead: Samples) -> bool:
        return bool(np.abs(ahead[: stretch.NEEDED].astype(np.int32)).max() < _QUIET * self._level)


def _pace(wanted: int) -> tuple[int, float]:
    table = _SLOWER if wanted > 0 else _FASTER
    return next(((pace, likeness) for below, pace, likeness in table if abs(wanted) < below), _FASTEST)
