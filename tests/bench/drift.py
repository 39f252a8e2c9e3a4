"""Two hours of a talker whose clock is 200 ppm off, on simulated time: how far the delay moves, and the largest step.

Prints JSON lines {"what", "figure", "target"} for `make bench`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[1] / "media"))

from speech_network import drifting, largest_step, tone

PPM, HOURS = 200, 2
_SETTLED_S = 10
_MEDIAN_OF = 500  # pulls of 10 ms: a packet's own 60 ms go up and down in the delay


def main() -> int:
    for ppm in (PPM, -PPM):
        run = drifting(ppm, HOURS * 3600)
        # What was said is told on the talker's clock; its own drift is no delay.
        delays = np.array([now - (now - delay) * (1 + ppm * 1e-6) for now, delay in run.delays if now > _SETTLED_S])
        medians = np.median(delays[: len(delays) // _MEDIAN_OF * _MEDIAN_OF].reshape(-1, _MEDIAN_OF), axis=1)
        moved = (medians.max() - medians.min()) * 1000
        step = run.step / largest_step(tone())
        rows = (
            (f"delay moves, {ppm:+} ppm, {HOURS} h", f"{moved:.0f} ms", "<= 20 ms"),
            (f"largest step of a tone, {ppm:+} ppm", f"{step:.2f} times the tone's own", "no audible step"),
            (f"concealed, {ppm:+} ppm", f"{run.playout.counters.concealed} samples", "0"),
        )
        for what, figure, target in rows:
            print(json.dumps({"what": what, "figure": figure, "target": target}), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
