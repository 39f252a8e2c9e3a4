"""Opus by FFmpeg's libopus: the encoder of one rung, and what a packet says of itself (RFC 6716)."""

from __future__ import annotations

import fractions

import av
import numpy as np
from numpy.typing import NDArray

from app.media.audio.portaudio import RATE

_TIME_BASE = fractions.Fraction(1, RATE)
_SILK_MS = (10, 20, 40, 60)
_CELT_MS = (2.5, 5, 10, 20)


class OpusEncoder:
    """Mono speech with in-band FEC, no DTX. `bitrate` bit/s, `frame_ms` 20, 40 or 60. One thread at a time."""

    def __init__(self, bitrate: int, frame_ms: int) -> None:
        self.bitrate, self.frame_ms = bitrate, frame_ms
        codec = av.CodecContext.create("libopus", "w")
        assert isinstance(codec, av.AudioCodecContext)
        codec.bit_rate = bitrate
        codec.format, codec.layout, codec.sample_rate = "s16", "mono", RATE
        codec.time_base = _TIME_BASE
        codec.options = {
            "application": "voip",
            "frame_duration": str(frame_ms),
            "fec": "1",
            "packet_loss": "10",
            "vbr": "constrained",
        }
        self._codec = codec
        self._pts = 0

    def encode(self, samples: NDArray[np.int16]) -> bytes:
        """Exactly one frame in (`frame_ms` * 48 samples), one packet out."""
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._pts, _TIME_BASE
        self._pts += len(samples)
        return b"".join(bytes(p) for p in self._codec.encode(frame))


def packet_samples(packet: bytes) -> int:
    """How many samples at 48 kHz an Opus packet holds, from its first byte (RFC 6716 section 3.1); 0 if it is none."""
    if not packet:
        return 0
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        ms: float = _SILK_MS[config & 3]
    elif config < 16:
        ms = (10, 20)[config & 1]
    else:
        ms = _CELT_MS[config & 3]
    counted = packet[1] & 63 if len(packet) > 1 else 0
    frames = (1, 2, 2, counted)[code]
    return min(int(ms * 48) * frames, 120 * 48)
