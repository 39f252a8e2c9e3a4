"""Several TURN servers in turn, over UDP, TCP and TLS, on real loopback sockets; dead, refusing and slow ones."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rtc_link import End, connect
from test_hostile_datagrams import rtp
from turn_bench import LOOPBACK, PASSWORD, USER, TurnBench, dead_port

from app.clinic.keys import make_certificate
from app.media.rtc import private_ice, relays
from app.media.rtc.ice import IceAgent
from app.media.rtc.relays import TurnServer, first_of, stun_uris, turn_servers
from app.wire.visits import IceConfig, IceServer


def server(*urls: str, password: str = PASSWORD) -> IceServer:
    return IceServer(urls=urls, username=USER, credential=password)


def url(transport: str, port: int, host: str = "127.0.0.1") -> str:
    return f"turns:{host}:{port}?transport=tcp" if transport == "tls" else f"turn:{host}:{port}?transport={transport}"


@contextlib.asynccontextmanager
async def turn(tls: ssl.SSLContext | None = None, **how: Any) -> AsyncIterator[TurnBench]:
    bench = await TurnBench(**how).start(tls)
    yield bench
    bench.close()


def certificates(directory: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(the server's, that of a client who trusts it)."""
    directory.mkdir()
    der = make_certificate([name], datetime.now(UTC), directory / "certificate", directory / "key")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(directory / "certificate", directory / "key")
    return serving, ssl.create_default_context(cadata=der)


def types(candidates: list[Any]) -> list[str]:
    return [candidate.type for candidate in candidates]


def agent(*servers: IceServer, policy: Any = "all", **how: Any) -> IceAgent:
    how.setdefault("bind_address", LOOPBACK)
    return IceAgent(IceConfig(servers=servers, policy=policy), lambda data, now: None, **how)


def test_the_servers_of_a_configuration_in_order() -> None:
    config = IceConfig(
        servers=(
            IceServer(urls=("stun:a.example", "stun:b.example:99")),
            server("turn:c.example", "turn:c.example?transport=tcp", "turns:c.example:443?transport=tcp"),
            server("turns:d.example?transport=udp", "turn:[::1]:7?transport=udp", "turns:d.example"),
        )
    )
    assert turn_servers(config) == (
        TurnServer("c.example", 3478, "udp", False, USER, PASSWORD),
        TurnServer("c.example", 3478, "tcp", False, USER, PASSWORD),
        TurnServer("c.example", 443, "tcp", True, USER, PASSWORD),
        TurnServer("::1", 7, "udp", False, USER, PASSWORD),
        TurnServer("d.example", 5349, "tcp", True, USER, PASSWORD),
    )
    assert stun_uris(config) == ["stun:a.example", "stun:b.example:99"]
    assert str(turn_servers(config)[2]) == "turns:c.example:443?transport=tcp"


# First come


def test_the_first_to_answer_wins_and_the_rest_is_given_back() -> None:
    async def run() -> None:
        given: list[str] = []
        started: list[str] = []
        go = asyncio.Event()

        def attempt(name: str, how: Callable[[], Awaitable[str]]) -> Callable[[], Awaitable[str]]:
            async def ask() -> str:
                started.append(name)
                return await how()

            return ask

        async def fail() -> str:
            raise ConnectionRefusedError

        async def hang() -> str:
            await asyncio.Event().wait()
            return "never"

        async def slow() -> str:
            try:
                await go.wait()
            except asyncio.CancelledError:
                return "slow, too late"
            return "slow"

        async def quick() -> str:
            return "quick"

        began = time.monotonic()
        attempts = [attempt("fail", fail), attempt("slow", slow), attempt("quick", quick), attempt("hang", hang)]
        assert await first_of(attempts, 5, given.append, head_start_s=0.05) == "quick"
        assert started == ["fail", "slow", "quick"]
        assert given == ["slow, too late"]
        assert time.monotonic() - began < 1, "a refusal costs nothing, silence its head start"

        go.set()
        assert await first_of([attempt("slow", slow), attempt("quick", quick)], 5, given.append) == "slow"
        assert await first_of([attempt("fail", fail), attempt("fail", fail)], 5, given.append) is None
        assert await first_of([], 5, given.append) is None
        assert await first_of([attempt("hang", hang)] * 3, 0.1, given.append, head_start_s=0.02) is None

    asyncio.run(run())


# Real servers


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_visit_over_each_kind_of_relay(transport: str, tmp_path: Path) -> None:
    async def run() -> None:
        serving, trusting = certificates(tmp_path / "turn", "127.0.0.1")
        async with turn(serving) as bench:
            config = IceConfig(servers=(server(url(transport, bench.ports[transport])),), policy="relay")
            a, b = End(True, config=config, tls=trusting), End(False)
            await connect(a, b)
            assert a.agent.selected == ("relay", "host")
            (candidate,) = await a.agent.gather()
            assert (candidate.type, candidate.relatedAddress, candidate.relatedPort) == ("relay", "0.0.0.0", 9)
            for number in range(30):
                assert a.send(rtp(5, number, 31))
                b.send(rtp(6, number, 31))
            await a.hears(30)
            await b.hears(30)
            await a.close()
            assert bench.server.allocations == 0, "the allocation is given back"
            await b.close()

    asyncio.run(run())


def test_the_first_is_dead_the_second_refuses_the_third_relays(tmp_path: Path) -> None:
    async def run() -> None:
        dead, closing = await dead_port()
        async with turn() as third:
            refusing = server(url("udp", third.ports["udp"]), password="wrong")
            used = agent(server(url("udp", dead)), refusing, server(url("tcp", third.ports["tcp"])))
            began = time.monotonic()
            assert types(await used.gather()) == ["host", "relay"]
            assert relays.HEAD_START_S <= time.monotonic() - began < relays.HEAD_START_S + 3
            await used.close()
        closing.close()

    asyncio.run(run())


