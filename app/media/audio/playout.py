"""What was decoded, on its way to the loudspeaker: a short FIFO that fills gaps and never falls far behind.

Sound is mono int16 at 48 kHz. One thread may push while another pulls.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.media.audio.portaudio import RATE

MS = RATE // 1000
MARGIN_MIN = 40 * MS
MARGIN_MAX = 120 * MS
"""What is to be left in the buffer when it is at its lowest, just before a packet comes."""
_STEP = 20 * MS
_EXCESS = 30 * MS  # a lowest fill above the margin by more than this is cut away bit by bit
_MUCH = 150 * MS
_HARD_LIMIT = 800 * MS  # above this the oldest is thrown away at once
_CALM = 10 * RATE  # so long without a gap lets the margin shrink by half a step
_LONGEST_GAP = 500 * MS
_FADE = 60 * MS
_LOOK = RATE  # the smallest fill within so many samples played is what truly stands
_CUT = 10 * MS

Samples = NDArray[np.int16]


@dataclass
class PlayoutCounters:
    """Samples, cumulative; the names are those of W3C inbound-rtp statistics."""

    received: int = 0  # totalSamplesReceived counts what was played, so concealment is in it
    concealed: int = 0
    silent_concealed: int = 0
    concealment_events: int = 0
    delay: float = 0.0  # jitterBufferDelay: seconds, summed over samples emitted
    emitted: int = 0
    cut: int = 0


class Playout:
    """`push` what arrives with its RTP time, `pull` what is due."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fifo = np.zeros(0, np.int16)
        self._expected: int | None = None
        self._margin = MARGIN_MIN + _STEP
        self._packet = _STEP
        self._playing = False
        self._starved = False
        self._least = _HARD_LIMIT
        self._looked = 0
        self._since_cut = 0
        self._level = 0.0
        self._calm = 0
        self._faded = 0
        self._tail = np.zeros(_STEP, np.int16)
        self.counters = PlayoutCounters()

    def push(self, timestamp: int, samples: Samples) -> None:
        """Sound decoded from one packet; `timestamp` is its RTP time (samples at 48 kHz, unwrapped)."""
        with self._lock:
            if self._expected is not None:
                gap = timestamp - self._expected
                if 0 < gap <= _LONGEST_GAP and self._playing and not self._starved:
                    self._fill(gap)
            self._expected = timestamp + len(samples)
            self._fifo = np.concatenate([self._fifo, samples])
            self._packet = min(len(samples), MARGIN_MAX)  # the longest Opus packet is 120 ms too
            if len(self._fifo) > _HARD_LIMIT:
                self._drop(len(self._fifo) - self._packet - self._margin)

    def pull(self, count: int) -> Samples:
        """The next `count` samples: sound, else concealment, else silence. Never waits."""
        with self._lock:
            self._playing = self._playing or len(self._fifo) >= self._packet + self._margin
            if not self._playing:
                return np.zeros(count, np.int16)
            got = self._fifo[:count]
            self.counters.delay += len(self._fifo) / RATE * len(got)
            self.counters.emitted += len(got)
            self._fifo = self._fifo[count:]
            self.counters.received += count
            if missing := count - len(got):
                self._starve(missing)
                got = np.concatenate([got, self._conceal(missing)])
            else:
                self._starved = False
                self._faded = 0
            self._calm += count
            if self._calm > _CALM:
                self._margin, self._calm = max(MARGIN_MIN, self._margin - _STEP // 2), 0
            if not self._starved:
                self._tail = np.concatenate([self._tail, got])[-_STEP:]
            self._watch(got)
            return got

    def restart(self) -> None:
        """A new transport: RTP times start anew."""
        with self._lock:
            self._expected = None

    @property
    def standing(self) -> float:
        """Seconds of sound that wait to be played."""
        with self._lock:
            return len(self._fifo) / RATE

    def _starve(self, missing: int) -> None:
        self.counters.concealed += missing
        if not self._starved:
            self.counters.concealment_events += 1
            self._margin = min(MARGIN_MAX, self._margin + _STEP)
            self._calm = 0
        self._starved = True

    def _conceal(self, count: int) -> Samples:
        """The last 20 ms again and again, fading to silence within 60 ms."""
        start = self._faded
        self._faded += count
        if start >= _FADE:
            self.counters.silent_concealed += count
            return np.zeros(count, np.int16)
        places = np.arange(start, start + count)
        gain = np.clip(1 - places / _FADE, 0, 1)
        # Forwards and backwards in turn, so that the ends meet without a click.
        mirrored = np.concatenate([self._tail[::-1], self._tail])
        return np.asarray(mirrored[places % len(mirrored)] * gain, np.int16)

    def _fill(self, gap: int) -> None:
        """Stands in for lost packets, so that what follows keeps its time."""
        tail, faded = self._tail, self._faded
        if len(self._fifo) >= _STEP:
            self._tail = self._fifo[-_STEP:]
        self._faded = 0
        self._fifo = np.concatenate([self._fifo, self._conceal(gap)])
        self._tail, self._faded = tail, faded
        self.counters.concealed += gap
        self.counters.concealment_events += 1

    def _watch(self, got: Samples) -> None:
        """Takes 10 ms at a time out of what stands above the margin: in pauses, where nobody hears it; in the middle
        of speech only when much stands, and then a tenth of the time at most.
        """
        self._least = min(self._least, len(self._fifo))
        self._looked += len(got)
        self._since_cut += len(got)
        self._level = max(self._level * 0.995, float(np.abs(got.astype(np.int32)).max(initial=0)))
        if self._looked < _LOOK:
            return
        excess = self._least - self._margin
        if excess <= _EXCESS:
            self._least, self._looked = _HARD_LIMIT, 0
        elif self._is_pause() or (excess > _MUCH and self._since_cut >= 10 * _CUT):
            self._drop(_CUT)
            self._least -= _CUT
            self._since_cut = 0

    def _is_pause(self) -> bool:
        ahead = self._fifo[: 2 * _CUT].astype(np.int32)
        return bool(len(ahead) == 2 * _CUT and np.abs(ahead).max() < 0.15 * self._level)

    def _drop(self, count: int) -> None:
        self.counters.cut += count
        rest = self._fifo[count:].copy()
        blend = min(_CUT, count, len(rest))
        if blend:
            ramp = np.linspace(0, 1, blend)
            rest[:blend] = np.asarray(self._fifo[:blend] * (1 - ramp) + rest[:blend] * ramp, np.int16)
        self._fifo = rest
