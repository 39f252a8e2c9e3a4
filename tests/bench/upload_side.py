"""The programs of bench part "upload" inside the link's two namespaces: the patient's outbox, and what cuts its line.

upload_side.py send ORDER     ORDER: JSON of :class:`Order`; prints JSON of what came of it
upload_side.py cut ORDER      ORDER: JSON of :class:`Cuts`; passes connections on until its stdin ends
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.net.enrolment import context_for
from app.net.http import ClinicHttp, Credentials
from app.offline import trust
from app.offline.keys import open_store_key
from app.offline.life import Life
from app.offline.patch import Patience
from app.offline.profile import Profile
from app.offline.store import Setting, Store, StoreCore
from app.offline.worker import OutboxWorker, Surroundings
from app.wire.signed import Context, Signed, sign_bytes, verify
from app.wire.trust import ServiceStatement
from tests.offline.offline_kit import Until

_OUTGOING = 4  # packet(7): PACKET_OUTGOING
_ALL_PROTOCOLS = 3  # ETH_P_ALL
_HEADERS = 120
_TCP = 6
_SYN = 2


@dataclass(frozen=True)
class Order:
    """`ask`: seconds between two questions beside a PATCH; `patience`: s until the outbox must be through."""

    profile: str
    url: str
    device: str
    ask: float
    patience: float


@dataclass(frozen=True)
class Cuts:
    """Listens at `here`, goes on to port `there` on loopback; cuts after `least` to `most` bytes, for ever anew."""

    here: tuple[str, int]
    there: int
    least: int
    most: int
    seed: int


@dataclass
class Wire:
    """What one side has sent, read off its device: IP bytes, TCP payload, how far each connection's stream came."""

    ip: int = 0
    payload: int = 0
    _first: dict[int, int] = field(default_factory=dict)
    """Of each port, which one run uses once: the number of the SYN."""
    _end: dict[int, int] = field(default_factory=dict)

    def add(self, packet: bytes) -> None:
        """One IPv4 packet (RFC 791), its headers at least."""
        length, head = struct.unpack_from("!H", packet, 2)[0], (packet[0] & 15) * 4
        self.ip += length
        if packet[9] != _TCP:
            return
        port, _, seq = struct.unpack_from("!HHI", packet, head)
        payload = length - head - (packet[head + 12] >> 4) * 4
        if packet[head + 13] & _SYN:
            self._first[port] = seq
            self._end.setdefault(port, 0)
        self.payload += payload
        if payload:
            self._end[port] = max(self._end[port], (seq + payload - self._first[port] - 1) % (1 << 32))

    @property
    def connections(self) -> int:
        return len(self._first)

    @property
    def stream(self) -> int:
        """Bytes of all connections' streams that were sent, each once: TCP's own repetitions are not in it."""
        return sum(self._end.values())


class Tap:
    """Reads a device's outgoing packets in a thread."""

    def __init__(self, device: str) -> None:
        self.wire = Wire()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.bind((device, _ALL_PROTOCOLS))
        self._socket.settimeout(0.2)
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._ended:
            try:
                packet, address = self._socket.recvfrom(_HEADERS)
            except TimeoutError:
                continue
            if address[2] == _OUTGOING and packet[0] >> 4 == 4:
                self.wire.add(packet)

    def end(self) -> Wire:
        self._ended = True
        self._thread.join()
        self._socket.close()
        return self.wire


def _connection(core: StoreCore, url: str) -> ClinicHttp:
    root = core.get(Setting.ROOT_KEY) or b""
    signed = Signed.model_validate_json(core.get(Setting.STATEMENT) or b"")
    statement = verify(signed, Context.STATEMENT, root, ServiceStatement)
    keys = trust.sender(core).keys
    who = Credentials(trust.device_id(core), lambda nonce: sign_bytes(nonce, Context.TOKEN, keys.signing))
    return ClinicHttp(url, context_for(url, statement), who)


async def send(order: Order) -> dict[str, float]:
    """Sends all that waits in the profile, with the app's own worker; returns sizes (bytes) and times (s)."""
    profile = Profile.open(Path(order.profile))
    store, until = await Store.open(profile.store_path, open_store_key(profile, None).secret), Until()
    tap = Tap(order.device)
    async with await store.call(_connection, order.url) as http:
        around = Surroundings(patience=Patience(ask=order.ask), watch=False)
        worker = OutboxWorker(store, profile.blobs, http, on_change=until.changed, surroundings=around)
        size = sum(row.size for s in await store.call(StoreCore.submissions) for row in s.blobs)
        began = time.monotonic()
        worker.start()
        await until.holds(
            lambda: bool(worker._submissions) and all(s.life is Life.RECEIVED for s in worker._submissions),
            order.patience,
        )
        took = time.monotonic() - began
        wire = tap.end()
        await worker.stop()
    await store.close()
    profile.close()
    return {
        "size": size,
        "seconds": took,
        "ip": wire.ip,
        "payload": wire.payload,
        "stream": wire.stream,
        "connections": wire.connections,
    }


class Cutter:
    """Passes TCP connections on and cuts all of them at once. What has come over the line by then reaches the service;
    the other side learns of the cut by a reset, or not at all when that packet is lost."""

    def __init__(self, cuts: Cuts) -> None:
        self._cuts = cuts
        self._chance = random.Random(cuts.seed)
        self._left = self._draw()
        self._open: set[asyncio.StreamWriter] = set()
        self.count = 0

    def _draw(self) -> int:
        return self._chance.randint(self._cuts.least, self._cuts.most)

    async def serve(self) -> None:
        server = await asyncio.start_server(self._pass_on, *self._cuts.here)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.close()
        print(json.dumps({"cuts": self.count}), flush=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        inward, outward = await asyncio.open_connection("127.0.0.1", self._cuts.there)
        back = asyncio.ensure_future(self._copy(inward, writer))
        try:
            while data := await reader.read(16384):
                outward.write(data)
                await outward.drain()
                self._passed(len(data))
        except OSError:
            pass
        finally:
            self._open.discard(writer)
            outward.close()
            await asyncio.wait({back}, timeout=5)
            back.cancel()
            writer.close()

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(16384):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass

    def _passed(self, count: int) -> None:
        self._left -= count
        if self._left > 0:
            return
        self._left = self._draw()
        self.count += 1
        for writer in self._open:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


def main() -> None:
    what, order = sys.argv[1], json.loads(sys.argv[2])
    if what == "send":
        print(json.dumps(asyncio.run(send(Order(**order)))), flush=True)
    else:
        asyncio.run(Cutter(Cuts(**{**order, "here": tuple(order["here"])})).serve())


if __name__ == "__main__":
    main()
