"""PURE: how long, how large and how good a clip is, and when its sound was taken."""

from __future__ import annotations

from dataclasses import dataclass, field

RATE = 48_000
CHUNK = 960
"""Samples in one chunk of the microphone's (20 ms), which is one Opus frame too."""

LEAST_S = 2.0
"""A shorter one, cut off by the call's end, is not kept."""
_SIZE_POWER = 0.75  # a smaller picture needs fewer bits, but more for each of its pixels


@dataclass(frozen=True)
class ClipKind:
    """How long and how good: at most `seconds` and `most_bytes` (it stops before), pictures of at most this size (px),
    `full_bps` for those and `least_bps` for small ones, `sound_bps`."""

    seconds: float
    most_bytes: int
    most_width: int
    most_height: int
    full_bps: int
    least_bps: int
    sound_bps: int


CLOSER = ClipKind(10.0, 4 * 1024 * 1024, 1280, 720, 2_300_000, 600_000, 40_000)
"""A closer look within a visit: short, at the camera's own quality."""
MESSAGE = ClipKind(180.0, 24 * 1024 * 1024, 640, 480, 600_000, 250_000, 32_000)
"""A message outside of a visit: as long as a person needs, 14 MB at most, so that a thin link can carry it."""
VOICE_S = 180.0
VOICE_BPS = 24_000
"""Opus is transparent for one voice from 24 kbit/s on (RFC 6716 section 2.1.1): 3 minutes take half a megabyte."""

CLIP_S = CLOSER.seconds
MOST_BYTES = CLOSER.most_bytes
SOUND_BPS = CLOSER.sound_bps


@dataclass(frozen=True)
class Clip:
    """What was recorded: an MP4 (ISO/IEC 14496-14) of H.264 and Opus. `seconds` of it, `width` and `height` in px."""

    data: bytes = field(repr=False)
    seconds: float
    width: int
    height: int
    media_type: str = "video/mp4"
    name: str = "clip.mp4"


@dataclass(frozen=True)
class Voice:
    """What was spoken: Opus in Ogg (RFC 7845), mono. `seconds` of it."""

    data: bytes = field(repr=False)
    seconds: float
    media_type: str = "audio/ogg"
    name: str = "voice.ogg"


def picture_bps(width: int, height: int, kind: ClipKind = CLOSER) -> int:
    """Bits a second for pictures of this size: 10 s of 1280x720 take 3 MB."""
    share = width * height / (kind.most_width * kind.most_height)
    return max(kind.least_bps, round(kind.full_bps * float(min(1.0, share) ** _SIZE_POWER)))


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
