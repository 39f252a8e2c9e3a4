"""Strangers' datagrams against a live pair of ICE and DTLS transports on real sockets: the call lives."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Iterator
from typing import Any

import aioice.ice
import pytest
from aioice import stun
from aiortc import RTCCertificate
from aiortc.rtcdtlstransport import SRTP_PROFILES
from aiortc.rtp import RtpPacket
from OpenSSL import SSL
from rtc_link import End, connect, exchange, start

from app.media.rtc import gate as gates
from app.media.rtc.dtls import MOST_STREAMS, DtlsRole, protect
from app.media.rtc.errors import BadSrtp, NotConnected


def client_hello() -> bytes:
    forger = SSL.Connection(RTCCertificate.generateCertificate()._create_ssl_context(srtp_profiles=SRTP_PROFILES))
    forger.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        forger.do_handshake()
    return bytes(forger.bio_read(1500))


def forgeries() -> Iterator[bytes]:
    """Without end: ClientHellos, alerts of both epochs, records of junk, media, STUN and nothing at all."""
    chance = random.Random(8)
    hello = client_hello()
    binding = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, attributes={"USERNAME": "who:what"})
    while True:
        yield hello
        yield bytes.fromhex("15fefd0000 000000000005 0002 022f")
        yield bytes.fromhex("15fefd0001 000000000009 0002 0100")
        yield hello[:3] + b"\0\1" + hello[5:]
        yield bytes((chance.randrange(20, 64),)) + chance.randbytes(chance.randrange(200))
        yield bytes((0x80, chance.randrange(256))) + chance.randbytes(40)
        yield bytes(binding)
        yield b"\0\1" + chance.randbytes(18)
        yield b""
        yield chance.randbytes(1600)


def rtp(ssrc: int = 5, number: int = 0, size: int = 30) -> bytes:
    return bytes(RtpPacket(payload_type=111, ssrc=ssrc, sequence_number=number, payload=bytes(size)).serialize())


def addresses(end: End) -> list[tuple[str, int]]:
    return [(candidate.ip, candidate.port) for candidate in end.agent.transport.iceGatherer.getLocalCandidates()]


class Strangers:
    """Ten sockets of others, which know the pair's addresses."""

    def __init__(self, targets: list[tuple[str, int]]) -> None:
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(10)]
        self._targets = targets
        self._forgeries = forgeries()
        self.sent = 0

    async def attack(self, count: int) -> None:
        """In bursts that the victims' socket buffers take."""
        for place in range(count):
            for target in self._targets:
                self._sockets[place % 10].sendto(next(self._forgeries), target)
            self.sent += 1
            if place % 20 == 19:
                await asyncio.sleep(0)

    def close(self) -> None:
        for each in self._sockets:
            each.close()


@pytest.mark.parametrize("role", ["client", "server"])
def test_forgeries_from_elsewhere_end_no_call(role: DtlsRole) -> None:
    """From before the first check on: 1,000 for each side before, during and after the handshake."""

    async def run() -> None:
        a, b = End(True, role), End(False, "server" if role == "client" else "client")
        await exchange(a, b)
        strangers = Strangers(addresses(a) + addresses(b))
        await strangers.attack(300)
        async with asyncio.timeout(10):
            await asyncio.gather(start(a, b), start(b, a), strangers.attack(300))
        assert (a.dtls.state, b.dtls.state) == ("connected", "connected")
        for number in range(400):
            await strangers.attack(1)
            assert a.send(rtp(5, number))
            assert b.send(rtp(6, number))
            if number % 50 == 49:
                await a.hears(number + 1)
                await b.hears(number + 1)
        assert strangers.sent == 1000
        assert (a.dtls.state, b.dtls.state) == ("connected", "connected")
        assert a.refused == b.refused == 0, "no forged media came as far as SRTP"
        assert min(a.agent.gate.dropped, b.agent.gate.dropped) > 500
        strangers.close()
        await a.close()
        await b.close()

    asyncio.run(run())


def test_forgeries_in_the_peers_own_name_end_no_call() -> None:
    """As from someone who can forge the source address and knows both: after the handshake nothing is believed."""

    async def run() -> None:
        a, b = End(True), End(False)
        await connect(a, b)
        for end, peer in ((a, b), (b, a)):
            (protocol,) = end.agent._connection._protocols
            ((address),) = addresses(peer)
            for place, forged in zip(range(1000), forgeries(), strict=False):
                protocol.datagram_received(forged, address)
                if place % 20 == 19:
                    await asyncio.sleep(0)
        for number in range(20):
            a.send(rtp(5, number))
            b.send(rtp(6, number))
        await a.hears(20)
        await b.hears(20)
        assert (a.dtls.state, b.dtls.state) == ("connected", "connected")
        assert a.refused >= 100, "media that nobody signed"
        await a.close()
        await b.close()

    asyncio.run(run())


@pytest.mark.parametrize("role", ["client", "server"])
def test_a_hello_from_the_right_peer_is_not_lost(role: DtlsRole) -> None:
    """A lost one would come again after a second: over many connections none takes that long."""

    async def run() -> None:
        for _ in range(10):
            a, b = End(True, role), End(False, "server" if role == "client" else "client")
            await exchange(a, b)
            began = asyncio.get_running_loop().time()
            await asyncio.gather(start(a, b), start(b, a))
            assert asyncio.get_running_loop().time() - began < 0.9
            assert a.agent.gate.dropped == b.agent.gate.dropped == 0
            await a.close()
            await b.close()

    asyncio.run(run())


