"""Lips and speech together: a picture waits a little for the speech of its moment; speech never waits for pictures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import av

from app.media.audio.portaudio import RATE

EARLY_S = 0.03
HOLD_S = 0.12
"""Where packets are lost, pictures are shown so much later than their speech allows: a repair then comes in time."""
LONGEST_S = 0.4
_MOST_WAITING = 12


class Hearing(Protocol):
    """What we use of app.media.audio.playout.Playout."""

    def playing(self, now: float) -> float | None: ...


class Clocks(Protocol):
    """What we use of a transport: the sender's wall clock (s) of RTP times, by its sender reports."""

    def speech_wall(self, timestamp: float) -> float | None: ...

    def picture_wall(self, timestamp: int) -> float | None: ...

    @property
    def pictures_lossy(self) -> bool: ...


def wait_s(picture_wall: float | None, speech_wall: float | None, *, lossy: bool = False) -> float:
    """PURE: how long a picture should wait; 0 when it is late, or nothing is known."""
    if picture_wall is None or speech_wall is None:
        return 0.0
    ahead = picture_wall - speech_wall + (HOLD_S if lossy else 0.0)
    return ahead - EARLY_S if EARLY_S < ahead <= LONGEST_S + EARLY_S else 0.0


class LipSync:
    """One per session, on the loop. What waits is bounded: with too much waiting, pictures go straight through."""

    def __init__(self, hearing: Hearing, air_s: Callable[[], float]) -> None:
        """`air_s`: seconds from the playout to the air, the loudspeaker's own queue."""
        self._hearing, self._air_s = hearing, air_s
        self._clocks: Clocks | None = None
        self._waiting: set[asyncio.TimerHandle] = set()

    def restart(self, clocks: Clocks) -> None:
        self._clocks = clocks

    def show(self, frame: av.VideoFrame, timestamp: int, show: Callable[[av.VideoFrame], None]) -> None:
        heard = self._hearing.playing(time.monotonic())
        wait = 0.0
        if heard is not None and self._clocks is not None and len(self._waiting) < _MOST_WAITING:
            in_the_air = heard - self._air_s() * RATE
            walls = self._clocks.picture_wall(timestamp), self._clocks.speech_wall(in_the_air)
            wait = wait_s(*walls, lossy=self._clocks.pictures_lossy)
        if not wait:
            show(frame)
            return
        handle: asyncio.TimerHandle

        def now_show() -> None:
            self._waiting.discard(handle)
            show(frame)

        handle = asyncio.get_running_loop().call_later(wait, now_show)
        self._waiting.add(handle)

    def stop(self) -> None:
        for handle in self._waiting:
            handle.cancel()
        self._waiting.clear()
