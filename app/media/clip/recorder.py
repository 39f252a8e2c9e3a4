"""Records one clip: pictures and sound come from their devices' threads, one thread of low priority encodes them.

Bounded all the way: few pictures wait (a slow machine drops the newest), and some seconds of sound (silence stands for
what no longer fits); what is encoded is bounded by the clip's kind.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
from dataclasses import dataclass, replace

import av
import numpy as np
from numpy.typing import NDArray

from app.media.clip.bounds import CHUNK, CLOSER, LEAST_S, RATE, Clip, ClipKind, SoundClock
from app.media.clip.encoder import ClipEncoder
from app.media.video.frames import CapturedFrame

log = logging.getLogger(__name__)

_WAITING = 8
_SOUNDS = 500  # chunks: 10 s, as much as a whole short clip
_END_S = 0.001  # times are not exact: a chunk that begins with the end belongs after it
_NICE = 10


@dataclass(frozen=True)
class _Sound:
    samples: NDArray[np.int16]
    at: float


@dataclass(frozen=True)
class _End:
    seconds: float


class ClipRecorder:
    """`see` and `hear` may be called on any thread; :meth:`run` blocks on one of its own until the clip is done.

    Before :meth:`begin` nothing is kept but the last picture and when sound comes: the clip begins with that picture.
    """

    def __init__(self, seconds: float | None = None, kind: ClipKind = CLOSER) -> None:
        self._seconds = kind.seconds if seconds is None else seconds
        self._kind = kind
        self._lock = threading.Lock()
        self._queue: queue.Queue[CapturedFrame | _Sound | _End | None] = queue.Queue()
        self._clock = SoundClock()
        self._before: CapturedFrame | None = None
        self._begun: float | None = None
        self._over = False
        self._waiting = 0
        self._sounds = 0
        self.seen = threading.Event()
        """Set when a picture has come."""
        self.dropped = 0

    # What the devices bring

    def see(self, captured: CapturedFrame) -> None:
        with self._lock:
            if self._begun is None:
                self._before = captured
                self.seen.set()
            elif not self._over and captured.at - self._begun < self._seconds:
                if self._waiting >= _WAITING:
                    self.dropped += 1
                    return
                self._waiting += 1
                self._queue.put(replace(captured, at=captured.at - self._begun))

    def forget(self) -> None:
        """The picture before the beginning: the camera has another mode now."""
        with self._lock:
            self._before = None
            self.seen.clear()

    def hear(self, place: int, samples: NDArray[np.int16], now: float) -> None:
        """A chunk of 20 ms (mono, 48 kHz) whose first sample has this place, handed over at `now` (monotonic s)."""
        with self._lock:
            if self._begun is None:
                self._clock = self._clock.heard(place, now)
                return
            if self._clock.zero is None:
                self._clock = self._clock.heard(place, now)
            at = self._clock.at(place) - self._begun
            if not self._over and at + CHUNK / RATE >= 0.0 and at < self._seconds - _END_S:
                cut = round(max(0.0, -at) * RATE)
                if self._sounds >= _SOUNDS:
                    return
                self._sounds += 1
                self._queue.put(_Sound(samples[cut:], max(at, 0.0)))

    # What the person does

    def begin(self, now: float) -> bool:
        """False: no picture has come yet, nothing is begun."""
        with self._lock:
            if self._before is None or self._begun is not None:
                return False
            self._begun = now
            self._waiting += 1
            self._queue.put(replace(self._before, at=0.0))
            self._before = None
            return True

    def end(self, now: float) -> None:
        """All is recorded, or the call is over: what is there is made into a clip. A second call does nothing."""
        with self._lock:
            if not self._over:
                self._over = True
                seconds = 0.0 if self._begun is None else min(now - self._begun, self._seconds)
                self._queue.put(_End(seconds))

    def drop(self) -> None:
        """Nothing of it is wanted: it leaves memory."""
        with self._lock:
            self._over = True
            self._before = None
            self._queue.put(None)

    # The thread that encodes

    def run(self) -> Clip | None:
        """None: it was dropped, is too short to be of use, or could not be encoded."""
        _give_way()
        encoder = ClipEncoder(self._kind)
        try:
            return self._encode(encoder)
        except (av.FFmpegError, ValueError) as exc:
            log.error("a clip could not be encoded: %s", exc)
            return None

    def _encode(self, encoder: ClipEncoder) -> Clip | None:
        at = 0.0
        while True:
            item = self._queue.get()
            if item is None:
                return None
            if isinstance(item, _End):
                seconds = at if encoder.full else item.seconds
                return self._made(encoder, seconds)
            at = item.at
            if isinstance(item, _Sound):
                with self._lock:
                    self._sounds -= 1
                if not encoder.full:
                    encoder.sound(item.samples, item.at)
                continue
            with self._lock:
                self._waiting -= 1
            if not encoder.full and not encoder.picture(item.frame, item.at):
                self.drop()  # what still comes is of another camera
                return self._made(encoder, item.at)

    def _made(self, encoder: ClipEncoder, seconds: float) -> Clip | None:
        if seconds < LEAST_S or not encoder.pictures:
            return None
        data = encoder.finish(seconds)
        log.info("a clip of %.1f s: %d pictures, %d left out", seconds, encoder.pictures, self.dropped)
        return Clip(data, seconds, encoder.width, encoder.height)


def _give_way() -> None:
    """Speech first: this thread waits for whoever else wants the processor (nice(1); Linux knows it by thread)."""
    if sys.platform == "linux":
        import os

        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
