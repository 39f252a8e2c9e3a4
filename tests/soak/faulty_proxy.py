"""A proxy of ours between the device and the real service, over real sockets, that spoils exchanges as it is told.

Each request is read, and then what stands in its fault's name is done to it or to its answer. `seen` counts what was
done at which exchange; `wire` keeps every byte that passed, when asked to (for canaries).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections import Counter
from dataclasses import dataclass, field

from app.wire import PROTOCOL_HEADER, PROTOCOL_VERSION
from tests.soak.local_proxy import LocalProxy

FAULTS = (
    "500", "502", "503", "401", "403", "409", "410", "413", "429", "portal", "cut", "lost answer", "truncated",
    "trickle", "stall", "doubled", "again later",
)  # fmt: skip
STALL_S = 1.2
_PORTAL = b"<html>Welcome! Sign in to use this network.</html>"
_CODES = {"401": "token-invalid", "403": "not-allowed", "413": "too-large", "429": "too-many-tries"}


@dataclass
class FaultyProxy(LocalProxy):
    """`fault`: the chance of one at an exchange; 0 for none."""

    upstream: tuple[str, int]
    rng: random.Random
    fault: float = 0.0
    keep_bytes: bool = False
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    wire: bytearray = field(default_factory=bytearray)
    _later: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await self._exchange(reader, writer):
            pass

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False: the connection ends."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
        found = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
        length = int(found[1]) if found else 0
        fault = self.rng.choice(FAULTS) if self.rng.random() < self.fault else ""
        self.seen[_kind(method, path), fault] += 1
        if fault == "cut" and length:
            some = await reader.readexactly(self.rng.randrange(length))
            await self._ask(head + some, half=True)
            return False
        request = head + (await reader.readexactly(length) if length else b"")
        if self.keep_bytes:
            self.wire += request
        if fault.isdigit() or fault == "portal":
            if self.rng.random() < 0.5:
                await self._ask(request)  # it was done; the answer is replaced on its way
            answer = _portal(method) if fault == "portal" else _problem(int(fault), method)
        else:
            answer = await self._served(request, fault)
        if self.keep_bytes:
            self.wire += answer
        return await self._reply(writer, answer, fault)

    async def _served(self, request: bytes, fault: str) -> bytes:
        answer = await self._ask(request)
        if fault == "doubled":
            answer = await self._ask(request)
        if fault == "again later":
            self._later.append(request)
        elif self._later and self.rng.random() < 0.3:
            await self._ask(self._later.pop(0))  # an old request, behind newer ones; nobody reads its answer
        return answer

    async def _reply(self, writer: asyncio.StreamWriter, answer: bytes, fault: str) -> bool:
        if fault == "stall":
            await asyncio.sleep(STALL_S)
            return False
        if fault in ("lost answer", "cut"):
            return False
        if fault == "truncated":
            writer.write(answer[: self.rng.randrange(len(answer))])
            await writer.drain()
            return False
        if fault == "trickle":
            for at in range(0, len(answer), 40):
                writer.write(answer[at : at + 40])
                await writer.drain()
                await asyncio.sleep(0.002)
            return True
        writer.write(answer)
        await writer.drain()
        return True

    async def _ask(self, request: bytes, half: bool = False) -> bytes:
        """The service's whole answer. A connection for each request: its end shows the answer's."""
        reader, writer = await asyncio.open_connection(*self.upstream)
        try:
            writer.write(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
            await writer.drain()
            if half:
                return b""
            answer = await reader.read(-1)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        return re.sub(rb"(?i)\r\nconnection: close", b"", answer, count=1)


def _kind(method: str, path: str) -> str:
    if path.endswith("/receipt"):
        return "GET receipt"
    if path.startswith("/v1/uploads/"):
        return f"{method} upload"
    return f"{method} {path.removeprefix('/v1/')}"


def _problem(status: int, method: str) -> bytes:
    code = _CODES.get(str(status), "internal")
    body = b'{"title": "No", "status": %d, "code": "%s"}' % (status, code.encode())
    head = b"HTTP/1.1 %d No\r\n%s: %s\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n" % (
        status, PROTOCOL_HEADER.encode(), PROTOCOL_VERSION.encode(), len(body),
    )  # fmt: skip
    return head + (b"" if method == "HEAD" else body)


def _portal(method: str) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(_PORTAL)
    return head + (b"" if method == "HEAD" else _PORTAL)
