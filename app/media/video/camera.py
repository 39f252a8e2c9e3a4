"""A camera that keeps trying: one thread, a slot of size one, and a word to the owner whenever it comes or goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from app.media.slot import FrameSlot
from app.media.teller import Teller
from app.media.video.capture import CameraUnavailable, PictureReader, open_reader, source_name
from app.media.video.frames import CapturedFrame, Reshaper, to_rgb, turn

RETRY_S = 2.0
STILL_S = 12.0
_SELF_VIEW_WIDTH = 640
_SELF_VIEW_GAP_S = 0.09


class Camera:
    """Reads pictures on its own thread. `report(state, name)` and `tap(frame)` are called on that thread.

    `kind`, `which` and `turn` are those of a DeviceSpec; kind `none` gives no thread and no pictures. All that comes
    out is turned: what is sent, one's own view, and stills.
    Old pictures are dropped: :meth:`latest` has the newest only.
    """

    def __init__(
        self,
        kind: str,
        which: str,
        *,
        report: Callable[[str, str], None],
        tap: Callable[[CapturedFrame], None] | None = None,
        view: FrameSlot | None = None,
        retry_s: float = RETRY_S,
        turn: int = 0,
    ) -> None:
        self.turn = turn  # may be changed while the camera runs
        self._kind, self._which = kind, which
        self._tap, self._view = tap, view
        self._retry_s = retry_s
        self._stop = threading.Event()
        self._latest: CapturedFrame | None = None
        self._count = 0
        self._viewed = 0.0
        self._teller = Teller(report)
        self._still_wanted = threading.Event()
        self._still_taken = threading.Event()
        self._still: CapturedFrame | None = None
        self._still_turn = threading.Lock()
        self._film_wanted = False
        self.film_settled = threading.Event()
        """Set when the camera has done what :meth:`film` asked for, as far as it can."""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is not None:
            raise RuntimeError("the camera was started before")
        if self._kind != "none":
            self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
            self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Ends the thread; a driver that hangs is left behind after `timeout` seconds (the thread is a daemon)."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)
        self._latest = None

    def latest(self) -> CapturedFrame | None:
        """The newest picture, or None while the camera gives none."""
        return self._latest

    def still(self) -> NDArray[np.uint8] | None:
        """The newest picture at its full size, RGB (height, width, 3) uint8; None while there is none."""
        captured = self._latest
        return None if captured is None else to_rgb(captured.frame, Reshaper())

    def best_still(self, timeout: float = STILL_S) -> NDArray[np.uint8] | None:
        """The best still that the camera can take, RGB (height, width, 3) uint8; the live pictures stand meanwhile,
        about a second. On any fault, and where there is no better mode, it is :meth:`still`. Blocks, `timeout`
        seconds at most; any thread but the camera's.
        """
        with self._still_turn:
            self._still = None
            self._still_taken.clear()
            if self._latest is not None:
                self._still_wanted.set()
                self._still_taken.wait(timeout)
                self._still_wanted.clear()
            taken, self._still = self._still, None
        return self.still() if taken is None else to_rgb(taken.frame, Reshaper())

    def film(self, on: bool) -> None:
        """A clip is being recorded (or no longer): the mode for it, as soon as the camera can. Any thread."""
        self._film_wanted = on
        if self._kind == "none":
            self.film_settled.set()
        else:
            self.film_settled.clear()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                reader = open_reader(self._kind, self._which)
            except CameraUnavailable as exc:
                self._teller.fail(exc.state, exc, source_name(self._kind, self._which))
            else:
                self._read(reader)
            self._latest = None
            self._stop.wait(self._retry_s)

    def _read(self, reader: PictureReader) -> None:
        reshaper, filming = Reshaper(), False
        try:
            while not self._stop.is_set() and (frame := reader.read(self._stop.wait)) is not None:
                self._count += 1
                frame = turn(frame, self.turn, reshaper)
                captured = CapturedFrame(frame, time.monotonic(), time.time(), self._count)
                self._latest = captured
                self._teller.ready(reader.name)
                if self._tap is not None:
                    self._tap(captured)
                if self._view is not None and captured.at - self._viewed >= _SELF_VIEW_GAP_S:
                    self._viewed = captured.at
                    self._view.put(to_rgb(frame, reshaper, _SELF_VIEW_WIDTH), captured.at)
                if self._still_wanted.is_set():
                    self._shoot(reader, reshaper)
                if self._film_wanted is not filming:
                    filming = self._film_wanted
                    reader.film(filming, self._stop.wait)
                self.film_settled.set()
        except CameraUnavailable as exc:
            self._teller.fail(exc.state, exc, source_name(self._kind, self._which))
        finally:
            self._still_taken.set()  # whoever waits for a still need not wait for a camera that is gone
            reader.close()

    def _shoot(self, reader: PictureReader, reshaper: Reshaper) -> None:
        self._still_wanted.clear()
        try:
            frame = reader.shoot(self._stop.wait)
            if frame is not None:
                frame = turn(frame, self.turn, reshaper)
                self._still = CapturedFrame(frame, time.monotonic(), time.time(), self._count)
        finally:
            self._still_taken.set()


class CameraPreview:
    """The camera's picture in a slot, outside a visit: for taking a photo. `report` as for :class:`Camera`."""

    def __init__(
        self, kind: str, which: str, slot: FrameSlot, report: Callable[[str, str], None], turn: int = 0
    ) -> None:
        self._camera = Camera(kind, which, report=report, view=slot, turn=turn)

    def start(self) -> None:
        self._camera.start()

    def stop(self) -> None:
        """Blocks until the camera is free again, 2 s at most."""
        self._camera.stop()

    def still(self) -> NDArray[np.uint8] | None:
        """The newest picture at its full size, RGB (height, width, 3) uint8; None before the first."""
        return self._camera.still()

    def best_still(self) -> NDArray[np.uint8] | None:
        """As :meth:`Camera.best_still`."""
        return self._camera.best_still()
