"""Part machine of `make bench`: what this machine pays for encoding, sealing and saving."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np

from app.demo.samples import make_sample
from app.media.audio.opus import OpusEncoder
from app.media.rate.ladder import STILLS, View, highest, payload_bytes, pictures_of, room_bps
from app.media.rate.speech import Speech
from app.media.video.codecs import VideoCodec
from app.media.video.encoding import open_encoder
from app.media.video.speed import measure
from app.offline.capture import Part as CapturePart
from app.offline.capture import Words, save_sealed, seal_submission
from app.offline.trust import sender
from app.offline.vault import seal
from tests.bench.tables import Row
from tests.offline.offline_kit import Clinic, open_device

_LINKS = (48, 100, 150, 500)
HEADER: Row = ("what", "cost", "")
_SPEECH = (
    (6_000, 120),
    (8_000, 120),
    (8_000, 60),
    (12_000, 60),
    (16_000, 60),
    (24_000, 40),
    (24_000, 20),
    (32_000, 20),
)
"""(bit/s, ms a frame): what a thin link gets, to what a wide one gets."""


def _best(work: Callable[[], object], times: int = 5) -> float:
    """Seconds of the fastest of some runs: what the work costs when nothing disturbs it."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return min(spent)


def _pictures(folder: Path) -> list[Row]:
    """Encoding 4 s of the sample film as a link of so many kbit/s has it, against the time it lasts."""
    with av.open(str(make_sample("home", folder).camera)) as container:
        frames = [f for _, f in zip(range(100), container.decode(video=0), strict=False)]
    speeds = measure()
    rows = [(f"AV1 preset {n}", f"{1000 * cost:.0f} ms a megapixel", "") for n, cost in speeds.s_per_mpixel]
    for codec, kbit in itertools.product(VideoCodec, _LINKS):
        room = room_bps(kbit * 1_000, 0.0, 1.0)
        step = highest(View.TALK, room, rising=True)
        p = pictures_of(step, View.TALK, room, payload_bytes(kbit * 1_000))
        if p is None or step == STILLS:
            continue
        encoder = open_encoder(codec, p, (frames[0].width, frames[0].height), speeds)
        # The encoder works on threads of its own: the whole process's time counts.
        began, sizes = time.process_time(), []
        for n in range(round(4 * p.fps)):
            sizes.append(len(encoder.encode(frames[round(n * 25 / p.fps) % len(frames)], key=False).data))
        cost = (time.process_time() - began) / 4.0
        encoder.close()
        rate = sum(sizes) * 8 / 4.0 / 1000
        what = f"{codec.value} at {kbit} kbit/s: {p.width}x{p.height}, {p.fps:g} a second"
        rows.append((what, f"{100 * cost:.0f} % of one core", f"{rate:.0f} kbit/s of {p.bitrate // 1000}"))
    return rows


def _speech() -> list[Row]:
    random = np.random.default_rng(1)
    rows = []
    for rate, ms in _SPEECH:
        encoder = OpusEncoder(Speech(rate, ms))
        frames = (random.standard_normal((10_000 // ms, ms * 48)) * 3000).astype(np.int16)
        cost = _best(lambda e=encoder, f=frames: [e.encode(x) for x in f], 3) / 10  # type: ignore[misc]
        rows.append((f"Opus {rate // 1000} kbit/s in {ms} ms", f"{100 * cost:.1f} % of one core", ""))
    return rows


def _sealing() -> list[Row]:
    recipients = [Clinic().team().members[0].age_recipient]
    rows = []
    for size in (100_000, 3_000_000, 30_000_000):
        data = os.urandom(size)
        spent = _best(lambda d=data: seal(d, recipients), 3)  # type: ignore[misc]
        rows.append((f"sealing {size / 1e6:g} MB", f"{1000 * spent:.0f} ms", f"{size / 1e6 / spent:.0f} MB/s"))
    return rows


def _saving(folder: Path) -> list[Row]:
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

            rows.append((f"a photo of {size / 1e6:g} MB saved", f"{1000 * _best(save):.0f} ms", ""))
        return rows
    finally:
        device.close()


def rows() -> list[Row]:
    """Every line of the table; takes some ten seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*_pictures(folder), *_speech(), *_sealing(), *_saving(folder)]
