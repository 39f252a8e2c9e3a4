"""Which datagrams come in: sorted by first byte (RFC 7983), and by whether their source has shown to be the peer.

A forged DTLS ClientHello from anywhere could end a call; junk could fill queues. Media goes straight to its receiver.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import Any

from aioice import stun

from app.media.rtc import private_ice
from app.media.rtc.private_ice import Address

LARGEST_DATAGRAM = 1500
MOST_DTLS_WAITING = 64
MOST_PAIRS = 100
"""RFC 8445 section 6.1.2.5: the check list takes no pairs of unknown sources beyond that."""
STUN_PER_S = 100.0
STUN_BURST = 200.0

_STUN, _DTLS, _MEDIA = range(0, 4), range(20, 64), range(128, 192)  # RFC 7983 section 7
_HOSTILE = (ValueError, LookupError, AssertionError, TypeError, struct.error)
"""What aioice raises for malformed STUN, from anyone or from an authenticated peer."""


class Bucket:
    """A token bucket: `rate` a second, `burst` saved up at most."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens = burst
        self._at = 0.0

    def take(self, now: float) -> bool:
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class DatagramGate:
    """For one aioice.Connection. `on_media(data, now)` gets SRTP and SRTCP as they arrive, `now` monotonic s."""

    def __init__(
        self,
        connection: Any,
        on_media: Callable[[bytes, float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection, self._on_media, self._clock = connection, on_media, clock
        self._validated: set[tuple[int, Address]] = set()
        self._from_peer, self._from_others = Bucket(STUN_PER_S, STUN_BURST), Bucket(STUN_PER_S, STUN_BURST)
        self.dropped = 0
        """Datagrams from sources that have not shown to be the peer, malformed ones, and those over a limit."""
        private_ice.on_validated(connection, self._validate)
        private_ice.drop_unread(connection)

    def attach(self, protocol: Any) -> None:
        """To be called for each socket and relayed address before anything is read from it."""

        def make(stock: Callable[[bytes, Any], None]) -> Callable[[bytes, Any], None]:
            def received(data: bytes, address: tuple[Any, ...]) -> None:
                if not self._take(protocol, stock, data, (address[0], address[1])):
                    self.dropped += 1

            return received

        private_ice.on_datagram(protocol, make)

    def _validate(self, protocol: Any, address: Address) -> None:
        if len(self._validated) < MOST_PAIRS:
            self._validated.add((protocol.id, address))

    def _take(self, protocol: Any, stock: Callable[[bytes, Any], None], data: bytes, address: Address) -> bool:
        """False if it is dropped."""
        if not 1 <= len(data) <= LARGEST_DATAGRAM:
            return False
        known = (protocol.id, address) in self._validated
        if data[0] in _STUN:
            return self._take_stun(protocol, stock, data, address, known)
        if not known:
            return False
        if data[0] in _MEDIA:
            self._on_media(data, self._clock())
            return True
        return data[0] in _DTLS and private_ice.queue(self._connection, data, MOST_DTLS_WAITING)

    def _take_stun(
        self, protocol: Any, stock: Callable[[bytes, Any], None], data: bytes, address: Address, known: bool
    ) -> bool:
        answer = len(data) >= stun.HEADER_LENGTH and private_ice.is_answer(protocol, data[8:20])
        if not answer:
            bucket = self._from_peer if known else self._from_others
            crowded = not known and private_ice.pairs(self._connection) >= MOST_PAIRS
            if crowded or not bucket.take(self._clock()):
                return False
        try:
            stun.parse_message(data)
            stock(data, address)
        except _HOSTILE:
            return False
        return True
