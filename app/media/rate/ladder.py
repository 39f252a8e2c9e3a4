"""PURE: the rungs of the ladder: which pictures go beside speech, and what is needed on the wire to stay or to rise.

A rung is a size of picture; within it the bitrate and the frame rate follow the link, with no key picture.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

from app.media.events import View as View
from app.media.rate.speech import LOWEST, PACKET_OVERHEAD_BYTES, Speech, in_runs, needed_redundancy

CONSENT_BPS = 350
"""STUN consent checks (RFC 7675), each way."""
FEEDBACK_SHARE = 0.04
COMFORT_BPS = 1_400
"""What silence takes: a small packet each 400 ms (Opus DTX)."""
_PACKET_S, _LEAST_PAYLOAD, _MOST_PAYLOAD = 0.054, 100, 1_100
_MOST_REPAIR, _REPAIRED_TWICE = 0.35, 0.07


def payload_bytes(link_bps: float) -> int:
    """The largest RTP payload of what is not speech: with headers it takes the link for 54 ms, so that speech never
    waits longer for one packet; 100..1,100.
    """
    fitting = round(link_bps * _PACKET_S / 8) - PACKET_OVERHEAD_BYTES
    return max(_LEAST_PAYLOAD, min(_MOST_PAYLOAD, fitting))


@dataclass(frozen=True)
class Pictures:
    """Pictures within a box of `width` x `height`, `fps` a second (under one: stills), `bitrate` bit/s of payload,
    `wire_bps` with every header.
    """

    width: int
    height: int
    fps: float
    bitrate: int
    wire_bps: int

    @property
    def are_stills(self) -> bool:
        return self.fps < 1

    def less(self, share: float) -> Pictures:
        """With `share` of the rates given away: the same size, so no key picture; the frame rate falls half as far,
        and stills come as much less often.
        """
        left = 1 - share
        fps = round(self.fps * left, 3) if self.are_stills else max(1.0, self.fps * (1 - share / 2))
        return replace(self, fps=fps, bitrate=round(self.bitrate * left), wire_bps=round(self.wire_bps * left))


@dataclass(frozen=True)
class Rung:
    """How speech and pictures are sent; `pictures` None: speech alone. `silent`: not even speech, but for the comfort
    noise of silence: written words alone.
    """

    name: str
    speech: Speech
    pictures: Pictures | None = None
    silent: bool = False

    @property
    def speech_bps(self) -> int:
        """Bit/s on the wire."""
        return COMFORT_BPS if self.silent else self.speech.wire_bps

    @property
    def total_bps(self) -> int:
        """Bit/s on the wire, every header, RTCP (4 % of the whole) and consent in."""
        media = self.speech_bps + (self.pictures.wire_bps if self.pictures is not None else 0)
        return math.ceil((media + CONSENT_BPS) / (1 - FEEDBACK_SHARE))


@dataclass(frozen=True)
class Shape:
    """A rung's pictures. Bit/s on the wire beside speech: `least` to stay, `enter` to rise to it, `most` to take."""

    name: str
    width: int
    height: int
    least: float
    enter: float
    most: float

    @property
    def are_stills(self) -> bool:
        return self.name == _STILLS


_STILLS = "stills"


def _shapes(*rows: tuple[int, int, float, float, float]) -> tuple[Shape, ...]:
    """(width, height, least, enter, most), kbit/s; under them stills and speech alone."""
    below = (Shape("speech", 0, 0, 0.0, 0.0, 0.0), Shape(_STILLS, 640, 480, 2_300.0, 2_800.0, 24_000.0))
    return below + tuple(Shape(f"video-{w}", w, h, low * 1e3, up * 1e3, most * 1e3) for w, h, low, up, most in rows)


LADDERS: dict[View, tuple[Shape, ...]] = {
    View.TALK: _shapes(
        (320, 240, 13, 16, 260), (480, 360, 16, 44, 400), (640, 480, 20, 78, 900), (960, 720, 300, 620, 2_000)
    ),
    View.DETAIL: _shapes(
        (480, 360, 13, 16, 260), (640, 480, 17, 26, 900), (960, 720, 50, 110, 1_500), (1280, 720, 120, 260, 2_000)
    ),
    View.MOTION: _shapes(
        (160, 120, 9, 11, 90), (320, 240, 18, 32, 300), (480, 360, 40, 100, 500), (640, 480, 70, 180, 1_500)
    ),
}
"""Measured with SVT-AV1 on a talking head: at a given rate the size of the picture hardly matters to SSIM, so a rung
is kept far down, where a change would cost a key picture, and left far up."""
SPEECH_ONLY, STILLS, LOWEST_VIDEO = 0, 1, 2

_FPS = ((10_000, 4.5), (17_500, 7.6), (29_000, 12.7), (55_000, 15.4), (95_000, 20.6), (150_000, 24.5), (260_000, 25.0))
_FPS_FACTOR = {View.TALK: 1.0, View.DETAIL: 0.4, View.MOTION: 1.6}
_FPS_LEAST, _FPS_MOST = 2.0, 30.0
_STILL_BYTES, _STILL_LEAST_BYTES, _STILL_WORTH_S = 2_250, 1_500, 7.0
"""A sharp 640x480 after the one before it: SSIM 0.93, measured; where that takes more than seven seconds, fewer."""
_STILLS_EVERY_S = (2.0, 9.0)
_STEP = 1.03  # rates in steps, so that a decision is not new with every message

