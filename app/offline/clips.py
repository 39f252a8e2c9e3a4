"""Clips from outside are hostile until decoded: bounded, then a limited child process. No clear byte on disk.

All functions block (up to :data:`TIME_S`): call them in an executor.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from typing import Any

from app.offline import clip_child
from app.offline.child import child_command, child_environment
from app.offline.errors import OfflineError

CLIP_TYPE = "video/mp4"
MAX_CLIP_BYTES = 8 * 1024 * 1024
MAX_SECONDS = 15
MAX_PIXELS = 1920 * 1088
MAX_FPS = 30
MAX_SAFE_BYTES = 96 * 1024 * 1024
MEMORY_BYTES = 1536 * 1024 * 1024
CPU_S = 60
TIME_S = 90.0


class NotAClip(OfflineError):
    """The bytes are no MP4."""

    sentence = "This file is not a clip that can be opened."


class ClipBroken(OfflineError):
    """It does not decode within the limits, or is not what our recorder makes."""

    sentence = "This clip is damaged and cannot be opened."


class ClipTooLarge(OfflineError):
    """More bytes than are safe to open, or to send; refused before anything is decoded."""

    sentence = "This clip is too large to be opened."


@dataclass(frozen=True)
class SafeClip:
    """A clip taken apart by a limited process: `pictures` are JPEG of our own making, `times` when each is shown (s,
    rising), `sound` is mono, 48 kHz, int16, little-endian, from time 0; empty where there is none."""

    seconds: float
    width: int
    height: int
    times: tuple[float, ...]
    pictures: tuple[bytes, ...] = field(repr=False)
    sound: bytes = field(repr=False)

    def place_at(self, seconds: float) -> int:
        """The number of the picture on show at that time."""
        low, high = 0, len(self.times)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.times[middle] <= seconds else (low, middle)
        return low


def bound_clip(data: bytes) -> None:
    """For the sender. Raises :class:`ClipTooLarge`."""
    if len(data) > MAX_CLIP_BYTES:
        raise ClipTooLarge(f"{len(data)} bytes")


def safe_clip(data: bytes) -> SafeClip:
    """Raises :class:`NotAClip`, :class:`ClipTooLarge` or :class:`ClipBroken`."""
    bound_clip(data)
    if data[4:8] != b"ftyp":
        raise NotAClip("no file type box")
    head, body = _run_child(data)
    try:
        sizes, size, sound = head["sizes"], sum(head["sizes"]), head["sound"]
        if size + sound != len(body) or len(sizes) != len(head["times"]) or not sizes:
            raise ClipBroken("the child's answer is not whole")
        starts = [sum(sizes[:n]) for n in range(len(sizes))]
        pictures = tuple(body[start : start + one] for start, one in zip(starts, sizes, strict=True))
        times = tuple(head["times"])
        return SafeClip(head["seconds"], head["width"], head["height"], times, pictures, body[size:])
    except (KeyError, TypeError) as exc:
        raise ClipBroken("the child's answer makes no sense") from exc


def _run_child(data: bytes) -> tuple[dict[str, Any], bytes]:
    """Runs the child by its file: `-I` keeps the environment and the working folder off its path."""
    bounds = (MEMORY_BYTES, CPU_S, MAX_SECONDS, MAX_PIXELS, MAX_FPS, MAX_SAFE_BYTES)
    command = child_command(clip_child, *bounds, memory=MEMORY_BYTES, cpu=CPU_S)
    try:
        child = subprocess.run(
            command,
            check=False,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIME_S,
            env=child_environment(),
        )
    except subprocess.TimeoutExpired as exc:
        raise ClipBroken(f"not decoded within {TIME_S:.0f} s") from exc
    line, newline, body = child.stdout.partition(b"\n")
    if child.returncode != 0 or not newline:
        raise ClipBroken(f"the child ended with {child.returncode}")
    answer = json.loads(line)
    if not answer["ok"]:
        raise ClipBroken(answer["why"])
    return answer, body
