"""One ICE agent (RFC 8445) on aiortc's objects, with what they lack: several TURN servers, consent by time, a gate."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Any

from aiortc import RTCIceCandidate, RTCIceGatherer, RTCIceServer, RTCIceTransport
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.rtcicetransport import RTCIceParameters

from app.media.rtc import private_ice, relays
from app.media.rtc.consent import Consent
from app.media.rtc.gate import DatagramGate
from app.wire.visits import IceConfig

LOOPBACK = "127.0.0.1"
STUN_LIMIT_S = 4.0
CLOSE_S = 2.0
SOCKET_BYTES = 16_384
MOST_BACKLOG = 8_192
"""Bytes that may wait for a relay over TCP: beyond, datagrams are dropped as a router would."""

log = logging.getLogger(__name__)


class IceAgent:
    """`gather()`, then `await transport.start(parameters)` with the peer's; DTLS runs on `transport`.

    `on_media(data, now)`: each SRTP or SRTCP datagram from the peer, on the loop, `now` monotonic s. `bind_address`:
    host candidates on that address alone. `tls`: the authorities for TURN over TLS, instead of the system's.
    """

    def __init__(
        self,
        config: IceConfig,
        on_media: Callable[[bytes, float], None],
        bind_address: str | None = None,
        tls: ssl.SSLContext | None = None,
        gather_s: float = relays.LIMIT_S,
    ) -> None:
        policy = RTCIceTransportPolicy.RELAY if config.policy == "relay" else RTCIceTransportPolicy.ALL
        # Always a list of ours: without one, aiortc asks a public STUN server.
        stun_servers = [RTCIceServer(uri) for uri in relays.stun_uris(config)[:1]]
        self._gatherer = RTCIceGatherer(stun_servers, policy)
        self._connection = private_ice.connection_of(self._gatherer)
        self._servers = relays.turn_servers(config)
        self._bind_address, self._tls, self._gather_s = bind_address, tls, gather_s
        self.gate = DatagramGate(self._connection, on_media)
        self.consent = Consent(self._connection)
        private_ice.on_gather(self._connection, self._gather)
        private_ice.use_consent(self._connection, self.consent.run)
        self.transport = RTCIceTransport(self._gatherer)

    def _gather(self, stock: private_ice.Gather) -> private_ice.Gather:
        async def gather(component: int, addresses: list[str], timeout: float = STUN_LIMIT_S) -> list[Any]:
            if not private_ice.relays_only(self._connection):
                addresses = [self._bind_address] if self._bind_address else addresses or [LOOPBACK]
            candidates, made = await asyncio.gather(
                stock(component, addresses, min(STUN_LIMIT_S, self._gather_s)),
                relays.relay(self._connection, self._servers, self._tls, self._gather_s),
            )
            if made is not None:
                candidate, protocol = made
                private_ice.add_protocol(self._connection, protocol)
                candidates = [*candidates, candidate]
            relays.bound_buffers(self._connection, SOCKET_BYTES)
            for protocol in private_ice.protocols(self._connection):
                self.gate.attach(protocol)
            return list(candidates)

        return gather

    async def gather(self) -> list[RTCIceCandidate]:
        """All local candidates: host, server reflexive, and one relayed. Ends within `gather_s` and a little."""
        await self._gatherer.gather()
        return self._gatherer.getLocalCandidates()

    @property
    def parameters(self) -> RTCIceParameters:
        """Ours, for the SDP."""
        return self._gatherer.getLocalParameters()

    @property
    def controlling(self) -> bool:
        return self.transport.role == "controlling"

    @controlling.setter
    def controlling(self, on: bool) -> None:
        """To be set before the checks begin: the offering side controls (RFC 8445 section 6.1.1)."""
        self._connection.ice_controlling = on

    @property
    def selected(self) -> tuple[str, str] | None:
        """Types (host, srflx, prflx, relay) of the local and remote candidates in use; None without a pair."""
        pair = private_ice.nominated(self._connection)
        return None if pair is None else (pair.local_candidate.type, pair.remote_candidate.type)

    @property
    def local_host(self) -> str | None:
        """The address of this machine that is in use; None without a pair, or behind a relay."""
        pair = private_ice.nominated(self._connection)
        return pair.local_candidate.host if pair is not None and pair.local_candidate.type == "host" else None

    def send(self, data: bytes) -> bool:
        """A datagram to the peer, at once. False if there is no pair, or too much waits for a relay over TCP."""
        pair = private_ice.nominated(self._connection)
        if pair is None or self.backlog(pair) > MOST_BACKLOG:
            return False
        private_ice.send(pair, data)
        return True

    @staticmethod
    def backlog(pair: Any) -> int:
        """Bytes that wait in this process for a relay over TCP."""
        relay = private_ice.relay_of(pair)
        if relay is None or not isinstance(relay.transport, asyncio.WriteTransport):
            return 0
        return relay.transport.get_write_buffer_size()

    async def close(self, limit_s: float = CLOSE_S) -> None:
        """Ends it within about `limit_s` whatever the network does; a TURN allocation is given back if it can be."""
        stopping = asyncio.ensure_future(self.transport.stop())
        done, _ = await asyncio.wait({stopping}, timeout=limit_s)
        if not done:
            log.info("an ICE transport did not close in %.0f s; its sockets were closed", limit_s)
            private_ice.close_sockets(self._connection)
            await asyncio.wait({stopping}, timeout=limit_s)
        if not stopping.done():
            stopping.cancel()
        await asyncio.gather(stopping, return_exceptions=True)
