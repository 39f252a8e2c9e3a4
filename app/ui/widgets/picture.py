"""Moving pictures: paints the newest picture of a FrameSlot, and nothing when nothing is new."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QHideEvent, QImage, QPainter, QPainterPath, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.media.slot import FrameSlot, Picture
from app.ui.style import STAGE

_LOOK_MS = 16
"""Twice in a picture's time at 30 a second: at the same beat some would stand twice as long as others."""


def fitted(picture: QSize, room: QRect) -> QRect:
    """The largest rectangle of the picture's shape in the middle of `room` (px); empty when either is empty."""
    if picture.isEmpty() or room.isEmpty():
        return QRect()
    size = picture.scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
    return QRect(
        room.left() + (room.width() - size.width()) // 2,
        room.top() + (room.height() - size.height()) // 2,
        size.width(),
        size.height(),
    )


class PictureWidget(QWidget):
    """Shows `slot` with its own aspect, letterboxed, `mirror` as in a looking-glass (one's own face).

    Looks at the slot some sixty times a second while it is visible; paints only on a new number. The array
    behind the picture on show is kept alive and never copied whole.
    """

    def __init__(self, slot: FrameSlot, name: str, *, mirror: bool = False, rounded: int = 0) -> None:
        super().__init__()
        self.setObjectName(name)
        self._slot = slot
        self._mirror = mirror
        self._rounded = rounded
        self._picture: Picture | None = None
        self._image = QImage()
        self._blank = False
        self.painted = 0  # pictures painted so far, for tests
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent, rounded == 0)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)

    def blank(self, on: bool) -> None:
        """Hides the picture (a camera turned off must not leave its last picture standing)."""
        if on != self._blank:
            self._blank = on
            self.update()

    def number(self) -> int:
        """The number of the picture on show; 0 when there is none."""
        return self._picture.number if self._picture is not None and not self._blank else 0

    def image_size(self) -> QSize:
        """The size of the picture on show (px); empty when there is none."""
        return QSize() if self._blank else self._image.size()

    def picture_rect(self) -> QRect:
        """Where the picture lies in this widget (px)."""
        return fitted(self._image.size(), self.rect())

    def sizeHint(self) -> QSize:
        return QSize(640, 480)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 90)

    def showEvent(self, event: QShowEvent) -> None:
        self._look()
        self._timer.start()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def _look(self) -> None:
        picture = self._slot.latest()
        if picture is self._picture:
            return
        self._picture = picture
        if picture is None:
            self._image = QImage()
        else:
            height, width, _ = picture.rgb.shape
            self._image = QImage(picture.rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._rounded:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            shape = QPainterPath()
            shape.addRoundedRect(QRectF(self.rect()), self._rounded, self._rounded)
            painter.setClipPath(shape)
        painter.fillRect(self.rect(), QColor(STAGE))
        if self._picture is not None and not self._blank:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            where = self.picture_rect()
            if self._mirror:
                painter.translate(self.width(), 0)
                painter.scale(-1, 1)
                where.moveLeft(self.width() - where.right() - 1)
            painter.drawImage(where, self._image)
            self.painted += 1
        painter.end()
