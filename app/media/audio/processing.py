"""Echo cancellation, noise suppression, high-pass and gain, by libwebrtc's audio processing (PyPI `livekit`).

The loudspeaker's thread hands over exactly what it gives to the sound card (:meth:`Processing.render`), the
microphone's thread has its frames cleaned (:meth:`Processing.capture`). Both in frames of 10 ms, mono, 48 kHz, int16.
"""

from __future__ import annotations

import logging
import threading
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.media.audio.portaudio import FRAME, RATE

log = logging.getLogger(__name__)

_DELAY_MAX_S = 0.5  # what the library's own model takes
_DELAY_STEP_MS = 4  # the canceller works in blocks of 4 ms: smaller changes are noise of the clocks

Frame = NDArray[np.int16]


class _Module(Protocol):
    """The part of `livekit.rtc.apm.AudioProcessingModule` that is used."""

    def process_stream(self, data: Any) -> None: ...
    def process_reverse_stream(self, data: Any) -> None: ...
    def set_stream_delay_ms(self, delay_ms: int) -> None: ...


class Processing:
    """One for each session; any two threads may call `render` and `capture` at the same time.

    Without the library, and from the first failure on, `capture` gives back what it got: `problem` says why, and the
    log says it once.
    """

    def __init__(self, *, echo: bool = True, noise: bool = True, gain: bool = True) -> None:
        self._wanted = {"echo_cancellation": echo, "noise_suppression": noise, "auto_gain_control": gain}
        self._lock = threading.Lock()
        self._module: _Module | None = None
        self._frame: Any = None
        self._lead_s = 0.0
        self._delay_ms = -1
        self.problem = ""
        """Why speech goes out as it was taken; empty while all is well."""

    def prepare(self) -> None:
        """Loads the library (0.3 s once a process, then 45 ms): on a device's thread before its stream starts."""
        with self._lock:
            if self._module is None and not self.problem:
                try:
                    self._load()
                except Exception as exc:  # whatever a foreign library's loading raises, speech goes on
                    self._give_up(exc)

    def _load(self) -> None:
        from livekit.rtc.apm import AudioProcessingModule
        from livekit.rtc.audio_frame import AudioFrame

        self._frame = AudioFrame
        self._module = AudioProcessingModule(high_pass_filter=True, **self._wanted)

    def render(self, frame: Frame, lead_s: float) -> None:
        """What goes to the loudspeaker now, heard `lead_s` seconds from now. Raises ValueError for other sizes."""
        _check(frame)
        module = self._module
        if module is None or self.problem:
            return
        self._lead_s = lead_s
        try:
            module.process_reverse_stream(self._wrap(frame))
        except Exception as exc:
            self._give_up(exc)

    def capture(self, frame: Frame, age_s: float) -> Frame:
        """The frame without echo and noise; its first sample was taken `age_s` seconds ago. Raises ValueError for
        other sizes.
        """
        _check(frame)
        module = self._module
        if module is None or self.problem:
            return frame
        try:
            self._tell_delay(module, self._lead_s + age_s)
            wrapped = self._wrap(frame)
            module.process_stream(wrapped)
        except Exception as exc:
            self._give_up(exc)
            return frame
        return np.frombuffer(wrapped.data, np.int16)

    @property
    def delay_ms(self) -> int:
        """From the loudspeaker's queue through the air to the microphone's, as last told to the canceller."""
        return max(0, self._delay_ms)

    def _tell_delay(self, module: _Module, delay_s: float) -> None:
        delay_ms = round(min(max(delay_s, 0.0), _DELAY_MAX_S) * 1000)
        if self._delay_ms < 0 or abs(delay_ms - self._delay_ms) >= _DELAY_STEP_MS:
            module.set_stream_delay_ms(delay_ms)
            self._delay_ms = delay_ms

    def _wrap(self, frame: Frame) -> Any:
        return self._frame(bytearray(frame.tobytes()), RATE, 1, FRAME)

    def _give_up(self, exc: Exception) -> None:
        if not self.problem:
            self.problem = "Echo and noise are not taken out of the sound on this machine."
            log.warning("audio processing is off: %s", exc)


def _check(frame: Frame) -> None:
    """The library ends the process when it is given another size."""
    if frame.shape != (FRAME,) or frame.dtype != np.int16:
        raise ValueError(f"a frame is {FRAME} int16 samples, not {frame.shape} {frame.dtype}")
