"""PURE: how long what is missing of the pictures is waited for, by the round trip and by how often pictures come."""

from __future__ import annotations

from app.media.video.vp8 import CLOCK

REORDERED_S = 0.05
"""A packet that is merely out of order comes within so much."""
_REPAIR_S = 0.15
"""What a repair takes beyond the round trip: noticing, the turn of RTCP, the other side's pacer."""
_SECOND_TRY_S, _TWO_TRIES_MOST_S = 0.23, 0.48
_SILENCE_LEAST_S, _SILENCE_MOST_S = 1.0, 20.0
_TAIL_LEAST_S, _TAIL_MOST_S = 0.15, 2.0
_UP, _DOWN = 2, 8
"""A thin link spaces packets out from one picture to the next: that is learnt fast, or much is missed in vain."""
ASK_AGAIN_S, _ASK_AGAIN_MOST_S = 1.0, 8.0


def repair_wait(rtt_s: float | None) -> float:
    """Seconds: two tries of a repair where they are quick, one where the round trip is long; a key frame takes that
    long too. None: nothing is repaired, and only what is out of order is waited for.
    """
    if rtt_s is None:
        return REORDERED_S
    return max(_REPAIR_S + rtt_s, min(_SECOND_TRY_S + 2.2 * rtt_s, _TWO_TRIES_MOST_S))


def ask_again_wait(rtt_s: float | None, asked: int, *, heard: bool) -> float:
    """Seconds from one request for a key frame to the next; `asked`: how many came before in a row, `heard`: whether
    pictures came since. To nobody who sends, the same is said ever less often.
    """
    wait = max(ASK_AGAIN_S, 1.5 * (rtt_s or 0.0) + 0.6)
    return wait if heard else min(wait * 2 ** min(asked, 8), max(wait, _ASK_AGAIN_MOST_S))


class Rhythm:
    """Feed packets as they come in order; times in s, RTP times unwrapped."""

    def __init__(self) -> None:
        self._newest: tuple[int, float] | None = None
        self._gap_s = 0.05
        self.interval_s = 0.1
        """Between the two newest pictures, by their RTP times."""

    def add(self, timestamp: int, now: float) -> None:
        """A packet with a higher number than any before."""
        if self._newest is not None:
            before, at = self._newest
            if timestamp == before:
                longer = now - at - self._gap_s
                self._gap_s += longer / (_UP if longer > 0 else _DOWN)
            elif timestamp > before:
                self.interval_s = (timestamp - before) / CLOCK
        self._newest = timestamp, now

    @property
    def tail_wait_s(self) -> float:
        """After so much silence within a picture its next packet is missing: three of the gaps between its packets."""
        return max(_TAIL_LEAST_S, min(3 * self._gap_s, _TAIL_MOST_S))

    @property
    def silence_s(self) -> float:
        """So long the next picture is waited for before a key frame is asked for in its place."""
        return max(_SILENCE_LEAST_S, min(2 * self.interval_s, _SILENCE_MOST_S))
