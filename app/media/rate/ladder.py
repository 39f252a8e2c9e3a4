"""PURE: the rungs of the ladder, each a whole: how speech and pictures are sent, and what that costs on the wire."""

from __future__ import annotations

from dataclasses import dataclass

PACKET_OVERHEAD_BYTES = 58
"""IPv4 20, UDP 8, RTP 12, mid extension 8, SRTP tag 10."""
CONTROL_BPS = 6_500
"""Measured: RTCP, the link reports and their acknowledgements, ICE consent."""
VIDEO_PAYLOAD_BYTES = 600
"""Largest RTP payload on the lower picture rungs: it takes a 64 kbit/s link for 80 ms."""


@dataclass(frozen=True)
class Pictures:
    """Moving pictures within a box of `width` x `height`, `fps` a second, `bitrate` bit/s of payload."""

    width: int
    height: int
    fps: float
    bitrate: int


@dataclass(frozen=True)
class Rung:
    """`speech_bps` of Opus payload in packets of `frame_ms`."""

    name: str
    speech_bps: int
    frame_ms: int
    pictures: Pictures | None = None

    @property
    def total_bps(self) -> int:
        """Bit/s on the wire, every header in."""
        packets = 1000 / self.frame_ms
        bits = self.speech_bps
        if self.pictures is not None:
            bits += self.pictures.bitrate
            packets += max(self.pictures.fps, self.pictures.bitrate / 8 / VIDEO_PAYLOAD_BYTES)
        return round(bits + packets * PACKET_OVERHEAD_BYTES * 8) + CONTROL_BPS


LADDER: tuple[Rung, ...] = (
    Rung("speech-10", 10_000, 60),
    Rung("speech-16", 16_000, 60),
    Rung("speech-20", 20_000, 60),
    # The step from speech to pictures is small on purpose: a try that fails then costs delay, not lost speech.
    Rung("pictures-15", 16_000, 60, Pictures(240, 180, 5, 15_000)),
    Rung("pictures-30", 16_000, 60, Pictures(320, 240, 7, 30_000)),
    Rung("pictures-50", 16_000, 60, Pictures(320, 240, 10, 50_000)),
    Rung("pictures-80", 24_000, 40, Pictures(320, 240, 15, 75_000)),
    Rung("pictures-120", 24_000, 40, Pictures(480, 360, 15, 120_000)),
    Rung("pictures-180", 32_000, 20, Pictures(640, 480, 15, 170_000)),
    Rung("pictures-260", 32_000, 20, Pictures(640, 480, 20, 260_000)),
    Rung("pictures-380", 32_000, 20, Pictures(640, 480, 25, 380_000)),
    Rung("pictures-550", 32_000, 20, Pictures(640, 480, 25, 550_000)),
)

START = next(i for i, rung in enumerate(LADDER) if rung.pictures is not None)
"""A visit begins on the lowest picture rung: the other's face at once, at a rate that harms few links."""
SPEECH_ONLY = START - 1
LOWEST_PICTURES = START
STOP_TO = next(i for i, rung in enumerate(LADDER) if rung.name == "speech-16")
"""Where pictures stop when nothing better is known."""


def highest_within(bps: float, pictures: bool) -> int:
    """The highest rung that costs at most `bps` (the lowest if none does); without `pictures`, a speech rung."""
    top = len(LADDER) if pictures else LOWEST_PICTURES
    fitting = [i for i in range(top) if LADDER[i].total_bps <= bps]
    return max(fitting, default=0)
