"""All that passes between apps and service, and between the apps, written down: TCP by a proxy, datagrams as sent.

The service speaks plain HTTP here, so that TLS hides nothing; what a WebSocket's client has masked is unmasked.
"""

from __future__ import annotations

import asyncio
import contextlib
from asyncio import selector_events
from collections.abc import Iterator
from typing import Any

from tests.soak.local_proxy import LocalProxy


class TappedProxy(LocalProxy):
    """In front of `upstream`; `wire` gives every byte that passed."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._asked: list[bytearray] = []
        self._answered: list[bytearray] = []

    def wire(self) -> bytes:
        """Each connection's bytes as they passed, and what its WebSocket's client said, unmasked."""
        said = [payload for asked in self._asked for payload in unmasked(bytes(asked))]
        return b"\n".join([*map(bytes, self._asked), *map(bytes, self._answered), *said])

    def messages(self) -> int:
        """How many WebSocket messages the apps sent."""
        return sum(1 for asked in self._asked for _ in unmasked(bytes(asked)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked, answered = bytearray(), bytearray()
        self._asked.append(asked)
        self._answered.append(answered)
        there, back = await asyncio.open_connection(*self._upstream)
        await asyncio.gather(_pass(reader, back, asked), _pass(there, writer, answered))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray) -> None:
    try:
        while data := await reader.read(65536):
            kept += data
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


def unmasked(asked: bytes) -> Iterator[bytes]:
    """The payloads of a client's WebSocket frames (RFC 6455 section 5.2), after its request; none for plain HTTP."""
    head, _, rest = asked.partition(b"\r\n\r\n")
    if b"upgrade: websocket" not in head.lower():
        return
    while len(rest) >= 6:
        length, at = rest[1] & 0x7F, 2
        if length >= 126:
            at += 2 if length == 126 else 8
            length = int.from_bytes(rest[2:at], "big")
        mask, payload = rest[at : at + 4], rest[at + 4 : at + 4 + length]
        yield bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        rest = rest[at + 4 + length :]


@contextlib.contextmanager
def datagrams() -> Iterator[list[bytes]]:
    """Every datagram that this process sends through asyncio."""
    transport: Any = selector_events._SelectorDatagramTransport  # type: ignore[attr-defined]
    sent: list[bytes] = []
    original = transport.sendto

    def sendto(self: Any, data: Any, addr: Any = None) -> None:
        sent.append(bytes(data))
        original(self, data, addr)

    transport.sendto = sendto
    try:
        yield sent
    finally:
        transport.sendto = original