def test_all_dead_leaves_the_host_candidates_and_ends_in_time() -> None:
    async def run() -> None:
        dead, closing = await dead_port()
        used = agent(IceServer(urls=(f"stun:127.0.0.1:{dead}",)), *[server(url("udp", dead))] * 4, gather_s=0.5)
        began = time.monotonic()
        assert types(await used.gather()) == ["host"]
        assert time.monotonic() - began < 1.5
        await used.close()
        only = agent(server(url("udp", dead)), policy="relay", gather_s=0.2)
        assert await only.gather() == [], "with policy relay no host candidate leaks"
        await only.close()
        closing.close()

    asyncio.run(run())
    assert relays.LIMIT_S <= 8


@pytest.mark.parametrize("fault", ["name", "chain"])
def test_a_certificate_of_another_name_or_authority_is_refused(
    fault: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        serving, trusting = certificates(tmp_path / "turn", "127.0.0.1" if fault == "chain" else "turn.example")
        if fault == "chain":
            _, trusting = certificates(tmp_path / "other", "127.0.0.1")
        async with turn(serving) as bench:
            used = agent(server(url("tls", bench.ports["tls"]), url("udp", bench.ports["udp"])), tls=trusting)
            assert types(await used.gather()) == ["host", "relay"], "the next server serves"
            protocol = private_ice.protocols(used._connection)[1]
            assert repr(getattr(protocol.transport, private_ice.TURN_INNER)) == "turn/udp"
            await used.close()

    with caplog.at_level("INFO", logger=relays.__name__):
        asyncio.run(run())
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text
    assert PASSWORD not in caplog.text


def test_a_relay_outlives_its_permissions() -> None:
    """RFC 8656 section 9: 300 s, and aioice renews after 500 s. The server's clock runs ahead of ours."""

    async def run() -> None:
        async with turn() as bench:
            config = IceConfig(servers=(server(url("udp", bench.ports["udp"])),), policy="relay")
            a, b = End(True, config=config), End(False)
            await connect(a, b)
            a.send(rtp(5, 0))
            await b.hears(1)
            pair = private_ice.nominated(a.agent._connection)
            relay = private_ice.relay_of(pair)
            bench.ahead = 250.0
            await private_ice.bind_channel(relay, pair.remote_addr)
            bench.ahead = 500.0
            a.send(rtp(5, 1))
            await b.hears(2)
            bench.ahead = 560.0
            a.send(rtp(5, 2))
            await private_ice.bind_channel(relay, pair.remote_addr)
            a.send(rtp(5, 3))
            await b.hears(3)
            assert b.received[-1][1] == rtp(5, 3), "what was sent without a permission is lost"
            await a.close()
            await b.close()

    asyncio.run(run())


def test_closing_ends_though_the_server_is_gone() -> None:
    async def run() -> None:
        async with turn() as bench:
            used = agent(server(url("udp", bench.ports["udp"])))
            assert types(await used.gather()) == ["host", "relay"]
            bench.take = lambda data, client: None  # type: ignore[method-assign]
            began = time.monotonic()
            await used.close(0.2)
            assert time.monotonic() - began < 1
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            assert not left

    asyncio.run(run())


@pytest.mark.skipif(shutil.which("turnserver") is None, reason="coturn's turnserver is not on this machine")
def test_coturn_relays_for_us_over_udp_tcp_and_tls(tmp_path: Path) -> None:
    async def run() -> None:
        _, trusting = certificates(tmp_path / "turn", "127.0.0.1")
        async with coturn(tmp_path) as (plain, secure):
            for transport, port in (("udp", plain), ("tcp", plain), ("tls", secure)):
                config = IceConfig(servers=(server(url(transport, port)),), policy="relay")
                a, b = End(True, config=config, tls=trusting), End(False)
                await connect(a, b)
                assert a.agent.selected == ("relay", "host")
                b.send(rtp())
                await a.hears(1)
                await a.close()
                await b.close()

    asyncio.run(run())


@contextlib.asynccontextmanager
async def coturn(directory: Path) -> AsyncIterator[tuple[int, int]]:
    """(port for UDP and TCP, port for TLS)."""
    plain, secure = [(await _free_port()) for _ in range(2)]
    process = await asyncio.create_subprocess_exec(
        *(
            "stdbuf",
            "-oL",
            "turnserver",
            "-n",
            "--no-cli",
            "--log-file",
            "stdout",
            "--simple-log",
            "--allow-loopback-peers",
        ),
        *("--listening-ip", LOOPBACK, "--relay-ip", LOOPBACK, "--lt-cred-mech", "--realm", "here"),
        *("--user", f"{USER}:{PASSWORD}", "--listening-port", str(plain), "--tls-listening-port", str(secure)),
        *("--cert", str(directory / "turn/certificate"), "--pkey", str(directory / "turn/key"), "--no-dtls"),
        *("--userdb", str(directory / "users"), "--pidfile", str(directory / "pid")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            while b"SQLite DB connection" not in (line := await process.stdout.readline()):
                assert line, "turnserver ended"
        reading = asyncio.ensure_future(process.stdout.read())
        yield plain, secure
        process.terminate()
        await reading
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _free_port() -> int:
    listening = await asyncio.get_running_loop().create_server(asyncio.Protocol, LOOPBACK, 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    return int(port)
