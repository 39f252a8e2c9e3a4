"""PURE: transport-wide feedback, draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1.

What is built and read here is the FCI (RFC 4585 section 6.1) of an RTPFB message with FMT 15, without the RTCP header
and the two SSRCs before it: base number 16 bits, status count 16, reference time 24 (64 ms each), feedback count 8,
status chunks of 16 bits, then one delta (250 us each; 8 bits, or 16 signed) for each packet that was received.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.media.rtc.errors import BadRtcp

TICKS_PER_S = 4000
"""Arrival times count in 250 us."""
MOST_STATUSES = 2000
"""Packets that one message may tell of; also how far back a late packet is still told."""

_HEAD = struct.Struct("!HHHBB")  # the reference time's 24 bits as 16 + 8
_TICKS_PER_REFERENCE = 256
_REFERENCE_MASK = 0xFFFFFF
_LOST, _SMALL, _LARGE = 0, 1, 2  # section 3.1.1; symbol 3 is reserved
_DELTA_BYTES = (0, 1, 2)
_LONGEST_RUN = 0x1FFF
_ONE_BIT, _TWO_BIT = 14, 7  # symbols that a status vector holds (section 3.1.4)
_SMALLEST = _HEAD.size + 4


@dataclass(frozen=True)
class ParsedFeedback:
    """`arrivals`: (number, s on the receiver's clock or None for not received), in order of their 16-bit numbers,
    `count` of them from `base` on. A number told as not received may have been told as received before, or may be
    told so later: a receipt always stands.
    """

    base: int
    count: int
    feedback_count: int
    arrivals: tuple[tuple[int, float | None], ...]


def parse_feedback(data: bytes, near: float | None = None) -> ParsedFeedback:
    """Reads an FCI, with or without its padding. `near`: an arrival time told before; the reference time, which wraps
    every 12.4 days, is put as near to it as can be. Raises BadRtcp.
    """
    if len(data) < _SMALLEST - 2:
        raise BadRtcp("transport feedback is cut short")
    base, count, high, low, feedback_count = _HEAD.unpack_from(data)
    if not 1 <= count <= MOST_STATUSES:
        raise BadRtcp(f"transport feedback of {count} packets")
    symbols, at = _read_chunks(data, count)
    ticks = _near((high << 8 | low) * _TICKS_PER_REFERENCE, near)
    arrivals: list[tuple[int, float | None]] = []
    for index, symbol in enumerate(symbols):
        arrived: float | None = None
        if symbol != _LOST:
            size = _DELTA_BYTES[symbol]
            if at + size > len(data):
                raise BadRtcp("transport feedback with too few deltas")
            ticks += int.from_bytes(data[at : at + size], "big", signed=symbol == _LARGE)
            at += size
            arrived = ticks / TICKS_PER_S
        arrivals.append(((base + index) & 0xFFFF, arrived))
    if len(data) - at > 3:
        raise BadRtcp("transport feedback with bytes left over")
    return ParsedFeedback(base, count, feedback_count, tuple(arrivals))


def _near(ticks: int, near: float | None) -> int:
    if near is None:
        return ticks
    whole = (_REFERENCE_MASK + 1) * _TICKS_PER_REFERENCE
    return ticks + round((near * TICKS_PER_S - ticks) / whole) * whole


def _read_chunks(data: bytes, count: int) -> tuple[list[int], int]:
    """The symbols, and where the deltas begin."""
    symbols: list[int] = []
    at = _HEAD.size
    while len(symbols) < count:
        if at + 2 > len(data):
            raise BadRtcp("transport feedback with too few status chunks")
        chunk = data[at] << 8 | data[at + 1]
        at += 2
        left = count - len(symbols)
        if not chunk & 0x8000:  # a run (section 3.1.3)
            length = chunk & _LONGEST_RUN
            if not 1 <= length <= left:
                raise BadRtcp("transport feedback with a run of the wrong length")
            symbols += [chunk >> 13 & 3] * length
        elif chunk & 0x4000:
            symbols += [chunk >> shift & 3 for shift in range(12, -2, -2)][:left]
        else:
            symbols += [chunk >> shift & 1 for shift in range(13, -1, -1)][:left]
    if 3 in symbols:
        raise BadRtcp("transport feedback with the reserved status")
    return symbols, at


def build_feedback(base: int, arrivals: Sequence[float | None], feedback_count: int) -> bytes:
    """The FCI for the packets from number `base` (16 bits) on; `arrivals` in s, None for not received, at least one
    received. Padded with zeros to 32 bits, as the draft draws it. Raises ValueError if they do not fit one message.
    """
    ticks = [None if at is None else _ticks(at) for at in arrivals]
    if not 1 <= len(ticks) <= MOST_STATUSES or len(_fitting(ticks)) != len(ticks):
        raise ValueError("these arrivals do not fit one message")
    return _encode(base, ticks, feedback_count)


def _ticks(at: float) -> int:
    return int(at * TICKS_PER_S)


def _encode(base: int, ticks: Sequence[int | None], feedback_count: int) -> bytes:
    first = next(tick for tick in ticks if tick is not None)
    reference = first // _TICKS_PER_REFERENCE
    last = reference * _TICKS_PER_REFERENCE
    symbols: list[int] = []
    deltas = bytearray()
    for tick in ticks:
        if tick is None:
            symbols.append(_LOST)
            continue
        delta, last = tick - last, tick
        symbols.append(_SMALL if 0 <= delta <= 0xFF else _LARGE)
        deltas += delta.to_bytes(_DELTA_BYTES[symbols[-1]], "big", signed=symbols[-1] == _LARGE)
    reference &= _REFERENCE_MASK
    head = _HEAD.pack(base & 0xFFFF, len(ticks), reference >> 8, reference & 0xFF, feedback_count & 0xFF)
    body = head + b"".join(chunk.to_bytes(2, "big") for chunk in _chunks(symbols)) + deltas
    return body + bytes(-len(body) % 4)


def _chunks(symbols: Sequence[int]) -> Iterator[int]:
    """Each chunk is of the kind that covers most of what is left; a run when they are equal."""
    at = 0
    while at < len(symbols):
        symbol = symbols[at]
        run = 1
        while run < _LONGEST_RUN and at + run < len(symbols) and symbols[at + run] == symbol:
            run += 1
        ones = symbols[at : at + _ONE_BIT]
        twos = symbols[at : at + _TWO_BIT]
        if run >= (len(ones) if _LARGE not in ones else len(twos)):
            yield symbol << 13 | run
            at += run
        elif _LARGE not in ones:
            yield 0x8000 | sum(value << 13 - place for place, value in enumerate(ones))
            at += len(ones)
        else:
            yield 0xC000 | sum(value << 12 - 2 * place for place, value in enumerate(twos))
            at += len(twos)


def _fitting(ticks: Sequence[int | None]) -> Sequence[int | None]:
    """The longest beginning whose deltas fit (16 bits, signed), ending with a packet that was received."""
    last: int | None = None
    end = 0
    for index, tick in enumerate(ticks[:MOST_STATUSES]):
        if tick is None:
            continue
        if last is not None and not -0x8000 <= tick - last <= 0x7FFF:
            break
        last, end = tick, index + 1
    return ticks[:end]


class Recorder:
    """What the receiver keeps until it is told: each packet is told once as received; a gap is told as lost, and told
    again, with the packets around it as "not received", when something in it comes late.
    """

    def __init__(self) -> None:
        self._highest: int | None = None
        self._begin = 0
        self._untold: dict[int, int] = {}
        self._told: set[int] = set()
        self._told_end = 0
        self._messages = 0

    @property
    def pending(self) -> int:
        """Packets that came and were not told of."""
        return len(self._untold)

    @property
    def highest(self) -> int | None:
        """The highest number so far, unwrapped; None before the first packet."""
        return self._highest

    def ahead(self, number: int) -> int:
        """How far this number (16 bits) is ahead of the highest; 1 for the next, or before anything came."""
        return 1 if self._highest is None else ((number - self._highest + 0x8000) & 0xFFFF) - 0x8000

    def add(self, number: int, now: float) -> bool:
        """A packet with this transport-wide number (16 bits) came at `now`, s. False if it is nothing new: a copy, or
        MOST_STATUSES or more behind the newest.
        """
        if self._highest is None:
            self._highest = self._begin = self._told_end = number
        number = self._highest + self.ahead(number)
        if number <= self._highest - MOST_STATUSES or number in self._told or number in self._untold:
            return False
        if number >= self._highest + MOST_STATUSES:  # no loss explains that: the sender began anew
            self._untold.clear()
            self._begin = self._told_end = number
        self._highest = max(self._highest, number)
        self._begin = min(self._begin, number)
        self._untold[number] = _ticks(now)
        self._forget()
        return True

    def _forget(self) -> None:
        """Nothing stays that is MOST_STATUSES behind the newest."""
        assert self._highest is not None
        oldest = self._highest - MOST_STATUSES + 1
        while self._begin < oldest:
            self._untold.pop(self._begin, None)
            self._begin += 1
        if len(self._told) > 2 * MOST_STATUSES:
            self._told = {number for number in self._told if number >= oldest}

    def flush(self, limit: int = 1000) -> list[bytes]:
        """The messages (FCI) that tell of all that came since the last flush, of `limit` bytes together at most; what
        does not fit waits, newest last. Empty if nothing came, or if `limit` is under 12.
        """
        messages: list[bytes] = []
        while self._untold and limit >= _SMALLEST:
            end = max(self._untold)
            ticks = _fitting([self._untold.get(number) for number in range(self._begin, end + 1)])
            data = _encode(self._begin, ticks, self._messages)
            while len(data) > limit:
                received = [index for index, tick in enumerate(ticks) if tick is not None]
                if len(received) == 1:
                    return messages
                ticks = ticks[: received[(len(received) - 1) // 2] + 1]
                data = _encode(self._begin, ticks, self._messages)
            self._tell(len(ticks))
            messages.append(data)
            limit -= len(data)
        return messages

    def _tell(self, count: int) -> None:
        end = self._begin + count
        told = [number for number in range(self._begin, end) if number in self._untold]
        self._told.update(told)
        for number in told:
            del self._untold[number]
        self._messages += 1
        self._told_end = max(self._told_end, end)
        self._begin = end if self._untold else self._told_end
