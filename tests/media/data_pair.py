"""Two transports over loopback sockets with nothing but data channels in use; what leaves either is written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from app.media.rate import controller
from app.media.rate.controller import Decision
from app.media.rate.ladder import payload_bytes
from app.media.rate.split import split
from app.media.rtc.outbound import IP_UDP_BYTES
from app.media.rtc.transport import PeerTransport, TransportHooks
from app.wire.visits import IceConfig

WITHIN = 15.0


def decision_for(link_bps: float) -> Decision:
    """Speech alone on a link of that rate."""
    first = controller.start(0.0).decision
    parts = split(link_bps, first.rung, 0.0, paused=False)
    return replace(first, split=parts, probe=None, payload_bytes=payload_bytes(link_bps))


@dataclass
class End:
    """One side; `sent` holds (monotonic s, bytes on the wire, whether it is data) of each datagram after DTLS."""

    transport: PeerTransport
    received: list[tuple[str, bytes]] = field(default_factory=list)
    sent: list[tuple[float, int, bool]] = field(default_factory=list)
    lose: Callable[[bytes], bool] = lambda datagram: False

    @property
    def data(self) -> Any:
        return self.transport.data

    def record(self) -> None:
        agent = self.transport.path.agent
        stock = agent.send

        def send(datagram: bytes) -> bool:
            self.sent.append((time.monotonic(), len(datagram) + IP_UDP_BYTES, 20 <= datagram[0] < 64))
            return True if self.lose(datagram) else stock(datagram)

        agent.send = send  # type: ignore[method-assign]


class DataPair:
    def __init__(self, link_bps: float) -> None:
        self._changed = asyncio.Event()
        self._executor = ThreadPoolExecutor(2)
        self.decision = decision_for(link_bps)
        self.a, self.b = self._end("call0000000000a0"), self._end("call0000000000a0")

    def _end(self, call: str) -> End:
        end: End
        hooks = TransportHooks(
            state=lambda transport, state: self._changed.set(),
            peer=lambda transport, state: None,
            feedback=lambda transport, feedback: None,
            speech=lambda transport, packet, now: None,
            picture=lambda transport, frame, timestamp: None,
            newest=lambda: None,
            data=lambda transport, label, data: (end.received.append((label, data)), self._changed.set()),
            data_changed=lambda transport: self._changed.set(),
        )
        end = End(PeerTransport(call, IceConfig(), self._executor, hooks, self.decision, "127.0.0.1"))
        return end

    async def until(self, condition: Callable[[], bool], timeout: float = WITHIN) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def connect(self, change: Callable[[str], str] = lambda sdp: sdp) -> None:
        offer = change(await self.a.transport.offer())
        await self.a.transport.take_answer(await self.b.transport.answer(offer))
        await self.until(lambda: self.a.transport.state == self.b.transport.state == "connected")
        for end in (self.a, self.b):
            end.record()

    async def ready(self) -> None:
        await self.until(lambda: all(end.data is not None and end.data.ready for end in (self.a, self.b)))
        for end in (self.a, self.b):
            stock = end.data._sctp.on_room
            end.data._sctp.on_room = lambda stock=stock: (stock(), self._changed.set())

    async def close(self) -> None:
        await asyncio.gather(self.a.transport.close(), self.b.transport.close())
        self._executor.shutdown()


@asynccontextmanager
async def data_pair(link_bps: float = 500_000) -> AsyncIterator[DataPair]:
    """Connected, and both sides can send data."""
    both = DataPair(link_bps)
    try:
        await both.connect()
        await both.ready()
        yield both
    finally:
        await both.close()
