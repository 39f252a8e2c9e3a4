"""Connections that feed TCP no faster than :class:`app.net.pace.Pace` says: a backend for httpx' connection pool.

The pace is kept beneath TLS, in pieces of whole segments: above it each piece would cost a record's 22 bytes. Where
the system tells nothing of its TCP (all but Linux) the bytes pass through untouched.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import httpcore
import httpx
from anyio.abc import ByteStream, SocketAttribute

from app.net.pace import Pace
from app.net.tcp_info import HasOptions, TcpReading, read_tcp

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

SEND_BUFFER_BYTES = 32 * 1024
"""What connections begin with; the system's own (megabytes) could neither be paused nor counted as sent."""


class PacedStream(ByteStream):
    """A byte stream over a TCP connection, `inner`, that waits for its pace before each piece."""

    def __init__(self, inner: ByteStream, read: Callable[[HasOptions | None], TcpReading | None] = read_tcp) -> None:
        self._inner = inner
        self._read = read
        self._clock = asyncio.get_running_loop().time
        self._socket = cast(HasOptions | None, inner.extra(SocketAttribute.raw_socket, None))  # noqa: S610
        reading = read(self._socket)
        self._buffer = SEND_BUFFER_BYTES // 2
        self.pace = Pace(self._clock(), reading) if reading is not None else None

    async def send(self, item: bytes) -> None:
        if self.pace is None:
            await self._inner.send(item)
            return
        left = memoryview(item)
        while left:
            size = await self._due(self.pace, len(left))
            await self._inner.send(bytes(left[:size]))
            if self.pace is not None:
                self.pace.sent(self._clock(), size)
            left = left[size:]

    async def _due(self, pace: Pace, rest: int) -> int:
        """Waits until a piece may go; returns its size."""
        while (reading := self._read(self._socket)) is not None:
            now = self._clock()
            pace.heard(now, reading)
            size = min(rest, pace.piece or rest)
            wait = pace.wait(now, size)
            if wait <= 0:
                self._make_room(pace.buffer)
                return size
            await asyncio.sleep(wait)
        self.pace = None  # it has been closed: the send will say so
        return rest

    def _make_room(self, wanted: int) -> None:
        """A larger send buffer, where the line has turned out to take more than the first one holds."""
        if wanted > 2 * self._buffer and self._socket is not None:
            self._buffer = wanted
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, wanted)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        return await self._inner.receive(max_bytes)

    async def send_eof(self) -> None:
        await self._inner.send_eof()

    async def aclose(self) -> None:
        await self._inner.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return self._inner.extra_attributes


class PacedBackend(httpcore.AnyIOBackend):
    """Connects as httpcore does, and puts a :class:`PacedStream` beneath what comes on top (TLS)."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        made = await super().connect_tcp(host, port, timeout, local_address, socket_options)
        stream = cast(Any, made)
        stream._stream = PacedStream(stream._stream)
        return made


class PacedTransport(httpx.AsyncHTTPTransport):
    """httpx' own transport over a pool of paced connections (httpx has no argument for the backend)."""

    def __init__(self, tls: ssl.SSLContext | None, limits: httpx.Limits, options: Iterable[SocketOption]) -> None:
        super().__init__(verify=tls if tls is not None else True, limits=limits, socket_options=options)
        cast(Any, self._pool)._network_backend = PacedBackend()
