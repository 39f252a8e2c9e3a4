"""A machine's address changes in the middle of a visit: speech comes back by itself, under the same visit."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from two_peers import Peer, connect

from app.demo.path import netns

REASON = netns.why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
PATIENCE_S = 40.0


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def places() -> Iterator[tuple[str, str]]:
    """Two network namespaces joined by one link: 10.89.0.1 and 10.89.0.2."""
    names = (f"tl-{time.monotonic_ns() % 10**9}-a", f"tl-{time.monotonic_ns() % 10**9}-b")
    made = []
    try:
        for name in names:
            ip("netns", "add", name)
            made.append(name)
        ip("link", "add", "wan0", "netns", names[0], "type", "veth", "peer", "name", "wan0", "netns", names[1])
        for number, name in enumerate(names, 1):
            ip("-n", name, "address", "add", f"10.89.0.{number}/24", "dev", "wan0")
            ip("-n", name, "link", "set", "wan0", "up")
        yield names
    finally:
        for name in made:
            ip("netns", "del", name)


class Carrier(threading.Thread):
    """The service: takes what each peer says to the other, until it is stopped."""

    def __init__(self, peers: list[Peer]) -> None:
        super().__init__(daemon=True)
        self._peers, self._over = peers, threading.Event()

    def run(self) -> None:
        while not self._over.is_set():
            for one, other in (self._peers, self._peers[::-1]):
                try:
                    said = one.signals.get(timeout=0.05)
                except queue.Empty:
                    continue
                other.say(cmd="signal", data=said["data"])

    def stop(self) -> None:
        self._over.set()
        self.join(5)


def received(peer: Peer) -> tuple[int, list[str]]:
    """(speech packets received on the transport in use, states of the connection so far)."""
    packets, states = 0, []
    for line in (peer.out / "stats.jsonl").read_text().splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        told = json.loads(line)
        if "event" not in told:
            packets = told["audio_in"].get("packetsReceived", 0)
        elif told["event"]["k"] == "ConnectionChanged":
            states.append(told["event"]["s"]["state"])
    return packets, states


def until(condition: object, what: str) -> None:
    assert callable(condition)
    waiting, end = threading.Event(), time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        waiting.wait(0.1)


@pytest.mark.parametrize("who", [0, 1], ids=["who offers", "who answers"])
def test_speech_comes_back_from_a_new_address(tmp_path: Path, places: tuple[str, str], who: int) -> None:
    command = (sys.executable, "-m", "app", "peer")
    peers = [
        Peer(tmp_path / name, [], (*netns.exec_prefix(place), *command))
        for name, place in zip("ab", places, strict=True)
    ]
    carrier = Carrier(peers)
    try:
        connect(peers)
        carrier.start()
        until(lambda: min(received(p)[0] for p in peers) >= 20, "no speech before")
        address, moved = f"10.89.0.{who + 1}/24", f"10.89.0.{who + 11}/24"
        ip("-n", places[who], "address", "del", address, "dev", "wan0")
        ip("-n", places[who], "address", "add", moved, "dev", "wan0")
        mover = peers[who]
        until(lambda: "reconnecting" in received(mover)[1], "the change was not noticed")
        until(
            lambda: all(r[1][-1] == "connected" and r[0] >= 10 for r in (received(p) for p in peers)),
            "speech did not come back",
        )
        carrier.stop()  # or the second one's "again" is carried to the first, which has ended
        for peer in peers:
            states = received(peer)[1]
            assert states[:2] == ["connecting", "connected"]
            assert "failed" not in states
            peer.end()
    finally:
        carrier.stop()
        for peer in peers:
            peer.kill()
