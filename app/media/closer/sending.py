"""PURE: which bytes of which part go next: the better part after the lesser, never more under way than a second
or two of the allowance, and from the acknowledged byte again on a new transport.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.media.closer.messages import CHUNK_BYTES, BadCloser, Grade, Have, Part

MOST_QUEUED = 24
_WINDOW_S = 1.5
_LEAST_WINDOW, _MOST_WINDOW = 3_072, 32_768
_BURST = 2 * CHUNK_BYTES
_PART_COST = 300  # bytes of the words that offer a part
_RANK = {Grade.PREVIEW: 0, Grade.MIDDLE: 1, Grade.FULL: 2}


@dataclass(frozen=True)
class Outgoing:
    """One part on its way. Bytes before `acked` are there, those before `sent` were handed over on this transport."""

    part: Part
    acked: int = 0
    sent: int = 0
    offered: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Piece:
    """Send these bytes of a part."""

    ask: str
    part: int
    offset: int
    length: int


@dataclass(frozen=True)
class Sending:
    """`credit`: bytes that may be handed over now; `at`: monotonic seconds of the last look."""

    queue: tuple[Outgoing, ...] = ()
    ready: bool = False
    credit: float = 0.0
    at: float | None = None

    @property
    def under_way(self) -> int:
        """Bytes handed over and not yet acknowledged."""
        return sum(entry.sent - entry.acked for entry in self.queue)

    @property
    def urgent(self) -> Outgoing | None:
        """The part that goes now."""
        return next((entry for entry in self.queue if not entry.whole), None)

    def of(self, ask: str) -> tuple[Outgoing, ...]:
        return tuple(entry for entry in self.queue if entry.part.ask == ask)


def add(state: Sending, part: Part) -> Sending:
    """Queues a part: previews of all asks first. Raises BadCloser when too many wait."""
    kept = [entry for entry in state.queue if not entry.whole or entry.part.ask == part.ask]
    if len(kept) >= MOST_QUEUED:
        raise BadCloser("too many parts wait")
    queue = sorted((*kept, Outgoing(part)), key=lambda entry: _RANK[entry.part.grade])  # stable: older asks first
    return replace(state, queue=tuple(queue))


def drop(state: Sending, ask: str) -> Sending:
    return replace(state, queue=tuple(entry for entry in state.queue if entry.part.ask != ask))


def connect(state: Sending, ready: bool) -> Sending:
    """A transport carries data now (`ready`), or none does: what was not acknowledged has to be sent again."""
    queue = tuple(replace(entry, sent=entry.acked, offered=False) for entry in state.queue)
    return replace(state, queue=queue, ready=ready, credit=0.0)


def acknowledge(state: Sending, have: Have) -> Sending:
    """Raises BadCloser when it tells of bytes that there are not. One of an unknown part changes nothing."""
    return replace(state, queue=tuple(_acknowledged(entry, have) for entry in state.queue))


def _acknowledged(entry: Outgoing, have: Have) -> Outgoing:
    if (entry.part.ask, entry.part.part) != (have.ask, have.part) or entry.whole:
        return entry
    if have.offset > entry.part.size or (have.whole and have.offset != entry.part.size):
        raise BadCloser(f"byte {have.offset} of {entry.part.size}")
    back = have.again or have.offset < entry.acked  # the far side begins anew: its SHA-256 did not hold
    sent = have.offset if back else max(entry.sent, have.offset)
    return replace(entry, acked=have.offset, sent=sent, whole=have.whole)


def next_pieces(state: Sending, now: float, rate: float, backlog: int) -> tuple[Sending, tuple[Part | Piece, ...]]:
    """What to hand over now. `rate`: the allowance, bytes a second; `backlog`: bytes that the channel still holds."""
    waited = 0.0 if state.at is None else min(max(now - state.at, 0.0), 1.0)
    credit = min(state.credit + waited * rate, max(_BURST, rate / 4))
    if not state.ready or rate <= 0:
        return replace(state, at=now, credit=credit), ()
    window = min(max(rate * _WINDOW_S, _LEAST_WINDOW), _MOST_WINDOW)
    room = window - max(state.under_way, backlog)
    out: list[Part | Piece] = []
    queue: list[Outgoing] = []
    for entry in state.queue:
        held_up = bool(queue) and not _is_out(queue[-1])
        pieces = () if held_up or _is_out(entry) else _pieces(entry, credit, room)
        cost = sum(_PART_COST if isinstance(piece, Part) else piece.length for piece in pieces)
        content = sum(piece.length for piece in pieces if isinstance(piece, Piece))
        credit, room = credit - cost, room - content
        queue.append(replace(entry, offered=entry.offered or bool(pieces), sent=entry.sent + content))
        out += pieces
    return replace(state, at=now, queue=tuple(queue), credit=credit), tuple(out)


def _is_out(entry: Outgoing) -> bool:
    return entry.whole or entry.sent == entry.part.size


def _pieces(entry: Outgoing, credit: float, room: float) -> tuple[Part | Piece, ...]:
    """Of one part, as long as there is credit and room: the words that offer it first."""
    out: list[Part | Piece] = []
    sent, part = entry.sent, entry.part
    if not entry.offered and credit > 0 and room > 0:
        out.append(part)
        credit -= _PART_COST
    while sent < part.size and credit > 0 and room > 0:
        length = min(CHUNK_BYTES, part.size - sent)
        out.append(Piece(part.ask, part.part, sent, length))
        sent, credit, room = sent + length, credit - length, room - length
    return tuple(out)
