"""PURE: the rungs of the ladder, each a whole: how speech and pictures are sent, and what that costs on the wire."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from app.media.rate.speech import LOWEST, PACKET_OVERHEAD_BYTES, Speech, needed_redundancy

CONSENT_BPS = 350
"""STUN consent checks (RFC 7675), each way."""
FEEDBACK_SHARE = 0.05
VIDEO_PAYLOAD_BYTES = 600
"""What a packet of pictures carries, for reckoning; on thin links half of it (:func:`payload_bytes`)."""
_THIN_PICTURES_BPS = 40_000
_PACKET_S, _LEAST_PAYLOAD, _MOST_PAYLOAD = 0.045, 200, 1_100


def payload_bytes(link_bps: float) -> int:
    """The largest RTP payload of what is not speech: with headers it takes the link for 45 ms, so that speech never
    waits longer for one packet; 200..1,100.
    """
    fitting = round(link_bps * _PACKET_S / 8) - PACKET_OVERHEAD_BYTES
    return max(_LEAST_PAYLOAD, min(_MOST_PAYLOAD, fitting))


@dataclass(frozen=True)
class Pictures:
    """Moving pictures within a box of `width` x `height`, `fps` a second, `bitrate` bit/s of payload."""

    width: int
    height: int
    fps: float
    bitrate: int

    @property
    def wire_bps(self) -> int:
        """Bit/s on the wire, headers in."""
        payload = VIDEO_PAYLOAD_BYTES if self.bitrate > _THIN_PICTURES_BPS else VIDEO_PAYLOAD_BYTES / 2
        packets = max(self.fps, self.bitrate / 8 / payload + self.fps / 2)
        return round(self.bitrate + packets * PACKET_OVERHEAD_BYTES * 8)


@dataclass(frozen=True)
class Rung:
    """How speech and pictures are sent; `pictures` None: speech alone."""

    name: str
    speech: Speech
    pictures: Pictures | None = None

    @property
    def total_bps(self) -> int:
        """Bit/s on the wire, every header, RTCP (5 % of the whole) and consent in."""
        media = self.speech.wire_bps + (self.pictures.wire_bps if self.pictures is not None else 0)
        return math.ceil((media + CONSENT_BPS) / (1 - FEEDBACK_SHARE))


def _rung(name: str, speech: Speech, width: int, height: int, fps: float, kbit: int) -> Rung:
    return Rung(name, speech, Pictures(width, height, fps, kbit * 1_000))


_LOW, _MIDDLE, _GOOD, _HIGH = Speech(16_000, 60), Speech(24_000, 40), Speech(24_000, 20), Speech(32_000, 20)

LADDER: tuple[Rung, ...] = (
    Rung("speech", LOWEST),
    _rung("pictures-20", _LOW, 240, 180, 6, 20),
    _rung("pictures-25", _LOW, 320, 240, 7, 25),
    _rung("pictures-31", _LOW, 320, 240, 7, 31),
    _rung("pictures-36", Speech(16_000, 40), 320, 240, 8, 36),
    _rung("pictures-42", Speech(20_000, 40), 320, 240, 9, 42),
    _rung("pictures-50", _MIDDLE, 320, 240, 10, 50),
    _rung("pictures-58", _MIDDLE, 320, 240, 12, 58),
    _rung("pictures-70", _GOOD, 320, 240, 15, 70),
    _rung("pictures-85", _GOOD, 320, 240, 15, 85),
    _rung("pictures-105", _GOOD, 480, 360, 15, 105),
    _rung("pictures-125", _GOOD, 480, 360, 15, 125),
    _rung("pictures-150", _GOOD, 480, 360, 15, 150),
    _rung("pictures-180", _GOOD, 640, 480, 15, 180),
    _rung("pictures-215", _HIGH, 640, 480, 20, 215),
    _rung("pictures-260", _HIGH, 640, 480, 20, 260),
    _rung("pictures-310", _HIGH, 640, 480, 20, 310),
    _rung("pictures-370", _HIGH, 640, 480, 25, 370),
    _rung("pictures-450", _HIGH, 640, 480, 25, 450),
    _rung("pictures-550", _HIGH, 640, 480, 25, 550),
)
"""The speech of a picture rung is what it must leave to speech at the least. The lowest rung is speech alone, from
10 kbit/s whole; its speech follows the budget (:func:`app.media.rate.speech.choose_speech`)."""
SPEECH_ONLY = 0
LOWEST_PICTURES = 1
START = SPEECH_ONLY
"""A visit begins with speech alone; pictures follow within two seconds where the link has been seen to carry them."""


def cost_bps(step: int, loss: float, burst: float) -> int:
    """What a rung needs of the link when its speech is protected against `loss` in runs of `burst` packets."""
    return _costs(needed_redundancy(loss, burst))[step]


def highest_within(bps: float, loss: float = 0.0, burst: float = 1.0) -> int:
    """The highest rung that costs at most `bps`; speech alone if none does."""
    costs = _costs(needed_redundancy(loss, burst))
    return max((i for i in range(LOWEST_PICTURES, len(LADDER)) if costs[i] <= bps), default=SPEECH_ONLY)


@lru_cache(maxsize=4)
def _costs(depth: int) -> tuple[int, ...]:
    return tuple(_protected(rung, depth).total_bps for rung in LADDER)


def _protected(rung: Rung, depth: int) -> Rung:
    if not depth or rung.pictures is None:
        return rung
    return Rung(rung.name, Speech(rung.speech.bitrate, min(60, max(40, rung.speech.frame_ms)), depth), rung.pictures)
