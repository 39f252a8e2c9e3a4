"""Sample media for the demo: for each side a picture that moves, made from a portrait at run time, and some speech.

Sources and licences: app/demo/media/SOURCES.md. The movement is ours: a head that sways, nods and speaks, eyes that
blink, a hand-held camera and a sensor's noise, so that a codec has to work as for a person. It repeats without a seam.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from app.media.video.capture import STILL_SUFFIX

WIDTH, HEIGHT, RATE = 640, 480, 25
SECONDS = 8
STILL_SIZE = (2592, 1944)
"""Five megapixels, as a plain webcam has them: its original is delivered while the demo is watched."""

_MEDIA = Path(__file__).parent / "media"
_STILL_QUALITY = 90
_NOISE_LEVEL = 1.5  # standard deviation, of 255: a webcam by daylight
_NOISE_FRAMES = 7  # prime to the length, so that the loop does not show

_Field = NDArray[np.float32]
_Image = NDArray[np.uint8]


class SampleError(Exception):
    """A sample could not be made; the text is a sentence for a person."""


@dataclass(frozen=True)
class Portrait:
    """Where things are in a picture, in its own pixels (x, y): the part shown (4:3) and the face in it."""

    file: str
    left: int
    top: int
    width: int
    face: tuple[int, int]
    face_size: tuple[int, int]
    mouth: tuple[int, int]
    mouth_size: tuple[int, int]
    phase: float  # radians: so that the two people do not nod in step


@dataclass(frozen=True)
class Sample:
    """What stands in for one side's camera (video file, 640x480, 25 frames/s, 8 s; beside it a photograph of 5
    megapixels for its still mode) and microphone (FLAC, 16 kHz).
    """

    camera: Path
    microphone: Path


_PORTRAITS = {
    "home": Portrait("hopper.jpg", 34, 0, 478, (263, 195), (105, 150), (267, 272), (42, 20), 0.0),
    "town": Portrait("collins.jpg", 25, 0, 400, (228, 105), (72, 92), (222, 144), (26, 13), 1.9),
}


def make_sample(side: Literal["home", "town"], folder: Path) -> Sample:
    """Writes the side's video into `folder` (about 2 s of work; kept if it is there) and names its files.

    Raises SampleError.
    """
    target = folder / f"{side}.mkv"
    if not target.exists():
        half_done = target.with_suffix(".part.mkv")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write_video(_PORTRAITS[side], half_done)
            _write_still(_PORTRAITS[side], target.with_suffix(STILL_SUFFIX))
            os.replace(half_done, target)
        except (OSError, cv2.error) as error:  # av's errors are OSErrors
            raise SampleError(f"The sample video for {side} could not be made: {error}") from error
    return Sample(camera=target, microphone=_MEDIA / f"speech_{side}.flac")


def _write_video(portrait: Portrait, target: Path) -> None:
    still = _load(portrait)
    motion = _Motion(portrait)
    noise = _noise()
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "crf": "17"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(SECONDS * RATE):
            x, y = motion.at(number / (SECONDS * RATE))
            moved = cv2.remap(still, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
            grained = cv2.add(moved, noise[number % _NOISE_FRAMES], dtype=cv2.CV_8U)
            frame = av.VideoFrame.from_ndarray(np.asarray(grained, np.uint8), format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _write_still(portrait: Portrait, target: Path) -> None:
    """The same part of the portrait, large: what the camera's still mode gives."""
    if not cv2.imwrite(str(target), _load(portrait, STILL_SIZE), [cv2.IMWRITE_JPEG_QUALITY, _STILL_QUALITY]):
        raise SampleError(f"The picture {target.name} could not be written.")


def _load(portrait: Portrait, size: tuple[int, int] = (WIDTH, HEIGHT)) -> _Image:
    picture = cv2.imread(str(_MEDIA / portrait.file))
    if picture is None:
        raise SampleError(f"The picture {portrait.file} is missing from app/demo/media.")
    height = portrait.width * HEIGHT // WIDTH
    part = picture[portrait.top : portrait.top + height, portrait.left : portrait.left + portrait.width]
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _noise() -> list[NDArray[np.int16]]:
    random = np.random.default_rng(2026)
    shape = (HEIGHT, WIDTH, 3)
    return [(random.standard_normal(shape) * _NOISE_LEVEL).astype(np.int16) for _ in range(_NOISE_FRAMES)]


class _Motion:
    """From where each pixel of a frame is fetched, as cv2.remap wants it. Everything is a whole number of waves."""

    def __init__(self, portrait: Portrait) -> None:
        self._scale = WIDTH / portrait.width
        self._phase = portrait.phase
        self._y, self._x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        self._face = self._in_frame(portrait, portrait.face)
        self._head = self._soft_ellipse(self._face, portrait.face_size, power=2)
        self._mouth = self._in_frame(portrait, portrait.mouth)
        self._mouth_weight = self._soft_ellipse(self._mouth, portrait.mouth_size, power=1)
        eyes = (self._face[0], self._face[1] - 0.12 * portrait.face_size[1] * self._scale)
        self._eyes = eyes
        self._eye_weight = self._soft_ellipse(
            eyes, (portrait.face_size[0] * 0.6, portrait.face_size[1] * 0.13), power=1
        )

    def at(self, turn: float) -> tuple[_Field, _Field]:
        """`turn` runs from 0 to 1 over the loop."""

        def wave(times: int, offset: float = 0.0) -> float:
            return math.sin(2 * math.pi * times * turn + self._phase + offset)

        face_x, face_y = self._face
        tilt = 0.035 * wave(2) + 0.012 * wave(5, 1.0)
        sway = 9.0 * wave(1) + 3.0 * wave(3, 0.7)
        nod = 5.0 * wave(3, 0.4) + 4.0 * max(0.0, wave(7, 2.0)) ** 2
        dx, dy = self._x - face_x, self._y - face_y
        x = self._x + self._head * (sway + tilt * dy) + 2.0 * wave(2, 2.2)
        y = self._y + self._head * (nod - tilt * dx) + 1.5 * wave(3, 0.9)
        # Speech: syllables come about five a second, in phrases.
        phrase = max(0.0, wave(2, 0.3) + 0.35)
        open_mouth = 0.30 * phrase * max(0.0, wave(38) + 0.4 * wave(23, 1.1))
        y -= self._mouth_weight * open_mouth * (y - self._mouth[1])
        blink = max(0.0, wave(2, 1.7) - 0.97) / 0.03
        y += self._eye_weight * 0.9 * blink * (y - self._eyes[1])
        return x.astype(np.float32), y.astype(np.float32)

    def _in_frame(self, portrait: Portrait, point: tuple[int, int]) -> tuple[float, float]:
        return (point[0] - portrait.left) * self._scale, (point[1] - portrait.top) * self._scale

    def _soft_ellipse(self, centre: tuple[float, float], size: tuple[float, float], power: int) -> _Field:
        """1 inside, falling softly to 0 outside; a higher power has a flatter top."""
        dx = (self._x - centre[0]) / (size[0] * self._scale)
        dy = (self._y - centre[1]) / (size[1] * self._scale)
        return np.asarray(np.exp(-((dx**2 + dy**2) ** power) / 1.6), np.float32)
