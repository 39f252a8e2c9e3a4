"""Two links between two peers on loopback: every candidate in their SDP is replaced by a socket of the relay's."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.bench.link import Link, LinkOptions

HOST = "127.0.0.1"
_IP_UDP_BYTES = 28
_DATAGRAM_BYTES = 65536
_SOCKET_BYTES = 1 << 20
_LONGEST_WAIT_S = 0.5
# RFC 8839 section 5.1: foundation, component, transport, priority, address, port.
_CANDIDATE = re.compile(r"^(a=candidate:\S+ \d+ (?i:udp) \d+) (\S+) (\d+) (typ host.*)$")


def rewritten(sdp: str, stand_in: Callable[[str, int], int]) -> str:
    """The SDP with each UDP host candidate at HOST and the port that `stand_in(address, port)` gives; other candidates
    are left out, so that nothing goes round the link.
    """
    kept = []
    for line in sdp.splitlines():
        found = _CANDIDATE.match(line)
        if found:
            head, address, port, rest = found.groups()
            kept.append(f"{head} {HOST} {stand_in(address, int(port))} {rest}")
        elif not line.startswith("a=candidate:"):
            kept.append(line)
    return "\r\n".join(kept) + "\r\n"


@dataclass(frozen=True)
class _Stand:
    """The relay's socket in place of one candidate of one side."""

    side: str
    address: tuple[str, int]
    socket: socket.socket


class Relay:
    """Threads: `sdp` and `start` from any, the packets on the relay's own. Links are named "a2b" and "b2a"."""

    def __init__(self, options: LinkOptions, seed: int) -> None:
        self.links: Mapping[str, Link[tuple[_Stand, _Stand, bytes]]] = {
            "a2b": Link(options, seed),
            "b2a": Link(options, seed + 1000),
        }
        self.cpu_s = 0.0
        self._stands: dict[tuple[str, int], _Stand] = {}
        self._began: float | None = None
        self._ended = False
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def start(self) -> None:
        """t = 0 of the links' schedules; nothing passes before it."""
        self._began = time.monotonic()

    def sdp(self, side: str, sdp: str) -> str:
        """What the other side must be told in place of what `side` ("a" or "b") says."""
        return rewritten(sdp, lambda address, port: self._stand_in(side, (address, port)))

    def close(self) -> None:
        self._ended = True
        self._wake()
        self._thread.join(5)
        for held in (*(stand.socket for stand in self._stands.values()), self._wake_in, self._wake_out):
            held.close()

    def _stand_in(self, side: str, address: tuple[str, int]) -> int:
        stand = self._stands.get(address)
        if stand is None:
            opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES)
            opened.bind((HOST, 0))
            stand = _Stand(side, address, opened)
            self._stands = {**self._stands, address: stand}  # replaced whole: the relay's thread reads it
            self._wake()
        port: int = stand.socket.getsockname()[1]
        return port

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_out.send(b".")

    def _run(self) -> None:
        while not self._ended:
            stands = {stand.socket: stand for stand in self._stands.values()}
            readable, _, _ = select.select([self._wake_in, *stands], [], [], self._pause())
            for ready in readable:
                if ready is self._wake_in:
                    with contextlib.suppress(BlockingIOError):
                        self._wake_in.recv(4096)
                else:
                    self._read(stands[ready])
            self._deliver()
            self.cpu_s = time.thread_time()

    def _pause(self) -> float:
        if self._began is None:
            return _LONGEST_WAIT_S
        now = time.monotonic() - self._began
        moments = [at for link in self.links.values() if (at := link.next_at()) is not None]
        return max(0.0, min([_LONGEST_WAIT_S, *(at - now for at in moments)]))

    def _read(self, aim: _Stand) -> None:
        """A datagram for the candidate that `aim` stands for; it leaves from the stand of the one who sent it."""
        while True:
            try:
                data, sender = aim.socket.recvfrom(_DATAGRAM_BYTES)
            except BlockingIOError:
                return
            except OSError:
                continue  # the ICMP answer to an earlier datagram of ours
            origin = self._stands.get(sender)
            if origin is None or origin.side == aim.side or self._began is None:
                continue
            link = self.links["a2b" if aim.side == "b" else "b2a"]
            link.put(time.monotonic() - self._began, (origin, aim, data), len(data) + _IP_UDP_BYTES)

    def _deliver(self) -> None:
        if self._began is None:
            return
        now = time.monotonic() - self._began
        for link in self.links.values():
            for origin, aim, data in link.take(now):
                with contextlib.suppress(OSError):  # a port that is closed by now
                    origin.socket.sendto(data, aim.address)
