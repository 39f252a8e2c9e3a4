"""aiortc 1.16.0's SCTP association (RFC 9260, RFC 8831) made fit for a thin link, by its private names.

tests/media/test_data_contract.py holds each of them. What is ours: small packets, each marked as words or bulk and
handed over one at a time; timers for long round trips; delayed acknowledgements; bounds on what a far side may hold.
"""

from __future__ import annotations

import asyncio
import math
import struct
import time
from collections.abc import Callable

from aiortc import RTCDtlsTransport, RTCSctpTransport
from aiortc.rtcsctptransport import (
    Chunk,
    DataChunk,
    InboundStream,
    InitChunk,
    RTCSctpCapabilities,
    SackChunk,
    serialize_packet,
)

from app.media.rtc.errors import SDP_ERRORS, BadSctp
from app.media.rtc.sctp_check import check

STRING, BINARY, STRING_EMPTY, BINARY_EMPTY, DCEP = 51, 53, 56, 57, 50
"""Payload protocol identifiers (RFC 8831 section 8, RFC 8832)."""
MOST_STREAMS = 16
MOST_HELD_BYTES = 65_536
"""Of messages that are not whole yet; it is what we advertise as our window."""
MOST_FRAGMENTS = 1_024
MOST_AHEAD = 1_024
MOST_MALFORMED = 100
WINDOW_BYTES = 32_768
"""Sent and not acknowledged. The link's pace is rate/'s to decide and the pacer's to keep: this bounds memory."""
FIRST_RTO_S, LEAST_RTO_S, MOST_RTO_S = 1.5, 0.7, 12.0
"""The first is 1 s in RFC 9260 section 16; on a thin link's first seconds an answer takes longer."""
WORDS_SACK_S, BULK_SACK_S = 0.15, 0.4
"""RFC 9260 section 6.2: 500 ms at most. A SACK takes 93 bytes of the link, whatever it acknowledges."""
_SACK_AT_ONCE = 8
_MOST_GAP_BLOCKS, _MOST_COPIES = 16, 8
_LONGEST_OPEN = 160
HOSTILE = (*SDP_ERRORS, LookupError, ArithmeticError, struct.error)
"""What aiortc raises for packets that make no sense: it would end the DTLS transport, and the call with it."""


class _Data(DataChunk):
    """A chunk of ours, and whether its packet goes with the words."""

    with_words = True


