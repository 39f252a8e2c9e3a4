"""`thinline peer` by its contract: two processes, JSON lines, and the files they leave."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from device_kit import write_film
from hypothesis import given
from hypothesis import strategies as st
from session_pair import write_tone

from app.peer_files import PeerFiles, read_marker

RUN = [sys.executable, "-c", "import app.peer,sys; sys.exit(app.peer.main(sys.argv[1:]))"]
BIND = json.dumps({"bind": "127.0.0.1"})


class Process:
    """One peer; lines that are no JSON fail the test. What it signals goes to `other`, as the harness carries it."""

    def __init__(self, *args: str) -> None:
        pipe = subprocess.PIPE
        self.other: Process | None = None
        self.process = subprocess.Popen([*RUN, *args], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.signals: list[Any] = []
        self.errors: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            if message["type"] == "signal" and self.other is not None:
                with contextlib.suppress(OSError):  # it may have ended
                    self.other.send(cmd="signal", data=message["data"])
            self._lines.put(line)
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)

    def send(self, **message: Any) -> None:
        self.write(json.dumps(message))

    def write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def expect(self, kind: str) -> dict[str, Any]:
        while True:
            line = self._lines.get(timeout=30)
            assert line is not None, self.errors
            message: dict[str, Any] = json.loads(line)
            if message["type"] == "signal":
                self.signals.append(message["data"])
                continue
            assert message["type"] == kind
            return message


@contextlib.contextmanager
def peer(*args: str) -> Iterator[Process]:
    process = Process(*args)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.wait()
        for stream in (process.process.stdin, process.process.stdout, process.process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


def _marked(number: int, width: int = 640, height: int = 480) -> np.ndarray:
    """A picture with the lab's marker, made after its description alone."""
    gray = number ^ (number >> 1)
    bits = [1, 0, *[(gray >> (15 - i)) & 1 for i in range(16)], 0, 1]
    picture = np.full((height, width), 110, np.uint8)
    cell, tall = width // 20, round(height / 15)
    for i, bit in enumerate(bits):
        picture[height - tall :, i * cell : (i + 1) * cell] = 208 if bit else 32
    return picture


@given(st.integers(0, 0xFFFF), st.sampled_from([(640, 480), (480, 360), (320, 240), (160, 120)]))
def test_a_marker_is_read_at_any_size(number: int, size: tuple[int, int]) -> None:
    assert read_marker(_marked(number, *size)) == number


def test_a_marker_survives_noise_and_is_not_seen_where_there_is_none() -> None:
    rng = np.random.default_rng(3)
    for number in range(0, 65536, 997):
        noisy = np.clip(_marked(number, 320, 240) + rng.normal(0, 15, (240, 320)), 0, 255).astype(np.uint8)
        assert read_marker(noisy) == number
    assert read_marker(np.full((480, 640), 128, np.uint8)) is None
    assert read_marker(np.full((16, 16), 128, np.uint8)) is None


def test_nothing_is_written_after_closing(tmp_path: Path) -> None:
    files = PeerFiles(tmp_path / "out")
    files.played(1.5, np.ones(960, np.int16))
    files.close()
    files.played(2.5, np.ones(960, np.int16))
    assert (tmp_path / "out" / "audio.csv").read_text() == "1.5000,960\n"
    assert (tmp_path / "out" / "audio.raw").stat().st_size == 1920


def test_two_peers_hold_a_call_and_leave_their_files(tmp_path: Path) -> None:
    film = str(write_film(tmp_path / "film.y4m", frames=20, size=(320, 240), fps=25))
    tone = str(write_tone(tmp_path / "tone.wav"))
    out = {name: tmp_path / name for name in "ab"}
    media = ("--video", film, "--audio", tone, "--options", BIND)
    with peer("--outdir", str(out["a"]), *media) as a, peer("--outdir", str(out["b"]), *media) as b:
        assert a.expect("ready")["engine"].startswith("thinline ")
        b.expect("ready")
        a.send(cmd="offer")
        b.send(cmd="answer", sdp=a.expect("offer")["sdp"])
        a.send(cmd="set_answer", sdp=b.expect("answer")["sdp"])
        a.expect("ok")
        a.other, b.other = b, a
        a.write("this is no JSON")
        a.send(cmd="dance")
        a.send(cmd="signal", data={"kind": "nonsense"})
        _until_grown([out[n] / "frames.bin" for n in "ab"], 2 * 240 * 180)
        for process in (a, b):
            process.send(cmd="stop")
            process.expect("done")
        assert a.process.wait(10) == b.process.wait(10) == 0
    for folder in out.values():
        _check_files(folder)


def _until_grown(paths: list[Path], size: int) -> None:
    """Files grow while the peers run; there is nothing else to wait on from outside."""
    turn = threading.Event()
    for _ in range(600):
        if all(p.exists() and p.stat().st_size >= size for p in paths):
            return
        turn.wait(0.05)
    last = [(p.parent / "stats.jsonl").read_text().splitlines()[-3:] for p in paths]
    raise AssertionError(f"{[p.stat().st_size for p in paths]} did not reach {size} bytes; {last}")


def _check_files(folder: Path) -> None:
    received = [line.split(",") for line in (folder / "recv.csv").read_text().splitlines()]
    assert all(len(row) == 4 and int(row[2]) * 3 == int(row[3]) * 4 for row in received)
    sent = (folder / "sent.csv").read_text().splitlines()
    assert len(sent) > len(received)
    for name in ("audio", "sent_audio"):
        rows = [line.split(",") for line in (folder / f"{name}.csv").read_text().splitlines()]
        samples = np.frombuffer((folder / f"{name}.raw").read_bytes(), "<i2")
        assert sum(int(n) for _, n in rows) == len(samples)
        assert np.abs(samples).max() > 5000
    lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    last = [line for line in lines if "event" not in line][-1]
    assert last["video_in"]["framesDecoded"] > 0
    assert last["audio_in"]["totalSamplesReceived"] > 0
    with (folder / "frames.bin").open("rb") as file:
        head = json.loads(file.readline())
        size = head["w"] * head["h"]
        assert len(file.read(size)) == size


@pytest.mark.parametrize("options", ["{", "[1]"])
def test_unusable_options_end_with_a_sentence(tmp_path: Path, options: str) -> None:
    done = subprocess.run(
        [*RUN, "--outdir", str(tmp_path / "o"), "--options", options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "--options is not" in done.stderr
    assert done.stdout == ""
