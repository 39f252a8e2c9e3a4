"""Opus speech: an encoder that follows the rung while it is open, and a decoder that conceals and recovers."""

from __future__ import annotations

import ctypes

import numpy as np
from numpy.typing import NDArray

from app.media.audio import libopus
from app.media.audio.effort import MOST
from app.media.audio.libopus import RATE, OpusError
from app.media.rate.speech import Speech

LONGEST = 120 * RATE // 1000
"""Samples in the longest Opus packet."""
CONCEAL_STEP = RATE // 100
"""libopus conceals in steps of 10 ms without a seam."""
_LARGEST_PACKET = 1275 * 6
_BANDWIDTHS = (
    (10_500, libopus.BANDWIDTH_NARROWBAND),
    (22_000, libopus.BANDWIDTH_MEDIUMBAND),
    (32_001, libopus.BANDWIDTH_WIDEBAND),
)
"""(bitrate below, bandwidth). Measured on read speech: libopus by itself goes to wideband at 9 kbit/s, which costs 0.3
of PESQ there (60 ms frames, 3.60 narrow, 3.33 by itself), and to hybrid at 32 kbit/s, which costs 0.1."""
_LONG_FRAME_MS = 120
_LONG_FRAME_BANDWIDTHS = ((12_500, libopus.BANDWIDTH_NARROWBAND), *_BANDWIDTHS[1:])
_LONG_FRAME_FILLED = 0.94
"""In a packet of 120 ms libopus 1.6.1 holds no frame back for a louder one: it fills 0.90 to 0.95 of what it may while
somebody talks, and never more than the whole. It is told so much more that the bitrate is what goes on the wire."""
_SILK_FRAME_MS = (10, 20, 40, 60)

Samples = NDArray[np.int16]

_ALWAYS = (
    (libopus.SET_SIGNAL, libopus.SIGNAL_VOICE),
    (libopus.SET_VBR, 1),
    # Bits a frame may vary within about one frame's worth: a thin link has no room for longer swings.
    (libopus.SET_VBR_CONSTRAINT, 1),
)


def _pcm(samples: Samples) -> object:
    return samples.ctypes.data_as(libopus.Pcm)


class OpusEncoder:
    """Mono speech at 48 kHz. `use` changes the open encoder: no restart, no gap. One thread at a time.

    Raises OpusMissing when there is no libopus.
    """

    def __init__(self, speech: Speech) -> None:
        self._library = libopus.library()
        error = ctypes.c_int()
        self._state = self._library.opus_encoder_create(RATE, 1, libopus.APPLICATION_VOIP, ctypes.byref(error))
        libopus.check(error.value)
        self._packet = ctypes.create_string_buffer(_LARGEST_PACKET)
        for request, value in _ALWAYS:
            libopus.encoder_set(self._state, request, value)
        self.use(speech)

    def use(self, speech: Speech, complexity: int = MOST) -> None:
        """From the next frame on."""
        is_long = speech.frame_ms == _LONG_FRAME_MS
        table = _LONG_FRAME_BANDWIDTHS if is_long else _BANDWIDTHS
        for request, value in (
            (libopus.SET_BITRATE, round(speech.bitrate / _LONG_FRAME_FILLED) if is_long else speech.bitrate),
            (libopus.SET_BANDWIDTH, next(width for below, width in table if speech.bitrate < below)),
            (libopus.SET_INBAND_FEC, int(speech.fec)),
            (libopus.SET_PACKET_LOSS_PERC, speech.loss_percent),
            (libopus.SET_DTX, int(speech.dtx)),
            (libopus.SET_COMPLEXITY, complexity),
        ):
            libopus.encoder_set(self._state, request, value)
        self.speech = speech

    def encode(self, samples: Samples) -> bytes:
        """Exactly one frame in (`speech.frame_ms` * 48 samples), one packet out; a packet of one or two bytes is
        silence that need not be sent (DTX). Raises ValueError for any other number of samples.
        """
        if samples.shape != (self.speech.frame_ms * 48,):
            raise ValueError(f"{self.speech.frame_ms} ms are {self.speech.frame_ms * 48} samples, not {samples.shape}")
        held = np.ascontiguousarray(samples, np.int16)
        size = self._library.opus_encode(self._state, _pcm(held), len(held), self._packet, _LARGEST_PACKET)
        return self._packet.raw[: libopus.check(size)]

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_encoder_destroy(self._state)


class OpusDecoder:
    """Mono int16 at 48 kHz out of anyone's Opus. One thread at a time. Raises OpusMissing, and OpusError for bytes
    that are no Opus packet; after such an error it decodes on.
    """

    def __init__(self) -> None:
        self._library = libopus.library()
        error = ctypes.c_int()
        self._state = self._library.opus_decoder_create(RATE, 1, ctypes.byref(error))
        libopus.check(error.value)
        self._out = np.zeros(LONGEST, np.int16)

    def decode(self, packet: bytes) -> Samples:
        """The packet's samples, as many as `packet_samples` says."""
        if not packet:
            raise OpusError("an empty packet")
        return self._run(packet, LONGEST, 0)

    def conceal(self, samples: int) -> Samples:
        """What may have followed: `samples` is a multiple of 480, 5760 at most."""
        return self._run(None, samples, 0)

    def recover(self, next_packet: bytes, samples: int) -> Samples:
        """The `samples` before `next_packet` out of its in-band FEC; what it does not hold is concealed."""
        return self._run(next_packet, samples, 1)

    def _run(self, packet: bytes | None, samples: int, fec: int) -> Samples:
        size = 0 if packet is None else len(packet)
        got = self._library.opus_decode(self._state, packet, size, _pcm(self._out), samples, fec)
        return self._out[: libopus.check(got)].copy()

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._library.opus_decoder_destroy(self._state)


def packet_samples(packet: bytes) -> int:
    """How many samples at 48 kHz an Opus packet holds (RFC 6716 section 3.1), 5760 at most; 0 if it is none."""
    count = libopus.library().opus_packet_get_nb_samples(packet, len(packet), RATE) if packet else 0
    return max(0, int(count))


def has_fec(packet: bytes) -> bool:
    """Whether the packet carries the frame before it a second time (LBRR, RFC 6716 section 4.2.4; mono)."""
    first = libopus.first_frame(packet)
    if first is None or not first[1]:
        return False
    config, stereo = first[0] >> 3, first[0] >> 2 & 1
    if config >= 16:  # CELT alone has none
        return False
    frame_ms = _SILK_FRAME_MS[config & 3] if config < 12 else (10, 20)[config & 1]
    voice_flags = max(1, frame_ms // 20)
    head = int.from_bytes((first[1] + b"\0")[:2], "big")
    lbrr = [15 - voice_flags] + ([14 - 2 * voice_flags] if stereo else [])
    return any(head >> bit & 1 for bit in lbrr)
