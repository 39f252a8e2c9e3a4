"""Every private name of aiortc's SCTP that we use or replace: a version that moves one fails here."""

from __future__ import annotations

import ast
import asyncio
import inspect
import struct
from pathlib import Path
from typing import Any

import aiortc.rtcsctptransport
import pytest
from aiortc import RTCIceGatherer, RTCIceTransport, RTCSctpTransport
from aiortc.rtcsctptransport import HeartbeatChunk, SackChunk, decode_params, serialize_packet
from hypothesis import given
from hypothesis import strategies as st

from app.media.rtc import private_sctp, sctp_check
from app.media.rtc.dtls import make_dtls
from app.media.rtc.errors import BadSctp
from app.media.rtc.private_sctp import ThinSctp

CHUNK = {
    *("_abandoned", "_acked", "_book_size", "_expiry", "_in_flight", "_max_retransmits", "_misses", "_retransmit"),
    *("_sent_count", "_sent_time"),
}
REPLACED = {
    *("_send", "_send_chunk", "_send_sack", "_transmit", "_t1_expired", "_t3_expired", "_update_rto", "_set_state"),
    *("_handle_data", "_receive", "_receive_chunk", "_receive_data_chunk", "_get_inbound_stream"),
}
OURS = {
    *("_out", "_room", "_take", "_heard", "_acknowledge", "_unacknowledged", "_sending", "_may_go", "_go", "_emit"),
    *("_acknowledge_now", "_acknowledge_later", "_check_room", "_has_room_for_a_channel", "_measured_rto"),
}


def source(thing: Any) -> str:
    return " ".join(inspect.getsource(thing).split())


def association() -> ThinSctp:
    dtls = make_dtls(RTCIceTransport(RTCIceGatherer([])))
    return ThinSctp(dtls, lambda words, packet: None, lambda words: True, lambda s, d: None, lambda size: None)


def test_what_is_reached_for_exists_and_what_is_replaced_was_there() -> None:
    tree = ast.parse(Path(private_sctp.__file__).read_text())
    found = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and n.attr.startswith("_")}
    defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert defined & set(vars(RTCSctpTransport)) - {"__init__"} == REPLACED

    async def run() -> None:
        sctp = association()
        for name in found - CHUNK - OURS - {"__init__"}:
            assert hasattr(sctp, name), name
        assert sctp.state == "new"

    asyncio.run(run())
    text = source(aiortc.rtcsctptransport.DataChunk)
    assert all(f"{name}:" in text for name in CHUNK)
    for name in REPLACED:
        ours, stock = (inspect.signature(getattr(kind, name)).parameters for kind in (ThinSctp, RTCSctpTransport))
        assert list(ours) == list(stock), name


def test_what_is_replaced_is_called_on_the_object() -> None:
    stock = RTCSctpTransport
    assert "await self._send_chunk(chunk)" in source(stock._init)
    assert "await self._send(stream_id, protocol, user_data)" in source(stock._data_channel_flush)
    assert "await self._receive_chunk(chunk)" in source(stock._handle_data)
    assert "if self._sack_needed: await self._send_sack()" in source(stock._handle_data)
    assert "await self._receive_data_chunk(chunk)" in source(stock._receive_chunk)
    assert "self._get_inbound_stream(chunk.stream_id)" in source(stock._receive_data_chunk)
    assert "await self._receive(*message)" in source(stock._receive_data_chunk)
    assert "self._get_inbound_stream(stream_id)" in source(stock._receive_forward_tsn_chunk)
    assert "await self._data_channel_flush() await self._transmit()" in source(stock._receive_sack_chunk)
    assert "self._update_rto(received_time - schunk._sent_time)" in source(stock._receive_sack_chunk)
    assert "call_later(self._rto, self._t3_expired)" in source(stock._t3_start)
    assert "call_later(self._rto, self._t1_expired)" in source(stock._t1_start)
    assert "self._transmit()" in source(stock._t3_expired)
    assert "self.__transport._register_data_receiver(self)" in source(stock.start)
    dtls = source(aiortc.RTCDtlsTransport._recv_next)
    assert "await self._data_receiver._handle_data(data)" in dtls
    assert dtls.index("self._ssl.recv(1500)") < dtls.index("_handle_data(data)")


def test_no_coroutine_of_the_association_waits_so_none_overtakes_another() -> None:
    """Ours hands a packet over at once; whatever calls it runs through in one go."""
    for name in ("_send", "_send_chunk", "_transmit"):
        assert "await" not in source(getattr(ThinSctp, name)), name


# What goes no further


def _chunk(kind: int, value: bytes) -> bytes:
    body = struct.pack("!BBH", kind, 0, 4 + len(value)) + value
    return bytes(12) + body + bytes(-len(body) % 4)


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (b"", "packet of"),
        (bytes(15), "packet of"),
        (bytes(12) + b"\0\0\0\3", "chunk of"),
        (bytes(12) + b"\0\0\1\0", "chunk of"),
        (_chunk(4, b"\0\1\0\0" + bytes(8)), "parameter"),
        (_chunk(130, bytes(4)), "parameter"),
        (_chunk(1, bytes(16) + bytes(4)), "parameter"),
        (_chunk(4, b"\0\1\2\0" + bytes(508)), "sent back"),
        (_chunk(2, bytes(600)), "sent back"),
        (_chunk(3, bytes(8)), "cut short"),
        (_chunk(3, bytes(8) + b"\xff\xff\0\0"), "cut short"),
        (_chunk(3, bytes(8) + b"\0\1\0\0" + b"\0\2\0\1"), "ends before"),
        (_chunk(3, bytes(8) + b"\0\1\0\0" + b"\0\1\xff\xff"), "gap blocks over"),
    ],
)
def test_what_would_hang_or_cost_is_refused(packet: bytes, why: str) -> None:
    with pytest.raises(BadSctp, match=why):
        sctp_check.check(packet)


def test_aiortc_hangs_on_an_empty_parameter_still() -> None:
    """When it does not any more, that check can go."""
    assert "pos += param_length + padl(param_length)" in source(decode_params)


def test_what_we_send_ourselves_passes() -> None:
    sack, heartbeat = SackChunk(), HeartbeatChunk()
    sack.gaps, sack.duplicates = [(2, 9), (11, 300)], [5]
    heartbeat.params = [(1, b"info")]
    for chunk in (sack, heartbeat):
        sctp_check.check(serialize_packet(5000, 5000, 1, chunk))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for packet in (data, bytes(12) + data):
        try:
            sctp_check.check(packet)
        except BadSctp:
            continue
        aiortc_reads(packet)


def aiortc_reads(packet: bytes) -> None:
    """What passes the check aiortc's parser ends on, whatever it says."""
    checksum = struct.pack("<L", aiortc.rtcsctptransport.crc32c(packet[:8] + bytes(4) + packet[12:]))
    try:
        aiortc.rtcsctptransport.parse_packet(packet[:8] + checksum + packet[12:])
    except private_sctp.HOSTILE:
        return
