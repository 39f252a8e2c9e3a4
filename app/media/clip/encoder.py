"""A clip's pictures and sound into an MP4 in memory: H.264 by x264 and Opus, both by av; one thread, no file.

H.264, because it costs the least of one core at 1280x720 and plays everywhere.
"""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from app.media.clip.bounds import CHUNK, CLOSER, RATE, ClipKind, picture_bps
from app.media.video.frames import Reshaper, fit

_TICKS = 90_000  # of the pictures' clock in a second
_SHAPE = 0.02  # so much a picture's shape may differ from the first one's
_VBV = 1.15


class ClipEncoder:
    """Times are seconds since the clip's beginning. All calls on one thread. Raises av.FFmpegError."""

    def __init__(self, kind: ClipKind = CLOSER) -> None:
        self._kind = kind
        self._out = io.BytesIO()
        self._container: Any = av.open(self._out, "w", format="mp4")
        self._pictures: Any = None
        self._sound: Any = self._container.add_stream("libopus", rate=RATE, layout="mono")
        self._sound.codec_context.bit_rate = kind.sound_bps
        self._reshaper = Reshaper()
        self._last = -1
        self._samples = 0
        self._half = np.zeros(0, np.int16)
        self.width = self.height = 0
        self.pictures = 0

    @property
    def full(self) -> bool:
        """Whether no more should be put in: a little is left for the end."""
        return self._out.tell() > self._kind.most_bytes * 15 // 16

    def picture(self, frame: av.VideoFrame, at: float) -> bool:
        """Scaled down where it is larger than a clip may be. False: it has another shape than those before it."""
        if self._pictures is None:
            self._open(frame)
        elif abs(frame.width / frame.height - self.width / self.height) > _SHAPE:
            return False
        ticks = round(max(at, 0.0) * _TICKS)
        if ticks <= self._last:
            return True
        shaped = self._reshaper.reshape(frame, self.width, self.height, "yuv420p")
        if shaped is frame:  # its stamps belong to the call's encoder, which sees it at the same time
            shaped = av.VideoFrame.from_ndarray(frame.to_ndarray(), format="yuv420p")
        shaped.pict_type = av.video.frame.PictureType.NONE
        shaped.pts, shaped.time_base = ticks, Fraction(1, _TICKS)
        self._last = ticks
        self.pictures += 1
        self._mux(self._pictures.encode(shaped))
        return True

    def sound(self, samples: NDArray[np.int16], at: float) -> None:
        """Mono, 48 kHz. What is missing before them is silence, what is there twice is left out. The first picture
        goes before all sound: the container's head names both. Else ValueError.
        """
        if self._pictures is None:
            raise ValueError("sound before the first picture")
        first = round(at * RATE)
        start = self._samples + len(self._half)
        if first < start:
            samples = samples[start - first :]
        elif first > start:
            samples = np.concatenate([np.zeros(first - start, np.int16), samples])
        self._half = np.concatenate([self._half, samples])
        while len(self._half) >= CHUNK:
            self._encode(self._half[:CHUNK])
            self._half = self._half[CHUNK:]

    def finish(self, seconds: float) -> bytes:
        """The MP4, its sound filled up with silence to `seconds`. ValueError: there was no picture."""
        self.sound(np.zeros(CHUNK, np.int16), seconds)
        self._mux(self._pictures.encode(None))
        self._mux(self._sound.encode(None))
        self._container.close()
        return self._out.getvalue()

    def _open(self, frame: av.VideoFrame) -> None:
        self.width, self.height = fit(frame.width, frame.height, self._kind.most_width, self._kind.most_height)
        rate = picture_bps(self.width, self.height, self._kind)
        most = str(round(rate * _VBV))
        stream = self._container.add_stream(
            "libx264", rate=30, options={"preset": "superfast", "maxrate": most, "bufsize": most, "g": "60"}
        )
        context = stream.codec_context
        stream.width, stream.height, stream.pix_fmt = self.width, self.height, "yuv420p"
        context.bit_rate, context.thread_count = rate, 1
        context.time_base = Fraction(1, _TICKS)
        self._pictures = stream

    def _encode(self, samples: NDArray[np.int16]) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[None, :], format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts, frame.time_base = self._samples, Fraction(1, RATE)
        self._samples += CHUNK
        self._mux(self._sound.encode(frame))

    def _mux(self, packets: Any) -> None:
        for packet in packets:
            self._container.mux(packet)
