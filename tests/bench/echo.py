"""The echo of a loudspeaker through a room and 150 ms, far end alone and then both talking, in simulated time.

Prints JSON lines {"what", "figure", "target"} for `make bench`. PESQ is of the lab's environment (packaging/bench.sh).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

from echo_room import FRAME, RATE, Room, decibels, response, speech

from app.media.audio.processing import Processing

ROOT = Path(__file__).parents[2]
ALONE_S, BOTH_S, DELAY_S = 8, 12, 0.15
_PESQ = """
import sys, numpy as np
from pesq import pesq
from scipy.signal import resample_poly
d = np.load(sys.argv[1]); a, b = (resample_poly(d[k], 1, 3) for k in ("near", "given"))
print(min(pesq(16000, a[i:i + 96000], b[i:i + 96000], "wb") for i in (0, 96000)))
"""


def scene(told_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the microphone took, what was given on, and what the near person said; int16's range, 48 kHz."""
    count = (ALONE_S + BOTH_S) * RATE
    far = np.clip(speech("town", ALONE_S + BOTH_S), -32768, 32767).astype(np.int16)
    room = Room(response(), DELAY_S)
    echo = np.concatenate([room.hear(far[i : i + FRAME]) for i in range(0, count, FRAME)])
    near = np.concatenate([np.zeros(ALONE_S * RATE), speech("home", BOTH_S)])
    taken = echo + near + np.random.default_rng(5).standard_normal(count) * 10
    microphone = np.clip(taken, -32768, 32767).astype(np.int16)
    processing = Processing(gain=False)
    processing.prepare()
    given = np.zeros(count)
    for i in range(0, count, FRAME):
        processing.render(far[i : i + FRAME], told_s)
        given[i : i + FRAME] = processing.capture(microphone[i : i + FRAME], 0.0)
    return taken, given, near


def opinion(near: np.ndarray, given: np.ndarray) -> str:
    """The lower PESQ of two windows of 6 s."""
    home = Path(os.environ.get("LAB_HOME", ROOT / ".setup" / "lab"))
    python = home / "venv" / "bin" / "python"
    if not python.exists():
        return "not measured: packaging/bench.sh first"
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/both.npz", near=near, given=given)
        done = subprocess.run([python, "-c", _PESQ, f"{folder}/both.npz"], capture_output=True, text=True, check=True)
    return f"PESQ {float(done.stdout):.2f}"


def main() -> int:
    for words, told_s in (("delay known", DELAY_S), ("delay told 60 ms wrong", DELAY_S + 0.06)):
        taken, given, near = scene(told_s)
        late, both = slice(4 * RATE, ALONE_S * RATE), slice(ALONE_S * RATE, None)
        loss = decibels(taken[late]) - decibels(given[late])
        rows = (
            (f"echo return loss enhancement, {words}", f"{loss:.0f} dB", ">= 25 dB"),
            (f"near end while both talk, {words}", opinion(near[both], given[both]), "PESQ >= 3"),
        )
        for what, figure, target in rows:
            print(json.dumps({"what": what, "figure": figure, "target": target}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
