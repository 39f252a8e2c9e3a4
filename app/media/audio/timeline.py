"""PURE: whether a packet's timestamp makes sense beside the others, and when a stream has begun anew."""

from __future__ import annotations

from enum import StrEnum

from app.media.audio.libopus import RATE

_FAR = 5 * RATE
_CLOSE_S = 2.0


class Verdict(StrEnum):
    FIRST = "first"
    GOOD = "good"
    STRAY = "stray"
    ANEW = "anew"


class Timeline:
    """Timestamps follow the arrival clock within seconds, or the last timestamp within seconds (a sender that paused
    its clock). A single packet that does neither is a stray; a second one that goes with it begins a new stream.
    """

    def __init__(self) -> None:
        self._last: tuple[int, float] | None = None
        self._stray: tuple[int, float] | None = None

    def judge(self, timestamp: int, now: float) -> Verdict:
        if self._last is None:
            self._last = timestamp, now
            return Verdict.FIRST
        if _fits(self._last, timestamp, now):
            newest = timestamp if timestamp > self._last[0] else self._last[0]
            self._last, self._stray = (newest, now), None
            return Verdict.GOOD
        if self._stray is not None and now - self._stray[1] < _CLOSE_S and _fits(self._stray, timestamp, now):
            self._last, self._stray = (timestamp, now), None
            return Verdict.ANEW
        self._stray = timestamp, now
        return Verdict.STRAY

    def restart(self) -> None:
        self._last = self._stray = None


def _fits(known: tuple[int, float], timestamp: int, now: float) -> bool:
    moved = timestamp - known[0]
    return abs(moved) <= _FAR or abs(moved - (now - known[1]) * RATE) <= _FAR
