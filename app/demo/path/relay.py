"""The process of the path that needs no root: a TURN hop for media and a TCP hop for the rest, both on loopback.

    python -m app.demo.path.relay '{"settings": {...}, "clinic": [host, port], "passwords": {...}, "secret": "..."}'

What goes between the hop and the side "home" passes the thin link in both directions, TURN's own messages included;
the side "town" is reached freely. Steered by :mod:`app.demo.path.control`. On which side a device is that uses
time-limited credentials, an "assign" request tells, or the process that asks: a "process" request tells where it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import threading
import time
from typing import Any

from app.demo.path import control
from app.demo.path.kinds import of_turn_client
from app.demo.path.owners import side_of_port
from app.demo.path.shaper import LinkSettings
from app.demo.path.tcp_hop import TcpHop
from app.demo.path.thinned import Thinned
from app.demo.path.turn import Address, Credentials, TurnServer, user_of

HOST = "127.0.0.1"
_DATAGRAM_BYTES = 65536
_SOCKET_BYTES = 1 << 20


class _Socket:
    """A UDP socket on loopback on the running loop; what it hears goes to `heard(sender, data)`."""

    def __init__(self, heard: Any) -> None:
        self._heard = heard
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES)
        self._socket.bind((HOST, 0))
        self.address: Address = self._socket.getsockname()
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def send(self, data: bytes, peer: Address) -> None:
        # A full buffer or a port that nobody listens on loses a datagram, as any network may.
        with contextlib.suppress(OSError):
            self._socket.sendto(data, peer)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    def _read(self) -> None:
        while self._socket.fileno() >= 0:
            try:
                data, sender = self._socket.recvfrom(_DATAGRAM_BYTES)
            except BlockingIOError:
                return
            except OSError:
                continue  # the ICMP answer to an earlier datagram of ours
            self._heard(sender, data)


class Hop:
    """Both hops and their common thin link."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._loop = asyncio.get_running_loop()
        settings = LinkSettings(**arguments["settings"])
        self._links = {"town": Thinned(self._loop, settings), "home": Thinned(self._loop, settings)}
        self._credentials = Credentials(arguments["passwords"], arguments["secret"])
        self._turn = TurnServer(self._credentials, self._open_relay, self._to_client)
        self._clients = _Socket(self._from_client)
        self._tcp = TcpHop(self._links["town"], self._links["home"], (arguments["clinic"][0], arguments["clinic"][1]))
        self.handlers = {
            "set": self._set,
            "counters": self._counters,
            "assign": self._assign,
            "process": self._process,
        }
        self._processes: dict[int, str] = {}

    async def start(self) -> dict[str, Any]:
        """Where both are, for the first line on stdout."""
        return {"turn": list(self._clients.address), "tcp": [HOST, await self._tcp.start(HOST)]}

    async def close(self) -> None:
        await self._tcp.close()
        self._turn.close()
        self._clients.close()
        for link in self._links.values():
            link.close()

    def _from_client(self, client: Address, data: bytes) -> None:
        side = self._turn.side_of(client)
        if side is None:
            # Not yet allocated: go by the user it names, so that a cut also stops its first requests.
            user = user_of(data)
            side = None if user is None else self._side_of_user(user, client)
        if side == "home":
            kind = of_turn_client(data)
            self._links["town"].datagram(len(data), kind, lambda: self._handle(client, data))
        else:
            self._handle(client, data)

    def _side_of_user(self, user: str, client: Address) -> str | None:
        """An unknown device is where its process is. Its password is still to be checked."""
        side = self._credentials.side_of(user)
        if side is None:
            side = side_of_port(client[1], self._processes)
            device = user.partition(":")[2]
            if side is not None and device:
                self._credentials.assign(device, side)
        return side

    def _handle(self, client: Address, data: bytes) -> None:
        self._turn.from_client(self._loop.time(), time.time(), client, data)

    def _to_client(self, client: Address, data: bytes) -> None:
        if self._turn.side_of(client) == "home":
            kind = of_turn_client(data)
            self._links["home"].datagram(len(data), kind, lambda: self._clients.send(data, client))
        else:
            self._clients.send(data, client)

    def _open_relay(self, client: Address) -> _Socket:
        def heard(peer: Address, data: bytes) -> None:
            self._turn.from_peer(self._loop.time(), client, peer, data)

        return _Socket(heard)

    def _set(self, request: control.Request) -> control.Request:
        wanted = {toward: control.new_settings(request, toward, link.settings) for toward, link in self._links.items()}
        for toward, settings in wanted.items():
            self._links[toward].set(settings)
        return {}

    def _counters(self, request: control.Request) -> control.Request:
        counted: control.Request = {f"to_{toward}": link.describe() for toward, link in self._links.items()}
        return {**counted, "allocations": self._turn.allocations, "connections": self._tcp.connections}

    def _assign(self, request: control.Request) -> control.Request:
        if request["side"] not in control.SIDES:
            raise ValueError(f"no such side: {request['side']}")
        self._credentials.assign(request["device"], request["side"])
        return {}

    def _process(self, request: control.Request) -> control.Request:
        self._processes[int(request["pid"])] = request["side"]
        return {}


def _read_stdin(loop: asyncio.AbstractEventLoop, hop: Hop, ended: asyncio.Event) -> None:
    """In a thread of its own: not every system's loop can wait for a pipe."""

    def obey(line: bytes) -> None:
        sys.stdout.buffer.write(control.answer(hop.handlers, line))
        sys.stdout.buffer.flush()

    with contextlib.suppress(RuntimeError):  # the loop has been closed by a signal
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(obey, line)
        loop.call_soon_threadsafe(ended.set)


async def _serve(arguments: dict[str, Any]) -> None:
    hop = Hop(arguments)
    ended = asyncio.Event()
    try:
        where = await hop.start()
        print(json.dumps(where), flush=True)
        loop = asyncio.get_running_loop()
        threading.Thread(target=_read_stdin, args=(loop, hop, ended), daemon=True).start()
        await ended.wait()
    finally:
        await hop.close()


def main(arguments: list[str]) -> int:
    """Serves until stdin ends."""
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):  # better timing, where we may
            os.nice(-10)
    # A selector loop on every system: add_reader is what the UDP sockets need.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(_serve(json.loads(arguments[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
