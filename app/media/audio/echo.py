"""A linear echo canceller: learns the way from the loudspeaker to the microphone and takes its sound away.

Partitioned-block frequency-domain Kalman filter (G. Enzner, P. Vary, "Frequency-domain adaptive Kalman filter for
acoustic echo control in hands-free telephones", Signal Processing 86, 2006; partitions as in F. Kuech et al.,
ICASSP 2014). Its own estimate of how wrong it may still be (the state's error covariance) drives a Wiener post-filter,
so that it takes much away while it learns and leaves the near person alone once it knows the room.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.media.audio.portaudio import FRAME

_SIZE = 2 * FRAME
_BAND = 202  # bins of 50 Hz, to 10 kHz: above, little is spoken, and the post-filter alone cares for it
_EDGE = slice(180, 202)
_ABOVE = np.float32(0.2)  # amplitude left above the band while the far side speaks
_KEEP2 = np.float32(0.9998)  # how little the room changes in a frame: A^2 of the state model
_START = 0.03  # |W|^2 that a bin of a partition may have before anything is known, falling along the tail
_START_FALL = 0.95
_LEARN = np.float32(0.2)  # of what a frame teaches about the error's size; 0.5 would be right for white noise
_CONSTRAIN = 3  # partitions made causal again in each frame
_NOISE_KEEP = np.float32(0.75)
_FLOOR = np.float32(0.03)  # amplitude that the post-filter leaves: what noise suppression then sees as noise
_OVER = np.float32(1.0)

_LEAK_KEEP = np.float32(0.98)  # 0.5 s
_JUDGED = slice(6, 160)  # 300 Hz to 8 kHz
_FAR_LEAST = 30.0  # rms of a frame in which the far side speaks: -60 dBFS
_LOST = 0.25
_LOST_FRAMES = 20  # in a row: the near person's first words make it fall at once
_WATCH_KEEP = 0.99  # 1 s
_CLEAN = 0.006  # 22 dB below what the microphone took,
_UNKNOWN = 2e7  # an energy to begin with, which some seconds of good work make small
_FORETOLD = 1e-3  # an echo of less is no news of the room
_WILD = 4.0  # no room makes the difference louder than this times what was taken
_ADD_KEEP = 0.9
_FAINT = 1e-4  # or 40 dB below the loudspeaker: a headset, for one

Frame = NDArray[np.float32]
Spectrum = NDArray[np.complex64]


class LinearCanceller:
    """Frames of 10 ms at 48 kHz, float32 in int16's range. Pure: no clock, no lock. 10 ms of delay of its own."""

    def __init__(self, partitions: int = 40) -> None:
        self._count = partitions
        shape = (partitions, _BAND)
        self._x = np.zeros((2 * partitions, _BAND), np.complex64)  # spectra, the newest at `_head`, then the older
        self._power = np.zeros((2 * partitions, _BAND), np.float32)
        self._head = partitions
        self._w = np.zeros(shape, np.complex64)
        fall = _START * _START_FALL ** np.arange(partitions)
        self._start = np.repeat(fall[:, None], _BAND, axis=1).astype(np.float32)
        self._p = self._start.copy()
        self._scratch = np.zeros(shape, np.complex64)
        self._step = np.zeros(shape, np.float32)
        self._due = 0
        self._far = np.zeros(_SIZE, np.float32)
        self._silent = partitions
        self._noise = np.full(_BAND, 1e4, np.float32)
        self._residual = np.zeros(_BAND, np.float32)
        self._window = np.sqrt(np.hanning(_SIZE + 1)[:-1]).astype(np.float32)
        self._error = np.zeros(_SIZE, np.float32)
        self._tail = np.zeros(FRAME, np.float32)
        self._gain = np.ones(FRAME + 1, np.float32)
        self._psd = np.zeros(_BAND, np.float32)
        self._cross = np.zeros(_BAND, np.complex64)
        self._echo_psd = np.full(_BAND, 1.0, np.float32)
        self._error_psd = np.full(_BAND, 1.0, np.float32)
        self._energies = np.array([0.0, 0.0, _UNKNOWN])  # of the far side, of what was taken, of what is given
        self._added = np.zeros(2)  # energies of what was taken and of the difference
        self._lost = 0
        self.common = 0.0
        """Coherence (0..1) of the result with the echo as it was foretold: 0 in the room that was learnt."""
        self.sure = False
        """The room is known: what is left of the echo is far below the near person's speech."""

    def process(self, far: Frame, near: Frame) -> Frame:
        """`near` of 10 ms ago without the echo of `far` and of what was far before it."""
        speaks = float(np.dot(far, far)) > FRAME * _FAR_LEAST**2
        self._silent = 0 if speaks else self._silent + 1
        self._add(far)
        if self._silent > self._count:  # nothing can echo
            self._residual[:] = 0
            return self._post(near)
        x = self._x[self._head : self._head + self._count]
        np.multiply(x, self._w, out=self._scratch)
        echo = self._time(self._scratch.sum(axis=0))[FRAME:]
        error = near - echo
        if self._is_astray(near, error):
            self._forget()
            echo[:] = 0
            error = near
        padded = np.zeros((2, _SIZE), np.float32)
        padded[0, FRAME:], padded[1, FRAME:] = error, echo
        spectra = np.fft.rfft(padded, axis=1)[:, :_BAND].astype(np.complex64)
        self._learn(spectra[0], x)
        given = self._post(error)
        if speaks:
            self._judge(spectra[0], spectra[1])
            self._watch(far, near, given)
        return given

    def realign(self, history: list[Frame], frames: int) -> None:
        """From now on `far` is so many frames newer than it was (older: below 0); `history` is what comes before the
        next one, oldest first. What was learnt moves along.
        """
        keep = self._count - abs(frames)
        moved, known = np.zeros_like(self._w), self._start.copy()
        if keep > 0:
            to, source = (frames, 0) if frames > 0 else (0, -frames)
            moved[to : to + keep] = self._w[source : source + keep]
            known[to : to + keep] = self._p[source : source + keep]
        self._w, self._p = moved, known
        for far in history[-self._count - 1 :]:
            self._add(far)

    def _add(self, far: Frame) -> None:
        self._far = np.concatenate([self._far[FRAME:], far])
        if self._head == 0:
            self._x[self._count + 1 :] = self._x[: self._count - 1]
            self._power[self._count + 1 :] = self._power[: self._count - 1]
            self._head = self._count + 1
        self._head -= 1
        spectrum = np.fft.rfft(self._far)[:_BAND].astype(np.complex64)
        self._x[self._head] = spectrum
        self._power[self._head] = spectrum.real**2 + spectrum.imag**2

    def _learn(self, error: Spectrum, x: Spectrum) -> None:
        p, power = self._p, self._power[self._head : self._head + self._count]
        step, change = self._step, self._scratch
        np.multiply(power, p, out=step)
        self._residual = np.float32(0.5) * step.sum(axis=0)
        psd = error.real**2 + error.imag**2
        near = psd * (1 - self._residual / (self._residual + psd + 1)) ** 2
        self._noise = _NOISE_KEEP * self._noise + (1 - _NOISE_KEEP) * near
        np.divide(p, self._residual + self._noise + 1, out=step)
        np.conjugate(x, out=change)
        change *= error
        change *= step
        self._w += change
        rows = [(self._due + n) % self._count for n in range(_CONSTRAIN)]
        self._due = (self._due + _CONSTRAIN) % self._count
        taps = self._time(self._w[rows])
        taps[:, FRAME:] = 0
        part = np.fft.rfft(taps, axis=1)[:, :_BAND].astype(np.complex64)
        self._w[rows] = part
        step *= power
        step *= -_LEARN
        step += 1
        p *= step
        # The room's own change is added where the taps are fresh: each partition's share comes round in turn.
        p[rows] += (1 - _KEEP2) * (self._count / _CONSTRAIN) * (part.real**2 + part.imag**2)

    def _post(self, error: Frame) -> Frame:
        self._error = np.concatenate([self._error[FRAME:], error])
        spectrum = np.fft.rfft(self._error * self._window)
        psd = (spectrum[:_BAND].real ** 2 + spectrum[:_BAND].imag ** 2).astype(np.float32)
        self._psd = np.float32(0.5) * (self._psd + psd)
        gain = np.empty(FRAME + 1, np.float32)
        gain[:_BAND] = np.maximum(1 - _OVER * self._residual / (self._psd + 1), _FLOOR)
        gain[_BAND:] = gain[_EDGE].mean() * (_ABOVE if self._silent < self._count else 1)
        self._gain = np.where(gain < self._gain, gain, np.float32(0.5) * (self._gain + gain))
        out = np.fft.irfft(spectrum * self._gain, _SIZE).astype(np.float32) * self._window
        given, self._tail = out[:FRAME] + self._tail, out[FRAME:]
        return given

    def _judge(self, error: Spectrum, echo: Spectrum) -> None:
        """Speech of the near side has nothing in common with the foretold echo, echo that is left has."""
        psd = echo.real**2 + echo.imag**2
        self._cross = _LEAK_KEEP * self._cross + (1 - _LEAK_KEEP) * error * echo.conj()
        self._echo_psd = _LEAK_KEEP * self._echo_psd + (1 - _LEAK_KEEP) * psd
        own = error.real**2 + error.imag**2
        self._error_psd = _LEAK_KEEP * self._error_psd + (1 - _LEAK_KEEP) * own
        cross = np.abs(self._cross[_JUDGED]) ** 2
        self.common = float(cross.sum() / (self._echo_psd[_JUDGED] * self._error_psd[_JUDGED]).sum())

    def _watch(self, far: Frame, near: Frame, given: Frame) -> None:
        """Sure after good work while the far side alone speaks; unsure when the room is another than the learnt."""
        now = np.array([np.dot(far, far), np.dot(near, near), np.dot(given, given)], np.float64)
        self._energies = _WATCH_KEEP * self._energies + (1 - _WATCH_KEEP) * now
        loud, took, left = self._energies
        faint = bool(left < max(_CLEAN * took, _FAINT * loud))
        foretold = float(self._echo_psd.mean()) > _FORETOLD * loud
        self._lost = self._lost + 1 if self.common > _LOST and foretold and not faint else 0
        if faint:
            self.sure = True
        elif self._lost > _LOST_FRAMES and self.sure:
            self.sure, self._lost = False, 0
            self._energies[2] += _UNKNOWN
            self._cross[:] = 0
            np.maximum(self._p, self._start, out=self._p)

    def _is_astray(self, near: Frame, error: Frame) -> bool:
        """A filter that adds sound for a tenth of a second: pure tones can drive it there."""
        self._added = _ADD_KEEP * self._added + (1 - _ADD_KEEP) * np.array([np.dot(near, near), np.dot(error, error)])
        took, left = self._added
        return not left <= _WILD * took + FRAME * _FAR_LEAST**2

    def _forget(self) -> None:
        self._added[:] = 0
        self._w[:] = 0
        self._p[:] = self._start
        if self.sure:
            self.sure = False
            self._energies[2] += _UNKNOWN

    @staticmethod
    def _time(spectrum: Spectrum) -> Frame:
        """The signal of a spectrum that ends with the band."""
        return np.fft.irfft(spectrum, _SIZE, axis=-1).astype(np.float32)
