"""A still picture from bytes: decoded off the UI thread, shown whole or closer."""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QObject, QPoint, QRunnable, QSize, Qt, QThreadPool, Signal
from PySide6.QtGui import QColor, QImage, QImageReader, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QWidget

from app.ui.style import STAGE
from app.ui.widgets.picture import fitted

_FORMATS = (b"jpeg", b"jpg", b"png", b"webp")
_MAX_PIXELS = 50_000_000
_STEPS = (1.5, 2.0, 3.0, 4.0, 6.0, 8.0)


def decode(data: bytes) -> QImage:
    """The picture in `data`, turned upright (EXIF); a null image when it is none of ours or claims too many pixels."""
    buffer = QBuffer()
    buffer.setData(QByteArray(data))
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer)
    reader.setDecideFormatFromContent(True)
    if bytes(reader.format().data()) not in _FORMATS:
        return QImage()
    size = reader.size()
    if size.isEmpty() or size.width() * size.height() > _MAX_PIXELS:
        return QImage()
    reader.setAutoTransform(True)
    return reader.read()


class _Decoded(QObject):
    ready = Signal(object, QImage)


class _Job(QRunnable):
    def __init__(self, data: bytes, answer: _Decoded) -> None:
        super().__init__()
        self._data = data
        self._answer = answer

    def run(self) -> None:
        self._answer.ready.emit(self._data, decode(self._data))


class _Canvas(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.image = QImage()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), QColor(STAGE))
        if not self.image.isNull():
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(fitted(self.image.size(), self.rect()), self.image)
        painter.end()


class StillView(QScrollArea):
    """Shows one picture: fitted at first; a click goes closer to that place, at the closest back to the whole."""

    loaded = Signal(bool)  # whether the bytes were a picture
    zoomed = Signal()

    def __init__(self, name: str, *, zoomable: bool = True) -> None:
        super().__init__()
        self.setObjectName(name)
        self._zoomable = zoomable
        self._zoom = 1.0
        self._data: bytes | None = None
        self._sharper = False
        self._canvas = _Canvas()
        self._answer = _Decoded(self)
        self._answer.ready.connect(self._take, Qt.ConnectionType.QueuedConnection)
        self.setWidget(self._canvas)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMinimumSize(160, 120)
        self.viewport().setAutoFillBackground(True)
        colours = self.viewport().palette()
        colours.setColor(self.viewport().backgroundRole(), QColor(STAGE))
        self.viewport().setPalette(colours)
        if not zoomable:
            self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def show_bytes(self, data: bytes, *, sharper: bool = False) -> None:
        """Starts to decode `data`; :attr:`loaded` follows. The same object again does nothing.

        `sharper`: the same picture in a better grade: the old one stands until it is decoded, at the place and as
        close as one looks at it.
        """
        if data is self._data:
            return
        self._data = data
        self._sharper = sharper
        if not sharper:
            self._canvas.image = QImage()
            self._canvas.update()
        if data:
            QThreadPool.globalInstance().start(_Job(data, self._answer))

    def image_size(self) -> QSize:
        """The decoded picture's size (px); empty before and when it was none."""
        return self._canvas.image.size()

    def zoom(self) -> float:
        """1.0 is the whole picture."""
        return self._zoom

    def fit(self) -> None:
        self._set_zoom(1.0, None)

    def closer(self, at: QPoint | None = None) -> None:
        """One step closer, keeping the canvas's point `at` (or the middle) where it is."""
        self._set_zoom(next((s for s in _STEPS if s > self._zoom), self._zoom), at)

    def further(self) -> None:
        self._set_zoom(next((s for s in reversed(_STEPS) if s < self._zoom), 1.0), None)

    def can_go_closer(self) -> bool:
        return self._zoom < _STEPS[-1] and not self._canvas.image.isNull()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._zoomable and event.button() == Qt.MouseButton.LeftButton and not self._canvas.image.isNull():
            at = self._canvas.mapFrom(self, event.position().toPoint())
            if self.can_go_closer():
                self.closer(at)
            else:
                self.fit()
        super().mouseReleaseEvent(event)

    def _take(self, data: object, image: QImage) -> None:
        if data is not self._data:
            return  # another picture was asked for meanwhile
        if not self._sharper:
            self._zoom = 1.0
        elif image.isNull():
            return
        self._canvas.image = image
        self._lay_out()
        self._canvas.update()
        self.loaded.emit(not image.isNull())

    def _set_zoom(self, zoom: float, at: QPoint | None) -> None:
        if zoom == self._zoom or not self._zoomable:
            return
        middle = QPoint(self.viewport().width() // 2, self.viewport().height() // 2)
        spot = at if at is not None else self._canvas.mapFrom(self.viewport(), middle)
        share_x = spot.x() / max(self._canvas.width(), 1)
        share_y = spot.y() / max(self._canvas.height(), 1)
        self._zoom = zoom
        self._lay_out()
        self.horizontalScrollBar().setValue(round(share_x * self._canvas.width()) - middle.x())
        self.verticalScrollBar().setValue(round(share_y * self._canvas.height()) - middle.y())
        self.zoomed.emit()

    def _lay_out(self) -> None:
        whole = self.maximumViewportSize()
        self._canvas.resize(whole if self._zoom == 1.0 else whole * self._zoom)
