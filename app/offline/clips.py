"""Clips from outside are hostile until decoded: bounded, then a limited child process. No clear byte on disk.

All functions block (up to :data:`TIME_S`): call them in an executor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.offline import clip_child
from app.offline.child import ChildFailed, Limits, run_child
from app.offline.errors import OfflineError

CLIP_TYPE = "video/mp4"
VOICE_TYPE = "audio/ogg"
MAX_CLIP_BYTES = 24 * 1024 * 1024
MAX_VOICE_BYTES = 8 * 1024 * 1024
MAX_LONG_S = 190
"""The longest clip or voice message that is opened at all."""
MAX_SECONDS = 15
"""What is taken apart at once: a longer clip is shown piece by piece (:func:`safe_piece`), in bounded memory."""
MAX_PIXELS = 1920 * 1088
MAX_FPS = 30
MAX_SAFE_BYTES = 96 * 1024 * 1024
MEMORY_BYTES = 1536 * 1024 * 1024
CPU_S = 60
TIME_S = 90.0


class NotAClip(OfflineError):
    """The bytes are no MP4, or no Ogg for a voice message."""

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


@dataclass(frozen=True)
class ClipInfo:
    """What a clip says of itself, its packets counted; its first picture was decoded, and no other."""

    seconds: float
    width: int
    height: int
    sound: bool


@dataclass(frozen=True)
class SafeVoice:
    """A voice message taken apart: `sound` as of :class:`SafeClip`."""

    seconds: float
    sound: bytes = field(repr=False)


def bound_clip(data: bytes) -> None:
    """For the sender. Raises :class:`ClipTooLarge`."""
    if len(data) > MAX_CLIP_BYTES:
        raise ClipTooLarge(f"{len(data)} bytes")


def safe_clip(data: bytes) -> SafeClip:
    """A whole clip of up to :data:`MAX_SECONDS`. Raises :class:`NotAClip`, :class:`ClipTooLarge` or
    :class:`ClipBroken`, as all of these."""
    return _clip(data, Task("whole", MAX_SECONDS))


def check_clip(data: bytes) -> ClipInfo:
    """How long a clip is and what it holds: for the sender, and before :func:`safe_piece`."""
    _bound(data, MAX_CLIP_BYTES, 4, b"ftyp")
    head, _ = _run_child(data, Task("look", MAX_LONG_S))
    return _info(head)


def front_of(data: bytes) -> tuple[ClipInfo, bytes]:
    """As :func:`check_clip`, and a picture of the clip as a JPEG of our own making: of its first two seconds the first
    that is about as sharp as the sharpest of them."""
    _bound(data, MAX_CLIP_BYTES, 4, b"ftyp")
    head, body = _run_child(data, Task("front", MAX_LONG_S))
    if not body:
        raise ClipBroken("the child's answer is not whole")
    return _info(head), body


def _info(head: dict[str, Any]) -> ClipInfo:
    try:
        return ClipInfo(float(head["seconds"]), int(head["width"]), int(head["height"]), bool(head["sound"]))
    except (KeyError, TypeError, ValueError) as exc:
        raise ClipBroken("the child's answer makes no sense") from exc


def safe_piece(data: bytes, start: float, length: float = MAX_SECONDS) -> SafeClip:
    """What is shown and heard from `start` (s) on, at most `length` (s, up to :data:`MAX_SECONDS`) of it.

    Its times count from `start`, and its first picture is the one that is on show then. A start after the end is
    :class:`ClipBroken`; ValueError for one before the beginning.
    """
    if not 0.0 <= start <= MAX_LONG_S or not 0.0 < length <= MAX_SECONDS:
        raise ValueError("no piece of a clip")
    return _clip(data, Task("piece", MAX_LONG_S, start, length))


def check_voice(data: bytes) -> float:
    """Its seconds; for the sender."""
    return safe_voice(data).seconds


def safe_voice(data: bytes) -> SafeVoice:
    """A whole voice message: three minutes are 17 MB of sound."""
    _bound(data, MAX_VOICE_BYTES, 0, b"OggS")
    head, body = _run_child(data, Task("voice", MAX_LONG_S))
    if head.get("sound") != len(body) or not body:
        raise ClipBroken("the child's answer is not whole")
    return SafeVoice(len(body) / 96_000, body)


@dataclass(frozen=True)
class Task:
    """What the child shall do; all in seconds."""

    what: str
    most: int
    start: float = 0.0
    length: float = 0.0


def _bound(data: bytes, most: int, place: int, mark: bytes) -> None:
    if len(data) > most:
        raise ClipTooLarge(f"{len(data)} bytes")
    if data[place : place + 4] != mark:
        raise NotAClip("it begins otherwise")


def _clip(data: bytes, task: Task) -> SafeClip:
    _bound(data, MAX_CLIP_BYTES, 4, b"ftyp")
    head, body = _run_child(data, task)
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


def _run_child(data: bytes, task: Task) -> tuple[dict[str, Any], bytes]:
    piece = (task.what, round(1000 * task.start), round(1000 * task.length))
    bounds = (task.most, MAX_PIXELS, MAX_FPS, MAX_SAFE_BYTES)
    try:
        answer, body = run_child(clip_child, *piece, *bounds, data=data, limits=Limits(MEMORY_BYTES, CPU_S, TIME_S))
    except ChildFailed as exc:
        raise ClipBroken(str(exc)) from exc
    if not answer["ok"]:
        raise ClipBroken(answer["why"])
    return answer, body
