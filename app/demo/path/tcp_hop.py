"""The hop's TCP side: carries each connection from "home" through the thin link to the clinic, all on loopback."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

from app.demo.path.thinned import SEGMENT, Stream, Thinned

_READ_AHEAD = 16 * 1024  # bytes of one connection that wait outside the link before its sender is held back
_CONNECT_SECONDS = 5.0


class _End(asyncio.Protocol):
    """One of a connection's two sockets: what it reads goes into `outgoing`, towards the other end."""

    def __init__(self, opened: Callable[[], None], closed: Callable[[], None]) -> None:
        self._opened = opened
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        # What the link brings before the far socket is open waits here; None once it is.
        self._early: list[Callable[[asyncio.Transport], None]] | None = []
        self._paused = False
        self._heard_end = False
        self._said_end = False
        self.outgoing: Stream | None = None
        self.incoming: Stream | None = None
        self.other: _End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._opened()
        early, self._early = self._early or [], None
        for act in early:
            self._act(act)

    def data_received(self, data: bytes) -> None:
        assert self.outgoing is not None
        assert self.other is not None
        for start in range(0, len(data), SEGMENT):
            piece = data[start : start + SEGMENT]
            self.outgoing.send(len(piece), lambda piece=piece: self._carry(piece))  # type: ignore[misc]
        self._hold_back()

    def eof_received(self) -> bool:
        assert self.outgoing is not None
        assert self.other is not None
        self.outgoing.send(0, self.other.finish)
        self._heard_end = True
        self._close_if_done()
        return True  # the other direction may go on

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self.outgoing is not None and self.other is not None:
            self.outgoing.send(0, self.other.abort if error else self.other.close)
        if self.incoming is not None and self.incoming.blocked:
            self.incoming.unblock()  # what is on its way to nobody must not stay in the stream
        self._closed()

    def pause_writing(self) -> None:
        if self.incoming is not None:
            self.incoming.blocked = True

    def resume_writing(self) -> None:
        if self.incoming is not None:
            self.incoming.unblock()

    def write(self, data: bytes) -> None:
        self._act(lambda transport: transport.write(data))

    def finish(self) -> None:
        self._act(self._write_end)

    def close(self) -> None:
        self._act(lambda transport: transport.close())

    def abort(self) -> None:
        self._act(_reset)

    def _act(self, act: Callable[[asyncio.Transport], None]) -> None:
        if self._early is not None:
            self._early.append(act)
        elif self._transport is not None and not self._transport.is_closing():
            act(self._transport)

    def _write_end(self, transport: asyncio.Transport) -> None:
        transport.write_eof()
        self._said_end = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        # asyncio keeps a socket open whose two directions have both ended.
        if self._heard_end and self._said_end:
            self.close()

    def _carry(self, piece: bytes) -> None:
        assert self.other is not None
        self.other.write(piece)
        self._hold_back()

    def _hold_back(self) -> None:
        assert self.outgoing is not None
        full = self.outgoing.waiting_bytes > _READ_AHEAD
        if self._transport is None or self._transport.is_closing() or full == self._paused:
            return
        self._paused = full
        if full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


def _reset(transport: asyncio.Transport) -> None:
    """Ends the connection with RST, as a real break does: without the linger option the kernel would send FIN."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class TcpHop:
    """Listens for "home". A new connection reaches the clinic when its first packet has crossed the link."""

    def __init__(self, to_town: Thinned, to_home: Thinned, clinic: tuple[str, int]) -> None:
        self._to_town = to_town
        self._to_home = to_home
        self._clinic = clinic
        self._server: asyncio.Server | None = None
        self._ends: set[_End] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self.connections = 0

    async def start(self, host: str) -> int:
        """Gives the port."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        # Taken over by each connection: what the hop's kernel has accepted looks sent to the app, but is not yet.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _READ_AHEAD)
        listener.bind((host, 0))
        self._server = await asyncio.get_running_loop().create_server(self._accept, sock=listener)
        port: int = listener.getsockname()[1]
        return port

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._connecting):
            task.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
        for end in list(self._ends):
            end.abort()

    def _accept(self) -> _End:
        """A pair of ends with a stream each way; the far one is opened later."""
        up, down = Stream(self._to_town), Stream(self._to_home)
        home = self._end()
        town = self._end()
        home.outgoing, home.incoming, home.other = up, down, town
        town.outgoing, town.incoming, town.other = down, up, home
        self.connections += 1
        up.send(0, lambda: self._open(home, town, up))
        return home

    def _end(self) -> _End:
        end = _End(lambda: self._ends.add(end), lambda: self._ends.discard(end))
        return end

    def _open(self, home: _End, town: _End, up: Stream) -> None:
        up.blocked = True
        task = asyncio.get_running_loop().create_task(self._connect(home, town, up))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, home: _End, town: _End, up: Stream) -> None:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await asyncio.get_running_loop().create_connection(lambda: town, *self._clinic)
        except OSError:  # TimeoutError is one
            assert town.outgoing is not None
            town.outgoing.send(0, home.abort)
            up.drop()
        else:
            up.unblock()
