"""Lips and speech together: a picture waits a little for the speech of its moment; speech never waits for pictures."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import av

from app.media.audio.portaudio import RATE
from app.media.picture_pace import PicturePace

EARLY_S = 0.03
HOLD_S = 0.13
"""Where packets are lost, pictures are shown so much later than their speech allows: a repair then comes in time, as a
rule. More, and the lips would be over 100 ms behind."""
LONGEST_S = 0.4
_MOST_WAITING = 12
_LOOK_S = 0.015


class Hearing(Protocol):
    """What we use of app.media.audio.playout.Playout."""

    def playing(self, now: float) -> float | None: ...


class Clocks(Protocol):
    """What we use of a transport: the sender's wall clock (s) of RTP times, by its sender reports."""

    def speech_wall(self, timestamp: float) -> float | None: ...

    def picture_wall(self, timestamp: int) -> float | None: ...

    @property
    def pictures_lossy(self) -> bool: ...

    @property
    def pictures_missing_since(self) -> float | None: ...


def wait_s(picture_wall: float | None, speech_wall: float | None, *, lossy: bool = False) -> float:
    """PURE: how long a picture should wait; 0 when it is late, or nothing is known."""
    if picture_wall is None or speech_wall is None:
        return 0.0
    ahead = picture_wall - speech_wall + (HOLD_S if lossy else 0.0)
    return ahead - EARLY_S if EARLY_S < ahead <= LONGEST_S + EARLY_S else 0.0


@dataclass
class _Waiting:
    frame: av.VideoFrame
    show: Callable[[av.VideoFrame], None]
    wanted: float


class LipSync:
    """One per session, on the loop. What waits is bounded: with too much waiting, the oldest are shown at once."""

    def __init__(self, hearing: Hearing, air_s: Callable[[], float]) -> None:
        """`air_s`: seconds from the playout to the air, the loudspeaker's own queue."""
        self._hearing, self._air_s = hearing, air_s
        self._clocks: Clocks | None = None
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._pace = PicturePace()
        self._missing_since: float | None = None

    def restart(self, clocks: Clocks) -> None:
        self._clocks = clocks

    def show(self, frame: av.VideoFrame, timestamp: int, show: Callable[[av.VideoFrame], None]) -> None:
        now = time.monotonic()
        heard = self._hearing.playing(now)
        wait = 0.0
        if heard is not None and self._clocks is not None:
            in_the_air = heard - self._air_s() * RATE
            walls = self._clocks.picture_wall(timestamp), self._clocks.speech_wall(in_the_air)
            wait = wait_s(*walls, lossy=self._clocks.pictures_lossy)
        self._waiting.append(_Waiting(frame, show, now + wait))
        while len(self._waiting) > _MOST_WAITING:
            self._show_next(now)
        self._look(now)

    def _look(self, now: float) -> None:
        """Shows what is due and sets the timer for the next."""
        missing = self._watch_missing(now)
        while self._waiting:
            at = self._pace.show_at(self._waiting[0].wanted, len(self._waiting), missing, now)
            if at > now:
                break
            self._show_next(now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            # In short steps: whether something is missing is news that brings no picture with it.
            wait = min(at - now, _LOOK_S)
            self._timer = asyncio.get_running_loop().call_later(wait, lambda: self._look(time.monotonic()))

    def _watch_missing(self, now: float) -> float | None:
        since = None if self._clocks is None else self._clocks.pictures_missing_since
        if self._missing_since is not None and since != self._missing_since:
            self._pace = self._pace.repaired(now - self._missing_since)
        self._missing_since = since
        return since

    def _show_next(self, now: float) -> None:
        next_one = self._waiting.popleft()
        self._pace = self._pace.shown(now)
        next_one.show(next_one.frame)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()
