"""Adaptive playout: encoded packets wait until they are due and leave as sound that never stops.

Sound is mono int16 at 48 kHz. How long packets wait follows when they come (`jitter`); the difference is made up by
stretching and shrinking (`stretch`), in pauses first. What is missing is recovered or concealed (`decoding`).
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

from app.media.audio import stretch
from app.media.audio.decoding import Decoding, PlayoutCounters
from app.media.audio.jitter import Arrivals
from app.media.audio.libopus import RATE
from app.media.audio.opus import has_fec, packet_samples
from app.media.audio.scaling import HIGH, MS, Scaling
from app.media.audio.timeline import Timeline, Verdict
from app.media.audio.waiting import LARGEST_PAYLOAD, Held, SpeechPacket

__all__ = ["MS", "Playout", "PlayoutCounters", "SpeechPacket"]

_OUTAGE_S = 1.0
_JUMP = 2500 * MS
_JUMP_SETTLING = 250 * MS
"""So much above the target is skipped at once: always, and in the first second after an outage."""
_PHASE_S = 4.0
_STALLED_S = 0.1

Samples = NDArray[np.int16]


class PullClock:
    """When the loudspeaker takes what: the earliest it did of late counts, for a deadline must hold at its worst."""

    def __init__(self) -> None:
        self._pulled = 0
        self._phases: list[float] = []
        self._since = 0.0

    def pull(self, count: int, now: float) -> float:
        """The time from which this pull is to be reckoned, s; at most `now`."""
        phase = now - self._pulled / RATE
        self._pulled += count
        if not self._phases or phase > min(self._phases) + _STALLED_S:
            self._phases, self._since = [phase, phase], now
        elif now - self._since > _PHASE_S:
            self._phases, self._since = [self._phases[1], phase], now
        else:
            self._phases[1] = min(self._phases[1], phase)
        return min(self._phases) + (self._pulled - count) / RATE


class Playout:
    """`push` from any thread, `pull` on the loudspeaker's. Raises OpusMissing when there is no libopus."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counters = PlayoutCounters()
        self._decoding = Decoding(self.counters)
        self._arrivals = Arrivals()
        self._timeline = Timeline()
        self._clock = PullClock()
        self._out = np.zeros(0, np.int16)
        self._pushed_at: float | None = None
        self._last_sequence: int | None = None
        self._scaling = Scaling()
        self._pulled_at = 0.0
        self._due = 0.0
        self._count = 20 * MS

    def push(self, packet: SpeechPacket, now: float) -> None:
        """What is no Opus, comes twice, comes too late or at an absurd time is left out."""
        samples = packet_samples(packet.payload) if len(packet.payload) <= LARGEST_PAYLOAD else 0
        with self._lock:
            if not samples or not self._is_sensible(packet.timestamp, now):
                self.counters.refused += 1
                return
            if self._pushed_at is not None and now - self._pushed_at > _OUTAGE_S:
                self._arrivals.forget(now)
            self._pushed_at = now
            self._note(packet, samples, now)
            held = Held(packet, samples, now)
            if self._decoding.late(held):
                return
            if not self._decoding.waiting.put(held) or packet.redundant:
                return
            self._decoding.explain(packet.timestamp, packet.sequence - 1 == self._last_sequence)
            self._last_sequence = packet.sequence

    def pull(self, count: int, now: float) -> Samples:
        """The next `count` samples: sound, concealment, or comfort noise; silence before anything came."""
        with self._lock:
            self._due, self._pulled_at, self._count = self._clock.pull(count, now), now, count
            if self._decoding.place is None and not self._decoding.begun:
                return np.zeros(count, np.int16)
            self._skip_ahead()
            self._adapt()
            while len(self._out) < count:
                self._produce()
            got, self._out = self._out[:count], self._out[count:]
            self._account(got)
            return got

    def restart(self) -> None:
        """A new transport or stream: timestamps start anew. What can be decoded of the old one is played out."""
        with self._lock:
            while self._decoding.is_due() and len(self._out) < RATE:
                self._produce()
            self._begin(None, self._pulled_at)
            self._timeline.restart()

    @property
    def standing(self) -> float:
        """Seconds of sound that wait to be played."""
        with self._lock:
            return (len(self._out) + self._decoding.span()) / RATE

    @property
    def target(self) -> float:
        """How long after the fastest packet of late a frame is to be played, s."""
        with self._lock:
            return self._target()

    def playing(self, now: float) -> float | None:
        """RTP time (samples, 48 kHz) that leaves here now; None before anything came."""
        with self._lock:
            place = self._decoding.place
            if place is None:
                return None
            return place - len(self._out) - self._count + min(self._count, max(0.0, now - self._pulled_at) * RATE)

    def _is_sensible(self, timestamp: int, now: float) -> bool:
        verdict = self._timeline.judge(timestamp, now)
        if verdict is Verdict.STRAY:
            return False
        if verdict is Verdict.ANEW:
            self._begin(None, now)
        if self._decoding.place is None:
            self._begin(timestamp, now)
        return True

    def _begin(self, place: int | None, now: float) -> None:
        self._decoding.begin(place)
        self._arrivals.restart(now)
        self._last_sequence = None

    def _note(self, packet: SpeechPacket, samples: int, now: float) -> None:
        self.counters.packets += not packet.redundant
        self._arrivals.note(packet.timestamp, now, packet.redundant)
        if has_fec(packet.payload):
            self._arrivals.note(packet.timestamp - samples, now, True)

    def _target(self) -> float:
        base, deadline = self._arrivals.base, self._arrivals.deadline
        return 0.0 if base is None or deadline is None else deadline - base

    def _error(self) -> int:
        """Samples by which the delay at `place` is above (negative: below) the target: a packet may be needed a whole
        pull before its first sample is due.
        """
        deadline, place = self._arrivals.deadline, self._decoding.place
        if deadline is None or place is None:
            return 0
        return round((self._due - deadline) * RATE) + len(self._out) - place - self._count

    def _produce(self) -> None:
        piece = self._decoding.produce(self._error(), HIGH, self._due, len(self._out))
        self._out = np.concatenate([self._out, piece])

    def _skip_ahead(self) -> None:
        """Far too much stands: a burst after an outage, or a loudspeaker that had stopped."""
        error, place = self._error(), self._decoding.place
        most = _JUMP_SETTLING if self._arrivals.settling(self._due) else _JUMP
        span = self._decoding.span()
        if place is not None and error > most and span > error:
            self._decoding.jump(place + error)

    def _adapt(self) -> None:
        if self._decoding.starved or not self._scaling.wanted(self._error()):
            return
        while len(self._out) < stretch.NEEDED + self._count and self._decoding.is_due():
            self._produce()
        self._out, changed = self._scaling.apply(self._out, self._scaling.wanted(self._error()))
        self.counters.inserted += max(0, changed)
        self.counters.cut += max(0, -changed)

    def _account(self, got: Samples) -> None:
        count, counters = len(got), self.counters
        self._scaling.played(got)
        counters.received += count
        counters.target_delay += self._target() * count
        counters.minimum_delay += self._target() * count
