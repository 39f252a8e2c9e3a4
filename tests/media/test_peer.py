"""`thinline peer` by its contract: two processes, JSON lines, and the files they leave."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from device_kit import write_film
from hypothesis import given
from hypothesis import strategies as st
from session_pair import write_tone

from app.peer_files import PeerFiles, read_marker
from tests.bench.two_peers import Peer, carry, connect

RUN = [sys.executable, "-c", "import app.peer,sys; sys.exit(app.peer.main(sys.argv[1:]))"]
BIND = json.dumps({"bind": "127.0.0.1"})


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
    media = ["--video", film, "--audio", tone, "--options", BIND]
    peers = [Peer(tmp_path / name, media, RUN, patience_s=30) for name in "ab"]
    try:
        assert connect(peers)[0]["engine"].startswith("thinline ")
        peers[0].write("this is no JSON")
        peers[0].say(cmd="dance")
        peers[0].say(cmd="signal", data={"kind": "nonsense"})
        _until_grown(peers, 2 * 240 * 180)
        assert [one.end(10) for one in peers] == [0, 0]
    finally:
        for one in peers:
            one.kill()
    for one in peers:
        _check_files(one.out)


def _until_grown(peers: list[Peer], size: int) -> None:
    """Files grow while the peers run; there is nothing else to wait on from outside."""
    paths, until = [one.out / "frames.bin" for one in peers], time.monotonic() + 30
    while time.monotonic() < until:
        if all(p.exists() and p.stat().st_size >= size for p in paths):
            return
        carry(peers, time.monotonic() + 0.05)
    last = [(one.out / "stats.jsonl").read_text().splitlines()[-3:] for one in peers]
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
