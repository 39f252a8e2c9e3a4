"""What TCP knows of one connection: Linux' TCP_INFO (linux/tcp.h), as far as pacing needs it; None elsewhere."""

from __future__ import annotations

import socket
import struct
import sys
from dataclasses import dataclass
from typing import Protocol

# ca_state; snd_mss; unacked, sacked, lost, retrans; rtt; bytes_acked; notsent_bytes, min_rtt: places held since 4.6
_LAYOUT = struct.Struct("=x B 14x I 4x 4I 28x I 48x Q 16x 2I")
_OPEN = 0  # TCP_CA_Open: nothing is lost, nothing out of order
_UNKNOWN = (1 << 32) - 1


class HasOptions(Protocol):
    """The part of a socket that is needed."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...
    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...


@dataclass(frozen=True)
class TcpReading:
    """One look. Times in seconds, sizes in bytes of payload.

    `acked`: of all that was ever sent, what has arrived in order; `ahead`: beyond that, behind a hole. `lost`: held to
    be lost and not sent again yet. `unsent`: still in the kernel. `calm`: nothing is lost or out of order.
    """

    acked: int
    ahead: int
    lost: int
    unsent: int
    mss: int
    rtt: float
    min_rtt: float
    calm: bool


def read_tcp(connection: HasOptions | None) -> TcpReading | None:
    """None where the system does not tell: not Linux, a kernel before 4.6, no TCP, a closed socket."""
    if connection is None or sys.platform != "linux":
        return None
    try:
        return parse_tcp_info(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAYOUT.size))
    except OSError:
        return None


def parse_tcp_info(data: bytes) -> TcpReading | None:
    """None when it is too short, or tells of a connection that has no round trip yet."""
    if len(data) < _LAYOUT.size:
        return None
    state, mss, _, sacked, lost, retrans, rtt, acked, unsent, least = _LAYOUT.unpack_from(data)
    if not rtt or not mss:
        return None
    return TcpReading(
        acked=acked,
        ahead=sacked * mss,
        lost=max(0, lost - retrans) * mss,
        unsent=unsent,
        mss=mss,
        rtt=rtt / 1e6,
        min_rtt=(rtt if least in (0, _UNKNOWN) else least) / 1e6,
        calm=state == _OPEN,
    )
