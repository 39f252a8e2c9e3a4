"""A cut path and its return, with real transports. The cut is made where datagrams come in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from session_pair import Pair, Side, pair

from app.media.events import Cause, ConnectionState, Modality
from app.media.rtc import private_ice


def _cut(side: Side) -> Callable[[], None]:
    """Drops all that comes in on the transport in use; returns what mends it."""
    transport = side.session.transports.current
    assert transport is not None
    gate = transport.path.agent.gate
    gate._take = lambda *_: False  # type: ignore[method-assign]

    def mend() -> None:
        del gate._take

    return mend


def _both_connected(both: Pair) -> bool:
    return all(s.states[-1] is ConnectionState.CONNECTED for s in (both.a, both.b))


def test_a_short_cut_is_mended_on_the_same_transport() -> None:
    async def run() -> None:
        async with pair() as both:
            await both.until(lambda: both.b.pictures >= 3)
            before = both.a.session.transports.current
            mends = [_cut(both.a), _cut(both.b)]
            await both.until(lambda: all(s.states[-1] is ConnectionState.INTERRUPTED for s in (both.a, both.b)))
            assert any(m.cause is Cause.LINK_LOST and m.sending is Modality.AUDIO for m in both.a.sending)
            for mend in mends:
                mend()
            await both.until(lambda: _both_connected(both))
            assert both.a.session.transports.current is before
            assert ConnectionState.RECONNECTING not in both.a.states

    asyncio.run(run())


def test_a_longer_cut_gets_a_new_transport_under_the_same_visit() -> None:
    async def run() -> None:
        async with pair() as both:
            await both.until(lambda: both.b.pictures >= 3)
            first = both.a.session.transports.current
            _cut(both.a)
            _cut(both.b)
            await both.until(lambda: ConnectionState.RECONNECTING in both.a.states)
            await both.until(lambda: _both_connected(both) and both.a.session.transports.current is not first)
            offers = [p for p in both.a.sent if p.kind == "offer"]
            assert len({p.call for p in offers}) == len(offers) >= 2
            seen = both.b.pictures
            await both.until(lambda: both.b.pictures > seen + 2, timeout=20)

    asyncio.run(run())


def test_closed_sockets_are_noticed_and_replaced() -> None:
    async def run() -> None:
        async with pair() as both:
            await both.until(lambda: both.b.pictures >= 2)
            first = both.b.session.transports.current
            assert first is not None
            private_ice.close_sockets(first.path.agent._connection)
            await both.until(
                lambda: _both_connected(both) and both.b.session.transports.current not in (None, first), timeout=20
            )
            played = both.a.played
            await both.until(lambda: both.a.played > played + 9600)

    asyncio.run(run())


def test_without_signalling_it_fails_and_still_returns_when_signalling_does() -> None:
    async def run() -> None:
        async with pair() as both:
            await both.until(lambda: both.b.pictures >= 2)
            for side in (both.a, both.b):
                side.deliver = False
                _cut(side)
            await both.until(lambda: ConnectionState.RECONNECTING in both.a.states)
            for side in (both.a, both.b):
                side.deliver = True
                side.session.signalling_back()
            await both.until(lambda: _both_connected(both), timeout=20)

    asyncio.run(run())


def test_datagrams_from_strangers_are_dropped_and_counted() -> None:
    async def run() -> None:
        async with pair() as both:
            await both.until(lambda: both.b.pictures >= 2)
            transport = both.b.session.transports.current
            assert transport is not None
            gate = transport.path.agent.gate
            socket = private_ice.protocols(transport.path.agent._connection)[0]
            port = socket.transport.get_extra_info("sockname")[1]
            client_hello = bytes([22, 254, 253]) + bytes(10) + b"\x01" + bytes(60)
            loop = asyncio.get_running_loop()
            stranger, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port)
            )
            for _ in range(20):
                stranger.sendto(client_hello)
            await both.until(lambda: gate.dropped >= 20)
            stranger.close()
            seen = both.b.pictures
            await both.until(lambda: both.b.pictures > seen + 2)
            assert both.b.session.transports.current is transport

    asyncio.run(run())
