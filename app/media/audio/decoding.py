"""Sound out of waiting packets, piece by piece: decoded, recovered, or concealed, in the order of the timestamps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.media.audio import stretch
from app.media.audio.comfort import ComfortNoise
from app.media.audio.libopus import RATE, OpusError
from app.media.audio.opus import CONCEAL_STEP, OpusDecoder, has_fec
from app.media.audio.waiting import Held, Waiting

MS = RATE // 1000
_FADE_FROM = 80 * MS
_FADE_TO = 200 * MS
"""Concealment fades to comfort noise between these."""
_BLEND = 5 * MS
_SILENCE_BYTES = 2
"""A packet so short is Opus DTX: the decoder makes its own comfort noise of it."""
LONG_STARVED = 250 * MS
"""After so long without anything the sentence is broken: what comes next begins when the deadline says."""
_WORTH_SKIPPING = 20 * MS
_DTX_MOST = 500 * MS
"""Opus refreshes silence each 400 ms: a longer gap is no silence but a loss."""
_RECOVER_STEP = 120
_LONGEST_RECOVERED = 60 * MS

Samples = NDArray[np.int16]


@dataclass
class PlayoutCounters:
    """Cumulative, in samples where nothing else is said; W3C webrtc-stats inbound-rtp names in the comments."""

    received: int = 0  # totalSamplesReceived: counts what was played, so concealment is in it
    concealed: int = 0  # concealedSamples
    silent_concealed: int = 0  # silentConcealedSamples, part of the above: comfort noise, and DTX gaps
    concealment_events: int = 0  # concealmentEvents
    inserted: int = 0  # insertedSamplesForDeceleration
    cut: int = 0  # removedSamplesForAcceleration
    delay: float = 0.0  # jitterBufferDelay: seconds, summed over samples emitted
    target_delay: float = 0.0  # jitterBufferTargetDelay, likewise
    minimum_delay: float = 0.0  # jitterBufferMinimumDelay, likewise
    emitted: int = 0  # jitterBufferEmittedCount
    packets: int = 0  # packets taken, RED copies not counted
    discarded: int = 0  # packetsDiscarded: came when their place was concealed already
    recovered_red: int = 0  # frames played from a RED copy
    recovered_fec: int = 0  # frames played from in-band FEC
    refused: int = 0  # packets that are no Opus, or whose time makes no sense


class Decoding:
    """`produce` gives the next piece; `place` is the RTP time of the sample behind what was produced so far."""

    def __init__(self, counters: PlayoutCounters) -> None:
        self.waiting = Waiting()
        self.counters = counters
        self.place: int | None = None
        self._decoder = OpusDecoder()
        self._comfort = ComfortNoise()
        self._starved = 0
        self._run = 0
        self._begun = self._silence = False
        self._unsure = 0
        self._concealed: deque[tuple[int, int]] = deque(maxlen=32)

    @property
    def begun(self) -> bool:
        """Whether anything was heard so far."""
        return self._begun

    def begin(self, place: int | None) -> None:
        """A new stream from `place` on; None: nothing of it is known yet. What waits is of the old one."""
        self.waiting.clear()
        self._concealed.clear()
        self.place = place

    @property
    def starved(self) -> int:
        """Samples concealed since there was nothing more to play; RTP time stood still meanwhile."""
        return self._starved

    def late(self, held: Held) -> bool:
        """Whether the packet comes too late; counted, if its place was concealed and not merely heard already."""
        if self.place is None or held.end > self.place:
            return False
        if not held.packet.redundant and any(a < held.end and held.start < b for a, b in self._concealed):
            self.counters.discarded += 1
        return True

    def is_due(self) -> bool:
        """Whether real sound can be produced now."""
        return self.place is not None and self.waiting.covering(self.place) is not None

    def span(self) -> int:
        """Samples from `place` to the end of the newest packet."""
        end = self.waiting.end
        return 0 if end is None or self.place is None else max(0, end - self.place)

    def jump(self, place: int) -> None:
        """What lies before `place` is not played."""
        self.place = place
        self.waiting.drop_before(place)
        self._starved = 0
        self._run = max(self._run, 1)

    def produce(self, error: int, loose: int, now: float, ahead: int) -> Samples:
        """At least one sample. `error`: samples by which the delay at `place` is above (negative: below) the target,
        which is good as long as it is at most `loose`; a gap may be shortened by what is more. `ahead` samples are
        produced but not yet played.
        """
        if self.place is None:
            return self._conceal(CONCEAL_STEP)
        if not self._begun and error < 0:
            return np.zeros(min(-error, CONCEAL_STEP), np.int16)
        if self._starved and len(self.waiting):
            self._resume(error)
        self.waiting.drop_before(self.place)
        held = self.waiting.covering(self.place)
        if held is not None:
            return self._decode(held, now, ahead)
        later = self.waiting.after(self.place)
        if later is None:
            self._starved += CONCEAL_STEP
            return self._conceal(CONCEAL_STEP)
        return self._fill(later, error - loose)

    def _resume(self, error: int) -> None:
        """Something came after there was nothing. The packet that was waited for is played whole; what a later one
        leaves out has been concealed by now.
        """
        assert self.place is not None
        starved, self._starved = self._starved, 0
        held = self.waiting.covering(self.place)
        if held is not None:
            if held.packet.redundant and starved >= held.end - self.place and error >= 0:
                self._skip(held.end - self.place)
            return
        later = self.waiting.after(self.place)
        if later is None:
            return
        gap = later.start - self.place
        if starved >= LONG_STARVED or self._silence:
            self._skip(min(gap, max(0, error)))
        else:
            self._skip(min(gap, starved))

    def _skip(self, count: int) -> None:
        assert self.place is not None
        if count > 0:
            self._concealed.append((self.place, self.place + count))
            self.place += count

    def _decode(self, held: Held, now: float, ahead: int) -> Samples:
        assert self.place is not None
        skip = self.place - held.start
        before = self._continued() if self._run and skip else None
        try:
            samples = self._decoder.decode(held.packet.payload)[skip:]
        except OpusError:
            samples = np.zeros(0, np.int16)
        if not len(samples):
            self.counters.refused += 1
            self.waiting.remove(held)
            return self._gap(min(held.end - self.place, CONCEAL_STEP))
        self._silence = len(held.packet.payload) <= _SILENCE_BYTES
        self.counters.recovered_red += held.packet.redundant
        self.counters.delay += max(0.0, now + ahead / RATE - held.at) * len(samples)
        self.counters.emitted += len(samples)
        return self._heard(samples, before)

    def _heard(self, samples: Samples, before: Samples | None) -> Samples:
        assert self.place is not None
        self.place += len(samples)
        self._comfort.learn(samples)
        self._begun = True
        faded, self._run = self._run > _FADE_FROM, 0
        if before is not None or faded:
            return stretch.crossfade(self._comfort.make(_BLEND) if before is None else before, samples)
        return samples

    def _continued(self) -> Samples:
        return self._faded(self._decoder.conceal(CONCEAL_STEP))[:_BLEND]

    def _fill(self, later: Held, too_much: int) -> Samples:
        """A gap before `later`: in-band FEC for its end, concealment for the rest; shorter by what is too much."""
        assert self.place is not None
        gap = later.start - self.place
        reach = min(later.samples, _LONGEST_RECOVERED)
        if gap <= reach and has_fec(later.packet.payload):
            recovered = self._recover(later, reach, gap)
            if recovered is not None:
                return recovered
        if too_much > _WORTH_SKIPPING:
            self._skip(min(gap - 1, too_much))
            gap = later.start - self.place
        if gap > reach and has_fec(later.packet.payload):
            gap -= reach
        return self._gap(min(gap, CONCEAL_STEP))

    def _recover(self, later: Held, reach: int, gap: int) -> Samples | None:
        if reach % _RECOVER_STEP:
            return None
        before = self._continued() if self._run and gap != reach else None
        try:
            samples = self._decoder.recover(later.packet.payload, reach)[-gap:]
        except OpusError:
            return None
        self.counters.recovered_fec += 1
        return self._heard(samples, before)

    def _gap(self, count: int) -> Samples:
        """Concealment that takes RTP time."""
        self._skip(count)
        return self._conceal(count)

    def _conceal(self, count: int) -> Samples:
        samples = self._faded(self._decoder.conceal(CONCEAL_STEP))[:count]
        self._count(count)
        self._run += count
        return samples

    def _faded(self, samples: Samples) -> Samples:
        if self._silence or self._run + len(samples) <= _FADE_FROM:
            return samples
        places = np.arange(self._run, self._run + len(samples), dtype=np.float32)
        gain = np.clip((_FADE_TO - places) / (_FADE_TO - _FADE_FROM), 0, 1)
        noise = self._comfort.make(len(samples)) * np.sqrt(1 - gain * gain)
        return np.clip(samples * gain + noise, -32768, 32767).astype(np.int16)

    def _count(self, count: int) -> None:
        counters = self.counters
        counters.concealed += count
        if self._silence or self._run >= _FADE_TO:
            counters.silent_concealed += count
        elif self._starved:
            self._unsure += count
        if not self._run and not self._silence:
            counters.concealment_events += 1

    def explain(self, timestamp: int, follows: bool) -> None:
        """A packet came. If it is the next by its sequence number (`follows`) but not by its timestamp, the far side
        sent nothing in silence (DTX): what was concealed meanwhile was silence, and so is the rest of the gap.
        """
        jumped = self.place is not None and timestamp > self.place
        if follows and jumped and self._unsure and self._starved <= _DTX_MOST:
            self.counters.silent_concealed += self._unsure
            self.counters.concealment_events = max(0, self.counters.concealment_events - 1)
            self._silence = True
        self._unsure = 0
