"""PURE: which missing packets of the picture stream to ask for again (RFC 4585 section 6.2.1), and when."""

from __future__ import annotations

from dataclasses import dataclass

from app.media.rtc.unwrap import distance

MOST_MISSING = 200
MOST_TRIES, MOST_PATIENT_TRIES = 3, 8
FORGET_S = 1.0
_REORDER_S = 0.02
AT_ONCE_S = 0.004
"""Where nothing was seen to come out of order; the packets of one burst are still asked for together."""
_REORDERED_LASTS_S = 20.0
_LEAST_GAP_S = 0.05
_SLOWER = 1.5
_LOSSY = 0.025
_TWICE_S = 0.025
"""Where some is lost, so are requests and repairs: the first is made twice, a little apart, and answered twice."""
_TURNS_S = 0.08
"""What a repair takes beyond the round trip: the turns of two senders, and its time on the link."""
_RECENT = 1 / 60
_MOST_GUESSES = 4


@dataclass
class _Missing:
    since: float
    asked_at: float | None = None
    tries: int = 0
    guessed: bool = False
    expected: bool = False  # missed before a later one came: late is not out of order


class NackTracker:
    """Feed every packet's 16-bit number as it arrives; ask `due` for what to request."""

    def __init__(self) -> None:
        self._highest: int | None = None
        self._missing: dict[int, _Missing] = {}
        self._reordered_at: float | None = None
        self.loss = 0.0
        """Of the packets of pictures, over about the last sixty."""
        self.requested = 0

    def add(self, sequence: int, now: float, *, repaired: bool = False) -> bool:
        """Whether something is newly missing. `repaired`: it came as a repair, not late."""
        if self._highest is None:
            self._highest = sequence
            return False
        ahead = distance(self._highest, sequence)
        if ahead <= 0:
            late = self._missing.pop(sequence, None)
            if late is not None and late.guessed:
                self.loss += _RECENT * (float(repaired) - self.loss)
            elif late is not None and not repaired and not late.expected:
                self._reordered_at = now
            return False
        for guess in [missing for missing in self._missing.values() if missing.guessed]:
            guess.guessed = False  # a later one is here: it was lost indeed
            self.loss += _RECENT * (1.0 - self.loss)
        for lost in (*[1.0] * min(ahead - 1, MOST_MISSING), 0.0):
            self.loss += _RECENT * (lost - self.loss)
        if ahead > MOST_MISSING:
            self._missing.clear()  # a leap: a new beginning, not so many losses
        else:
            for step in range(1, ahead):
                self._missing[(self._highest + step) & 0xFFFF] = _Missing(now)
        self._highest = sequence
        while len(self._missing) > MOST_MISSING:
            del self._missing[next(iter(self._missing))]
        return ahead > 1

    def expect(self, sequence: int, now: float) -> None:
        """The packet after the newest one is missing too: it should have come by now."""
        if self._highest is not None and distance(self._highest, sequence) == 1:
            self._missing[sequence] = _Missing(now, expected=True)
            self._highest = sequence

    def suspect(self, count: int, now: float) -> bool:
        """So many packets of any kind were lost before one that is no picture's (by their transport-wide numbers): the
        next ones of pictures may be among them. To ask in vain costs little; to wait for the next picture, its time.
        Whether anything is newly asked for.
        """
        reordered = self._reordered_at is not None and now - self._reordered_at < _REORDERED_LASTS_S
        guesses = sum(missing.guessed for missing in self._missing.values())
        if self._highest is None or reordered or guesses + count > _MOST_GUESSES:
            return False
        for _ in range(count):
            self._highest = (self._highest + 1) & 0xFFFF
            self._missing[self._highest] = _Missing(now, guessed=True)
        return True

    @property
    def missing_since(self) -> float | None:
        """Since when the oldest of what is missed, or may be, has been so."""
        return min((missing.since for missing in self._missing.values()), default=None)

    def forget_before(self, sequence: int) -> None:
        """What is older is of no use any more."""
        for old in [missing for missing in self._missing if distance(missing, sequence) > 0]:
            del self._missing[old]

    def due(self, now: float, rtt_s: float, worth_s: float = FORGET_S) -> list[int]:
        """Numbers to ask for now: at first a round trip apart, then ever less often. `worth_s`: for so long a packet
        is of use after it was missed; up to two seconds it is asked for three times at most, beyond that, eight.
        """
        asked = []
        most = (MOST_TRIES if worth_s <= 2 * FORGET_S else MOST_PATIENT_TRIES) + (self.loss > _LOSSY)
        for sequence, missing in list(self._missing.items()):
            if now - missing.since > max(FORGET_S, worth_s):
                del self._missing[sequence]
                continue
            if missing.asked_at is None:
                ready = now - missing.since >= self._patience(now)
            else:
                ready = now - missing.asked_at >= self._gap(missing.tries, rtt_s)
            if ready and missing.tries < (1 if missing.guessed else most):
                missing.asked_at, missing.tries = now, missing.tries + 1
                asked.append(sequence)
        self.requested += len(asked)
        return asked

    def _patience(self, now: float) -> float:
        reordered = self._reordered_at is not None and now - self._reordered_at < _REORDERED_LASTS_S
        return _REORDER_S if reordered else AT_ONCE_S

    def _gap(self, tries: int, rtt_s: float) -> float:
        """Between a try and the next."""
        if self.loss > _LOSSY:
            if tries == 1:
                return _TWICE_S
            tries -= 1
        return float(max(_LEAST_GAP_S, rtt_s * 1.2 + _TURNS_S) * _SLOWER ** max(0, tries - 1))

    def restart(self) -> None:
        self._highest = None
        self._missing.clear()
