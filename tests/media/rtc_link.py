"""Two of our ICE agents with DTLS on real loopback sockets, for the tests of the transport's foundations."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiortc import RTCDtlsTransport

from app.media.rtc.dtls import DtlsRole, Opener, make_dtls, protect
from app.media.rtc.errors import BadSrtp, NotConnected
from app.media.rtc.ice import LOOPBACK, IceAgent
from app.wire.visits import IceConfig

WITHIN = 10.0


class End:
    """One side."""

    def __init__(
        self, controlling: bool, role: DtlsRole = "auto", config: IceConfig | None = None, **how: Any
    ) -> None:
        self.received: list[tuple[str, bytes]] = []
        self.refused = 0
        self.news = asyncio.Event()
        how.setdefault("bind_address", LOOPBACK)
        self.agent = IceAgent(config or IceConfig(), self._on_media, **how)
        self.agent.controlling = controlling
        self.dtls: RTCDtlsTransport = make_dtls(self.agent.transport, role)
        self.opener = Opener(self.dtls)

    def _on_media(self, data: bytes, now: float) -> None:
        assert abs(now - time.monotonic()) < 1.0
        try:
            self.received.append(self.opener.open(data))
            self.news.set()
        except (BadSrtp, NotConnected):
            self.refused += 1

    def send(self, data: bytes) -> bool:
        return self.agent.send(protect(self.dtls, data))

    async def hears(self, count: int) -> None:
        async with asyncio.timeout(WITHIN):
            while len(self.received) < count:
                self.news.clear()
                await self.news.wait()

    async def close(self) -> None:
        await self.dtls.stop()
        await self.agent.close()


async def exchange(a: End, b: End) -> None:
    """Each is told the other's candidates, as by signalling."""
    for one, other in ((a, b), (b, a)):
        for candidate in await one.agent.gather():
            await other.agent.transport.addRemoteCandidate(candidate)
    for one in (a, b):
        await one.agent.transport.addRemoteCandidate(None)


async def start(one: End, other: End) -> None:
    await one.agent.transport.start(other.agent.parameters)
    await one.dtls.start(other.dtls.getLocalParameters())


async def connect(a: End, b: End) -> None:
    await exchange(a, b)
    async with asyncio.timeout(WITHIN):
        await asyncio.gather(start(a, b), start(b, a))
    assert (a.dtls.state, b.dtls.state) == ("connected", "connected")
