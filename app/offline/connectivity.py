"""Notices at once that the network changed or that this computer slept; whether the clinic is there, it never says.

On Linux by netlink (RFC 3549; rtnetlink(7)): the kernel tells of each link, address and route. Elsewhere, and for
what nobody tells (a computer that slept, a clock that was set), by a cheap look every few seconds. What the system
says of "on line" is not asked: the clinic itself is (`OutboxWorker.surroundings_changed`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

LOOK_S = 3.0
JUMP_S = 5.0
_SETTLE_S = 0.2

_GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400  # RTMGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV6_IFADDR, IPV6_ROUTE
_TOLD = frozenset({16, 17, 20, 21, 24, 25})  # RTM_NEW/DELLINK, RTM_NEW/DELADDR, RTM_NEW/DELROUTE
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_DATAGRAM_BYTES = 65536
# Addresses for documentation (RFC 5737, RFC 3849): connecting a UDP socket sends nothing, it only asks for the route.
_FAR = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


class Change(StrEnum):
    """What was noticed."""

    NETWORK = "network"  # this computer goes out by another address, or by one again, or by none
    STIR = "stir"  # something of the network changed, but not how this computer goes out
    RESUMED = "resumed"  # it slept
    CLOCK = "clock"  # its wall clock was set


@dataclass(frozen=True)
class Reading:
    """PURE: the clocks at one moment, in seconds. `steady` stands still while the computer sleeps, `boot` does not.

    Where no `boot` clock is known it is None, and a sleep shows as a wall clock that ran ahead.
    """

    wall: float
    steady: float
    boot: float | None

    def since(self, before: Reading) -> Change | None:
        """What the clocks say happened between `before` and this reading."""
        steady = self.steady - before.steady
        slept = 0.0 if self.boot is None or before.boot is None else self.boot - before.boot - steady
        if slept >= JUMP_S:
            return Change.RESUMED
        ahead = self.wall - before.wall - steady - slept
        if self.boot is None and ahead >= JUMP_S:
            return Change.RESUMED
        return Change.CLOCK if abs(ahead) >= JUMP_S else None


def messages(datagram: bytes) -> Iterator[int]:
    """PURE: the types of the netlink messages in `datagram`. Ends where a length does not hold."""
    at = 0
    while at + _HEADER.size <= len(datagram):
        length, kind, _flags, _sequence, _port = _HEADER.unpack_from(datagram, at)
        if length < _HEADER.size or at + length > len(datagram):
            return
        yield kind
        at += (length + 3) & ~3


def tells_of_change(datagram: bytes) -> bool:
    """PURE: whether it tells of a link, an address or a route."""
    return any(kind in _TOLD for kind in messages(datagram))


def read_clocks() -> Reading:
    boot = time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else None
    return Reading(time.time(), time.monotonic(), boot)


def own_addresses() -> frozenset[str]:
    """The addresses by which this computer would go out; nothing is sent."""
    return frozenset(address for family, far in _FAR if (address := _own_address(family, far)))


def _own_address(family: socket.AddressFamily, far: str) -> str:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""  # no route, or no such family here


class Connectivity:
    """Runs until cancelled; `on_change` is called on the event loop and must not block."""

    def __init__(self, on_change: Callable[[Change], None], look: float = LOOK_S) -> None:
        self._on_change = on_change
        self._look = look
        self._told = asyncio.Event()

    async def run(self) -> None:
        clocks, addresses = read_clocks(), own_addresses()
        with self._listening():
            while True:
                told = await self._wait()
                before, clocks = clocks, read_clocks()
                was, addresses = addresses, own_addresses()
                change = clocks.since(before)
                if addresses != was:
                    change = Change.NETWORK
                elif change is None and told:
                    change = Change.STIR
                if change is not None:
                    self._on_change(change)

    async def _wait(self) -> bool:
        """True when the kernel told of something; False after a while."""
        try:
            async with asyncio.timeout(self._look):
                await self._told.wait()
        except TimeoutError:
            return False
        with contextlib.suppress(TimeoutError):  # one change comes as many messages: they are one change
            async with asyncio.timeout(_SETTLE_S):
                await asyncio.get_running_loop().create_future()
        self._told.clear()
        return True

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        kernel = _netlink()
        if kernel is None:
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(kernel, self._heard, kernel)
        try:
            yield
        finally:
            loop.remove_reader(kernel)
            kernel.close()

    def _heard(self, kernel: socket.socket) -> None:
        try:
            told = tells_of_change(kernel.recv(_DATAGRAM_BYTES))
        except BlockingIOError:
            return
        except OSError:
            told = True  # ENOBUFS: more happened than the socket could hold
        if told:
            self._told.set()


def _netlink() -> socket.socket | None:
    """A socket on which the kernel tells of changes, or None where there is none."""
    if sys.platform != "linux":
        return None
    try:
        kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    except OSError:
        return None  # a sandbox without netlink: the looks are left
    try:
        kernel.setblocking(False)
        kernel.bind((0, _GROUPS))
    except OSError:
        kernel.close()
        return None
    return kernel
