"""The path that needs no root: aioice's own TURN client, real TCP, a real process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading
import time

import pytest
from aioice import stun, turn

from app.clinic.settings import IceSettings
from app.clinic.turn import ice_config
from app.demo.path import LinkSettings, PathFailed, RelayPath, make_path

FAST = LinkSettings(rate_kbps=8000, delay_ms=5, queue_ms=300)
SECONDS = 30


@pytest.fixture
def path():
    made = RelayPath(FAST)
    with made:
        yield made


class Inbox(asyncio.DatagramProtocol):
    """Keeps what arrives; `next` waits for it."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()

    def datagram_received(self, data, addr):
        self.queue.put_nowait((data, addr))

    async def next(self):
        return await asyncio.wait_for(self.queue.get(), SECONDS)


def server_of(path: RelayPath) -> tuple[str, int]:
    host, port = path.turn_url.removeprefix("turn:").removesuffix("?transport=udp").split(":")
    return host, int(port)


async def endpoint(path: RelayPath, user: str, password: str | None = None):
    transport, inbox = await turn.create_turn_endpoint(
        Inbox, server_addr=server_of(path), username=user, password=password or path.passwords[user]
    )
    return transport, inbox, transport.get_extra_info("sockname")


@contextlib.asynccontextmanager
async def both(path: RelayPath):
    home, home_in, home_at = await endpoint(path, "home")
    town, town_in, town_at = await endpoint(path, "town")
    # Each side permits the other by sending first, as ICE checks do.
    home.sendto(b"open", town_at)
    town.sendto(b"open", home_at)
    try:
        while True:
            home.sendto(b"open", town_at)
            if (await town_in.next())[0] == b"open":
                break
        yield home, home_in, home_at, town, town_in, town_at
    finally:
        home.close()
        town.close()


def rtp(number: int, size: int = 200) -> bytes:
    return bytes([0x80, 111]) + number.to_bytes(2, "big") + bytes(size - 4)


async def until(true) -> None:
    """Lets the loop run until the hop's counters, asked for anew each time, say so."""
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        for _ in range(100):
            await asyncio.sleep(0)


async def skip_openers(inbox: Inbox):
    while True:
        data, sender = await inbox.next()
        if data != b"open":
            return data, sender


def test_media_goes_both_ways_and_is_counted(path):
    async def visit():
        async with both(path) as (home, home_in, home_at, town, town_in, town_at):
            for number in range(20):
                home.sendto(rtp(number), town_at)
                assert await skip_openers(town_in) == (rtp(number), home_at)
                town.sendto(rtp(number), home_at)
                assert await skip_openers(home_in) == (rtp(number), town_at)
            return path.counters()

    counters = asyncio.run(visit())
    assert counters.to_town.media_packets == 20
    assert counters.to_home.media_packets == 20
    assert counters.to_town.media_bytes == 20 * (200 + 4 + 28)


def test_a_cut_loses_media_and_the_way_is_open_again_afterwards(path):
    async def visit():
        async with both(path) as (home, _, _, _, town_in, town_at):
            path.set(cut=True)
            for number in range(5):
                home.sendto(rtp(number), town_at)
            await until(lambda: path.counters().to_town.cut_losses >= 5)
            path.set(cut=False)
            home.sendto(rtp(99), town_at)
            data, _ = await skip_openers(town_in)
            return data

    assert asyncio.run(visit()) == rtp(99)


def test_a_wrong_password_and_an_unknown_user_are_refused(path):
    async def attempts():
        for user, password in (("home", "wrong"), ("nobody", "x"), ("99999999999:stranger", "x")):
            with pytest.raises(stun.TransactionFailed) as refused:
                await endpoint(path, user, password)
            assert refused.value.response.error_code == 401

    asyncio.run(attempts())
    assert path.worker.ask("counters")["allocations"] == 0


def test_the_clinics_own_credentials_open_the_hop_for_an_assigned_device(path):
    given = ice_config(IceSettings.model_validate(path.ice_config()), "device-7", time.time()).servers[0]

    async def attempt():
        transport, _, _ = await endpoint(path, given.username, given.credential)
        side_counted = path.counters().to_home.offered
        transport.close()
        return side_counted

    with pytest.raises(stun.TransactionFailed):
        asyncio.run(attempt())
    path.assign("device-7", "home")
    assert asyncio.run(attempt()) >= 1
    with pytest.raises(ValueError, match="no such side"):
        path.assign("device-7", "moon")


