"""Consent by time (RFC 7675), on simulated time: long round trips, loss, outages, and who may answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from aioice import stun
from aioice.ice import Connection
from rtc_link import End, connect

from app.media.rtc import private_ice
from app.media.rtc.consent import CHANNEL_S, EXPIRY_S, Consent
from tests.virtual_loop import run_virtually

PASSWORD = "p" * 22
PEER = ("127.0.0.1", 9)


class Path:
    """The way to the peer and back: `fate(now)` gives the round trip of a check in s, or None when it is lost."""

    def __init__(self, fate: Callable[[float], float | None]) -> None:
        self._fate = fate
        self.transactions: dict[bytes, Any] = {}
        self.transport = object()
        self.sent: list[float] = []
        self.most_outstanding = 0

    def send_stun(self, request: Any, address: Any) -> None:
        loop = asyncio.get_running_loop()
        assert bytes(request), "it can be sent"
        self.sent.append(loop.time())
        self.most_outstanding = max(self.most_outstanding, len(self.transactions))
        took = self._fate(loop.time())
        if took is not None:
            loop.call_later(took, self.answer, request.transaction_id)

    def answer(self, transaction_id: bytes, key: str = PASSWORD, kind: Any = stun.Class.RESPONSE) -> None:
        response = stun.Message(stun.Method.BINDING, kind, transaction_id)
        response.add_message_integrity(key.encode())
        if transaction_id in self.transactions:
            self.transactions[transaction_id].response_received(stun.parse_message(bytes(response)), PEER)


class Pair:
    remote_addr = PEER
    component = 1

    def __init__(self, path: Any) -> None:
        self.protocol = path


def lives(path: Path, seconds: float) -> float | None:
    """Runs consent for so long; gives the time at which it ended, or None."""

    async def run() -> float | None:
        loop = asyncio.get_running_loop()
        connection = Connection(ice_controlling=True)
        connection.remote_username, connection.remote_password = "peer", PASSWORD
        connection._nominated[1] = Pair(path)  # type: ignore[assignment]
        consent = Consent(connection, clock=loop.time)
        connection._query_consent_task = running = loop.create_task(consent.run())
        done, _ = await asyncio.wait({running}, timeout=seconds)
        if done:
            running.result()
            assert connection._closed
            return loop.time()
        await connection.close()
        assert not path.transactions, "nothing is left behind"
        return None

    random.seed(7)
    return run_virtually(run())


@pytest.mark.parametrize("round_trip", [0.02, 0.6, 2.0, 6.0])
def test_a_long_round_trip_is_no_failure_and_the_rate_is_low(round_trip: float) -> None:
    path = Path(lambda now: round_trip)
    assert lives(path, 3600) is None
    gaps = [b - a for a, b in zip(path.sent, path.sent[1:], strict=False)]
    if round_trip <= 2.0:
        assert 4.0 <= min(gaps) <= max(gaps) <= 6.0, "RFC 7675 section 5.1: 5 s, spread"
        assert path.most_outstanding <= 2
    assert path.most_outstanding <= 10


def test_twenty_minutes_at_20_percent_loss_each_way_survive() -> None:
    for seed in range(25):
        chance = random.Random(seed)
        path = Path(lambda now, chance=chance: 0.3 if chance.random() < 0.64 else None)
        assert lives(path, 1200) is None, seed


def test_an_outage_of_20_s_survives_and_one_of_31_s_does_not() -> None:
    for cut, survives in ((20.0, True), (31.0, False)):
        path = Path(lambda now, cut=cut: None if 100 <= now < 100 + cut else 0.1)
        ended = lives(path, 300)
        if survives:
            assert ended is None
        else:
            assert ended is not None
            assert 94 + EXPIRY_S <= ended <= 100.2 + EXPIRY_S, "30 s after the last check that was answered"
            late = [at for at in path.sent if at > 110]
            assert len(late) <= 25, "no more than one a second while it waits"


def test_answers_held_up_by_a_full_queue_count() -> None:
    path = Path(lambda now: 18.0 if 50 <= now < 100 else 0.1)
    assert lives(path, 300) is None


def test_only_the_peers_signed_answer_to_a_check_of_ours_counts() -> None:
    def run(forge: Callable[[Path, bytes], None]) -> float | None:
        path = Path(lambda now: None)
        stock = path.send_stun

        def send(request: Any, address: Any) -> None:
            stock(request, address)
            asyncio.get_running_loop().call_later(0.1, forge, path, request.transaction_id)

        path.send_stun = send  # type: ignore[method-assign]
        return lives(path, 100)

    def elsewhere(path: Path, transaction_id: bytes) -> None:
        response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id)
        response.add_message_integrity(PASSWORD.encode())
        path.transactions[transaction_id].response_received(response, ("127.0.0.1", 10))

    assert run(lambda path, number: path.answer(number)) is None
    for forge in (
        lambda path, number: path.answer(number, key="wrong"),
        lambda path, number: path.answer(number, kind=stun.Class.ERROR),
        lambda path, number: path.answer(b"x" * 12),
        elsewhere,
    ):
        assert run(forge) == pytest.approx(EXPIRY_S, abs=0.01)


def test_a_relays_channel_is_renewed_before_its_permission_ends() -> None:
    class Relay:
        def __init__(self) -> None:
            self.peer_to_channel = {PEER: 0x4000}
            self.channel_refresh_at = {0x4000: 0.0}
            self.bound: list[float] = []

        async def channel_bind(self, channel: int, address: Any) -> None:
            assert (channel, address) == (0x4000, PEER)
            self.bound.append(asyncio.get_running_loop().time())
            if len(self.bound) == 2:
                raise stun.TransactionTimeout

    relay = Relay()
    path = Path(lambda now: 0.1)
    path.transport = type("TurnTransport", (), {private_ice.TURN_INNER: relay})()
    assert lives(path, 1000) is None
    assert relay.bound[0] == pytest.approx(CHANNEL_S, abs=6)
    assert relay.bound[2] - relay.bound[1] == pytest.approx(20, abs=6), "a failure is tried again soon"
    assert max(b - a for a, b in zip(relay.bound, relay.bound[1:], strict=False)) < 250
    assert relay.channel_refresh_at[0x4000] > 1e9, "sending never stops to renew it"


def test_a_real_peer_answers_and_a_lost_one_ends_the_call() -> None:
    async def run() -> None:
        a, b = End(True), End(False)
        for end in (a, b):
            end.agent.consent._interval_s, end.agent.consent._expiry_s, end.agent.consent._overdue_s = 0.02, 0.5, 0.2
        answered, stock = asyncio.Event(), a.agent.consent.answered

        def hear(*how: Any) -> None:
            stock(*how)
            answered.set()

        a.agent.consent.answered = hear  # type: ignore[method-assign]
        await connect(a, b)
        async with asyncio.timeout(10):
            await answered.wait()
        assert a.agent.consent.round_trip_s is not None
        assert 0 < a.agent.consent.round_trip_s < 1.0
        (protocol,) = private_ice.protocols(b.agent._connection)
        protocol.datagram_received = lambda data, address: None
        ended, failed = asyncio.Event(), asyncio.Event()
        a.dtls.on("statechange", ended.set)
        a.agent.transport.on("statechange", failed.set)
        async with asyncio.timeout(10):
            await ended.wait()
            await failed.wait()
        assert (a.dtls.state, a.agent.transport.state, a.agent.selected) == ("closed", "failed", None)
        assert not a.agent.send(b"x")
        await a.close()
        await b.close()

    asyncio.run(run())
