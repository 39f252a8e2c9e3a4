"""The one way from the I/O thread to the screen: a queued signal that carries the newest view."""

from __future__ import annotations

import threading

from PySide6.QtCore import QObject, Qt, Signal


class Bridge(QObject):
    """Made on the UI thread. `publish` may be called from any thread and returns at once.

    Views are whole states, so only the newest matters: while the UI thread is busy at most one waits here.
    """

    view_changed = Signal(object)
    _waiting = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._newest: object = None
        self._queued = False
        self._closed = False
        self._waiting.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def publish(self, view: object) -> None:
        """Shows `view` soon; one that is already waiting is replaced. Does nothing after :meth:`close`."""
        with self._lock:
            if self._closed:
                return
            self._newest = view
            if self._queued:
                return
            self._queued = True
            self._waiting.emit()

    def close(self) -> None:
        """To be called on the UI thread before the windows go: the I/O thread may publish until its own end."""
        with self._lock:
            self._closed = True

    def _deliver(self) -> None:
        with self._lock:
            view = self._newest
            self._newest = None
            self._queued = False
            if self._closed:
                return
        self.view_changed.emit(view)
