"""Speech from the microphone's chunks to RTP payloads: Opus frames as the rung says, RED where loss asks for it."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.media.audio.effort import Effort
from app.media.audio.opus import OpusEncoder
from app.media.rate.speech import FRAMES_MS, Speech
from app.media.rtc.red import LONGEST_BLOCK, LONGEST_OFFSET, Block, pack_red
from app.media.rtc.sdp import Formats

_SAMPLES_PER_MS = 48
_DTX_BYTES = 2
"""A packet of this size or less need not be sent (RFC 7587 section 3.1.3)."""
_GUEST_FRAME_MS = 60
_KEPT = 20  # frames of 20 ms that RED can reach, and a few


@dataclass(frozen=True)
class SpeechPayload:
    """`timestamp`: RTP time (48 kHz) of the first sample, without offset; `fresh`: first after a pause (marker)."""

    payload_type: int
    payload: bytes
    timestamp: int
    fresh: bool


class SpeechSource:
    """Chunks in, payloads out. On the loop's thread: 60 ms of speech take about a millisecond to encode."""

    def __init__(self, speech: Speech) -> None:
        self._formats = Formats()
        self._ours = False
        self._speech = speech
        self._encoder = OpusEncoder(speech)
        self._effort = Effort()
        self._chunks: list[NDArray[np.int16]] = []
        self._length = 0
        self._place = 0
        self._sent: deque[tuple[int, bytes]] = deque(maxlen=_KEPT)
        self._paused = True

    def connect(self, formats: Formats, *, ours: bool) -> None:
        """To whom it goes: a browser gets frames of 60 ms at most, whatever it says."""
        self._formats, self._ours = formats, ours
        self.use(self._speech)

    @property
    def frame_ms(self) -> int:
        return self._speech.frame_ms

    def use(self, speech: Speech) -> None:
        """From the next frame on."""
        longest = min(self._formats.longest_frame_ms, FRAMES_MS[-1] if self._ours else _GUEST_FRAME_MS)
        frame_ms = max(ms for ms in FRAMES_MS if ms <= max(20, min(speech.frame_ms, longest)))
        self._speech = replace(speech, frame_ms=frame_ms)
        self._encoder.use(self._speech, self._effort.complexity)

    @property
    def speech(self) -> Speech:
        """What is really sent."""
        return self._speech

    def feed(self, place: int, chunk: NDArray[np.int16]) -> list[SpeechPayload]:
        """`place` counts samples since the microphone's start; a leap in it begins a new frame."""
        if place != self._place + self._length:
            self._chunks.clear()
            self._place, self._length = place, 0
        self._chunks.append(chunk)
        self._length += len(chunk)
        ready: list[SpeechPayload] = []
        while self._length >= (size := self._speech.frame_ms * _SAMPLES_PER_MS):
            whole = np.concatenate(self._chunks) if len(self._chunks) > 1 else self._chunks[0]
            start = self._place
            self._chunks, self._place, self._length = [whole[size:]], start + size, self._length - size
            ready += self._encode(start, whole[:size])
        return ready

    def _encode(self, start: int, samples: NDArray[np.int16]) -> list[SpeechPayload]:
        opus = self._formats.opus
        if opus is None:
            return []
        began = time.thread_time()
        data = self._encoder.encode(samples)
        self._tire(time.thread_time() - began)
        if self._speech.dtx and len(data) <= _DTX_BYTES:
            self._paused = True
            self._sent.clear()
            return []
        fresh, self._paused = self._paused, False
        made = SpeechPayload(opus, data, start, fresh)
        if self._formats.red is not None and self._speech.redundancy:
            made = replace(made, payload_type=self._formats.red, payload=self._with_redundancy(opus, start, data))
        self._sent.append((start, data))
        return [made]

    def _tire(self, took_s: float) -> None:
        before = self._effort
        self._effort = before.encoded(took_s, self._speech.frame_ms / 1000)
        if self._effort.complexity != before.complexity:
            self._encoder.use(self._speech, self._effort.complexity)

    def _with_redundancy(self, opus: int, start: int, data: bytes) -> bytes:
        """Earlier frames, oldest first, then this one (RFC 2198 section 3)."""
        far = self._speech.distance
        places = [i * far for i in range(self._speech.redundancy, 0, -1) if i * far <= len(self._sent)]
        kept = [self._sent[-place] for place in places]
        blocks = [
            Block(opus, start - then, earlier)
            for then, earlier in kept
            if 0 < start - then <= LONGEST_OFFSET and len(earlier) <= LONGEST_BLOCK
        ]
        return pack_red([*blocks, Block(opus, 0, data)])
