"""Several microphones, one after another, made one stream: no click, no leap in time, no two at once."""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from app.media.audio.microphone import Deliver
from app.media.audio.portaudio import RATE

_JOINT = RATE // 200  # 5 ms


class Handover:
    """`deliver(place, samples)` gets one stream whose places never go back; called on the microphones' threads."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._given = 0
        self._current = 0
        self._next_place = 0
        self._shift = 0
        self._tail = np.zeros(_JOINT, np.int16)

    def source(self) -> Deliver:
        """For the next microphone: it takes over with its first chunk, and what the one before still says is lost."""
        with self._lock:
            self._given += 1
            number = self._given

        def take(place: int, samples: NDArray[np.int16]) -> None:
            with self._lock:
                if number < self._current:
                    return
                if number > self._current:
                    self._current = number
                    self._shift = max(0, self._next_place - place)
                    samples = self._joined(samples)
                place += self._shift
                self._next_place = place + len(samples)
                self._tail = samples[-_JOINT:]
                self._deliver(place, samples)

        return take

    def _joined(self, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """The old one's last 5 ms, mirrored and fading, over the new one's first, rising: the curve has no step."""
        length = min(_JOINT, len(self._tail), len(samples))
        if not length:
            return samples
        rise = np.arange(1, length + 1) / (length + 1)
        joined = samples.copy()
        joined[:length] = samples[:length] * rise + self._tail[::-1][:length] * (1 - rise)
        return joined
