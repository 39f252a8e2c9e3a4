"""`make bench`: what this machine pays for encoding, sealing and saving. Prints a table and writes docs/benchmarks.md.

Machines are noisy: compare lines of one run with each other, not runs with runs.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from app.demo.samples import make_sample
from app.media.audio.opus import OpusEncoder
from app.media.rate.ladder import LADDER
from app.media.video.vp8 import encoder_for
from app.offline.capture import Part as CapturePart
from app.offline.capture import Words, save_sealed, seal_submission
from app.offline.trust import sender
from app.offline.vault import seal
from tests.offline.offline_kit import Clinic, open_device

Row = tuple[str, str, str]


def best(work: Callable[[], object], times: int = 5) -> float:
    """Seconds of the fastest of some runs: what the work costs when nothing disturbs it."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def pictures(folder: Path) -> list[Row]:
    """Encoding 4 s of the sample film on each picture rung, against the time it lasts."""
    with av.open(str(make_sample("home", folder).camera)) as container:
        frames = [f for _, f in zip(range(100), container.decode(video=0), strict=False)]
    rows = []
    for rung in LADDER:
        if rung.pictures is None:
            continue
        p = rung.pictures
        step = max(1, round(25 / p.fps))
        encoder = encoder_for(frames[0], (p.width, p.height), p.fps, p.bitrate)
        began, sizes = time.perf_counter(), []
        for place in range(0, len(frames), step):
            data, _ = encoder.encode(frames[place], place * 3600, place == 0)
            sizes.append(len(data))
        cost = (time.perf_counter() - began) / 4.0
        rate = sum(sizes) * 8 / 4.0 / 1000
        rows.append(
            (f"VP8 {rung.name}", f"{100 * cost:.0f} % of one core", f"{rate:.0f} kbit/s of {p.bitrate // 1000}")
        )
    return rows


def speech() -> list[Row]:
    random = np.random.default_rng(1)
    rows = []
    for rate, ms in sorted({(r.speech_bps, r.frame_ms) for r in LADDER}):
        encoder = OpusEncoder(rate, ms)
        frames = (random.standard_normal((10_000 // ms, ms * 48)) * 3000).astype(np.int16)
        cost = best(lambda e=encoder, f=frames: [e.encode(x) for x in f], 3) / 10  # type: ignore[misc]
        rows.append((f"Opus {rate // 1000} kbit/s in {ms} ms", f"{100 * cost:.1f} % of one core", ""))
    return rows


def sealing() -> list[Row]:
    recipients = [Clinic().team().members[0].age_recipient]
    rows = []
    for size in (100_000, 3_000_000, 30_000_000):
        data = os.urandom(size)
        spent = best(lambda d=data: seal(d, recipients), 3)  # type: ignore[misc]
        rows.append((f"sealing {size / 1e6:g} MB", f"{1000 * spent:.0f} ms", f"{size / 1e6 / spent:.0f} MB/s"))
    return rows


def saving(folder: Path) -> list[Row]:
    """From a photo in memory to "Saved": sealed, files and rows synced."""
    device = open_device(folder / "profile", Clinic())
    try:
        rows = []
        for size in (80_000, 3_000_000):
            photo = os.urandom(size)

            def save(data: bytes = photo) -> None:
                who = sender(device.core)
                sealed = seal_submission(
                    who, [CapturePart(data, "photo.jpg", "image/jpeg")], Words("photo"), datetime.now(UTC)
                )
                save_sealed(device.core, device.profile.blobs, sealed)

            rows.append((f"a photo of {size / 1e6:g} MB saved", f"{1000 * best(save):.0f} ms", ""))
        return rows
    finally:
        device.close()


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*pictures(folder), *speech(), *sealing(), *saving(folder)]
    lines = [f"| {a} | {b} | {c} |" for a, b, c in rows]
    table = "\n".join(["| what | cost | |", "|---|---|---|", *lines])
    print(table)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    Path("docs/benchmarks.md").write_text(
        f"# Benchmarks\n\nWritten by `make bench` ({machine}). Compare lines of one run, not runs.\n\n{table}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
