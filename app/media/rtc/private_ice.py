"""The private names of aioice 0.13.0 and aiortc 1.16.0's ICE that we use; tests/media/test_rtc_contract.py holds each.

Nothing here changes a class or a module of theirs: each hook is set on one object.
"""

from __future__ import annotations

import math
import ssl
import struct
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

from aioice import ice as aioice_ice
from aioice import stun
from aiortc import RTCIceGatherer

Address = tuple[str, int]
Gather = Callable[[int, list[str], float], Awaitable[list[Any]]]

TURN_INNER = "_TurnTransport__inner_protocol"
TURN_CLOSING = "_TurnTransport__close_task"


def connection_of(gatherer: RTCIceGatherer) -> Any:
    """The aioice.Connection."""
    return gatherer._connection


def relays_only(connection: Any) -> bool:
    return bool(connection._transport_policy == aioice_ice.TransportPolicy.RELAY)


def on_gather(connection: Any, make: Callable[[Gather], Gather]) -> None:
    """`make(stock)` gives what gathers in the place of the stock one: (component, addresses, timeout in s) to
    candidates.
    """
    connection.get_component_candidates = make(connection.get_component_candidates)


async def relayed(
    connection: Any, server: Address, transport: str, tls: ssl.SSLContext | bool, username: str, password: str
) -> tuple[Any, Any]:
    """(candidate, protocol) of an allocation at this TURN server; not yet among the connection's protocols. Raises
    OSError, ssl.SSLError or stun.TransactionError.
    """
    return cast(
        tuple[Any, Any],
        await aioice_ice.relayed_candidate(
            component=1,
            hide_related_address=relays_only(connection),
            protocol_factory=lambda: aioice_ice.StunProtocol(connection),
            turn_server=server,
            turn_username=username,
            turn_password=password,
            turn_ssl=cast(bool, tls),  # handed on to create_connection, which takes a context as well
            turn_transport=transport,
        ),
    )


def add_protocol(connection: Any, protocol: Any) -> None:
    connection._protocols.append(protocol)


def protocols(connection: Any) -> list[Any]:
    """One for each socket and each relayed address."""
    return list(connection._protocols)


# Pairs and checks


def nominated(connection: Any) -> Any | None:
    """The pair in use."""
    return next(iter(connection._nominated.values()), None)


def pairs(connection: Any) -> int:
    return len(connection._check_list)


def on_validated(connection: Any, tell: Callable[[Any, Address], None]) -> None:
    """`tell(protocol, address)` when the peer has shown that it is there: by a check that carried our password, or by
    its answer to one of ours.
    """
    stock_state, stock_incoming = connection.check_state, connection.check_incoming

    def check_state(pair: Any, state: Any) -> None:
        stock_state(pair, state)
        if state == aioice_ice.CandidatePair.State.SUCCEEDED:
            tell(pair.protocol, pair.remote_addr)

    def check_incoming(message: Any, address: Address, protocol: Any) -> None:
        tell(protocol, address)
        stock_incoming(message, address, protocol)

    connection.check_state, connection.check_incoming = check_state, check_incoming


def on_datagram(protocol: Any, make: Callable[[Callable[[bytes, Any], None]], Callable[[bytes, Any], None]]) -> None:
    """`make(stock)` gives what is called with each datagram and its source in the place of the stock one."""
    protocol.datagram_received = make(protocol.datagram_received)


def is_answer(protocol: Any, transaction_id: bytes) -> bool:
    """Whether we wait for an answer of this transaction."""
    return transaction_id in protocol.transactions


def queue(connection: Any, data: bytes, limit: int) -> bool:
    """For RTCIceTransport's reader (DTLS); False when `limit` datagrams wait already."""
    if connection._queue.qsize() >= limit:
        return False
    connection._queue.put_nowait((data, 1))
    return True


def drop_unread(connection: Any) -> None:
    """What the stock protocol cannot read as STUN is not queued: the gate has sorted it before."""
    connection.data_received = lambda data, component: None


# Consent


def use_consent(connection: Any, keep: Callable[[], Awaitable[None]]) -> None:
    """`keep()` runs from the moment there is a pair."""
    connection.query_consent = keep


def check_request(connection: Any, pair: Any) -> Any:
    """A Binding request of its own transaction, signed."""
    request = connection.build_request(pair, nominate=False)
    request.add_message_integrity(connection.remote_password.encode())
    return request


def is_success(connection: Any, message: Any) -> bool:
    """Whether this is a success response of the peer, signed with its password."""
    return bool(message.message_class == stun.Class.RESPONSE) and bool(
        message.check_message_integrity(connection.remote_password.encode())
    )


async def end(connection: Any) -> None:
    """Closes it from within the consent task, which must not be cancelled by that."""
    connection._query_consent_task = None
    await connection.close()


# TURN


def relay_of(pair: Any) -> Any | None:
    """The TURN client under this pair; None if the pair is not relayed on our side."""
    return getattr(pair.protocol.transport, TURN_INNER, None)


def relay_sockets(connection: Any) -> Iterator[Any]:
    """The asyncio transports to TURN servers."""
    for protocol in connection._protocols:
        inner = getattr(protocol.transport, TURN_INNER, None)
        if inner is not None:
            yield inner.transport


def send(pair: Any, data: bytes) -> None:
    """At once, and in order: aioice makes a task of each datagram to a relay, which another may overtake."""
    relay, address = relay_of(pair), pair.remote_addr
    channel = None if relay is None else relay.peer_to_channel.get(address)
    if relay is None or channel is None:
        pair.protocol.transport.sendto(data, address)
    elif not relay.transport.is_closing():
        relay._send(struct.pack("!HH", channel, len(data)) + data)


async def bind_channel(relay: Any, address: Address) -> None:
    """Binds the channel to this peer again, which renews its permission too; from then on sending never stops to do
    so itself. Raises stun.TransactionError.
    """
    channel = relay.peer_to_channel.get(address)
    if channel is None:
        return  # nothing was sent yet: the first datagram binds it
    relay.channel_refresh_at[channel] = math.inf
    await relay.channel_bind(channel, address)


def close_sockets(connection: Any) -> None:
    """The last resort when an orderly close does not end in time."""
    for protocol in list(connection._protocols):
        inner = getattr(protocol.transport, TURN_INNER, None)
        if inner is None:
            protocol.transport.close()
            continue
        closing = getattr(protocol.transport, TURN_CLOSING)
        if closing is not None:
            closing.cancel()
        if inner.refresh_task is not None:
            inner.refresh_task.cancel()
        inner.transport.abort()
