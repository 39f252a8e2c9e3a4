"""Paced connections over real sockets: nothing is lost or changed on the way, with TLS and without TCP_INFO."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest
from anyio.abc import ByteStream

from app.net.paced import PacedBackend, PacedStream, PacedTransport
from app.net.tcp_info import HasOptions, TcpReading, parse_tcp_info, read_tcp

BODY = os.urandom(300_000)
LIMITS = httpx.Limits(max_connections=2)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers one PUT with its own body."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")).split(b":")[1])
    body = await reader.readexactly(size)
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size + body)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def pieces() -> AsyncIterator[bytes]:
    for at in range(0, len(BODY), 16_384):
        yield BODY[at : at + 16_384]


async def put() -> bytes:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, httpx.AsyncClient(transport=PacedTransport(None, LIMITS, [])) as client:
        answer = await client.put(
            f"http://127.0.0.1:{port}/", content=pieces(), headers={"Content-Length": str(len(BODY))}
        )
    return answer.content


def test_a_body_arrives_whole() -> None:
    assert asyncio.run(put()) == BODY


def test_where_tcp_tells_nothing_a_body_arrives_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert read_tcp(None) is None
    assert asyncio.run(put()) == BODY


def test_httpx_and_httpcore_have_the_private_names_that_are_used() -> None:
    transport = PacedTransport(ssl.create_default_context(), LIMITS, [])
    assert isinstance(transport._pool._network_backend, PacedBackend)  # type: ignore[attr-defined]

    async def connected() -> object:
        with socket.create_server(("127.0.0.1", 0)) as server:
            made = await PacedBackend().connect_tcp("127.0.0.1", server.getsockname()[1])
            inner = made._stream  # type: ignore[attr-defined]
            await made.aclose()
        return inner

    assert isinstance(asyncio.run(connected()), PacedStream)


@pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is Linux'")
def test_linux_tells_of_a_connection() -> None:
    async def told() -> TcpReading | None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            async with await anyio.connect_tcp("127.0.0.1", server.getsockname()[1]) as stream:
                return PacedStream(stream)._read(stream.extra(anyio.abc.SocketAttribute.raw_socket))

    found = asyncio.run(told())
    assert found is not None
    assert (found.ahead, found.lost, found.unsent, found.calm) == (0, 0, 0, True)
    assert 500 < found.mss < 66_000
    assert 0 < found.min_rtt <= found.rtt < 1


def test_tcp_info_is_read_by_its_places() -> None:
    data = bytearray(232)
    data[1] = 3  # TCP_CA_Recovery
    for place, value in ((16, 1448), (24, 9), (28, 2), (32, 3), (36, 1), (68, 700_000), (144, 5000), (148, 600_000)):
        struct.pack_into("=I", data, place, value)
    struct.pack_into("=Q", data, 120, 1 << 40)
    assert parse_tcp_info(bytes(data)) == TcpReading(
        acked=1 << 40, ahead=2 * 1448, lost=2 * 1448, unsent=5000, mss=1448, rtt=0.7, min_rtt=0.6, calm=False
    )
    assert parse_tcp_info(bytes(data[:150])) is None
    assert parse_tcp_info(bytes(232)) is None


def test_a_socket_that_tells_nothing_reads_as_none() -> None:
    class Closed:
        def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
            raise OSError(9, "closed")

        def setsockopt(self, level: int, option: int, value: int, /) -> None: ...

    assert read_tcp(Closed()) is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        assert read_tcp(udp) is None


class Sink(ByteStream):
    """Takes what is sent, piece by piece."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def send(self, item: bytes) -> None:
        self.taken.append(item)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        raise anyio.EndOfStream

    async def send_eof(self) -> None: ...
    async def aclose(self) -> None: ...


def test_on_a_thin_line_pieces_are_segments_and_a_connection_that_ceases_to_tell_takes_the_rest() -> None:
    looks = [TcpReading(1, 0, 0, 0, 1448, 0.1, 0.1, calm=True)] * 3

    def read(_: HasOptions | None) -> TcpReading | None:
        return looks.pop() if looks else None

    async def sent() -> list[bytes]:
        sink = Sink()
        await PacedStream(sink, read).send(BODY)
        return sink.taken

    taken = asyncio.run(sent())
    assert [len(piece) for piece in taken[:-1]] == [1448] * (len(taken) - 1)
    assert len(taken) > 1
    assert b"".join(taken) == BODY
