"""PURE: which missing packets of the picture stream to ask for again (RFC 4585 section 6.2.1), and when."""

from __future__ import annotations

from dataclasses import dataclass

MOST_MISSING = 200
MOST_TRIES = 3
FORGET_S = 1.0
_REORDER_S = 0.02
_LEAST_GAP_S = 0.05


@dataclass
class _Missing:
    since: float
    asked_at: float | None = None
    tries: int = 0


class NackTracker:
    """Feed every packet's 16-bit number as it arrives; ask `due` for what to request."""

    def __init__(self) -> None:
        self._highest: int | None = None
        self._missing: dict[int, _Missing] = {}
        self.requested = 0

    def add(self, sequence: int, now: float) -> None:
        if self._highest is None:
            self._highest = sequence
            return
        ahead = ((sequence - self._highest + 0x8000) & 0xFFFF) - 0x8000
        if ahead <= 0:
            self._missing.pop(sequence, None)
            return
        if ahead > MOST_MISSING:
            self._missing.clear()  # a leap: a new beginning, not so many losses
        else:
            for step in range(1, ahead):
                self._missing[(self._highest + step) & 0xFFFF] = _Missing(now)
        self._highest = sequence
        while len(self._missing) > MOST_MISSING:
            del self._missing[next(iter(self._missing))]

    def due(self, now: float, rtt_s: float) -> list[int]:
        """Numbers to ask for now; each is asked for three times at most, a round trip apart, within a second."""
        asked = []
        for sequence, missing in list(self._missing.items()):
            if now - missing.since > FORGET_S:
                del self._missing[sequence]
                continue
            gap = max(_LEAST_GAP_S, rtt_s * 1.2)
            ready = now - missing.since >= _REORDER_S if missing.asked_at is None else now - missing.asked_at >= gap
            if ready and missing.tries < MOST_TRIES:
                missing.asked_at, missing.tries = now, missing.tries + 1
                asked.append(sequence)
        self.requested += len(asked)
        return asked

    def restart(self) -> None:
        self._highest = None
        self._missing.clear()
