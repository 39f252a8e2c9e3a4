"""Which frame given to the loudspeaker belongs to the one just taken: the same distance, frame after frame.

The two threads run in bursts, and the clocks of two sound cards differ a little. The canceller needs a distance that
stays exactly the same, so it is held by counting, and changed by whole frames when it has gone wrong.
"""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

from app.media.audio.portaudio import FRAME

Frame = NDArray[np.int16]

_KEPT = 120  # frames: 1.2 s
_EARLY_S = 0.1
"""So much before the measured delay the canceller's taps begin: a delay told 100 ms too long does no harm, and one
told 200 ms too short neither (it looks back 400 ms from there)."""
_GUARD = 3  # frames that lie between the newest and the one that is paired: bursts are two frames long
_WRONG = 6  # so far off, in the mean of half a second, the distance is made anew
_KEEP = 0.98


class Pairing:
    """`put` on the loudspeaker's thread, the rest on the microphone's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: deque[Frame] = deque(maxlen=_KEPT)
        self._given = 0
        self._next: int | None = None  # the number of the frame to pair with the next one taken
        self._off = 0.0
        self._silence = np.zeros(FRAME, np.int16)

    def put(self, frame: Frame) -> None:
        with self._lock:
            self._frames.append(frame)
            self._given += 1

    def take(self, delay_s: float) -> tuple[Frame, int]:
        """The far frame, and by how many frames the distance has just been made shorter (0: it is as it was)."""
        with self._lock:
            behind = max(_GUARD, round((delay_s - _EARLY_S) * 100))
            ideal = self._given - 1 - behind
            moved = 0
            if self._next is None:
                self._next = ideal
            self._off = _KEEP * self._off + (1 - _KEEP) * (ideal - self._next)
            gone = self._next < self._given - len(self._frames) and len(self._frames) == _KEPT
            if abs(self._off) > _WRONG or self._next >= self._given or gone:
                moved, self._next, self._off = ideal - self._next, ideal, 0.0
            number = self._next
            self._next += 1
            return self._at(number), moved

    def history(self) -> list[NDArray[np.float32]]:
        """What came before the frame last taken, oldest first."""
        with self._lock:
            last = self._next or 0
            return [self._at(number).astype(np.float32) for number in range(last - _KEPT, last - 1)]

    def _at(self, number: int) -> Frame:
        place = number - (self._given - len(self._frames))
        return self._frames[place] if 0 <= place < len(self._frames) else self._silence