class ThinSctp(RTCSctpTransport):
    """`out(words, packet)` takes an SCTP packet in clear; `room(words)`: whether it would take one; `take(stream,
    data)` gets each whole message, `heard(bytes)` is told of each packet that came. `bulk` holds the streams whose
    packets are not words. All on the loop.
    """

    def __init__(
        self,
        dtls: RTCDtlsTransport,
        out: Callable[[bool, bytes], None],
        room: Callable[[bool], bool],
        take: Callable[[int, bytes], None],
        heard: Callable[[int], None],
    ) -> None:
        super().__init__(dtls)
        self._out, self._room, self._take, self._heard = out, room, take, heard
        self._rto = FIRST_RTO_S
        self._advertised_rwnd = MOST_HELD_BYTES
        self._acknowledge: asyncio.TimerHandle | None = None
        self._sending: asyncio.Future[None] | None = None
        self._unacknowledged = 0
        self.on_room: Callable[[], None] = lambda: None
        """Called when what was in flight has become less."""
        self.bulk: set[int] = set()
        self.payload_limit = 164
        self.malformed = 0

    # Out

    @property
    def established(self) -> bool:
        return bool(self._association_state == self.State.ESTABLISHED)

    @property
    def idle(self) -> bool:
        """Whether a bulk message would leave at once: none waits in front of it, and the window has room."""
        return self.established and not self._outbound_queue and self._flight_size < WINDOW_BYTES

    def submit(self, stream: int, protocol: int, data: bytes, *, first: bool = False) -> None:
        """One message, in fragments of `payload_limit` bytes at most; `first`: with the words, though it is bulk's."""
        sequence = self._outbound_stream_seq.get(stream, 0)
        last = max(1, math.ceil(len(data) / self.payload_limit)) - 1
        for i in range(last + 1):
            chunk = _Data()
            chunk.flags = (2 if i == 0 else 0) | (1 if i == last else 0)
            chunk.tsn, chunk.stream_id, chunk.stream_seq, chunk.protocol = self._local_tsn, stream, sequence, protocol
            chunk.user_data = data[i * self.payload_limit : (i + 1) * self.payload_limit]
            chunk.with_words = first or stream not in self.bulk
            chunk._abandoned = chunk._acked = chunk._in_flight = chunk._retransmit = False
            chunk._book_size = len(chunk.user_data)
            chunk._expiry = chunk._max_retransmits = chunk._sent_time = None
            chunk._misses = chunk._sent_count = 0
            self._local_tsn = (self._local_tsn + 1) % 2**32
            self._outbound_queue.append(chunk)
        self._outbound_stream_seq[stream] = (sequence + 1) & 0xFFFF
        self.pump()

    def unacknowledged(self, stream: int) -> int:
        """Bytes of messages on this stream that the far side has not told of."""
        chunks = (*self._sent_queue, *self._outbound_queue)
        mine = (c for c in chunks if c.stream_id == stream and not c._acked and c.protocol != DCEP)
        return sum(len(c.user_data) for c in mine)

    def pump(self) -> None:
        """Hands over what the window and the pacer take: what is to be repeated, then what is new."""
        if not self.established:
            return
        for place, chunk in enumerate(self._sent_queue):
            if chunk._retransmit and self._may_go(chunk):
                chunk._misses, chunk._retransmit = 0, False
                self._go(chunk)
                if place == 0:
                    self._t3_restart()
        while self._outbound_queue and self._may_go(self._outbound_queue[0]):
            chunk = self._outbound_queue.popleft()
            chunk._sent_time = time.time()
            self._sent_queue.append(chunk)
            self._go(chunk)
        if self._flight_size and self._t3_handle is None:
            self._t3_start()

    def _may_go(self, chunk: DataChunk) -> bool:
        return bool(self._flight_size < WINDOW_BYTES and self._room(_with_words(chunk)))

    def _go(self, chunk: DataChunk) -> None:
        self._flight_size_increase(chunk)
        chunk._sent_count += 1
        self._emit(chunk)

    def _emit(self, chunk: Chunk) -> None:
        if isinstance(chunk, SackChunk):
            del chunk.gaps[_MOST_GAP_BLOCKS:], chunk.duplicates[_MOST_COPIES:]
        packet = serialize_packet(self._local_port, self._remote_port or 0, self._remote_verification_tag, chunk)
        self._out(_with_words(chunk), packet)

    async def _transmit(self) -> None:
        """After a SACK, or a timer."""
        self.pump()
        self.on_room()

    async def _send_chunk(self, chunk: Chunk) -> None:
        self._emit(chunk)

    async def _send(
        self,
        stream_id: int,
        pp_id: int,
        user_data: bytes,
        expiry: float | None = None,
        max_retransmits: int | None = None,
        ordered: bool = True,
    ) -> None:
        """What opens and confirms channels (DCEP); messages come by `submit`."""
        self.submit(stream_id, pp_id, user_data)

    # Timers

    def hurry(self) -> None:
        """The link carries again after a cut: what waits for a timer is repeated now."""
        self._rto = FIRST_RTO_S if self._srtt is None else self._measured_rto()
        if self._t3_handle is not None:
            self._t3_handle.cancel()
            super()._t3_expired()
        if self._t1_handle is not None:
            self._t1_handle.cancel()
            self._t1_expired()

    def _t1_expired(self) -> None:
        """The association is asked for as long as the transport lives, more and more rarely."""
        self._t1_failures, self._rto = 0, min(2 * self._rto, MOST_RTO_S)
        super()._t1_expired()

    def _t3_expired(self) -> None:
        self._rto = min(2 * self._rto, MOST_RTO_S)  # RFC 9260 section 6.3.3 E2
        super()._t3_expired()

    def _update_rto(self, R: float) -> None:  # noqa: N803 - aiortc's name
        super()._update_rto(R)
        self._rto = self._measured_rto()

    def _measured_rto(self) -> float:
        return max(LEAST_RTO_S, min((self._srtt or 0.0) + 4 * (self._rttvar or 0.0), MOST_RTO_S))

    async def _send_sack(self) -> None:
        """At once when something is missing or came twice, or much was received; else a little later."""
        self._sack_needed = False
        self._unacknowledged += 1
        if self._sack_misordered or self._sack_duplicates or self._unacknowledged >= _SACK_AT_ONCE:
            await self._acknowledge_now()
        elif self._acknowledge is None:
            delay = BULK_SACK_S if set(self._inbound_streams) <= self.bulk else WORDS_SACK_S
            self._acknowledge = asyncio.get_running_loop().call_later(delay, self._acknowledge_later)

    def _acknowledge_later(self) -> None:
        self._sending = asyncio.ensure_future(self._acknowledge_now())

    async def _acknowledge_now(self) -> None:
        self._unacknowledged = 0
        if self._acknowledge is not None:
            self._acknowledge.cancel()
            self._acknowledge = None
        await super()._send_sack()

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        if state == self.State.CLOSED and self._acknowledge is not None:
            self._acknowledge.cancel()
            self._acknowledge = None
        super()._set_state(state)

    # In

    async def begin(self, port: int) -> None:
        """Registers with DTLS and asks for the association."""
        await self.start(RTCSctpCapabilities(0), port)

    async def _handle_data(self, data: bytes) -> None:
        """From DTLS. Nothing that the far side sends may raise here."""
        self._heard(len(data))
        if self.state == "closed":
            return
        try:
            check(data)
            await super()._handle_data(data)
        except HOSTILE:
            self.malformed += 1
            if self.malformed >= MOST_MALFORMED:
                self._set_state(self.State.CLOSED)

    async def _receive_chunk(self, chunk: Chunk) -> None:
        if isinstance(chunk, InitChunk) and self.established:
            return  # a late copy; aiortc would forget what it has received. A new association has a new transport.
        await super()._receive_chunk(chunk)

    async def _receive_data_chunk(self, chunk: DataChunk) -> None:
        ahead = (chunk.tsn - self._last_received_tsn) % 2**32
        if 0 < ahead < 2**31:
            self._check_room(chunk, ahead)
        await super()._receive_data_chunk(chunk)

    def _check_room(self, chunk: DataChunk, ahead: int) -> None:
        """Raises BadSctp for a chunk that is not taken; it may come again. One message beyond all bounds ends the
        association.
        """
        if ahead > MOST_AHEAD:
            raise BadSctp("a chunk far ahead of the others")
        stream = self._get_inbound_stream(chunk.stream_id)
        if self._advertised_rwnd >= len(chunk.user_data) and len(stream.reassembly) < MOST_FRAGMENTS:
            return
        if ahead == 1:
            self._set_state(self.State.CLOSED)
        raise BadSctp("more than we hold")

    def _get_inbound_stream(self, stream_id: int) -> InboundStream:
        if stream_id not in self._inbound_streams and len(self._inbound_streams) >= MOST_STREAMS:
            raise BadSctp("too many streams")
        return super()._get_inbound_stream(stream_id)

    async def _receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        if pp_id == DCEP:
            if len(data) <= _LONGEST_OPEN and (stream_id in self._data_channels or self._has_room_for_a_channel()):
                await super()._receive(stream_id, pp_id, data)
        elif stream_id in self._data_channels and pp_id in (STRING, BINARY, STRING_EMPTY, BINARY_EMPTY):
            self._take(stream_id, data if pp_id in (STRING, BINARY) else b"")

    def _has_room_for_a_channel(self) -> bool:
        return len(self._data_channels) < MOST_STREAMS


def _with_words(chunk: Chunk) -> bool:
    """What SCTP needs to work at all goes with the words too."""
    return not isinstance(chunk, _Data) or chunk.with_words
