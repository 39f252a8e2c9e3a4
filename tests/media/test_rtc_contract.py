"""Every name of aiortc and aioice that we use without their promise: a version that moves one fails here."""

from __future__ import annotations

import ast
import asyncio
import inspect
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aioice.ice
import aioice.stun
import aioice.turn
import aiortc
import aiortc.rtcdtlstransport
import aiortc.rtcicetransport
import pytest
from aiortc import RTCDtlsTransport, RTCIceGatherer, RTCIceTransport
from OpenSSL import SSL

import app.media.rtc
from app.media.rtc import private_dtls, private_ice
from app.media.rtc.dtls import make_dtls
from app.media.rtc.ice import IceAgent
from app.wire.visits import IceConfig, IceServer

FOLDER = Path(app.media.rtc.__file__).parent
PLACES = ("private_ice.py", "private_dtls.py", "private_sctp.py")
"""The only modules that may reach for others' private names."""

# Private names by the object that has them.
CONNECTION = {"_check_list", "_nominated", "_protocols", "_query_consent_task", "_queue", "_transport_policy"}
GATHERER = {"_connection"}
DTLS = {"_srtp_profiles", "_set_role", "_tx_srtp", "_rx_srtp", "_ssl"}
CERTIFICATE = {"_create_ssl_context"}
TURN_CLIENT = {"_send"}


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def source(thing: Any) -> str:
    return " ".join(inspect.getsource(thing).split())


def reached(file: Path) -> set[str]:
    """The private attributes that a module takes of anything but itself."""
    return {
        node.attr
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }


def test_the_versions_are_those_that_were_read() -> None:
    assert version("aiortc") == "1.16.0"
    assert version("aioice").startswith("0.13")


def test_private_names_stand_in_their_places_alone_and_all_are_held_here() -> None:
    assert reached(FOLDER / "private_ice.py") == CONNECTION | GATHERER | TURN_CLIENT
    assert reached(FOLDER / "private_dtls.py") == DTLS | CERTIFICATE
    for file in FOLDER.glob("*.py"):
        if file.name not in PLACES:
            assert not reached(file), file.name


def test_private_names_exist_where_we_reach_for_them() -> None:
    async def run() -> None:
        gatherer = RTCIceGatherer([])
        connection = private_ice.connection_of(gatherer)
        assert isinstance(connection, aioice.ice.Connection)
        public = {"get_component_candidates", "query_consent", "build_request", "check_state", "check_incoming"}
        public |= {"data_received", "remote_password", "remote_username", "ice_controlling", "close"}
        for name in CONNECTION | public:
            assert hasattr(connection, name), name
        assert isinstance(connection._queue, asyncio.Queue)
        protocol = aioice.ice.StunProtocol(connection)
        for name in ("transactions", "id", "datagram_received", "send_stun", "request"):
            assert hasattr(protocol, name), name
        dtls = RTCDtlsTransport(RTCIceTransport(gatherer), [private_dtls.AeadCertificate.generateCertificate()])
        for name in DTLS:
            assert hasattr(dtls, name), name
        assert dtls._tx_srtp is dtls._rx_srtp is None
        await connection.close()

    asyncio.run(run())


def test_the_turn_client_under_a_relay() -> None:
    async def run() -> None:
        client = aioice.turn.TurnClientUdpProtocol(("127.0.0.1", 1), "u", "p", 600, 500)
        transport = aioice.turn.TurnTransport(client)
        assert getattr(transport, private_ice.TURN_INNER) is client
        assert getattr(transport, private_ice.TURN_CLOSING) is None
        assert client.peer_to_channel == client.channel_refresh_at == {}
        assert client.refresh_task is None
        assert parameters(client.channel_bind) == ["channel_number", "addr"]
        assert parameters(client._send) == ["data"]

    asyncio.run(run())
    sending = source(aioice.turn.TurnClientMixin.send_data)
    assert "elif now > self.channel_refresh_at[channel]" in sending, "what is put off is the renewal alone"
    assert 'struct.pack("!HH", channel, len(data)) self._send(header + data)' in sending, "as private_ice.send does"
    assert "padded" in source(aioice.turn.TurnClientTcpProtocol._send), "over TCP it pads"
    assert "ssl=ssl," in source(aioice.turn.create_turn_endpoint), "a context goes through"
    assert "inner_transport.close()" in source(aioice.turn.create_turn_endpoint), "given up, it leaks no socket"
    assert parameters(aioice.ice.relayed_candidate) == [
        *("component", "hide_related_address", "protocol_factory", "turn_server"),
        *("turn_username", "turn_password", "turn_ssl", "turn_transport"),
    ]


