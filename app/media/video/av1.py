"""AV1 by SVT-AV1 in real time and low delay: one flat chain of pictures, its rate changed while it is open."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from app.media.video.encoder import Encoded
from app.media.video.frames import Reshaper, planes_of
from app.media.video.svt import Av1Error, Handle, Planes

FASTEST, SLOWEST = 12, 7
"""Presets of real-time mode: the higher, the quicker and the coarser."""
_BEAT = 15
"""The frame rate that the encoder is told: it reckons in bits a picture, we choose how often to feed it."""
_LEAST_SIDE, _MOST_SIDE = 64, 4096
_LEAST_BPS, _MOST_BPS = 1_000, 20_000_000
_SAME = 0.02
_KEY_RATE = 0.75
"""A key picture asked for at this part of the rate takes some two to three mean pictures; by itself up to ten."""
_BUFFER_MS = 500
_APART = 8
_JUMP, _JUMP_RATE = 25.0, 0.6
"""A picture whose samples (each eighth, both ways) are in the mean so many levels from those of the one before, as in
another scene, is asked for at this part of the rate: coded nearly anew, it took a thin link for up to 0.43 s."""


class Av1Encoder:
    """One open encoder of one size: even sides of 64..4096 (its rate control takes no less). `preset` 7..12;
    `outgrown`: the bitrate from which another preset is better. Raises Av1Missing or Av1Error, for a size too.
    """

    def __init__(
        self, width: int, height: int, fps: float, bitrate: int, preset: int, outgrown: int | None = None
    ) -> None:
        if not SLOWEST <= preset <= FASTEST:
            raise ValueError("no such preset in real-time mode")
        if any(side % 2 or not _LEAST_SIDE <= side <= _MOST_SIDE for side in (width, height)):
            raise Av1Error(f"AV1 takes no pictures of {width} x {height}")
        self.width, self.height = width, height
        self._reshaper = Reshaper()
        self._count = 0
        self._outgrown = outgrown
        self._target = _target(fps, bitrate)
        self._set = self._target
        self._moves = fps >= 1
        self._before: NDArray[np.int16] | None = None
        self._handle = Handle(
            {
                "width": width,
                "height": height,
                "fps-num": _BEAT,
                "fps-denom": 1,
                "preset": preset,
                "rtc": 1,
                "pred-struct": 1,  # low delay
                "hierarchical-levels": 0,  # all pictures alike: no fourth one takes three times its share of the link
                "rc": 2,  # constant bitrate
                "tbr": max(1, self._target // 1000),
                "buf-sz": _BUFFER_MS,
                "buf-initial-sz": _BUFFER_MS // 2,
                "buf-optimal-sz": _BUFFER_MS // 2,
                "keyint": -1,  # on request alone
                "lp": 1,
                "color-range": 0,
                "matrix-coefficients": 6,  # BT.601, as cameras of this size give
            }
        )

    def pace(self, fps: float, bitrate: int) -> float | None:
        """Within the rung any rate up to where it is outgrown; no key picture for it."""
        if self._outgrown is not None and bitrate > self._outgrown:
            return None
        self._target, self._moves = _target(fps, bitrate), fps >= 1
        return fps

    def encode(self, frame: av.VideoFrame, *, key: bool) -> Encoded:
        """The next picture, of any size: it is scaled to the encoder's."""
        planes = planes_of(self._reshaper.reshape(frame, self.width, self.height, "yuv420p"))
        y, cb, cr = planes
        wanted = round(self._target * self._part(y, key=key))
        change = abs(wanted - self._set) > _SAME * self._set
        given = Planes(y.ctypes.data, cb.ctypes.data, cr.ctypes.data, y.shape[1], cr.shape[1], cb.shape[1])
        data, is_key = self._handle.encode(
            given, y.size * 3 // 2, self._count, key=key, target=wanted if change else None
        )
        if change:
            self._set = wanted
        self._count += 1
        return Encoded(data, is_key)

    def _part(self, y: NDArray[np.uint8], *, key: bool) -> float:
        """Of the rate, for the next picture: less for one that would take a multiple of its share of the link."""
        before, self._before = self._before, y[::_APART, ::_APART].astype(np.int16)
        if key:
            return _KEY_RATE
        jumps = self._moves and before is not None and float(np.abs(self._before - before).mean()) > _JUMP
        return _JUMP_RATE if jumps else 1.0

    def close(self) -> None:
        self._handle.close()


def _target(fps: float, bitrate: int) -> int:
    """What the encoder is told, so that each picture has bitrate / fps bits."""
    if fps <= 0 or bitrate <= 0:
        raise ValueError("a rate above zero")
    return max(_LEAST_BPS, min(_MOST_BPS, round(bitrate / fps * _BEAT)))