VISITOR = """
import asyncio, sys
from aioice import turn
async def main():
    host, port, user, password = sys.argv[1:]
    transport, _ = await turn.create_turn_endpoint(asyncio.DatagramProtocol, (host, int(port)), user, password)
    transport.close()
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux tells whose a port is.")
@pytest.mark.parametrize("wrapper", [[], ["sh", "-c", '"$@"; exit $?', "sh"]])
def test_a_device_is_where_its_process_runs(path, wrapper):
    settings = IceSettings.model_validate(path.ice_config())
    host, port = server_of(path)
    for side in ("town", "home"):
        given = ice_config(settings, f"device-at-{side}", time.time()).servers[0]
        argv = [*wrapper, sys.executable, "-c", VISITOR, host, str(port), given.username, given.credential]
        assert path.popen(side, argv).wait(SECONDS) == 0
        counters = path.counters()
        assert (counters.to_home.offered > 0) == (side == "home")
        assert (counters.to_town.offered > 0) == (side == "home")


def test_an_allocation_is_freed_when_its_client_leaves(path):
    async def visit():
        transport, _, _ = await endpoint(path, "town")
        assert path.worker.ask("counters")["allocations"] == 1
        transport.close()
        await until(lambda: path.worker.ask("counters")["allocations"] == 0)

    asyncio.run(visit())


def test_the_hop_relays_to_loopback_alone(path):
    async def visit():
        transport, _, _ = await endpoint(path, "town")
        client = transport._TurnTransport__inner_protocol
        with pytest.raises(stun.TransactionFailed) as refused:
            await client.channel_bind(0x4000, ("192.0.2.1", 9))
        transport.close()
        return refused.value.response.error_code

    assert asyncio.run(visit()) == 403


@contextlib.contextmanager
def echo_clinic(address: tuple[str, int]):
    """A TCP service that sends back what it gets, and ends each connection when its client does."""
    listener = socket.create_server(address)
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(4096):
                connection.sendall(data)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
                threads[-1].start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    yield
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in (acceptor, *threads):
        thread.join(SECONDS)
        assert not thread.is_alive()


def receive(connection: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        data = connection.recv(65536)
        if not data:
            break
        parts += data
    return parts


def test_tcp_comes_through_whole_and_ends_both_ways(path):
    blob = bytes(range(256)) * 800
    with echo_clinic(path.clinic_bind), socket.create_connection(path.clinic_address_for("home"), SECONDS) as client:
        sender = threading.Thread(target=lambda: (client.sendall(blob), client.shutdown(socket.SHUT_WR)))
        sender.start()
        assert receive(client, len(blob)) == blob
        assert client.recv(1) == b""
        sender.join(SECONDS)
    counters = path.counters()
    assert counters.to_town.by_kind["tcp"][1] > len(blob)
    assert counters.to_home.by_kind["tcp"][1] > len(blob)
    assert counters.to_town.media_packets == 0


def test_a_cut_holds_tcp_and_loses_none_of_it(path):
    blob = bytes(range(256)) * 400
    with echo_clinic(path.clinic_bind), socket.create_connection(path.clinic_address_for("home"), SECONDS) as client:
        client.sendall(b"first")
        assert receive(client, 5) == b"first"
        path.set(cut=True)
        before = path.counters()
        sender = threading.Thread(target=client.sendall, args=(blob,))
        sender.start()
        late = socket.create_connection(path.clinic_address_for("home"), SECONDS)
        late.sendall(b"late")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(1)
        during = path.counters()
        assert (during.to_town.delivered, during.to_home.delivered) == (
            before.to_town.delivered,
            before.to_home.delivered,
        )
        client.settimeout(SECONDS)
        path.set(cut=False)
        assert receive(client, len(blob)) == blob
        assert receive(late, 4) == b"late"
        sender.join(SECONDS)
        late.close()


def test_a_cut_in_the_middle_of_a_transfer_keeps_the_bytes_in_order(path):
    blob = b"".join(number.to_bytes(4, "big") for number in range(50_000))
    path.set(rate_kbps=2000, delay_ms=20)
    with echo_clinic(path.clinic_bind), socket.create_connection(path.clinic_address_for("home"), SECONDS) as client:
        sender = threading.Thread(target=client.sendall, args=(blob,))
        sender.start()
        head = receive(client, 20_000)
        path.set(cut=True)
        path.set(cut=False, rate_kbps=8000)
        assert head + receive(client, len(blob) - len(head)) == blob
        sender.join(SECONDS)
    assert path.counters().to_town.cut_losses > 0


def test_a_clinic_that_is_not_there_resets_the_connection(path):
    with socket.create_connection(path.clinic_address_for("home"), SECONDS) as client:
        client.sendall(b"anyone?")
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_settings_change_one_direction_or_both_and_nonsense_is_refused(path):
    path.set(toward="home", rate_kbps=64)
    told = path.worker.ask("counters")
    assert told["to_home"]["settings"]["rate_kbps"] == 64
    assert told["to_town"]["settings"]["rate_kbps"] == FAST.rate_kbps
    with pytest.raises(ValueError, match="above 0"):
        path.set(rate_kbps=0)
    with pytest.raises(ValueError, match="no such setting"):
        path.worker.ask("set", speed=1)
    with pytest.raises(ValueError, match="KeyError"):
        path.worker.ask("fly")


def test_closing_ends_the_process_and_what_it_ran():
    path = make_path("relay")
    path.start()
    worker = path.worker
    child = path.popen("home", ["sleep", "60"])
    path.close()
    assert not worker.alive
    assert child.returncode is not None
    with pytest.raises(RuntimeError):
        path.counters()
    path.close()


def test_a_dead_hop_is_told_plainly(path):
    path.worker._process.kill()
    path.worker._process.wait()
    with pytest.raises(PathFailed, match="has ended by itself"):
        path.counters()


def test_an_unknown_kind_of_path_is_refused():
    with pytest.raises(ValueError, match="no such kind"):
        make_path("carrier-pigeon")  # type: ignore[arg-type]
