"""How fast this machine encodes AV1: measured in two seconds, remembered until the machine or the encoder changes."""

from __future__ import annotations

import json
import logging
import os
import platform
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from app.media.video.av1 import FASTEST, SLOWEST, Av1Encoder
from app.media.video.svt import Av1Error, Av1Missing

log = logging.getLogger(__name__)

SHARE = 0.25
"""Of one core, for encoding at a rung's full frame rate: the rest of a call needs as much again."""
_WIDTH, _HEIGHT, _BITRATE, _FPS = 640, 480, 80_000, 15
_PICTURES, _WARM = 16, 4
_PRESETS = (SLOWEST, 8, 9, 10, FASTEST)
_FILE_VERSION = 1


@dataclass(frozen=True)
class Speeds:
    """Seconds of one core that a megapixel takes, by preset (slowest first); empty: not measured."""

    s_per_mpixel: tuple[tuple[int, float], ...] = ()

    def preset(self, pixels: int, fps: float, share: float = SHARE) -> int:
        """The slowest preset that keeps within the share at `fps` pictures of `pixels` a second."""
        if not self.s_per_mpixel:
            return _UNMEASURED
        fitting = [preset for preset, cost in self.s_per_mpixel if cost * pixels / 1e6 * fps <= share]
        return min(fitting, default=FASTEST)

    @property
    def can_av1(self) -> bool:
        """Whether the quickest preset keeps a small picture of talk within the share."""
        return not self.s_per_mpixel or self.s_per_mpixel[-1][1] * 320 * 240 / 1e6 * _FPS <= SHARE


_UNMEASURED = 10


def measure() -> Speeds:
    """Takes about two seconds of one core. Raises Av1Missing."""
    pictures = [_picture(n) for n in range(_PICTURES)]
    found = []
    for preset in _PRESETS:
        try:
            encoder = Av1Encoder(_WIDTH, _HEIGHT, _FPS, _BITRATE, preset)
        except Av1Error as exc:
            log.info("AV1 preset %d is not there: %s", preset, exc)
            continue
        for picture in pictures[:_WARM]:
            encoder.encode(picture, key=False)
        # The encoder works on a thread of its own: the whole process's time counts, as it will in a call.
        began = time.process_time()
        for picture in pictures[_WARM:]:
            encoder.encode(picture, key=False)
        cost = (time.process_time() - began) / (len(pictures) - _WARM) / (_WIDTH * _HEIGHT / 1e6)
        encoder.close()
        found.append((preset, cost))
    return Speeds(tuple(found))


def _picture(n: int) -> av.VideoFrame:
    """Like a person before a wall: a still background with some texture, and a textured oval that moves a little."""
    x, y = np.meshgrid(np.arange(_WIDTH), np.arange(_HEIGHT))
    wall = 110 + 30 * np.sin(x / 37) + 20 * np.sin(y / 29) + (x * 7 + y * 13) % 5
    left, up = 320 + 12 * np.sin(n / 3), 260 + 6 * np.cos(n / 4)
    face = 170 + 25 * np.sin((x - left) / 11) * np.cos((y - up + 2 * n) / 13)
    inside = ((x - left) / 110) ** 2 + ((y - up) / 150) ** 2 < 1
    planes = np.full((_HEIGHT * 3 // 2, _WIDTH), 128, np.uint8)
    planes[:_HEIGHT] = np.clip(np.where(inside, face, wall), 16, 235).astype(np.uint8)
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def machine_name() -> str:
    """What a measurement holds for: the processor, the number of cores, and av with its encoder."""
    return f"{platform.machine()} {platform.processor()} {os.cpu_count()} av {av.__version__}"


def remembered(path: Path) -> Speeds | None:
    """What was measured earlier on this machine; None when there is nothing that holds."""
    try:
        told = json.loads(path.read_text("utf-8"))
        if told["version"] != _FILE_VERSION or told["machine"] != machine_name():
            return None
        return Speeds(tuple((int(preset), float(cost)) for preset, cost in told["s_per_mpixel"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def measured(path: Path) -> Speeds:
    """From memory, else measured now and remembered. Never raises for a file: it is measured again then."""
    known = remembered(path)
    if known is not None:
        return known
    try:
        speeds = measure()
    except Av1Missing as exc:
        log.warning("%s Pictures go as VP8.", exc)
        return Speeds(((FASTEST, float("inf")),))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps({"version": _FILE_VERSION, "machine": machine_name(), "s_per_mpixel": speeds.s_per_mpixel}),
            "utf-8",
        )
    except OSError as exc:
        log.info("the encoder's speed cannot be remembered: %s", exc)
    return speeds


def memory_path() -> Path:
    """The user's cache folder (XDG base directories; %LOCALAPPDATA% on Windows)."""
    fallback = os.environ.get("LOCALAPPDATA") or str(Path.home() / ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or fallback) / "thinline" / "encoder-speed.json"


class SpeedTest:
    """What is known of this machine; what is not known yet is measured once, on a thread that ends by itself."""

    def __init__(self, path: Path) -> None:
        known = remembered(path)
        self.speeds = known or Speeds()
        if known is None:
            threading.Thread(target=self._run, args=(path,), name="encoder-speed", daemon=True).start()

    def _run(self, path: Path) -> None:
        self.speeds = measured(path)
