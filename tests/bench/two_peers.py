"""Two headless peers on this machine against each other: `python tests/bench/two_peers.py OUT [--seconds 20]`."""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_PATIENCE_S = 60.0


class Peer:
    """A `thinline peer` process, or another `command` of the same kind. `signals`: what it wants said to the other."""

    def __init__(
        self, out: Path, media: list[str], command: Sequence[str] | None = None, patience_s: float = _PATIENCE_S
    ) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self.out, self._patience_s = out, patience_s
        self.signals: queue.Queue[Any] = queue.Queue()
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        with (out / "stderr.log").open("w") as log:
            self._process = subprocess.Popen(
                [*(command or (sys.executable, "-m", "app", "peer")), "--outdir", str(out), *media],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
                env={**os.environ, "PYTHONPATH": str(_ROOT)} if command is None else None,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def say(self, **message: Any) -> None:
        self.write(json.dumps(message))

    def write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def expect(self, kind: str) -> dict[str, Any]:
        message = self._lines.get(timeout=self._patience_s)
        if message["type"] != kind:
            raise RuntimeError(f"{message} instead of {kind}; see {self.out}/stderr.log")
        return message

    def end(self, patience_s: float = _PATIENCE_S) -> int:
        """The exit code; it may take so long to end after its last word."""
        self.say(cmd="stop")
        self.expect("done")
        code = self._process.wait(patience_s)
        self._let_go()
        return code

    def kill(self) -> None:
        """Does nothing to one that has ended."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._let_go()

    def _let_go(self) -> None:
        self._reader.join(_PATIENCE_S)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            (self.signals if message["type"] == "signal" else self._lines).put(message)


def connect(peers: list[Peer]) -> list[dict[str, Any]]:
    """The first offers. What each said of itself when it was ready."""
    ready = [peer.expect("ready") for peer in peers]
    peers[0].say(cmd="offer")
    peers[1].say(cmd="answer", sdp=peers[0].expect("offer")["sdp"])
    peers[0].say(cmd="set_answer", sdp=peers[1].expect("answer")["sdp"])
    peers[0].expect("ok")
    return ready


def carry(peers: list[Peer], until: float) -> None:
    """Takes what each says to the other, until that moment of `time.monotonic`."""
    while time.monotonic() < until:
        for one, other in (peers, peers[::-1]):
            try:
                other.say(cmd="signal", data=one.signals.get(timeout=0.1)["data"])
            except queue.Empty:
                continue


def call(out: Path, seconds: float, media: list[str]) -> list[dict[str, Any]]:
    """One call; the last line of each peer's statistics."""
    peers = [Peer(out / name, media) for name in ("a", "b")]
    try:
        connect(peers)
        carry(peers, time.monotonic() + seconds)
        for peer in peers:
            peer.end()
    finally:
        for peer in peers:
            peer.kill()
    return [last_stats(peer.out) for peer in peers]


def last_stats(out: Path) -> dict[str, Any]:
    lines = [json.loads(line) for line in (out / "stats.jsonl").read_text().splitlines()]
    stats: dict[str, Any] = [line for line in lines if "event" not in line][-1]
    return stats


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--video")
    parser.add_argument("--audio")
    options = parser.parse_args()
    media = [part for name in ("video", "audio") if (v := getattr(options, name)) for part in (f"--{name}", v)]
    for name, stats in zip("ab", call(options.out, options.seconds, media), strict=True):
        sound, picture = stats["audio_in"], stats["video_in"]
        heard = sound["totalSamplesReceived"] / 48_000
        print(f"{name}: {picture['framesDecoded']} pictures, {heard:.1f} s of speech, concealed "
              f"{100 * sound['concealedSamples'] / max(1, sound['totalSamplesReceived']):.1f} %")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
