"""The process that joins the two namespaces: moves IP packets between their TUN devices through a shaper each way.

    python -m app.demo.path.emulator '{"settings": {"rate_kbps": 300, ...}}'

A process of its own, so that the demo's load does not disturb the link's timing. One thread, one `select`, whose
time-out is exact to microseconds (`epoll`'s is whole milliseconds). Steered by :mod:`app.demo.path.control`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from types import FrameType

from app.demo.path import control, netns
from app.demo.path.errors import PathError
from app.demo.path.kinds import KindTally, of_packet
from app.demo.path.shaper import LinkSettings, Shaper

_BURST = 64  # packets read from one device before the other gets its turn
_STDIN, _STDOUT = 0, 1


class Direction:
    """One way through the link: read from one device, written to the other."""

    def __init__(self, source: int, sink: int, settings: LinkSettings) -> None:
        self.source = source
        self.shaper: Shaper[bytes] = Shaper(settings, time.monotonic())
        self.kinds = KindTally()
        self.refused = 0  # packets that the far device did not take
        self._sink = sink

    def read(self, now: float) -> None:
        for _ in range(_BURST):
            try:
                packet = os.read(self.source, netns.MTU + 100)
            except BlockingIOError:
                return
            self.shaper.put(now, packet, len(packet))

    def deliver(self, now: float) -> None:
        for packet in self.shaper.take(now):
            try:
                os.write(self._sink, packet)
                self.kinds.count(of_packet(packet), len(packet))
            except OSError:
                self.refused += 1


class Emulator:
    """Two directions, named after the side they lead to, and the requests that change them."""

    def __init__(self, home: int, town: int, settings: LinkSettings) -> None:
        self._directions = {"town": Direction(home, town, settings), "home": Direction(town, home, settings)}
        self._handlers = {"set": self._set, "counters": self._counters}
        self._lines = control.Lines()

    def run(self) -> None:
        """Moves packets until stdin ends."""
        sources = {direction.source: direction for direction in self._directions.values()}
        while True:
            readable, _, _ = select.select([_STDIN, *sources], [], [], self._pause())
            for descriptor in readable:
                if descriptor != _STDIN:
                    sources[descriptor].read(time.monotonic())  # later than a request that has just been obeyed
                elif not self._obey():
                    return
            now = time.monotonic()
            for direction in self._directions.values():
                direction.deliver(now)

    def _pause(self) -> float | None:
        times = [at for direction in self._directions.values() if (at := direction.shaper.next_at()) is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _obey(self) -> bool:
        data = os.read(_STDIN, 65536)
        for line in self._lines.feed(data):
            os.write(_STDOUT, control.answer(self._handlers, line))
        return bool(data)

    def _set(self, request: control.Request) -> control.Request:
        wanted = {
            toward: control.new_settings(request, toward, direction.shaper.settings)
            for toward, direction in self._directions.items()
        }
        now = time.monotonic()
        for toward, settings in wanted.items():
            self._directions[toward].shaper.set(now, settings)
        return {}

    def _counters(self, request: control.Request) -> control.Request:
        return {
            f"to_{toward}": {**control.describe(direction.shaper, direction.kinds), "refused": direction.refused}
            for toward, direction in self._directions.items()
        }


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _be_punctual() -> None:
    """Real-time priority if the system lets us; our children (ip) do not inherit it."""
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))


def main(arguments: list[str]) -> int:
    """Makes both namespaces, serves until stdin ends, removes them. Exit code 1 if they cannot be made."""
    settings = LinkSettings(**json.loads(arguments[0])["settings"])
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _stop)
    netns.sweep()
    sides = netns.sides(os.getpid())
    try:
        emulator = Emulator(netns.make(sides["home"]), netns.make(sides["town"]), settings)
        _be_punctual()
        os.write(_STDOUT, json.dumps({name: side.name for name, side in sides.items()}).encode() + b"\n")
        emulator.run()
        return 0
    except PathError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        # A second signal must not stop the removal half-way.
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        for side in sides.values():
            netns.remove(side.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
