"""PURE: how long, how large and how good a clip is, and when its sound was taken."""

from __future__ import annotations

from dataclasses import dataclass, field

RATE = 48_000
CHUNK = 960
"""Samples in one chunk of the microphone's (20 ms), which is one Opus frame too."""

CLIP_S = 10.0
LEAST_S = 2.0
"""A shorter one, cut off by the call's end, is not kept."""
MOST_BYTES = 4 * 1024 * 1024
MOST_WIDTH, MOST_HEIGHT = 1280, 720
SOUND_BPS = 40_000

_FULL_BPS, _LEAST_BPS = 2_300_000, 600_000
_SIZE_POWER = 0.75  # a smaller picture needs fewer bits, but more for each of its pixels


@dataclass(frozen=True)
class Clip:
    """What was recorded: an MP4 (ISO/IEC 14496-14) of H.264 and Opus. `seconds` of it, `width` and `height` in px."""

    data: bytes = field(repr=False)
    seconds: float
    width: int
    height: int
    media_type: str = "video/mp4"
    name: str = "clip.mp4"


def picture_bps(width: int, height: int) -> int:
    """Bits a second for pictures of this size: 10 s of 1280x720 take 3 MB."""
    share = width * height / (MOST_WIDTH * MOST_HEIGHT)
    return max(_LEAST_BPS, round(_FULL_BPS * float(min(1.0, share) ** _SIZE_POWER)))


@dataclass(frozen=True)
class SoundClock:
    """Tells when a sample was taken: `zero` is the monotonic time (s) of place 0, None while nothing was heard.

    A chunk can come late, never early: so the earliest that any came, counted from its place, is the truth.
    """

    zero: float | None = None

    def heard(self, place: int, now: float) -> SoundClock:
        """A chunk whose first sample has this place was handed over at `now`, right after its last was taken."""
        zero = now - (place + CHUNK) / RATE
        return self if self.zero is not None and self.zero <= zero else SoundClock(zero)

    def at(self, place: int) -> float:
        """Monotonic seconds at which that sample was taken. ValueError while nothing was heard."""
        if self.zero is None:
            raise ValueError("nothing was heard yet")
        return self.zero + place / RATE
