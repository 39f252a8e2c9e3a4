"""Relayed addresses from several TURN servers, tried in turn in the clinic's order: the first that grants one wins.

A server that does not answer costs the next one a head start, not the whole time: a slow link may need longer for one
handshake over TLS than a dead server is worth waiting for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from aioice import stun

from app.media.rtc import private_ice
from app.wire.visits import IceConfig

HEAD_START_S = 2.5
LIMIT_S = 7.5
_URI = re.compile(
    r"(?P<scheme>stuns?|turns?):(?P<host>\[[0-9A-Fa-f:.]+\]|[^:?\[\]]+)"
    r"(:(?P<port>[0-9]{1,5}))?(\?transport=(?P<transport>udp|tcp))?"
)
"""RFC 7064 and RFC 7065 section 3.1."""
_PORTS = (3478, 5349)
_REFUSALS = (OSError, stun.TransactionError, ValueError)  # ssl.SSLError is an OSError

log = logging.getLogger(__name__)

Won = TypeVar("Won")


@dataclass(frozen=True)
class TurnServer:
    """One TURN URI (RFC 7065) with its long-term credential. `tls`: TURN over TLS over TCP."""

    host: str
    port: int
    transport: str
    tls: bool
    username: str = ""
    credential: str = ""

    def __str__(self) -> str:
        return f"{'turns' if self.tls else 'turn'}:{self.host}:{self.port}?transport={self.transport}"


def turn_servers(config: IceConfig) -> tuple[TurnServer, ...]:
    """Every TURN URI in order that we can use: UDP, TCP, and TLS over TCP."""
    found = []
    for server in config.servers:
        for uri in server.urls:
            parsed = _URI.fullmatch(uri)
            if parsed is None or not parsed["scheme"].startswith("turn"):
                continue
            tls = parsed["scheme"] == "turns"
            transport = parsed["transport"] or ("tcp" if tls else "udp")
            port = int(parsed["port"] or _PORTS[tls])
            if port <= 0xFFFF and not (tls and transport == "udp"):
                turn = TurnServer(parsed["host"].strip("[]"), port, transport, tls)
                found.append(replace(turn, username=server.username or "", credential=server.credential or ""))
    return tuple(found)


def stun_uris(config: IceConfig) -> list[str]:
    """Every STUN URI in order that aiortc can use, of which it uses the first; it asks over IPv4 alone."""
    uris = [uri for server in config.servers for uri in server.urls]
    return [uri for uri in uris if (parsed := _URI.fullmatch(uri)) and parsed["scheme"] == "stun" and "[" not in uri]


async def relay(
    connection: Any, servers: Sequence[TurnServer], tls: ssl.SSLContext | None, limit_s: float = LIMIT_S
) -> tuple[Any, Any] | None:
    """(candidate, protocol) at the first server that grants one; None when none did in `limit_s`. Certificates are
    checked, name and chain, against the system's authorities or those of `tls`.
    """

    def attempt(server: TurnServer) -> Callable[[], Awaitable[tuple[Any, Any]]]:
        async def ask() -> tuple[Any, Any]:
            try:
                return await private_ice.relayed(
                    connection,
                    (server.host, server.port),
                    server.transport,
                    (tls or True) if server.tls else False,
                    server.username,
                    server.credential,
                )
            except _REFUSALS as exc:
                log.info("TURN server %s gives no relay: %r", server, exc)
                raise

        return ask

    def give_back(made: tuple[Any, Any]) -> None:
        made[1].transport.close()

    return await first_of([attempt(server) for server in servers], limit_s, give_back)


async def first_of(
    attempts: Sequence[Callable[[], Awaitable[Won]]],
    limit_s: float,
    give_back: Callable[[Won], None],
    head_start_s: float = HEAD_START_S,
) -> Won | None:
    """The first result; each attempt starts when one before it has failed, or `head_start_s` after the last start.
    None after `limit_s`, or when all have failed. What else came of it is given back.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + limit_s
    waiting = list(attempts)
    running: set[asyncio.Task[Won]] = set()
    won: list[Won] = []
    try:
        while (waiting or running) and not won and loop.time() < end:
            if waiting:
                running.add(asyncio.ensure_future(waiting.pop(0)()))
            left = end - loop.time()
            done, running = await asyncio.wait(
                running,
                timeout=min(head_start_s, left) if waiting else left,
                return_when=asyncio.FIRST_COMPLETED,
            )
            won = [task.result() for task in done if task.exception() is None]
    finally:
        for task in running:
            task.cancel()
        for made in await asyncio.gather(*running, return_exceptions=True):
            if not isinstance(made, BaseException):
                give_back(made)
        for made in won[1:]:
            give_back(made)
    return won[0] if won else None


def bound_buffers(connection: Any, size: int) -> None:
    """Little is kept in the sockets of relays over TCP: what waits there is late."""
    for transport in private_ice.relay_sockets(connection):
        found = transport.get_extra_info("socket")
        if found is not None and isinstance(transport, asyncio.WriteTransport):
            with contextlib.suppress(OSError):
                found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
