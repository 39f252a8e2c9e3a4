"""Where pictures come from: a camera through OpenCV, a file, or a moving test picture. Each read waits for the next.

Readers are opened, read and closed on one thread of their own (camera.py); none of them knows about retrying.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

from app.media.video.frames import Reshaper, turn

Wait = Callable[[float], bool]
"""Waits so many seconds; True if the wait was cut short because the camera is being stopped."""

_CAMERA_PROBE = 8
_UNSPECIFIED, _HD_LINES = 2, 720
_MOST_STRETCH = 4  # no real pixel is that far from square
STILL_SUFFIX = ".still.jpg"
_SETTLE_S = 0.3  # what a camera's switch to another mode takes at least

_MODELS: dict[str, tuple[tuple[int, int], tuple[int, int] | None, tuple[int, int] | None]] = {
    "": ((320, 240), None, None),
    "12mp": ((640, 480), (4032, 3024), (1280, 720)),
}
"""Synthetic cameras: the live mode, and the still mode and the film mode where there are such (width, height)."""
_LIVE_FPS, _FILM_FPS = 15, 25


class CameraUnavailable(Exception):
    """No pictures can be had; the sentence says why. `state` is one of DeviceChanged's."""

    state = "failed"


class CameraMissing(CameraUnavailable):
    state = "missing"


class CameraBusy(CameraUnavailable):
    state = "busy"


class PictureReader(Protocol):
    name: str

    def read(self, wait: Wait) -> av.VideoFrame | None:
        """The next picture at its time; None when the wait was cut short. Raises CameraUnavailable."""

    def shoot(self, wait: Wait) -> av.VideoFrame | None:
        """The sharpest of several pictures in the camera's largest mode; then the live mode again. None where there
        is no larger mode, or it failed: then the live picture is the best there is. About a second. Raises
        CameraUnavailable when the camera does not come back.
        """

    def film(self, on: bool, wait: Wait) -> None:
        """For a clip: the camera's mode next to 1280x720, where it streams less for talking; then back. Half a
        second, during which the pictures stand. Raises CameraUnavailable when the camera does not come back.
        """

    def close(self) -> None: ...


