"""The demo's TURN server on real loopback sockets, over UDP, TCP and TLS, and servers that are dead or refuse."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any

from app.demo.path.turn import Credentials, TurnServer

LOOPBACK = "127.0.0.1"
USER, PASSWORD = "home", "secret"
Address = tuple[str, int]


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, address: Any) -> None:
        self._take(data, address)


class _Relay:
    """An allocation's socket; bound at once, so that its address is known."""

    def __init__(self, bench: TurnBench, client: Address) -> None:
        import socket

        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self._socket.setblocking(False)
        self.address = self._socket.getsockname()
        self._bench, self._client = bench, client
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def _read(self) -> None:
        data, peer = self._socket.recvfrom(2048)
        self._bench.server.from_peer(self._bench.now(), self._client, peer, data)

    def send(self, data: bytes, peer: Address) -> None:
        self._socket.sendto(data, peer)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


class _Stream(asyncio.Protocol):
    """TURN over TCP (RFC 8656 section 2.1): messages and channel data one after the other, padded to 32 bits."""

    def __init__(self, bench: TurnBench) -> None:
        self._bench = bench
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._client = transport.get_extra_info("peername")
        self._bench.streams[self._client] = self._write

    def _write(self, data: bytes) -> None:
        self._transport.write(data + bytes(-len(data) % 4))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 4:
            length = int.from_bytes(self._buffer[2:4], "big")
            size = length + (20 if self._buffer[0] < 0x40 else 4)
            padded = size + -size % 4
            if len(self._buffer) < padded:
                return
            self._bench.take(self._buffer[:size], self._client)
            self._buffer = self._buffer[padded:]

    def connection_lost(self, exc: Exception | None) -> None:
        self._bench.streams.pop(self._client, None)


class TurnBench:
    """One TURN server. `ports` has "udp", "tcp" and, with `tls`, "tls"."""

    def __init__(self, password: str = PASSWORD) -> None:
        self.server = TurnServer(Credentials({USER: password}, "shared"), self._open, self._reply)
        self.streams: dict[Address, Callable[[bytes], None]] = {}
        self.ports: dict[str, int] = {}
        self.ahead = 0.0
        """Seconds that the server's clock is ahead."""
        self._closers: list[Any] = []

    def now(self) -> float:
        return time.monotonic() + self.ahead

    async def start(self, tls: ssl.SSLContext | None = None) -> TurnBench:
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(self.take), local_addr=(LOOPBACK, 0))
        self.ports["udp"] = self._udp.get_extra_info("sockname")[1]
        self._closers.append(self._udp)
        for name, context in (("tcp", None), ("tls", tls)):
            if name == "tcp" or context is not None:
                listening = await loop.create_server(lambda: _Stream(self), LOOPBACK, 0, ssl=context)
                self.ports[name] = listening.sockets[0].getsockname()[1]
                self._closers.append(listening)
        return self

    def take(self, data: bytes, client: Address) -> None:
        self.server.from_client(self.now(), time.time(), client, data)

    def _open(self, client: Address) -> _Relay:
        return _Relay(self, client)

    def _reply(self, client: Address, data: bytes) -> None:
        stream = self.streams.get(client)
        if stream is None:
            self._udp.sendto(data, client)
        else:
            stream(data)

    def close(self) -> None:
        self.server.close()
        for closer in self._closers:
            closer.close()


async def dead_port() -> tuple[int, asyncio.BaseTransport]:
    """A UDP port that takes everything and says nothing; to be closed by the caller."""
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=(LOOPBACK, 0)
    )
    return transport.get_extra_info("sockname")[1], transport
