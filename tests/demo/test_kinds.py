"""Packets are told apart by their clear first bytes."""

from __future__ import annotations

import struct

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from app.demo.path.kinds import Kind, of_datagram, of_packet, of_turn_client


def ipv4(protocol: int, payload: bytes, fragment: int = 0, options: bytes = b"") -> bytes:
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH4s4s", 0x40 | words, 0, 0, 0, fragment, 64, protocol, 0, b"\n\0\0\1", b"\n\0\0\2")
    return head + options + payload


RTP = bytes([0x80, 111]) + bytes(20)
RTP_WITH_MARKER = bytes([0x90, 0x80 | 97]) + bytes(20)
RECEIVER_REPORT = bytes([0x81, 201]) + bytes(20)
HANDSHAKE = bytes([22, 254, 253]) + bytes(20)
CHECK = bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST))

TABLE = [
    (RTP, Kind.RTP),
    (RTP_WITH_MARKER, Kind.RTP),
    (RECEIVER_REPORT, Kind.RTCP),
    (HANDSHAKE, Kind.DTLS),
    (CHECK, Kind.STUN),
    (b"hello", Kind.OTHER),
    (b"", Kind.OTHER),
]


@pytest.mark.parametrize(("payload", "kind"), TABLE)
def test_datagrams(payload, kind):
    assert of_datagram(payload) is kind


@pytest.mark.parametrize(("payload", "kind"), TABLE)
@pytest.mark.parametrize("options", [b"", bytes(8)])
def test_udp_in_ipv4_with_and_without_options(payload, kind, options):
    assert of_packet(ipv4(17, bytes(8) + payload, options=options)) is kind


@pytest.mark.parametrize(("payload", "kind"), TABLE[:-1])
def test_channel_data_counts_as_what_it_carries(payload, kind):
    assert of_turn_client(struct.pack("!HH", 0x4001, len(payload)) + payload) is kind


def test_tcp_and_what_cannot_be_known():
    assert of_packet(ipv4(6, bytes(20))) is Kind.TCP
    assert of_packet(ipv4(1, bytes(20))) is Kind.OTHER
    assert of_packet(ipv4(17, bytes(8) + RTP, fragment=100)) is Kind.OTHER


@given(st.binary(max_size=60))
def test_any_bytes_have_a_kind(data):
    assert of_packet(data) in Kind
    assert of_datagram(data) in Kind
    assert of_turn_client(data) in Kind