_SHARE = (
    (16_000, 16_000),
    (17_800, 17_800),
    (24_500, 17_800),
    (28_000, 20_100),
    (40_000, 20_100),
    (43_000, 20_900),
    (46_000, 20_900),
    (54_000, 22_100),
    (66_000, 22_100),
    (76_000, 24_000),
    (92_000, 24_500),
    (110_000, 28_000),
    (128_000, 32_000),
    (170_000, 36_000),
    (260_000, 36_000),
    (350_000, 48_000),
    (450_000, 56_000),
)
"""(what media may take, what speech takes of it when pictures go too), bit/s on the wire: 1.5 % above a step of speech
(`choose_speech` wants that to rise to it), for what speech leaves of its part serves nobody."""
_PROTECTED = {False: (1.0, 1.4, 1.5, 1.6), True: (1.0, 1.8, 1.8, 1.8)}
"""By how much speech's part grows for each depth of redundancy that losses ask for; True: they come in runs. Short
frames with their copies well apart then have room: a run of five packets takes less time, and a copy behind it comes
sooner (150 kbit/s, runs of 5, 5 % lost: 2.9 % concealed at 329 ms became 1.9 at 293)."""
_MOST_SHARE = 0.55
_LONG_WAY_S, _SHORT_FRAMES_FROM_BPS, _SHORT_FRAMES_BPS = 0.4, 180_000, 47_500


def media_budget(link_bps: float) -> float:
    """What is left of a link when RTCP and consent have theirs (bit/s)."""
    return max(0.0, link_bps * (1 - FEEDBACK_SHARE) - CONSENT_BPS)


def speech_share(link_bps: float, loss: float, burst: float, rtt_s: float = 0.0) -> float:
    """Of a link that carries pictures too, what speech takes (bit/s on the wire). On a long way short frames are worth
    their headers.
    """
    media = media_budget(link_bps)
    plain = min(media, _between(_SHARE, media))
    if rtt_s > _LONG_WAY_S and media > _SHORT_FRAMES_FROM_BPS:
        plain = max(plain, _SHORT_FRAMES_BPS)
    protected = _PROTECTED[in_runs(burst)][needed_redundancy(loss, burst)]
    return max(plain, min(_MOST_SHARE * media, plain * protected))


def repair_share(loss: float) -> float:
    """Repairs beside each bit of pictures."""
    return min(_MOST_REPAIR, (1.2 if loss < _REPAIRED_TWICE else 2.0) * loss)


def room_bps(link_bps: float, loss: float, burst: float, rtt_s: float = 0.0) -> float:
    """What pictures may take beside speech and repairs (bit/s on the wire)."""
    left = media_budget(link_bps) - speech_share(link_bps, loss, burst, rtt_s)
    return max(0.0, left) / (1 + repair_share(loss))


def highest(view: View, room: float, *, rising: bool) -> int:
    """The highest step whose pictures fit into `room` bit/s: to rise to, or (not rising) to stay on."""
    shapes = LADDERS[view]
    return max(i for i, shape in enumerate(shapes) if (shape.enter if rising else shape.least) <= room)


def pictures_of(step: int, view: View, room: float, payload: int) -> Pictures | None:
    """The pictures of a step in `room` bit/s on the wire, in packets of at most `payload` bytes; None for speech
    alone.
    """
    shape = LADDERS[view][step]
    if step == SPEECH_ONLY:
        return None
    wire = _stepped(max(shape.least, min(room, shape.most)))
    if shape.are_stills:
        least, longest = _STILLS_EVERY_S
        headers = 1 + PACKET_OVERHEAD_BYTES / payload
        bytes_each = max(_STILL_LEAST_BYTES, min(_STILL_BYTES, wire / 8 / headers * _STILL_WORTH_S)) * headers
        every = max(least, min(longest, bytes_each * 8 / wire))
        paid = round(wire / (1 + PACKET_OVERHEAD_BYTES / payload))
        return Pictures(shape.width, shape.height, round(1 / every, 3), paid, round(wire))
    bitrate = float(wire)
    for _ in range(3):  # the headers follow from the rate that they leave
        fps = _fps(view, bitrate)
        packets = max(fps, bitrate / 8 / payload + fps / 2)
        bitrate = max(0.3 * wire, wire - packets * PACKET_OVERHEAD_BYTES * 8)
    return Pictures(shape.width, shape.height, _fps(view, bitrate), round(bitrate), round(wire))


def _fps(view: View, bitrate: float) -> float:
    wanted = _between(_FPS, bitrate) * _FPS_FACTOR[view]
    return round(2 * max(_FPS_LEAST, min(_FPS_MOST, wanted))) / 2


def _stepped(bps: float) -> float:
    return float(_STEP ** math.floor(math.log(bps, _STEP) + 1e-9))


def _between(table: tuple[tuple[float, float], ...], x: float) -> float:
    """Linear between the table's points, level beyond its ends."""
    if x <= table[0][0]:
        return table[0][1]
    for (x0, y0), (x1, y1) in itertools.pairwise(table):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return table[-1][1]


LEAST_TOTAL_BPS = Rung("speech", LOWEST).total_bps
"""The least that a call takes: speech alone, whole."""