class FileReader:
    """A film in an endless loop, paced by the wall clock: what comes too late is skipped, as a camera would.

    A photograph beside it, STEM.still.jpg, is what the camera's still mode would give.
    """

    def __init__(self, path: str) -> None:
        self.name = Path(path).name
        self._path = path
        self._container: Any = None
        self._reshaper = Reshaper()
        self._frames = self._loop()
        self._fps = 25.0
        self._count = 0
        self._start = 0.0

    def _loop(self) -> Iterator[av.VideoFrame]:
        while True:
            seen = 0
            try:
                with av.open(self._path) as container:
                    stream = container.streams.video[0]
                    self._fps = float(stream.average_rate or 25)
                    for frame in container.decode(stream):
                        seen += 1
                        yield self._upright(frame, stream.sample_aspect_ratio)
            except FileNotFoundError as exc:
                raise CameraMissing(f"The film {self.name} is not there.") from exc
            except (av.FFmpegError, OSError, IndexError, ValueError) as exc:
                raise CameraUnavailable(f"The film {self.name} cannot be read.") from exc
            if not seen:
                raise CameraUnavailable(f"The film {self.name} has no pictures.")

    def _upright(self, frame: av.VideoFrame, pixel: Fraction | None) -> av.VideoFrame:
        """With square pixels, and turned as the film says (its display matrix, which counts counterclockwise). A film
        that does not tell its matrix is BT.709 from 720 lines on, as players take it.
        """
        if frame.colorspace == _UNSPECIFIED and min(frame.width, frame.height) >= _HD_LINES:
            frame.colorspace = Colorspace.ITU709
        if pixel and pixel != 1 and 1 / _MOST_STRETCH <= pixel <= _MOST_STRETCH:
            wide = max(2, round(frame.width * pixel / 2) * 2)
            frame = self._reshaper.reshape(frame, wide, frame.height // 2 * 2, "yuv420p")
        return turn(frame, -round(frame.rotation / 90) * 90 % 360, self._reshaper)

    def read(self, wait: Wait) -> av.VideoFrame | None:
        frame = next(self._frames)
        if not self._count:
            self._start = time.monotonic()
        while True:
            due = self._start + self._count / self._fps
            self._count += 1
            ahead = due - time.monotonic()
            if ahead > -1 / self._fps:
                break
            frame = next(self._frames)
        return None if wait(max(0.0, ahead)) else frame

    def shoot(self, wait: Wait) -> av.VideoFrame | None:
        photo = Path(self._path).with_suffix(STILL_SUFFIX)
        if not photo.exists() or wait(_SETTLE_S):
            return None
        try:
            with av.open(str(photo)) as container:
                return next(container.decode(container.streams.video[0]))
        except (av.FFmpegError, OSError, IndexError, StopIteration):
            return None

    def film(self, on: bool, wait: Wait) -> None:
        return None

    def close(self) -> None:
        self._frames.close()  # type: ignore[attr-defined]


class SyntheticReader:
    """A moving test picture, 320x240 at 15 frames a second, for machines with no camera and no film.

    `which` names a larger model: "12mp" is live at 640x480, has a still mode of 4032x3024 and films 1280x720 at 25
    frames a second.
    """

    name = "synthetic"

    def __init__(self, which: str = "") -> None:
        if which not in _MODELS:
            raise CameraMissing(f"There is no synthetic camera '{which}'.")
        self._live, self._still, self._film = _MODELS[which]
        self._stream(self._live, _LIVE_FPS)

    def _stream(self, size: tuple[int, int], fps: int) -> None:
        (self._width, self._height), self._fps = size, fps
        self._count = 0
        self._start = time.monotonic()
        x, y = np.meshgrid(np.arange(self._width), np.arange(self._height))
        self._base = (x // 4 + y // 3).astype(np.int32)

    def read(self, wait: Wait) -> av.VideoFrame | None:
        late = int((time.monotonic() - self._start) * self._fps) - self._count
        self._count += max(1, late)
        if wait(max(0.0, self._start + self._count / self._fps - time.monotonic())):
            return None
        width, height = self._width, self._height
        planes = np.full((height * 3 // 2, width), 128, np.uint8)
        planes[:height] = ((self._base + self._count * 2) % 160 + 40).astype(np.uint8)
        left = self._count * 4 % (width - 40)
        planes[100:140, left : left + 40] = 230
        return av.VideoFrame.from_ndarray(planes, format="yuv420p")

    def shoot(self, wait: Wait) -> av.VideoFrame | None:
        """A test chart: bars whose finest lines are one pixel wide, which no live picture can show."""
        if self._still is None or wait(_SETTLE_S):
            return None
        width, height = self._still
        x = np.arange(width, dtype=np.float32)
        fine = np.where(np.arange(width) % 2, 60, 190)
        coarse = 125 + 65 * np.sin(x / 37)
        rows = np.where((np.arange(height) // 96 % 2)[:, None], coarse[None, :], fine[None, :])
        planes = np.full((height * 3 // 2, width), 128, np.uint8)
        planes[:height] = rows.astype(np.uint8)
        return av.VideoFrame.from_ndarray(planes, format="yuv420p")

    def film(self, on: bool, wait: Wait) -> None:
        if self._film is None or wait(_SETTLE_S):
            return
        if on:
            self._stream(self._film, _FILM_FPS)
        else:
            self._stream(self._live, _LIVE_FPS)

    def close(self) -> None:
        return None


class DeviceReader:
    """A camera through OpenCV. Reading blocks until the camera has a picture."""

    def __init__(self, which: str) -> None:
        self._number = number = camera_number(which)
        self.name = camera_name(number)
        self._bad = 0
        self._capture: Any = None
        self._talking: tuple[float, ...] | None = None  # the mode to go back to when a clip is done
        self._open()

    def _open(self) -> None:
        cv2, number = _cv2(), self._number
        self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            self._capture.release()
            if platform.system() == "Linux" and Path(f"/dev/video{number}").exists():
                raise CameraBusy(f"The camera {self.name} is in use by another program.")
            raise CameraMissing("There is no camera.")
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def read(self, wait: Wait) -> av.VideoFrame | None:
        while True:
            good, picture = self._capture.read()
            if good and picture is not None and picture.ndim == 3:
                self._bad = 0
                return _frame(picture)
            self._bad += 1
            if self._bad > 20:
                raise CameraMissing(f"The camera {self.name} was unplugged or gives no pictures.")
            if wait(0.05):
                return None

    def shoot(self, wait: Wait) -> av.VideoFrame | None:
        from app.media.video.still_mode import shoot  # late, as OpenCV itself

        picture, back = shoot(self._capture, wait)
        if not back:
            self._begin_anew()
        return None if picture is None else _frame(picture)

    def film(self, on: bool, wait: Wait) -> None:
        from app.media.video.film_mode import enlarge  # late, as OpenCV itself
        from app.media.video.still_mode import restore

        talking, self._talking = self._talking, None
        if on:
            self._talking, well = enlarge(self._capture, wait)
        else:
            well = talking is None or restore(self._capture, talking)
        if not well:
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Some drivers do not go back to a mode they came from."""
        self._capture.release()
        self._open()

    def close(self) -> None:
        self._capture.release()


def _frame(picture: NDArray[np.uint8]) -> av.VideoFrame:
    """(height, width, 3) BGR, cut to even sides as the encoders need them."""
    even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="bgr24")


def open_reader(kind: str, which: str) -> PictureReader:
    """Raises CameraUnavailable or one of its kinds; ValueError for a kind that has no pictures."""
    if kind == "file":
        return FileReader(which)
    if kind == "synthetic":
        return SyntheticReader(which)
    if kind == "device":
        return DeviceReader(which)
    raise ValueError(f"no pictures come from '{kind}'")


def source_name(kind: str, which: str) -> str:
    """The device's own name or the file's, known even when it cannot be opened."""
    if kind == "file":
        return Path(which).name
    if kind != "device":
        return kind
    return camera_name(int(which or 0)) if which.isdecimal() or not which else which


def camera_number(which: str) -> int:
    """A number, or a camera's name or a part of it (capitals do not count); empty: the first. Raises CameraMissing."""
    if not which or which.isdecimal():
        return int(which or 0)
    wanted = which.casefold()
    named = [(number, name.casefold()) for number, name in list_cameras()]
    fitting = [number for number, name in named if name == wanted] or [n for n, name in named if wanted in name]
    if not fitting:
        raise CameraMissing(f"There is no camera named {which}.")
    return fitting[0]


def camera_name(number: int) -> str:
    """The camera's own name where the system tells it (Linux), else its number."""
    try:
        return Path(f"/sys/class/video4linux/video{number}/name").read_text().strip() or f"Camera {number}"
    except OSError:
        return f"Camera {number}"


def list_cameras() -> list[tuple[int, str]]:
    """Numbers and names of the cameras. Linux tells them; elsewhere each low number is tried."""
    if platform.system() == "Linux":
        numbers = sorted(int(p.name[5:]) for p in Path("/dev").glob("video*") if p.name[5:].isdecimal())
        return [(n, camera_name(n)) for n in numbers]
    cv2 = _cv2()
    found = []
    for number in range(_CAMERA_PROBE):
        capture = cv2.VideoCapture(number)
        if capture.isOpened():
            found.append((number, camera_name(number)))
        capture.release()
    return found


def _cv2() -> Any:
    """OpenCV, loaded late (it is large) and silent: a missing camera is told by us, not on stderr."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