def test_several_addresses_on_each_side_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two sides may settle on different pairs: what either sends comes in all the same."""
    hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: hosts)

    async def run() -> None:
        for _ in range(5):
            a, b = End(True, bind_address=None), End(False, bind_address=None)
            await connect(a, b)
            for number in range(5):
                a.send(rtp(5, number))
                b.send(rtp(6, number))
            await a.hears(5)
            await b.hears(5)
            await a.close()
            await b.close()

    asyncio.run(run())


def test_a_check_with_our_password_opens_the_gate_and_the_wrong_one_does_not() -> None:
    async def run() -> None:
        a, b = End(True), End(False)
        await connect(a, b)
        (protocol,) = b.agent._connection._protocols
        heard: list[bytes] = []
        b.agent.gate._on_media = lambda data, now: heard.append(data)
        for place, key in enumerate(("wrong" * 5, b.agent.parameters.password)):
            source = ("127.0.0.1", 4000 + place)
            request = a.agent._connection.build_request(a.agent._connection._nominated[1], nominate=False)
            request.add_message_integrity(key.encode())
            protocol.datagram_received(bytes(request), source)
            protocol.datagram_received(b"\x80" * 20, source)
        assert len(heard) == 1, "media from a source whose check was signed"
        await a.close()
        await b.close()

    asyncio.run(run())


def test_what_waits_for_dtls_is_bounded_and_so_is_stun() -> None:
    class Connection:
        def __init__(self) -> None:
            self._queue: asyncio.Queue[Any] = asyncio.Queue()
            self._check_list: list[Any] = []

        def check_state(self, pair: Any, state: Any) -> None: ...

        def check_incoming(self, message: Any, address: Any, protocol: Any) -> None: ...

    class Protocol:
        id = 1

        def __init__(self) -> None:
            self.transactions = {b"t" * 12: object()}
            self.seen: list[bytes] = []

        def datagram_received(self, data: bytes, address: Any) -> None:
            self.seen.append(data)

    connection, protocol, now = Connection(), Protocol(), [5.0]
    gate = gates.DatagramGate(connection, lambda data, now: None, lambda: now[0])
    gate.attach(protocol)
    peer, stranger = ("127.0.0.1", 1), ("127.0.0.1", 2)
    connection.check_incoming(None, peer, protocol)
    for _ in range(200):
        protocol.datagram_received(b"\x16" * 50, peer)
        protocol.datagram_received(b"\x16" * 50, stranger)
    assert connection._queue.qsize() == gates.MOST_DTLS_WAITING

    request = bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST))
    answer = bytes(stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=b"t" * 12))
    for source in (stranger, peer):
        protocol.seen.clear()
        for _ in range(1000):
            protocol.datagram_received(request, source)
        assert len(protocol.seen) == gates.STUN_BURST, "the peer's own checks come through a flood of others'"
    protocol.datagram_received(answer, peer)
    assert protocol.seen[-1] == answer, "an answer that we wait for always does"
    now[0] += 1.0
    protocol.seen.clear()
    for _ in range(1000):
        protocol.datagram_received(request, peer)
    assert len(protocol.seen) == gates.STUN_PER_S
    now[0] += 60.0
    connection._check_list = [object()] * gates.MOST_PAIRS
    protocol.datagram_received(request, stranger)
    assert len(protocol.seen) == gates.STUN_PER_S, "no new pairs beyond the limit"


@pytest.mark.parametrize("error", [KeyError("PRIORITY"), AssertionError(), struct.error(), ValueError(), TypeError()])
def test_what_the_stock_protocol_raises_goes_no_further(error: Exception) -> None:
    async def run() -> None:
        a = End(True)
        await a.agent.gather()
        (protocol,) = a.agent._connection._protocols

        def raising(*_: Any) -> None:
            raise error

        a.agent._connection.request_received = raising
        before = a.agent.gate.dropped
        protocol.datagram_received(bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST)), ("127.0.0.1", 9))
        assert a.agent.gate.dropped == before + 1
        await a.close()

    asyncio.run(run())


# SRTP


def test_what_is_protected_and_what_is_opened() -> None:
    async def run() -> None:
        a, b = End(True), End(False)
        with pytest.raises(NotConnected):
            protect(a.dtls, rtp())
        with pytest.raises(NotConnected):
            a.opener.open(rtp())
        await connect(a, b)
        report = bytes.fromhex("80c9000100000005")
        assert len(protect(a.dtls, rtp())) == len(rtp()) + 10
        assert len(protect(a.dtls, report)) == len(report) + 14
        assert a.dtls._ssl.get_cipher_name() == "ECDHE-ECDSA-AES128-GCM-SHA256"
        sealed = protect(a.dtls, rtp(5, 9))
        assert b.opener.open(sealed) == ("rtp", rtp(5, 9))
        for bad in (
            sealed,
            sealed[:-1] + bytes([sealed[-1] ^ 1]),
            sealed[:20],
            b"",
            b"\x80",
            rtp(),
            bytes(1600),
            b"\x80\xc9" * 20,
        ):
            with pytest.raises(BadSrtp):
                b.opener.open(bad)
        for bad in (b"", b"\x80", bytes(1600)):
            with pytest.raises(BadSrtp):
                protect(a.dtls, bad)
        for ssrc in range(100, 100 + MOST_STREAMS - 1):
            b.opener.open(protect(a.dtls, rtp(ssrc)))
        with pytest.raises(BadSrtp, match="streams"):
            b.opener.open(protect(a.dtls, rtp(999)))
        assert b.opener.open(protect(a.dtls, rtp(5, 10)))[0] == "rtp"
        await a.close()
        with pytest.raises(NotConnected):
            protect(a.dtls, rtp())
        assert not a.agent.send(b"x")
        await b.close()

    asyncio.run(run())
