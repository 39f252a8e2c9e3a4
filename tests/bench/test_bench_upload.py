"""How the upload's benchmark counts what was sent: each byte of a stream once, and every byte of the wire."""

from __future__ import annotations

import struct

import pytest

from tests.bench.upload import carried
from tests.bench.upload_side import Wire

SYN, ACK = 2, 16


def packet(port: int, seq: int, payload: int, flags: int = ACK) -> bytes:
    """The headers of an IPv4 packet with TCP (no options) that says it carries `payload` bytes."""
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 40 + payload, 0, 0, 64, 6, 0, 1, 2)
    return ip + struct.pack("!HHIIBBHHH", port, 443, seq, 0, 5 << 4, flags, 0, 0, 0)


def wire(*packets: bytes) -> Wire:
    made = Wire()
    for one in packets:
        made.add(one)
    return made


def test_a_repeated_packet_is_on_the_wire_twice_and_in_the_stream_once() -> None:
    seen = wire(packet(5000, 99, 0, SYN), packet(5000, 100, 1000), packet(5000, 1100, 500), packet(5000, 100, 1000))
    assert (seen.ip, seen.payload, seen.stream, seen.connections) == (4 * 40 + 2500, 2500, 1500, 1)


def test_what_a_new_connection_sends_again_is_counted_again() -> None:
    first = (packet(5000, 7, 0, SYN), packet(5000, 8, 800))
    again = (packet(5001, 90, 0, SYN), packet(5001, 90, 0, SYN), packet(5001, 91, 800))
    seen = wire(*first, *again)
    assert (seen.stream, seen.connections) == (1600, 2)


def test_numbers_that_wrap_are_followed() -> None:
    last = (1 << 32) - 1
    assert wire(packet(1, last - 100, 0, SYN), packet(1, last - 99, 100), packet(1, 0, 50)).stream == 150


def test_other_packets_are_bytes_of_the_wire_alone() -> None:
    udp = bytearray(packet(9, 0, 10))
    udp[9] = 17
    seen = wire(bytes(udp))
    assert (seen.ip, seen.payload, seen.stream) == (50, 0, 0)


def test_what_a_link_could_carry_follows_its_steps() -> None:
    assert carried(64.0, 10) == pytest.approx(80_000)
    assert carried("0:64,20:1000", 10) == pytest.approx(80_000)
    assert carried("0:64,20:1000", 21) == pytest.approx(160_000 + 125_000)
