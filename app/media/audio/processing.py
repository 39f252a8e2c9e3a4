"""What is done to speech between a real microphone and the encoder: echo, noise, rumble and gain.

Noise suppression, high-pass and gain are libwebrtc's audio processing (PyPI `livekit`). Echo is taken away in two
ways: our linear canceller (echo.py), which leaves the near person's voice alone once it knows the room, and
libwebrtc's canceller behind it, which is used while ours is not sure: it silences nearly all echo at once, and with it
whoever speaks at the same time.

The loudspeaker's thread hands over exactly what it gives to the sound card (:meth:`Processing.render`), the
microphone's thread has its frames cleaned (:meth:`Processing.capture`). Both in frames of 10 ms, mono, 48 kHz, int16.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.media.audio.echo import LinearCanceller
from app.media.audio.pairing import Pairing
from app.media.audio.portaudio import FRAME, RATE

log = logging.getLogger(__name__)

_DELAY_MAX_S = 0.5  # what the library's own model takes
_DELAY_STEP_MS = 4  # it works in blocks of 4 ms: smaller changes are noise of the clocks
_TURN = 0.05  # from one canceller to the other in 0.2 s

Frame = NDArray[np.int16]


class _Module(Protocol):
    """The part of `livekit.rtc.apm.AudioProcessingModule` that is used."""

    def process_stream(self, data: Any) -> None: ...
    def process_reverse_stream(self, data: Any) -> None: ...
    def set_stream_delay_ms(self, delay_ms: int) -> None: ...


class Processing:
    """One for each session; any two threads may call `render` and `capture` at the same time.

    Without the library, and from its first failure on, noise and gain stay as they are: `problem` says so, and the
    log says it once. `echo=False` is for places where nothing plays.
    """

    def __init__(self, *, echo: bool = True, noise: bool = True, gain: bool = True) -> None:
        self._wanted = {"noise_suppression": noise, "auto_gain_control": gain}
        self._lock = threading.Lock()
        self._pairing = Pairing() if echo else None
        self._canceller = LinearCanceller() if echo else None
        self._plain: _Module | None = None
        self._careful: _Module | None = None
        self._frame: Any = None
        self._lead_s = 0.0
        self._delay_ms = -1
        self._trust = 0.0
        self.problem = ""
        """Why speech goes out less clean than it should; empty while all is well."""

    def prepare(self) -> None:
        """Loads the library (0.3 s once a process, then 0.1 s): on a device's thread before its stream starts."""
        with self._lock:
            if self._plain is None and not self.problem:
                try:
                    self._load()
                except Exception as exc:  # whatever a foreign library's loading raises, speech goes on
                    self._give_up(exc)

    def _load(self) -> None:
        from livekit.rtc.apm import AudioProcessingModule
        from livekit.rtc.audio_frame import AudioFrame

        self._frame = AudioFrame
        if self._canceller is not None:
            self._careful = AudioProcessingModule(echo_cancellation=True, high_pass_filter=True, **self._wanted)
        self._plain = AudioProcessingModule(high_pass_filter=True, **self._wanted)

    def render(self, frame: Frame, lead_s: float) -> None:
        """What goes to the loudspeaker now, heard `lead_s` seconds from now. Raises ValueError for other sizes."""
        _check(frame)
        self._lead_s = lead_s
        if self._pairing is not None:
            self._pairing.put(frame)
        module = self._careful
        if module is not None and not self.problem:
            try:
                module.process_reverse_stream(self._wrap(frame))
            except Exception as exc:
                self._give_up(exc)

    def capture(self, frame: Frame, age_s: float) -> Frame:
        """The frame of 10 ms ago without echo and noise; `age_s`: how long ago the first sample of the one given was
        taken. Raises ValueError for other sizes.
        """
        _check(frame)
        delay_s = min(max(self._lead_s + age_s, 0.0), _DELAY_MAX_S)
        if self._canceller is not None:
            frame = self._cancel(self._canceller, frame, delay_s)
        if self._plain is None or self.problem:
            return frame
        try:
            return self._clean(self._plain, frame, round(delay_s * 1000))
        except Exception as exc:
            self._give_up(exc)
            return frame

    @property
    def delay_ms(self) -> int:
        """From our queue through both devices' and back, as last told to the cancellers; without the air between."""
        return max(0, self._delay_ms)

    @property
    def sure(self) -> bool:
        """The linear canceller knows the room, so both people can speak at once."""
        return self._canceller is not None and self._canceller.sure

    def _cancel(self, canceller: LinearCanceller, frame: Frame, delay_s: float) -> Frame:
        assert self._pairing is not None
        far, moved = self._pairing.take(delay_s)
        if moved:
            canceller.realign(self._pairing.history(), moved)
        given = canceller.process(far.astype(np.float32), frame.astype(np.float32))
        return np.clip(given, -32768, 32767).astype(np.int16)

    def _clean(self, plain: _Module, frame: Frame, delay_ms: int) -> Frame:
        """Both modules while one takes over from the other, else the one that is trusted."""
        wrapped = self._wrap(frame)
        plain.process_stream(wrapped)
        cleaned = np.frombuffer(wrapped.data, np.int16)
        if self._careful is None:
            return cleaned
        self._trust = min(1.0, max(0.0, self._trust + (_TURN if self.sure else -_TURN)))
        if self._delay_ms < 0 or abs(delay_ms - self._delay_ms) >= _DELAY_STEP_MS:
            self._careful.set_stream_delay_ms(delay_ms)
            self._delay_ms = delay_ms
        if self._trust >= 1.0:
            return cleaned
        wrapped = self._wrap(frame)
        self._careful.process_stream(wrapped)
        safe = np.frombuffer(wrapped.data, np.int16)
        return np.asarray(cleaned * self._trust + safe * (1 - self._trust), np.int16)

    def _wrap(self, frame: Frame) -> Any:
        return self._frame(bytearray(frame.tobytes()), RATE, 1, FRAME)

    def _give_up(self, exc: Exception) -> None:
        if not self.problem:
            self.problem = "Noise is not taken out of the sound on this machine."
            log.warning("libwebrtc's audio processing is off: %s", exc)


def _check(frame: Frame) -> None:
    """The library ends the process when it is given another size."""
    if frame.shape != (FRAME,) or frame.dtype != np.int16:
        raise ValueError(f"a frame is {FRAME} int16 samples, not {frame.shape} {frame.dtype}")
