"""A clip's sound on the loudspeaker, and how far it has come: the clock for its pictures."""

from __future__ import annotations

import threading
import time

import numpy as np
from numpy.typing import NDArray

from app.media.audio.speaker import Speaker
from app.media.clip.bounds import RATE
from app.media.specs import DeviceSpec


class _Reel:
    """Gives a recording out, then silence. `pull` on the loudspeaker's thread."""

    def __init__(self, samples: NDArray[np.int16], place: int, length: int) -> None:
        self._samples, self._place, self._length = samples, place, length
        self._told = (place, 0.0)

    def pull(self, count: int, now: float) -> NDArray[np.int16]:
        piece = self._samples[self._place : self._place + count]
        self._told = (self._place, now)
        self._place = self._place + count
        return np.concatenate([piece, np.zeros(count - len(piece), np.int16)]) if len(piece) < count else piece

    def heard_s(self, delay_s: float) -> float | None:
        """Where it is now; None before the first sample was asked for."""
        place, at = self._told
        if not at:
            return None
        return min(place / RATE + max(0.0, time.monotonic() - at) - delay_s, self._length / RATE)


class ClipSound:
    """One clip at a time. :meth:`start` and :meth:`stop` block (2 s at most): not on the loop nor the UI thread;
    :meth:`position` is for any thread. Without a loudspeaker the clock goes on, in silence.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._playing: tuple[Speaker, _Reel, float] | None = None

    def start(self, spec: DeviceSpec, sound: bytes, seconds: float, at_s: float) -> None:
        """`sound`: mono, 48 kHz, int16, little-endian; shorter than `seconds` is followed by silence. From `at_s`."""
        self.stop()
        samples = np.frombuffer(sound[: len(sound) // 2 * 2], "<i2").astype(np.int16)
        at_s = min(max(at_s, 0.0), seconds)
        reel = _Reel(samples, round(at_s * RATE), round(seconds * RATE))
        speaker = Speaker(spec.kind, spec.which, reel, report=lambda state, name: None, played=lambda at, heard: None)
        with self._turn:
            self._playing = speaker, reel, at_s
            speaker.start()

    def stop(self) -> None:
        with self._turn:
            playing, self._playing = self._playing, None
        if playing is not None:
            playing[0].stop()

    def position(self) -> float | None:
        """Seconds into the clip that are heard now; None while none plays."""
        playing = self._playing
        if playing is None:
            return None
        speaker, reel, at_s = playing
        heard = reel.heard_s(speaker.delay_s)
        return at_s if heard is None else max(at_s, heard)