def test_hooks_are_looked_up_on_the_object() -> None:
    connection = aioice.ice.Connection
    assert "self.get_component_candidates(component=component, addresses=addresses)" in source(
        connection.gather_candidates
    )
    assert "self.query_consent()" in source(connection.connect)
    assert "self.check_incoming(message, addr, protocol)" in source(connection.request_received)
    assert "self.check_incoming(*early_check)" in source(connection.connect)
    assert "self.check_state(pair, CandidatePair.State.SUCCEEDED)" in source(connection.check_start)
    assert "self._queue.get()" in source(connection.recvfrom)
    assert "if not len(self._nominated)" in source(connection.recvfrom)
    assert "self._query_consent_task.cancel()" in source(connection.close)
    assert "self._recv = self._connection.recv" in source(RTCIceTransport.__init__)
    received = source(aioice.ice.StunProtocol.datagram_received)
    assert "self.receiver.data_received(data, self.local_candidate.component)" in received
    assert "transaction.response_received(message, addr)" in received
    assert "message.transaction_id in self.transactions" in received


def test_shapes_of_what_we_call_and_replace() -> None:
    connection = aioice.ice.Connection
    assert parameters(connection.get_component_candidates) == ["self", "component", "addresses", "timeout"]
    assert parameters(connection.build_request) == ["self", "pair", "nominate"]
    assert parameters(connection.check_state) == ["self", "pair", "state"]
    assert parameters(connection.check_incoming) == ["self", "message", "addr", "protocol"]
    assert parameters(connection.data_received) == ["self", "data", "component"]
    assert parameters(aioice.ice.StunProtocol.datagram_received) == ["self", "data", "addr"]
    assert parameters(aioice.ice.StunProtocol.send_stun) == ["self", "message", "addr"]
    assert aioice.stun.HEADER_LENGTH == 20
    pair = inspect.getsource(aioice.ice.CandidatePair)
    for name in ("protocol", "remote_candidate", "local_candidate", "remote_addr", "SUCCEEDED"):
        assert name in pair, name


def test_an_authenticated_check_comes_before_the_hook_and_a_forged_one_never_does() -> None:
    text = source(aioice.ice.Connection.request_received)
    assert text.index("check_message_integrity") < text.index("_early_checks.append") < text.index("check_incoming(")


# DTLS


def test_the_profile_and_the_ciphers_are_those_of_the_object() -> None:
    assert "srtp_profiles=self._srtp_profiles" in source(RTCDtlsTransport.start)
    assert "self.__local_certificate._create_ssl_context(" in source(RTCDtlsTransport.start)
    assert "for srtp_profile in self._srtp_profiles" in source(RTCDtlsTransport._setup_srtp)
    assert 'if self._role == "auto"' in source(RTCDtlsTransport.start)
    context = private_dtls.AeadCertificate.generateCertificate()._create_ssl_context(
        [aiortc.rtcdtlstransport.SRTP_AES128_CM_SHA1_80]
    )
    offered = [name for name in SSL.Connection(context).get_cipher_list() if not name.startswith("TLS_")]
    assert offered == ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"]


@pytest.mark.parametrize("role", ["auto", "client", "server"])
def test_a_dtls_transport_of_ours(role: Any) -> None:
    async def run() -> None:
        agent = IceAgent(IceConfig(), lambda data, now: None)
        dtls = make_dtls(agent.transport, role)
        assert dtls._role == role
        assert [profile.openssl_profile for profile in dtls._srtp_profiles] == [b"SRTP_AES128_CM_SHA1_80"]
        assert len(dtls.getLocalParameters().fingerprints) == 3
        await agent.close()

    asyncio.run(run())


# Servers and candidates


def test_no_server_is_asked_that_the_clinic_did_not_name() -> None:
    async def run() -> None:
        turn = IceServer(urls=("turn:10.0.0.1:3478?transport=udp",), username="u", credential="c")
        for config in (IceConfig(), IceConfig(servers=(turn,)), IceConfig(servers=(turn,), policy="relay")):
            connection = private_ice.connection_of(IceAgent(config, lambda data, now: None).transport.iceGatherer)
            assert connection.stun_server is connection.turn_server is None
            assert private_ice.relays_only(connection) == (config.policy == "relay")
        stun = IceConfig(servers=(IceServer(urls=("stun:10.0.0.1:99", "stun:10.0.0.2")),))
        connection = private_ice.connection_of(IceAgent(stun, lambda data, now: None).transport.iceGatherer)
        assert connection.stun_server == ("10.0.0.1", 99)

    asyncio.run(run())


@pytest.mark.parametrize(("bind", "expected"), [(None, "127.0.0.1"), ("127.0.0.2", "127.0.0.2")])
def test_a_machine_with_loopback_alone_has_a_candidate(
    monkeypatch: pytest.MonkeyPatch, bind: str | None, expected: str
) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: [])

    async def run() -> list[str]:
        agent = IceAgent(IceConfig(), lambda data, now: None, bind_address=bind)
        found = [candidate.ip for candidate in await agent.gather()]
        await agent.close()
        return found

    assert asyncio.run(run()) == [expected]
